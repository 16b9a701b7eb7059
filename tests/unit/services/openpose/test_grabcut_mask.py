"""The outline of a drawn person of whom the joints are known."""

import cv2
import numpy as np
import pytest

from services.kit.joints import Joint
from services.openpose import grabcut_mask

pytestmark = pytest.mark.unit

JOINTS = {
    Joint.NOSE: (150, 70), Joint.NECK: (150, 110), Joint.RIGHT_SHOULDER: (115, 110),
    Joint.RIGHT_ELBOW: (95, 160), Joint.RIGHT_WRIST: (85, 210), Joint.LEFT_SHOULDER: (185, 110),
    Joint.LEFT_ELBOW: (205, 160), Joint.LEFT_WRIST: (215, 210), Joint.MID_HIP: (150, 220),
    Joint.RIGHT_HIP: (132, 220), Joint.RIGHT_KNEE: (130, 290), Joint.RIGHT_ANKLE: (128, 360),
    Joint.LEFT_HIP: (168, 220), Joint.LEFT_KNEE: (170, 290), Joint.LEFT_ANKLE: (172, 360),
}  # fmt: skip
LIMBS = (
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
)
SKIN, SHIRT, TROUSERS = (205, 150, 120), (160, 40, 50), (40, 50, 110)


def drawn(height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo of a person on a plain wall, cut off below at ``height``; the body; the joints."""
    noise = np.random.default_rng(3).normal(0, 4, (400, 300, 3))
    image = np.full((400, 300, 3), 225, np.uint8)
    body = np.zeros((400, 300), np.uint8)

    def line(joints: tuple[Joint, ...], thick: int, colour: tuple[int, int, int]) -> None:
        points = np.array([JOINTS[joint] for joint in joints], np.int32)
        for canvas, value in ((image, colour), (body, (255,))):
            cv2.polylines(canvas, [points], False, value, thick)

    for limb in LIMBS:
        line(limb, 24, SKIN if limb[0].name.endswith("SHOULDER") else TROUSERS)
    trunk = np.array([(112, 100), (188, 100), (182, 235), (118, 235)], np.int32)
    for canvas, values in ((image, (SHIRT, SKIN)), (body, ((255,), (255,)))):
        cv2.fillConvexPoly(canvas, trunk, values[0])
        cv2.circle(canvas, (150, 68), 26, values[1], cv2.FILLED)
    keypoints = np.zeros((25, 3), np.float32)
    for joint, (x, y) in JOINTS.items():
        if y < height:
            keypoints[joint] = x, y, 0.9
    photo = np.clip(image + noise, 0, 255).astype(np.uint8)
    return photo[:height], body[:height] > 0, keypoints


@pytest.mark.parametrize("height", [400, 280], ids=["whole", "without knees"])
def test_the_outline_is_the_drawn_body(height: int) -> None:
    photo, body, keypoints = drawn(height)
    cut = grabcut_mask.person_mask_from_joints(photo, keypoints) > 127
    assert (cut & body).sum() / (cut | body).sum() > 0.93
    assert np.array_equal(cut, grabcut_mask.person_mask_from_joints(photo, keypoints) > 127)


def test_a_large_photo_gives_the_same_outline_at_its_own_size() -> None:
    photo, body, keypoints = drawn(400)
    large = np.asarray(cv2.resize(photo, (900, 1200), interpolation=cv2.INTER_CUBIC), np.uint8)
    cut = grabcut_mask.person_mask_from_joints(large, keypoints * np.array((3, 3, 1), np.float32))
    assert cut.shape == (1200, 900)
    small = cv2.resize(cut, (300, 400), interpolation=cv2.INTER_AREA) > 127
    assert (small & body).sum() / (small | body).sum() > 0.93


def test_a_single_joint_is_an_outline_all_the_same() -> None:
    photo, _, keypoints = drawn(400)
    keypoints[1:] = 0
    cut = grabcut_mask.person_mask_from_joints(photo, keypoints)
    assert cut[70, 150] == 255
    assert cut[350, 20] == 0
