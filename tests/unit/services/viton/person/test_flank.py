"""The trunk's outline on either side, and the shoulder that turns into the arm."""

import numpy as np
import pytest

from services.viton.person.arm import ARM_SAMPLES, round_shoulder
from services.viton.person.flank import trace_flank
from services.viton.side import PictureSide

pytestmark = pytest.mark.unit


def test_both_flanks_of_a_trunk_are_traced_alike() -> None:
    trunk = np.zeros((4, 60), bool)
    trunk[0, 10:41] = trunk[1, 20:31] = trunk[3] = True
    midline = np.full(4, 25.0)
    left, known = trace_flank(trunk, midline, PictureSide.LEFT)
    right, _ = trace_flank(trunk, midline, PictureSide.RIGHT)
    assert known.tolist() == [True, True, False, True]
    assert left[[0, 1, 3]].tolist() == [10, 20, 0]
    assert right[[0, 1, 3]].tolist() == [40, 30, 59]
    mirrored, _ = trace_flank(trunk[:, ::-1], 59 - midline, PictureSide.LEFT)
    assert (59 - mirrored).tolist() == right.tolist()


def test_a_shoulder_is_rounded_without_altering_what_is_given() -> None:
    line = np.full(200, 50.0)
    edge = np.stack([np.full(ARM_SAMPLES, 160.0), np.linspace(60, 180, ARM_SAMPLES)], axis=1)
    line.setflags(write=False)
    edge.setflags(write=False)
    rounded, bent = round_shoulder(edge, line, np.array([150.0, 55.0]), PictureSide.RIGHT, 80.0)
    assert np.array_equal(bent[:140], line[:140])
    assert (np.diff(bent[155:]) > 0).all()
    assert rounded[0, 1] < edge[0, 1]
    assert np.array_equal(rounded[11:], edge[11:])
