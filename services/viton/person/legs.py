"""The lower body: legs and hips, in canvas pixels.

Sides are the picture's left and right. Lengths are measured in ``torso``, from the shoulders to the
hip joints. Proportions are those of adults (Drillis and Contini, 1966, in BODY_25's joints).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter1d

from services.kit.errors import LegsNotShown
from services.kit.joints import Joint
from services.viton.geometry import EPSILON, Bool, Floats, Points, point
from services.viton.person.joints import Joints, read_joints
from services.viton.person.segmentation import (
    PersonSegmentation,
    draw_sleeved_forearms,
    segment_person,
    split_dress_at_waist,
)

LEG_SAMPLES: Final = 121
KNEE: Final = 60
"""The sample of the knee; the first one is the hip, the last the ankle."""

_THIGH: Final = 0.72
_SHIN: Final = 0.74
_RADII: Final = (
    (0.0, 0.185),
    (0.12, 0.18),
    (0.3, 0.15),
    (0.5, 0.108),
    (0.64, 0.112),
    (0.8, 0.085),
    (1.0, 0.062),
)
_WAISTBAND: Final = 0.80
_NARROWEST: Final = 0.66
_CROTCH: Final = 0.17
LEAST_SHOWN: Final = 0.28
_STANDING: Final = 0.35

NO_LEGS: Final = (
    "The photo does not show the legs, and trousers, skirts and dresses need them; send one that "
    "shows you standing, at least down to the knees."
)
NOT_STANDING: Final = (
    "The legs are bent or lifted in the photo, and trousers, skirts and dresses need them "
    "straight; send one that shows you standing."
)


@dataclass(frozen=True)
class Leg:
    """A bare leg, sample by sample from the hip to the ankle; ``radius`` is half its width."""

    sign: int
    centreline: Points
    normal: Points
    half_width: Floats

    @property
    def outer_edge(self) -> Points:
        """The edge away from the other leg."""
        return np.asarray(self.centreline + self.normal * self.half_width[:, None])

    @property
    def inner_edge(self) -> Points:
        """The edge beside the other leg."""
        return np.asarray(self.centreline - self.normal * self.half_width[:, None])


@dataclass(frozen=True)
class LowerBody:
    """Where a lower garment goes.

    ``edges``: the body's left and right x for every row, from the waist down; ``middle``: the x of
    its axis for every row. ``waistband``: the row where trousers usually end; ``waist``: the
    narrowest row. ``torso``: from shoulders to hips.
    """

    left: Leg
    right: Leg
    flanks_x: tuple[Floats, Floats]
    midline_x: Floats
    torso_length: float
    shoulder_row: float
    hip_row: float
    narrowest_row: float
    waistband_row: float
    crotch: Points

    @property
    def legs(self) -> tuple[Leg, Leg]:
        """Left, then right."""
        return self.left, self.right

    @property
    def ankle_row(self) -> float:
        """The row of the ankles."""
        return float(max(leg.centreline[-1, 1] for leg in self.legs))


def measure_lower_body(
    keypoints: NDArray[np.float32], labels: NDArray[np.uint8], least: float = LEAST_SHOWN
) -> tuple[LowerBody, PersonSegmentation]:
    """Read the lower body from BODY_25 joints (25 x 3) and CIHP labels (H x W).

    ``least``: how much has to be seen below the hips, in lengths of the torso. Raises ``NoPerson``
    where there is none, and ``LegsNotShown`` where less is seen or the person does not stand.
    """
    at = keypoints[:, :2].astype(np.float64)
    joints = read_joints(keypoints.astype(np.float64), labels)
    height = labels.shape[0]
    shoulders = float(joints.shoulders[0][1] + joints.shoulders[1][1]) / 2
    hips = float(joints.hips[0][1] + joints.hips[1][1]) / 2
    torso = max(hips - shoulders, 0.8 * joints.shoulder_width)
    if height - hips < least * torso:
        raise LegsNotShown(NO_LEGS)
    waist = shoulders + _NARROWEST * torso
    forearms = draw_sleeved_forearms(labels, joints, torso)
    worn = segment_person(labels, split_dress_at_waist(labels, waist, forearms))
    if not worn.lower_body.any() and least > 0:
        raise LegsNotShown(NO_LEGS)
    legs = [_leg(at, joints, worn, side, torso) for side in (0, 1)]
    left, right = legs
    crotch = _crotch(worn, left, right, hips, torso)
    middle = _middle(joints, crotch, height)
    edges = (
        _edge(worn, left, middle, torso, rows=(shoulders, float(crotch[1]))),
        _edge(worn, right, middle, torso, rows=(shoulders, float(crotch[1]))),
    )
    return (
        LowerBody(
            left,
            right,
            edges,
            middle,
            torso,
            shoulders,
            hips,
            waist,
            shoulders + _WAISTBAND * torso,
            crotch,
        ),
        worn,
    )


def _leg(at: Points, joints: Joints, worn: PersonSegmentation, side: int, torso: float) -> Leg:
    sign = (-1, 1)[side]
    facing = at[Joint.RIGHT_SHOULDER, 0] <= at[Joint.LEFT_SHOULDER, 0]
    right = (side == 0) == facing
    names = (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE) if right else (Joint.LEFT_KNEE, Joint.LEFT_ANKLE)
    hip = joints.hips[side]
    seen = [bool((at[name] > 0).any()) for name in names]
    knee = at[names[0]] if seen[0] else hip + torso * point(0.02 * sign, _THIGH)
    ankle = at[names[1]] if seen[1] else knee + torso * point(0.0, _SHIN)
    if seen[0] and knee[1] - hip[1] < _STANDING * torso:
        raise LegsNotShown(NOT_STANDING)
    if seen[1] and ankle[1] - knee[1] < _STANDING * torso:
        raise LegsNotShown(NOT_STANDING)
    progress = np.linspace(0, 1, LEG_SAMPLES)
    bent = np.array([hip, knee, ankle])
    middle = np.stack([np.interp(progress, (0, 0.5, 1), bent[:, i]) for i in (0, 1)], axis=1)
    middle = gaussian_filter1d(middle, 5.0, axis=0, mode="nearest")
    middle[0], middle[-1] = hip, ankle
    tangent = np.gradient(middle, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), EPSILON)[:, None]
    normal = sign * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    radius = np.interp(progress, *np.array(_RADII).T) * torso
    cloth = _reach(worn.lower_body, middle, normal, radius)
    centre, half = _bare_run(worn.leg_skin, middle, radius)
    half = half * np.abs(normal[:, 0])
    # A hem hides one side of the leg before the other.
    known = binary_erosion(half > 0, iterations=4)
    if known.sum() > 5:
        seen_at = progress[known]
        nearest = np.abs(progress[:, None] - seen_at).argmin(axis=1)
        away = np.abs(progress - seen_at[nearest])
        width = gaussian_filter1d((half / radius)[known], 2.0)
        usual = float(np.clip(np.median(width), 0.85, 1.15))
        near = np.clip(1 - away / 0.3, 0, 1)
        ratio = near * width[nearest] + (1 - near) * usual
        shift = near * gaussian_filter1d((centre - middle[:, 0])[known], 2.0)[nearest]
        radius = radius * np.clip(gaussian_filter1d(ratio, 2.0, mode="nearest"), 0.5, 1.5)
        middle = middle + np.stack([gaussian_filter1d(shift, 2.0), np.zeros(len(shift))], axis=1)
    covered = (cloth > 0) & (cloth < 1.0) & ~known
    radius = radius * np.where(covered, np.maximum(cloth, 0.7), 1.0)
    return Leg(sign, middle, normal, gaussian_filter1d(radius, 4.0, mode="nearest"))


def _bare_run(skin: Bool, middle: Points, radius: Floats) -> tuple[Floats, Floats]:
    """Return centre and half width of the bare leg in each sample's row; 0 where it is not seen."""
    height, width = skin.shape
    centre, half = middle[:, 0].copy(), np.zeros(len(middle))
    for i, ((x, y), r) in enumerate(zip(middle, radius, strict=True)):
        if not 0 <= y < height:
            continue
        filled = np.concatenate([[False], skin[int(y)], [False]])
        starts = np.flatnonzero(~filled[:-1] & filled[1:])
        stops = np.flatnonzero(filled[:-1] & ~filled[1:])
        wide = (stops - starts) / 2
        fits = (wide > 0.4 * r) & (wide < 1.7 * r) & (starts > 0) & (stops < width)
        away = np.where(fits, np.abs((starts + stops) / 2 - x), np.inf)
        if len(away) and away.min() < 2.0 * r:
            best = int(away.argmin())
            centre[i], half[i] = (starts[best] + stops[best]) / 2, wide[best]
    return centre, half


