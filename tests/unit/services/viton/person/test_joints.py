"""Joints against what is seen of bare arms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.joints import Joint
from services.kit.labels import Label
from services.viton.person.joints import Joints, read_joints

pytestmark = pytest.mark.unit

ARMS = {Label.RIGHT_ARM: (40, 62), Label.LEFT_ARM: (178, 200)}
"""First column and the one beyond the last of each arm, the picture's left first."""


def labels(*, to: int = 240) -> NDArray[np.uint8]:
    """Draw somebody in a dress whose bare arms hang from row 60 down to row ``to``."""
    drawn = np.zeros((320, 240), np.uint8)
    drawn[60:300, 70:170] = Label.DRESS
    for arm, (first, last) in ARMS.items():
        drawn[60:to, first:last] = arm
    return drawn


def keypoints(*, elbow: float = 51.0, wrist: float = 51.0) -> NDArray[np.float64]:
    """Place elbows and wrists, both sides alike, at that column at the left."""
    at = np.zeros((25, 3), np.float64)
    for joint, mirrored, x, y in (
        (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, 80.0, 70.0),
        (Joint.RIGHT_ELBOW, Joint.LEFT_ELBOW, elbow, 140.0),
        (Joint.RIGHT_WRIST, Joint.LEFT_WRIST, wrist, 210.0),
        (Joint.RIGHT_HIP, Joint.LEFT_HIP, 95.0, 200.0),
    ):
        at[joint], at[mirrored] = (x, y, 1), (240 - x, y, 1)
    return at


def across(joints: Joints) -> list[float]:
    """Give the columns of both elbows and both wrists."""
    return [float(joint[0]) for joint in (*joints.elbows, *joints.wrists)]


def test_joints_on_their_arms_stay() -> None:
    assert across(read_joints(keypoints(), labels())) == [51, 189, 51, 189]


def test_an_elbow_beside_a_bare_arm_comes_onto_it() -> None:
    elbows = across(read_joints(keypoints(elbow=80.0), labels()))[:2]
    assert ARMS[Label.RIGHT_ARM][0] < elbows[0] < ARMS[Label.RIGHT_ARM][1]
    assert elbows[1] == pytest.approx(239 - elbows[0])


def test_a_wrist_comes_with_it() -> None:
    wrists = across(read_joints(keypoints(wrist=75.0), labels()))[2:]
    assert ARMS[Label.RIGHT_ARM][0] < wrists[0] < ARMS[Label.RIGHT_ARM][1]


def test_joints_are_believed_where_the_arm_is_not_seen_down_to_the_elbow() -> None:
    assert across(read_joints(keypoints(elbow=80.0), labels(to=150)))[:2] == [80, 160]


def test_joints_of_an_arm_that_does_not_hang_are_believed() -> None:
    assert across(read_joints(keypoints(elbow=80.0, wrist=165.0), labels()))[0] == 80
