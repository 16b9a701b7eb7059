"""Fill in the joints that were not seen, and measure the person.

Coordinates are pixels. Lengths named in shoulder widths are of the person as seen from
the front; proportions are those of an average adult.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.joints import Joint
from services.kit.skeleton import PROPORTIONS, confident_joints

F32 = NDArray[np.float32]
"""An array of single precision."""

_FRONT_SHOULDERS_PER_TORSO: Final = 0.55
"""Width of the shoulders, in torso lengths, below which the body is turned."""
_HEAD_RADIUS: Final = 0.285
"""Half width of the head, in shoulder widths."""
_HEAD_RADIUS_PER_EARS: Final = 0.56
"""Half width of the head, in distances between the ears."""
_HEAD_RADIUS_PER_NECK: Final = 0.45
"""Half width of the head, in distances from the neck joint to the head's centre."""
_NECK_TILT_WEIGHT: Final = 0.3
"""Weight of the neck's direction in the head's; ears and eyes have weight 1."""
_HEAD_RADIUS_RANGE: Final = (0.8, 1.3)
"""Least and largest half width of a measured head, in ``_HEAD_RADIUS``."""
_MAX_NOSE_DISTANCE: Final = 1.2
"""Largest distance of the nose from the head's axis, in half widths of the head."""
_EAR_TO_NOSE: Final = np.float32(0.25)
"""Place of the head's centre from the ear, 0, to the nose, 1, if only one ear was seen."""
_EAR_HEIGHT: Final = 0.62
"""Height of the ears above the neck joint, in shoulder widths, if no joint of the head was seen."""
_PROFILE_WIDTH: Final = 0.3
"""Distance of the shoulders, in shoulder widths, below which they are seen from the side."""


class View(Enum):
    """How the torso is turned to the camera."""

    FRONT = "front"
    BACK = "back"
    SIDE = "side"


@dataclass(frozen=True, kw_only=True)
class Head:
    """An upright oval."""

    centre: F32
    """The middle between the ears, in pixels."""
    up: F32
    """Unit vector from the centre to the top."""
    radius: float
    """Half width in pixels."""
    nose: float
    """Distance of the nose from the axis, in half widths, positive to the right of ``up``."""
    left: float
    """Sign of the person's left on the scale of ``nose``."""


@dataclass(frozen=True, kw_only=True)
class SurfaceBody:
    """A person's joints, with gaps filled, and measures."""

    joints: F32
    """25 x 2, in pixels."""
    seen: NDArray[np.bool_]
    """25: whether the joint was seen, not filled in."""
    shoulder_width: float
    """Pixels between the shoulder joints, as seen from the front."""
    trunk_direction: F32
    """Unit vector from neck to hips."""
    view: View
    """The torso's side that the camera sees."""
    yaw_radians: float
    """Turn to the picture's right: 0 from the front, pi / 2 in profile, negative to the left."""
    head: Head
    """The oval of the head."""


def fit_surface_body(keypoints: F32, height: int, width: int) -> SurfaceBody | None:
    """Fill in a body from 25 x 3 joints of a picture; None if no shoulder was seen."""
    found = confident_joints(keypoints)
    if not (found[Joint.RIGHT_SHOULDER] or found[Joint.LEFT_SHOULDER]):
        return None
    upper = _fill_shoulders(keypoints[:, :2].astype(np.float32), found)
    torso = _trunk_vector(upper, found)
    shoulders = float(np.linalg.norm(upper[Joint.LEFT_SHOULDER] - upper[Joint.RIGHT_SHOULDER]))
    length = float(np.linalg.norm(torso))
    shoulder_width = max(shoulders, PROPORTIONS.surface_shoulder_width * length, 1.0)
    trunk_direction = (torso / length if length > 0 else np.array([0.0, 1.0])).astype(np.float32)
    across = upper[Joint.LEFT_SHOULDER, 0] - upper[Joint.RIGHT_SHOULDER, 0]
    if abs(float(across)) < _PROFILE_WIDTH * shoulder_width:
        view = View.SIDE
    else:
        view = View.FRONT if across > 0 else View.BACK
    with_legs = _fill_legs(upper, found, shoulder_width, trunk_direction, view)
    joints, seen = _fill_forearms(with_legs, found, shoulder_width, (height, width))
    head = _head(joints, seen, shoulder_width, trunk_direction, view)
    yaw_radians = _turn_from_shoulders(float(across), length) * _facing_sign(joints, seen)
    return SurfaceBody(
        joints=joints,
        seen=seen,
        shoulder_width=shoulder_width,
        trunk_direction=trunk_direction,
        view=view,
        yaw_radians=yaw_radians,
        head=head,
    )