def _reach(region: Bool, middle: Points, normal: Points, radius: Floats) -> Floats:
    """How far the region goes to one side, in radii; 0 where the middle lies outside it."""
    height, width = region.shape
    steps = np.arange(0.0, 2.0, 0.04)
    path = middle[:, None] + normal[:, None] * (steps[None, :, None] * radius[:, None, None])
    xs = np.clip(path[..., 0], 0, width - 1).astype(int)
    ys = np.clip(path[..., 1], 0, height - 1).astype(int)
    inside = region[ys, xs]
    leaves = np.where(inside.all(axis=1), len(steps) - 1, (~inside).argmax(axis=1))
    shown = middle[:, 1] < height - 2
    return np.asarray(np.where(shown, steps[leaves], 0.0))


def _crotch(worn: PersonSegmentation, left: Leg, right: Leg, hips: float, torso: float) -> Points:
    """Where the legs part: the top of the gap between them, if it is seen where it may be."""
    sample = int(0.2 * LEG_SAMPLES)
    x = float(left.centreline[0, 0] + right.centreline[0, 0]) / 2
    low = float(left.centreline[sample, 0] + right.centreline[sample, 0]) / 2
    usual = hips + _CROTCH * torso
    height, width = worn.lower_body.shape
    rows = np.arange(int(hips + 0.08 * torso), int(min(hips + 0.26 * torso, height)))
    columns = slice(max(int(low - 0.06 * torso), 0), min(int(low + 0.06 * torso) + 1, width))
    if len(rows) and not worn.bottoms[rows][:, columns].all():
        gap = (~worn.lower_body[rows][:, columns]).any(axis=1)
        if gap.any():
            usual = float(rows[int(gap.argmax())])
    return point(0.5 * x + 0.5 * low, usual)


