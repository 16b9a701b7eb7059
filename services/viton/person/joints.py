"""The joints that a garment hangs on, with those that were not seen placed by proportion."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoPerson
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.skeleton import PROPORTIONS, Skeleton, seen_by_place
from services.viton.geometry import Bool, Floats, Points, distance, point, unit_vector
from services.viton.side import PictureSide

_RIGHT: Final = (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST, Joint.RIGHT_HIP)
"""Shoulder, elbow, wrist and hip of the person's right side."""

_LEFT: Final = (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_HIP)
"""Shoulder, elbow, wrist and hip of the person's left side."""


@dataclass(frozen=True, kw_only=True)
class JointOptions:
    """How joints are corrected; lengths in shoulder widths."""

    min_shoulder_width: float = 0.06
    """Least shoulder width, in widths of the picture."""
    max_hanging_slope: float = 0.5
    """Largest offset aside of the wrist from the shoulder of a hanging arm, of its height."""
    max_arm_start: float = 0.4
    """Lowest beginning, below the shoulder joint, of a bare arm that is seen whole."""
    min_arm_end: float = 0.3
    """Highest end, below the elbow, of a bare arm that is seen whole."""
    min_offset: float = 0.06
    """Distance of a joint beside a bare arm from which it counts as misplaced."""
    max_offset: float = 0.6
    """Distance of a joint beside a bare arm up to which it belongs to that arm."""
    elbow_half_width: float = 0.115
    """Half the width of an arm at the elbow."""
    wrist_half_width: float = 0.07
    """Half the width of an arm at the wrist."""
    min_garment_fraction: float = 0.005
    """Fraction of the picture that a top must exceed to place unseen shoulders by it."""
    shoulder_level: float = 0.12
    """Row of shoulders below the upper end of a top, of its height."""
    level_tolerance: float = 0.05
    """Rows around that level in which the top's width is read, of its height."""
    shoulder_inset: float = 0.12
    """Distance of the shoulder joints inwards of the top's ends, of its width there."""


JOINT_OPTIONS: Final = JointOptions()


@dataclass(frozen=True, kw_only=True)
class Joints:
    """Joints as (x, y) in canvas pixels, each pair with the picture's left first."""

    shoulders: tuple[Points, Points]
    """The shoulder joints."""
    elbows: tuple[Points, Points]
    """The elbows."""
    wrists: tuple[Points, Points]
    """The wrists."""
    hips: tuple[Points, Points]
    """The hip joints."""
    shoulder_width: float
    """The shoulder width of the person seen from the front, about, in canvas pixels."""


def read_joints(
    keypoints: Floats, labels: NDArray[np.uint8], options: JointOptions = JOINT_OPTIONS
) -> Joints:
    """Take the joints from BODY_25 (25 x 3), shoulders from CIHP ``labels`` if they were not seen.

    Both are in the canvas. Raises ``NoPerson`` if neither shoulders nor an existing top are seen.
    """
    skeleton = seen_by_place(keypoints)
    if not skeleton.all_seen(Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER):
        skeleton = _add_shoulders(skeleton, labels, options)
    at, seen = skeleton.points, skeleton.seen
    turned = at[Joint.RIGHT_SHOULDER, 0] > at[Joint.LEFT_SHOULDER, 0]
    left, right = (_LEFT, _RIGHT) if turned else (_RIGHT, _LEFT)
    shoulders = at[left[0]], at[right[0]]
    middle = (shoulders[0] + shoulders[1]) / 2
    hips = [at[names[3]] if seen[names[3]] else None for names in (left, right)]
    known = [hip for hip in hips if hip is not None]
    width = max(distance(*shoulders), options.min_shoulder_width * labels.shape[1])
    if known:
        torso = abs(float(np.mean([hip[1] for hip in known])) - float(middle[1]))
        width = max(width, PROPORTIONS.try_on_shoulder_width * torso)
    hip_row = known[0][1] if known else middle[1] + PROPORTIONS.try_on_torso_length * width
    filled_hips, elbows, wrists = [], [], []
    for side, names in zip(PictureSide, (left, right), strict=True):
        spread = side.sign * PROPORTIONS.try_on_half_hip_width * width
        hip = hips[side]
        filled_hips.append(point(middle[0] + spread, hip_row) if hip is None else hip)
        arm = _place_arm(skeleton, names, side, width)
        bare = labels == (Label.RIGHT_ARM if names is _RIGHT else Label.LEFT_ARM)
        elbow, wrist = _move_onto_bare_arm(bare, arm, side, width, options)
        elbows.append(elbow)
        wrists.append(wrist)
    return Joints(
        shoulders=shoulders,
        elbows=(elbows[0], elbows[1]),
        wrists=(wrists[0], wrists[1]),
        hips=(filled_hips[0], filled_hips[1]),
        shoulder_width=float(width),
    )


