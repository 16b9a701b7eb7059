"""The joints that a garment hangs on, with those that were not seen placed by proportion."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoPerson
from services.kit.joints import Joint
from services.kit.labels import Label
from services.viton.geometry import Bool, Floats, Points, distance, point, unit_vector

_RIGHT: Final = (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST, Joint.RIGHT_HIP)
_LEFT: Final = (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_HIP)
_BESIDE, _APART = 0.06, 0.6
"""Shoulder widths from a bare arm between which a joint beside it is a mistake."""
_ISLAND: Final = 0.03
"""Share of the worn garment below which a piece of it may be a mistake."""


@dataclass(frozen=True)
class Joints:
    """Joints as (x, y) in pixels, the picture's left first; ``unit`` is about a shoulder width."""

    shoulders: tuple[Points, Points]
    elbows: tuple[Points, Points]
    wrists: tuple[Points, Points]
    hips: tuple[Points, Points]
    shoulder_width: float


def read_joints(keypoints: Floats, labels: NDArray[np.uint8]) -> Joints:
    """Take the joints from BODY_25 (25 x 3), shoulders from CIHP ``labels`` where unseen.

    Raises ``NoPerson`` where neither shoulders nor a worn garment were seen.
    """
    seen: Bool = np.asarray((keypoints[:, :2] > 0).any(axis=1))
    at = keypoints[:, :2]
    left, right = _RIGHT, _LEFT
    if not (seen[Joint.RIGHT_SHOULDER] and seen[Joint.LEFT_SHOULDER]):
        at, seen = _guessed_shoulders(at.copy(), seen.copy(), labels)
    if at[Joint.RIGHT_SHOULDER, 0] > at[Joint.LEFT_SHOULDER, 0]:
        left, right = right, left
    first, second = at[left[0]], at[right[0]]
    wide = max(distance(first, second), 0.06 * labels.shape[1])
    hips = [at[j[3]] if seen[j[3]] else None for j in (left, right)]
    middle = (first + second) / 2
    known = [h for h in hips if h is not None]
    if known:
        wide = max(wide, 0.55 * abs(float(np.mean([h[1] for h in known])) - float(middle[1])))
    filled_hips, elbows, wrists = [], [], []
    for sign, joint, hip in ((-1, left, hips[0]), (1, right, hips[1])):
        shoulder = at[joint[0]]
        level = known[0][1] if known else middle[1] + 1.5 * wide
        filled_hips.append(point(middle[0] + sign * 0.33 * wide, level) if hip is None else hip)
        elbow = at[joint[1]] if seen[joint[1]] else shoulder + wide * point(0.08 * sign, 0.85)
        along = unit_vector(elbow - shoulder)
        wrist = at[joint[2]] if seen[joint[2]] else elbow + 0.8 * wide * along
        bare = labels == (Label.RIGHT_ARM if joint is _RIGHT else Label.LEFT_ARM)
        elbow, wrist = _onto_bare_arm(bare, (shoulder, elbow, wrist), sign, wide)
        wrists.append(wrist)
        elbows.append(elbow)
    return Joints(
        (first, second),
        (elbows[0], elbows[1]),
        (wrists[0], wrists[1]),
        (filled_hips[0], filled_hips[1]),
        float(wide),
    )