def _middle(joints: Joints, crotch: Points, height: int) -> Floats:
    shoulder = (joints.shoulders[0] + joints.shoulders[1]) / 2
    hip = (joints.hips[0] + joints.hips[1]) / 2
    rows = np.arange(height, dtype=np.float64)
    ys = [shoulder[1], hip[1], max(crotch[1], hip[1] + 1.0)]
    return np.asarray(np.interp(rows, ys, [shoulder[0], hip[0], crotch[0]]))


def _edge(
    worn: PersonSegmentation, leg: Leg, middle: Floats, torso: float, *, rows: tuple[float, float]
) -> Floats:
    """Return the body's edge in every row: the clothes' outline, no farther out than a body's.

    ``rows`` are those of the shoulders and of the crotch.
    """
    shoulders, crotch = rows
    height, width = worn.lower_body.shape
    sign = leg.sign
    every = np.arange(height, dtype=np.float64)
    outer = leg.outer_edge
    order = np.argsort(outer[:, 1], kind="stable")
    low = np.interp(every, outer[order, 1], outer[order, 0])
    hip = float(np.interp(crotch - 0.08 * torso, every, low))
    half = sign * (hip - float(np.interp(crotch, every, middle)))
    knots = [shoulders + _NARROWEST * torso, shoulders + 0.85 * torso, crotch - 0.08 * torso]
    shape = np.interp(every, knots, [0.74 * half, 0.93 * half, half])
    model = np.where(every < crotch - 0.08 * torso, middle + sign * shape, low)
    region = worn.lower_body | worn.upper_garment
    centre = np.clip(middle, 0, width - 1).astype(int)
    columns = np.arange(width)[None, :]
    beyond = columns < centre[:, None] if sign < 0 else columns > centre[:, None]
    free = ~region & beyond
    if sign < 0:
        seen = np.where(free.any(axis=1), width - free[:, ::-1].argmax(axis=1), 0)
    else:
        seen = np.where(free.any(axis=1), free.argmax(axis=1) - 1, width - 1)
    trusted = region[np.arange(height), centre] & (every < crotch)
    own = sign * (np.where(trusted, seen, model) - middle)
    limit = sign * (model - middle)
    own = np.clip(own, 0.8 * limit, 1.1 * limit)
    return np.asarray(middle + sign * gaussian_filter1d(own, 0.04 * torso))
