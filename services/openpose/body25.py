"""From MediaPipe's 33 landmarks to OpenPose's BODY_25.

The two were annotated differently: MediaPipe's elbows sit lower on the arm and its ears nearer to
the face. The shifts below go along the limb, so that they turn with the pose. On eight photos with
OpenPose's own joints, each judged by shifts found on the other seven, they bring elbows from 18 to
15 px and ears from 17 to 8 px (at 768 x 1024). Hips differ by 27 px, but no shift of them held on
the photo left out, so they stay.
"""

from typing import Final

import numpy as np

from services.kit.joints import Joint
from services.openpose.core import F32

JOINTS: Final = 25
"""Joints of BODY_25."""
UNSEEN_BELOW: Final = 0.3
"""Confidence below which a joint is given as unseen."""

_LANDMARK_OF_JOINT: Final = {
    0: 0,
    2: 12,
    3: 14,
    4: 16,
    5: 11,
    6: 13,
    7: 15,
    9: 24,
    10: 26,
    11: 28,
    12: 23,
    13: 25,
    14: 27,
    15: 5,
    16: 2,
    17: 8,
    18: 7,
    19: 31,
    21: 29,
    22: 32,
    24: 30,
}
"""MediaPipe's landmark of each BODY_25 joint; small toes (20, 23) have none."""
_ELBOW_SHIFT: Final = 0.06
"""Shift of an elbow towards the shoulder, as a share of the upper arm."""
_EAR_SHIFT: Final = 0.12
"""Shift of an ear outwards, as a share of the distance between the ears."""


def from_landmarks(landmarks: F32, height: int, width: int) -> F32:
    """Map 33 x 4 landmarks (x, y, visibility, presence) to 25 x 3 joints.

    Confidence is visibility times presence. Joints outside the picture of ``height`` x ``width``
    pixels and those less certain than ``UNSEEN_BELOW`` are zeros. The neck is the middle of the
    shoulders, the mid hip that of the hips, and either is unseen if one of its two ends is.
    """
    points = np.zeros((JOINTS, 3), dtype=np.float32)
    for joint, source in _LANDMARK_OF_JOINT.items():
        x, y, visibility, presence = landmarks[source]
        points[joint] = x, y, visibility * presence
    places = points[:, :2]
    places[Joint.NECK] = (places[Joint.RIGHT_SHOULDER] + places[Joint.LEFT_SHOULDER]) / 2
    for shoulder, elbow in (
        (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
        (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    ):
        places[elbow] += _ELBOW_SHIFT * (places[shoulder] - places[elbow])
    outward = _EAR_SHIFT * (places[Joint.LEFT_EAR] - places[Joint.RIGHT_EAR])
    places[Joint.LEFT_EAR] += outward
    places[Joint.RIGHT_EAR] -= outward
    places[Joint.MID_HIP] = (places[Joint.RIGHT_HIP] + places[Joint.LEFT_HIP]) / 2
    for middle, right, left in (
        (Joint.NECK, Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER),
        (Joint.MID_HIP, Joint.RIGHT_HIP, Joint.LEFT_HIP),
    ):
        points[middle, 2] = min(points[right, 2], points[left, 2])
    x, y = places[:, 0], places[:, 1]
    outside = (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)
    points[outside | (points[:, 2] < UNSEEN_BELOW)] = 0
    return points
