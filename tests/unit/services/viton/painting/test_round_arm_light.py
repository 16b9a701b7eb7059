"""The light on a round arm."""

import numpy as np
import pytest

from services.viton.painting.round_arm_light import RoundArmOptions, shade_round_arm

pytestmark = pytest.mark.unit


def test_an_arm_without_shade_at_its_edges_is_lit_evenly() -> None:
    across = np.linspace(-1, 1, 41, dtype=np.float32)[None, :]
    image, unseen = np.full((1, 41, 3), 200, np.float32), np.zeros((1, 41), bool)
    usual = shade_round_arm(image, unseen, across, 0.0)
    even = shade_round_arm(image, unseen, across, 0.0, RoundArmOptions(edge_shade=0.0))
    assert (usual[0, 0] < usual[0, 20] - 0.1).all()
    assert even == pytest.approx(1.0, abs=1e-6)