def _onto_bare_arm(
    bare: Bool, joints: tuple[Points, Points, Points], sign: int, wide: float
) -> tuple[Points, Points]:
    """Return elbow and wrist, moved onto a ``bare`` arm that hangs where they are beside it.

    ``joints``: shoulder, elbow and wrist; ``sign``: -1 for the arm at the picture's left. An arm
    that is seen from its shoulder to below its elbow is believed more than joints.
    """
    shoulder, elbow, wrist = joints
    hangs = abs(wrist[0] - shoulder[0]) < 0.5 * (wrist[1] - shoulder[1])
    if not hangs:
        return elbow, wrist
    rows = np.flatnonzero(bare.any(axis=1))
    whole = rows.size and rows[0] < shoulder[1] + 0.4 * wide and rows[-1] > elbow[1] + 0.3 * wide
    if not whole:
        return elbow, wrist
    moved = []
    for joint, radius in ((elbow, 0.115 * wide), (wrist, 0.07 * wide)):
        row = round(float(joint[1]))
        columns = np.flatnonzero(bare[row]) if 0 <= row < len(bare) else np.zeros(0, np.intp)
        place = joint
        if columns.size and _BESIDE * wide < np.abs(columns - joint[0]).min() < _APART * wide:
            place = point(columns[0 if sign < 0 else -1] - sign * radius, joint[1])
        moved.append(place)
    return moved[0], moved[1]


def _guessed_shoulders(
    at: Floats, seen: NDArray[np.bool_], labels: NDArray[np.uint8]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Shoulders from the worn garment's outline, mirrored about the neck if one was seen."""
    worn = np.isin(labels, (Label.UPPER, Label.DRESS, Label.COAT))
    right, left = Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER
    if seen[Joint.NECK] and (seen[right] or seen[left]):
        known, lost = (right, left) if seen[right] else (left, right)
        at[lost] = 2 * at[Joint.NECK] - at[known]
    elif worn.sum() > 0.005 * labels.size:
        ys, xs = np.nonzero(worn)
        level = ys.min() + 0.12 * (ys.max() - ys.min())
        band = xs[np.abs(ys - level) < 0.05 * (ys.max() - ys.min()) + 1]
        inset = 0.12 * (band.max() - band.min())
        at[right] = point(band.min() + inset, level)
        at[left] = point(band.max() - inset, level)
    else:
        raise NoPerson("No person was found in the photo; send one that shows the upper body.")
    seen[[right, left]] = True
    return at, seen


def draw_arms(joints: Joints, shape: tuple[int, int]) -> Bool:
    """Where arms and hands may be: H x W, as broad as they are with some room."""
    scale = joints.shoulder_width
    area = np.zeros(shape, np.uint8)
    for arm in zip(joints.shoulders, joints.elbows, joints.wrists, strict=True):
        hand = arm[2] + 0.3 * scale * unit_vector(arm[2] - arm[1])
        bones = np.round(np.array([*arm, hand])).astype(np.int32)
        cv2.polylines(area, [bones[:3]], isClosed=False, color=1, thickness=int(0.24 * scale))
        cv2.line(area, bones[2].tolist(), bones[3].tolist(), 1, int(0.36 * scale))
    return area > 0


def remove_stray_islands(top: Bool, joints: Joints) -> Bool:
    """Drop small pieces of the worn garment's label that lie well away from trunk and arms."""
    scale = joints.shoulder_width
    near = np.zeros(top.shape, np.uint8)
    trunk = np.array([*joints.shoulders, *joints.hips[::-1]])
    cv2.fillPoly(near, [np.round(trunk).astype(np.int32)], 1)
    for limb in zip(joints.shoulders, joints.elbows, joints.wrists, strict=True):
        bones = np.round(np.array(limb)).astype(np.int32)
        cv2.polylines(near, [bones], isClosed=False, color=1, thickness=3)
    away = cv2.distanceTransform(1 - near, cv2.DIST_L2, 3)
    size = 2 * max(int(0.03 * scale), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = cv2.morphologyEx(top.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    island = np.zeros(top.shape, np.uint8)
    for pieces, least in ((core, 0.16 * scale), (top.astype(np.uint8), 0.05 * scale)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(pieces)
        for index in range(1, count):
            if stats[index, cv2.CC_STAT_AREA] > _ISLAND * float(top.sum()):
                continue
            inside = labels == index
            if float(away[inside].min()) > least:
                island |= inside.astype(np.uint8)
    grown = cv2.dilate(island, kernel) > 0
    return np.asarray(top & ~(grown & (away > 0.14 * scale)) & ~(island > 0))