def _place_arm(
    skeleton: Skeleton, names: tuple[Joint, Joint, Joint, Joint], side: PictureSide, width: float
) -> tuple[Points, Points, Points]:
    """Return shoulder, elbow and wrist; those that were not seen are placed by proportion."""
    at, seen = skeleton.points, skeleton.seen
    shoulder = at[names[0]]
    usual = PROPORTIONS.try_on_elbow_spread * side.sign, PROPORTIONS.try_on_upper_arm
    elbow = at[names[1]] if seen[names[1]] else shoulder + width * point(*usual)
    along = unit_vector(elbow - shoulder)
    forearm = PROPORTIONS.try_on_forearm * width
    wrist = at[names[2]] if seen[names[2]] else elbow + forearm * along
    return shoulder, elbow, wrist


def _move_onto_bare_arm(
    bare: Bool,
    arm: tuple[Points, Points, Points],
    side: PictureSide,
    width: float,
    options: JointOptions,
) -> tuple[Points, Points]:
    """Return elbow and wrist, moved onto a ``bare`` arm (H x W) that hangs beside them.

    ``arm``: shoulder, elbow and wrist. An arm that is seen from its shoulder to below its elbow
    counts for more than its joints.
    """
    shoulder, elbow, wrist = arm
    aside, down = abs(wrist[0] - shoulder[0]), wrist[1] - shoulder[1]
    if not aside < options.max_hanging_slope * down:
        return elbow, wrist
    rows = np.flatnonzero(bare.any(axis=1))
    whole = (
        rows.size
        and rows[0] < shoulder[1] + options.max_arm_start * width
        and rows[-1] > elbow[1] + options.min_arm_end * width
    )
    if not whole:
        return elbow, wrist
    moved = []
    for joint, half_width in ((elbow, options.elbow_half_width), (wrist, options.wrist_half_width)):
        row = round(float(joint[1]))
        columns = np.flatnonzero(bare[row]) if 0 <= row < len(bare) else np.zeros(0, np.intp)
        place = joint
        if columns.size:
            offset = np.abs(columns - joint[0]).min()
            if options.min_offset * width < offset < options.max_offset * width:
                outermost = columns[0 if side is PictureSide.LEFT else -1]
                place = point(outermost - side.sign * (half_width * width), joint[1])
        moved.append(place)
    return moved[0], moved[1]


def _add_shoulders(
    skeleton: Skeleton, labels: NDArray[np.uint8], options: JointOptions
) -> Skeleton:
    """Return the joints with shoulders mirrored about the neck, or placed by the existing top."""
    garment = np.isin(labels, (Label.UPPER, Label.DRESS, Label.COAT))
    right, left = Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER
    at, seen = skeleton.points.copy(), skeleton.seen.copy()
    if seen[Joint.NECK] and (seen[right] or seen[left]):
        known, lost = (right, left) if seen[right] else (left, right)
        at[lost] = 2 * at[Joint.NECK] - at[known]
    elif garment.sum() > options.min_garment_fraction * labels.size:
        ys, xs = np.nonzero(garment)
        height = ys.max() - ys.min()
        level = ys.min() + options.shoulder_level * height
        band = xs[np.abs(ys - level) < options.level_tolerance * height + 1]
        inset = options.shoulder_inset * (band.max() - band.min())
        at[right] = point(band.min() + inset, level)
        at[left] = point(band.max() - inset, level)
    else:
        raise NoPerson("No person was found in the photo; send one that shows the upper body.")
    seen[[right, left]] = True
    return Skeleton(at, seen)