def _fill_shoulders(seen_joints: F32, seen: NDArray[np.bool_]) -> F32:
    """Return the joints with a missing shoulder mirrored at the neck, or a missing neck between."""
    joints = seen_joints.copy()
    for shoulder, other in (
        (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER),
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    ):
        if not seen[shoulder]:
            mirror = 2 * joints[Joint.NECK] - joints[other] if seen[Joint.NECK] else joints[other]
            joints[shoulder] = mirror
    if not seen[Joint.NECK]:
        joints[Joint.NECK] = (joints[Joint.RIGHT_SHOULDER] + joints[Joint.LEFT_SHOULDER]) / 2
    return joints


def _trunk_vector(joints: F32, seen: NDArray[np.bool_]) -> F32:
    """Return the vector from the neck to the middle of the hips, zero if no hip was seen."""
    hips = [hip for hip in (Joint.RIGHT_HIP, Joint.LEFT_HIP) if seen[hip]]
    if seen[Joint.MID_HIP]:
        middle = joints[Joint.MID_HIP]
    elif hips:
        middle = joints[hips].mean(axis=0)
    else:
        return np.zeros(2, np.float32)
    return _f32(middle - joints[Joint.NECK])


def _fill_legs(
    upper_joints: F32,
    seen: NDArray[np.bool_],
    shoulder_width: float,
    trunk_direction: F32,
    view: View,
) -> F32:
    """Return the joints with missing hips, knees, ankles and toes at usual distances."""
    joints = upper_joints.copy()
    if not seen[Joint.MID_HIP]:
        known = [hip for hip in (Joint.RIGHT_HIP, Joint.LEFT_HIP) if seen[hip]]
        length = (
            float(np.dot(joints[known].mean(axis=0) - joints[Joint.NECK], trunk_direction))
            if known
            else PROPORTIONS.surface_torso_length * shoulder_width
        )
        joints[Joint.MID_HIP] = joints[Joint.NECK] + length * trunk_direction
    half = {
        View.FRONT: PROPORTIONS.surface_half_hip_width,
        View.BACK: -PROPORTIONS.surface_half_hip_width,
        View.SIDE: 0.0,
    }[view] * shoulder_width
    to_left = np.array([trunk_direction[1], -trunk_direction[0]], np.float32) * half
    for hip, knee, ankle, toe, side in (
        (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, Joint.RIGHT_BIG_TOE, -1.0),
        (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE, Joint.LEFT_BIG_TOE, 1.0),
    ):
        if not seen[hip]:
            joints[hip] = joints[Joint.MID_HIP] + side * to_left
        if not seen[knee]:
            joints[knee] = (
                joints[hip] + PROPORTIONS.surface_thigh * shoulder_width * trunk_direction
            )
        if not seen[ankle]:
            joints[ankle] = joints[knee] + PROPORTIONS.surface_shin * shoulder_width * _direction(
                joints[hip], joints[knee]
            )
        if not seen[toe]:
            joints[toe] = (
                joints[ankle] + PROPORTIONS.surface_foot * shoulder_width * trunk_direction
            )
    return joints


