"""What the channels of OpenPose's networks are: joints, limbs and their fields.

From https://github.com/CMU-Perceptual-Computing-Lab/openpose, src/openpose/pose/poseParameters.cpp.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.joints import Joint
from services.kit.skeleton import confident_joints
from services.kit.types import Keypoints
from services.openpose.core import F32


@dataclass(frozen=True)
class JointTopology:
    """The joints of a network and how its fields connect them."""

    limbs: tuple[tuple[int, int], ...]
    """Pairs of joints."""
    fields: tuple[int, ...]
    """Channel of each limb's x, counted from the first field; y is the next channel."""
    body_25: tuple[int, ...]
    """BODY_25 joint of each joint."""
    feet: frozenset[int] = frozenset()
    """Joints that alone make no person."""

    @property
    def joints(self) -> int:
        """Count of the joints; their maps come first, then the background's."""
        return len(self.body_25)


# fmt: off
BODY_25: Final = JointTopology(
    limbs=(
        (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12),
        (12, 13), (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (2, 17), (5, 18),
        (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24),
    ),
    fields=(
        0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28, 40, 42, 44, 46,
        48, 50,
    ),
    body_25=tuple(range(25)),
    feet=frozenset(range(19, 25)),
)
"""OpenPose's network BODY_25."""
COCO: Final = JointTopology(
    limbs=(
        (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
        (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
    ),
    fields=(12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26),
    body_25=(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18),
)
"""OpenPose's network COCO."""
# fmt: on


def to_body_25(points: F32, topology: JointTopology) -> Keypoints:
    """Give a person's joints x 3 their places in BODY_25.

    A mid hip that the network does not have is the middle of the hips, unseen when one of them is.
    """
    keypoints = np.zeros((len(Joint), 3), np.float32)
    keypoints[list(topology.body_25)] = points
    if Joint.MID_HIP not in topology.body_25:
        hips = keypoints[[Joint.RIGHT_HIP, Joint.LEFT_HIP]]
        if confident_joints(hips).all():
            keypoints[Joint.MID_HIP] = *hips[:, :2].mean(axis=0), hips[:, 2].min()
    return keypoints
