"""Where shoulders are found on the person."""

import numpy as np
import pytest

from services.viton.person.body import measure_body
from tests.unit.services.viton.drawings import figure

pytestmark = pytest.mark.unit


def test_a_shoulder_bare_beside_a_sleeveless_top_is_as_high_as_a_clothed_one() -> None:
    person = figure()
    labels = person.labels.copy()
    rows, columns = np.indices(labels.shape)
    # The armhole slants outwards, as a vest's does below the shoulder.
    armhole = 120 + 0.24 * (rows - 318)
    labels[(labels == 5) & (columns - 384 > armhole) & (rows < 460)] = 14
    labels[(labels == 5) & (384 - columns > armhole) & (rows < 460)] = 15
    clothed, _ = measure_body(person.keypoints, person.labels)
    bare, _ = measure_body(person.keypoints, labels)
    for own, other in zip(bare.sides, clothed.sides, strict=True):
        assert (
            abs(float(own.canvas_shoulder_tip[1] - other.canvas_shoulder_tip[1]))
            < 0.04 * bare.shoulder_width
        )