def _fill_forearms(
    known: F32, found: NDArray[np.bool_], shoulder_width: float, size: tuple[int, int]
) -> tuple[F32, NDArray[np.bool_]]:
    """Return the joints with forearms that leave the picture, and which joints count as seen.

    ``size`` is the picture's height and width.
    """
    height, width = size
    joints, seen = known.copy(), found.copy()
    for shoulder, elbow, wrist in (
        (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
        (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    ):
        if seen[elbow] and not seen[wrist]:
            guess = joints[elbow] + PROPORTIONS.surface_forearm * shoulder_width * _direction(
                joints[shoulder], joints[elbow]
            )
            if not (0 <= guess[0] < width and 0 <= guess[1] < height):
                joints[wrist] = guess
                seen[wrist] = True
        elif seen[wrist] and not seen[elbow]:
            joints[elbow] = (joints[shoulder] + joints[wrist]) / 2
            seen[elbow] = True
    return joints, seen


def _direction(start: F32, end: F32) -> F32:
    step = end - start
    return _f32(step / max(float(np.linalg.norm(step)), 1e-6))


def _turn_from_shoulders(across: float, length: float) -> float:
    """Estimate the turn, 0 to pi radians, from the shoulders' width for the torso's length."""
    if length == 0:
        return 0.0 if across >= 0 else float(np.pi)
    return float(np.arccos(np.clip(across / (_FRONT_SHOULDERS_PER_TORSO * length), -1, 1)))


def _facing_sign(joints: F32, seen: NDArray[np.bool_]) -> float:
    if seen[Joint.NOSE]:
        ears = [ear for ear in (Joint.RIGHT_EAR, Joint.LEFT_EAR) if seen[ear]]
        behind = joints[ears].mean(axis=0) if ears else joints[Joint.NECK]
        return 1.0 if joints[Joint.NOSE, 0] >= behind[0] else -1.0
    return 1.0


def _head(
    joints: F32, seen: NDArray[np.bool_], shoulder_width: float, trunk_direction: F32, view: View
) -> Head:
    ears = bool(seen[Joint.RIGHT_EAR] and seen[Joint.LEFT_EAR])
    eyes = bool(seen[Joint.RIGHT_EYE] and seen[Joint.LEFT_EYE])
    centre = _head_centre(joints, seen)
    if centre is None:
        centre = _f32(
            joints[Joint.NECK] - np.float32(_EAR_HEIGHT * shoulder_width) * trunk_direction
        )
    above = joints[Joint.NECK] - centre
    up = (
        -_direction(centre, joints[Joint.NECK])
        if float(np.linalg.norm(above)) > 0
        else -trunk_direction
    )
    radius = _HEAD_RADIUS_PER_NECK * float(np.linalg.norm(above))
    line = joints[Joint.LEFT_EAR] - joints[Joint.RIGHT_EAR]
    apart = float(np.linalg.norm(line))
    if ears and apart > _HEAD_RADIUS * shoulder_width:
        radius = _HEAD_RADIUS_PER_EARS * apart
        level = _direction(joints[Joint.RIGHT_EAR], joints[Joint.LEFT_EAR])
        if eyes:
            level = level + _direction(joints[Joint.RIGHT_EYE], joints[Joint.LEFT_EYE])
        tilt = np.array([level[1], -level[0]], np.float32)
        tilt = tilt if float(np.dot(tilt, up)) >= 0 else -tilt
        up = _direction(np.zeros(2, np.float32), _NECK_TILT_WEIGHT * up + tilt)
    least, most = (share * _HEAD_RADIUS * shoulder_width for share in _HEAD_RADIUS_RANGE)
    radius = float(np.clip(radius, least, most))
    aside = np.array([-up[1], up[0]], np.float32)
    order = float(np.dot(line, aside)) if ears else 0.0
    if order == 0.0:
        order = -1.0 if view is View.BACK else 1.0
    nose = float(np.dot(joints[Joint.NOSE] - centre, aside)) / radius if seen[Joint.NOSE] else 0.0
    return Head(
        centre=centre,
        up=up,
        radius=radius,
        nose=float(np.clip(nose, -_MAX_NOSE_DISTANCE, _MAX_NOSE_DISTANCE)),
        left=float(np.sign(order)),
    )


def _head_centre(joints: F32, seen: NDArray[np.bool_]) -> F32 | None:
    """Return the middle of the ears; beside one ear, a point towards the nose; else of the face."""
    known = [ear for ear in (Joint.RIGHT_EAR, Joint.LEFT_EAR) if seen[ear]]
    if len(known) == 1 and seen[Joint.NOSE]:
        ear = joints[known[0]]
        return _f32(ear + _EAR_TO_NOSE * (joints[Joint.NOSE] - ear))
    if known:
        return _f32(joints[known].mean(axis=0))
    face = [joint for joint in (Joint.RIGHT_EYE, Joint.LEFT_EYE, Joint.NOSE) if seen[joint]]
    return _f32(joints[face].mean(axis=0)) if face else None


def _f32(values: NDArray[np.floating]) -> F32:
    return values.astype(np.float32, copy=False)
