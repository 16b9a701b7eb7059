"""The torso's corners from BODY_25 joints, estimated where joints are missing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.kit.joints import Joint
from services.kit.skeleton import PROPORTIONS, seen_by_finite_place
from services.kit.types import Keypoints

Point = NDArray[np.float64]
"""(x, y) in pixels."""


@dataclass(frozen=True, kw_only=True)
class Torso:
    """Corners of the trunk, (x, y) in pixels of the photo.

    The hips are as far apart as the shoulders.
    """

    neck: Point
    """The neck's joint, else the middle of the shoulders."""
    right_shoulder: Point
    """The person's right shoulder."""
    left_shoulder: Point
    """The person's left shoulder."""
    right_hip: Point
    """The person's right hip."""
    left_hip: Point
    """The person's left hip."""
    estimated: bool
    """Whether one of these joints was not seen."""


def joint_point(keypoints: Keypoints, joint: int) -> Point | None:
    """Return a joint's point, None if it was not detected: at (0, 0), or not a number."""
    place = seen_by_finite_place(keypoints).point(Joint(joint))
    return None if place is None else place.astype(np.float64)


def estimate_torso(keypoints: Keypoints) -> Torso | None:
    """Find the torso; none where too little is seen to tell how wide it is and where."""
    neck = joint_point(keypoints, Joint.NECK)
    right, left = (
        joint_point(keypoints, Joint.RIGHT_SHOULDER),
        joint_point(keypoints, Joint.LEFT_SHOULDER),
    )
    hips = joint_point(keypoints, Joint.RIGHT_HIP), joint_point(keypoints, Joint.LEFT_HIP)
    estimated = any(point is None for point in (neck, right, left, *hips))
    shoulders = _complete_shoulders(neck, right, left, *hips)
    if shoulders is None:
        return None
    right, left = shoulders
    right_hip, left_hip = _complete_hips(right, left, joint_point(keypoints, 8), *hips)
    if neck is None:
        neck = (right + left) / 2
    return Torso(
        neck=neck,
        right_shoulder=right,
        left_shoulder=left,
        right_hip=right_hip,
        left_hip=left_hip,
        estimated=estimated,
    )


def _complete_shoulders(
    neck: Point | None,
    right: Point | None,
    left: Point | None,
    right_hip: Point | None,
    left_hip: Point | None,
) -> tuple[Point, Point] | None:
    """Mirror a missing shoulder at the neck, or step over by the hips' width."""
    if right is not None and left is not None:
        return right, left
    one = right if right is not None else left
    if one is not None and neck is not None:
        other = 2 * neck - one
    elif one is not None and right_hip is not None and left_hip is not None:
        across = (left_hip - right_hip) / PROPORTIONS.agnostic_hip_width
        other = one + across if right is not None else one - across
    else:
        return None
    return (one, other) if right is not None else (other, one)


def _complete_hips(
    right_shoulder: Point,
    left_shoulder: Point,
    middle: Point | None,
    right: Point | None,
    left: Point | None,
) -> tuple[Point, Point]:
    """Put the hips about their middle, as far apart as the shoulders.

    Their direction is that of the hips seen, else of the shoulders.
    """
    across = left_shoulder - right_shoulder
    width = float(np.linalg.norm(across))
    half = across / 2
    if right is not None and left is not None:
        middle = (right + left) / 2
        distance = float(np.linalg.norm(left - right))
        # Below a pixel the direction means nothing.
        if distance > 1:
            return (
                middle + (right - middle) / distance * width,
                middle + (left - middle) / distance * width,
            )
    elif middle is None and right is not None:
        middle = right + half * PROPORTIONS.agnostic_hip_width
    elif middle is None and left is not None:
        middle = left - half * PROPORTIONS.agnostic_hip_width
    elif middle is None:
        down = np.array([-across[1], across[0]])
        # Seen from behind, the left shoulder is to the left: down is still down.
        down = down if down[1] >= 0 else -down
        middle = (right_shoulder + left_shoulder) / 2 + PROPORTIONS.agnostic_torso_length * down
    return middle - half, middle + half
