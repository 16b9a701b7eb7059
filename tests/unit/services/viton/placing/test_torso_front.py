"""Scale across and down the front of the torso."""

import numpy as np
import pytest

from services.viton.placing.torso_front import foreshorten_towards_flanks

pytestmark = pytest.mark.unit


def test_cloth_in_front_keeps_its_scale_and_the_sides_take_the_excess() -> None:
    fraction = np.linspace(0, 1, 101)
    lies = foreshorten_towards_flanks(fraction, np.full(101, 1.25))
    steps = np.diff(lies) * 100
    assert lies[0] == 0
    assert lies[-1] == pytest.approx(1)
    assert steps[:40] == pytest.approx(1.25, abs=0.09)
    assert 0.1 < steps[-1] < 0.8
    assert (steps > 0).all()
