import json

import numpy as np
import pytest

from services.kit.openpose_json import to_openpose_json
from services.openpose import body25
from services.openpose.core import F32

pytestmark = pytest.mark.unit

HEIGHT, WIDTH = 1024, 768
# MediaPipe's landmarks of somebody who stands facing the camera: (x, y).
STANDING = {
    0: (384, 150),
    2: (404, 130),
    5: (364, 130),
    7: (434, 140),
    8: (334, 140),
    11: (534, 300),
    12: (234, 300),
    13: (560, 500),
    14: (208, 500),
    15: (570, 700),
    16: (198, 700),
    23: (464, 700),
    24: (304, 700),
    25: (470, 850),
    26: (298, 850),
    27: (470, 980),
    28: (298, 980),
    29: (460, 1000),
    30: (308, 1000),
    31: (490, 1010),
    32: (278, 1010),
}


def standing() -> F32:
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:, :2] = 500
    for index, place in STANDING.items():
        landmarks[index, :2] = place
    landmarks[:, 2:] = [0.9, 0.8]
    return landmarks


def test_joints_come_in_openposes_order() -> None:
    joints = body25.from_landmarks(standing(), HEIGHT, WIDTH)
    assert joints.shape == (25, 3)
    assert joints.dtype == np.float32
    for joint, landmark in ((0, 0), (2, 12), (4, 16), (5, 11), (7, 15), (9, 24), (14, 27)):
        assert joints[joint, :2] == pytest.approx(STANDING[landmark])
    for joint, landmark in ((15, 5), (16, 2), (19, 31), (21, 29), (22, 32), (24, 30)):
        assert joints[joint, :2] == pytest.approx(STANDING[landmark])
    assert joints[0, 2] == pytest.approx(0.72)
    assert not joints[[20, 23]].any()


def test_neck_and_mid_hip_are_in_the_middle() -> None:
    joints = body25.from_landmarks(standing(), HEIGHT, WIDTH)
    assert joints[1, :2] == pytest.approx([384, 300])
    assert joints[8, :2] == pytest.approx((joints[9, :2] + joints[12, :2]) / 2)


def test_elbows_and_ears_move_to_where_openpose_puts_them() -> None:
    joints = body25.from_landmarks(standing(), HEIGHT, WIDTH)
    assert joints[3] == pytest.approx([208 + 0.06 * 26, 500 - 0.06 * 200, 0.72])
    assert joints[17, 0] == pytest.approx(334 - 12)
    assert joints[18, 0] == pytest.approx(434 + 12)


def test_a_mirrored_person_gives_mirrored_joints() -> None:
    landmarks = standing()
    landmarks[16, :2] = [400, 420]
    swap = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
    swap += [index + 1 if index % 2 else index - 1 for index in range(11, 33)]
    mirrored = landmarks[swap]
    mirrored[:, 0] = WIDTH - 1 - mirrored[:, 0]
    joints = body25.from_landmarks(landmarks, HEIGHT, WIDTH)
    others = body25.from_landmarks(mirrored, HEIGHT, WIDTH)
    sides = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17]
    assert others[: len(sides), 1:] == pytest.approx(joints[sides, 1:], abs=1e-3)
    assert WIDTH - 1 - others[: len(sides), 0] == pytest.approx(joints[sides, 0], abs=1e-3)


def test_what_is_outside_or_uncertain_is_unseen() -> None:
    landmarks = standing()
    landmarks[15, :2] = [900, 700]
    landmarks[26, 2] = 0.1
    joints = body25.from_landmarks(landmarks, HEIGHT, WIDTH)
    assert not joints[7].any()
    assert not joints[10].any()
    assert joints[6].any()


def test_the_neck_needs_both_shoulders_and_the_mid_hip_both_hips() -> None:
    landmarks = standing()
    landmarks[11, 2] = 0.1
    landmarks[24, 3] = 0.1
    joints = body25.from_landmarks(landmarks, HEIGHT, WIDTH)
    assert not joints[[1, 5, 8, 9]].any()
    assert joints[[2, 12]].all()


def test_the_landmarks_stay_as_they_were() -> None:
    landmarks = standing()
    landmarks.flags.writeable = False
    body25.from_landmarks(landmarks, HEIGHT, WIDTH)


def test_json_has_openposes_form() -> None:
    joints = body25.from_landmarks(standing(), HEIGHT, WIDTH)
    written = json.loads(json.dumps(to_openpose_json(joints)))
    assert written["version"] == 1.2
    (one,) = written["people"]
    assert set(one) == {
        "pose_keypoints_2d",
        "face_keypoints_2d",
        "hand_left_keypoints_2d",
        "hand_right_keypoints_2d",
        "pose_keypoints_3d",
        "face_keypoints_3d",
        "hand_left_keypoints_3d",
        "hand_right_keypoints_3d",
    }
    assert np.reshape(one["pose_keypoints_2d"], (25, 3)) == pytest.approx(joints, abs=1e-5)


def test_json_of_nobody_has_no_people() -> None:
    assert to_openpose_json(np.zeros((25, 3), np.float32))["people"] == []
