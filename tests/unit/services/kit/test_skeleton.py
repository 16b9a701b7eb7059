"""Which joints count as seen, and what is between them."""

import numpy as np
import pytest

from services.kit.joints import Joint
from services.kit.skeleton import confident_joints, seen_by_finite_place, seen_by_place
from services.kit.types import Keypoints

pytestmark = pytest.mark.unit


@pytest.fixture
def keypoints() -> Keypoints:
    joints = np.zeros((25, 3), np.float32)
    joints[Joint.NECK] = (100, 50, 0.9)
    joints[Joint.NOSE] = (-4, -2, 0.4)
    joints[Joint.LEFT_HIP] = (120, 200, 0)
    joints[Joint.RIGHT_HIP] = (80, np.nan, 0.5)
    return joints


def test_each_rule_says_which_joints_were_seen(keypoints: Keypoints) -> None:
    seen = {
        rule: set(np.flatnonzero(rule(keypoints).seen).tolist())
        for rule in (seen_by_place, seen_by_finite_place)
    }
    confident = set(np.flatnonzero(confident_joints(keypoints)).tolist())
    assert confident == {Joint.NECK, Joint.NOSE, Joint.RIGHT_HIP}
    assert seen[seen_by_place] == {Joint.NECK, Joint.LEFT_HIP, Joint.RIGHT_HIP}
    assert seen[seen_by_finite_place] == {Joint.NECK, Joint.NOSE, Joint.LEFT_HIP}


def test_only_seen_joints_have_a_place_and_a_middle(keypoints: Keypoints) -> None:
    skeleton = seen_by_finite_place(keypoints)
    assert skeleton.point(Joint.RIGHT_HIP) is None
    neck = skeleton.point(Joint.NECK)
    assert neck is not None
    assert neck.tolist() == [100, 50]
    assert skeleton.middle(Joint.NECK, Joint.RIGHT_HIP) is None
    middle = skeleton.middle(Joint.NECK, Joint.LEFT_HIP)
    assert middle is not None
    assert middle.tolist() == [110, 125]
    assert skeleton.all_seen(Joint.NECK, Joint.NOSE)
