"""Rows of a torso between neckline and hem."""

import numpy as np
import pytest

from services.viton.placing.torso_rows import TorsoRowMap

pytestmark = pytest.mark.unit


def test_a_garment_too_long_is_shorter_only_below_the_chest() -> None:
    rows = TorsoRowMap(
        scale=0.7,
        photo_neck_row=200.0,
        canvas_neck_row=300.0,
        photo_hem_row=900.0,
        canvas_hem_row=700.0,
    ).to_canvas_rows(np.array([200.0, 380.0, 900.0]))
    assert rows == pytest.approx([300, 426, 700])
