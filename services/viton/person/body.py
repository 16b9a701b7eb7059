"""Where a garment goes on the person: shoulders, armpits, sides, waist and arms, in canvas pixels.

Sides are the picture's left and right. Lengths are measured in ``unit``, about one shoulder width,
which stays put when the person turns. Joints that were not seen are placed by proportion.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import EPSILON, Bool, Floats, Points, point, unit_vector
from services.viton.person.arm import Arm, measure_arm, reattach_at_armpit
from services.viton.person.joints import Joints, draw_arms, read_joints, remove_stray_islands
from services.viton.person.segmentation import (
    PersonSegmentation,
    count_midriff_as_torso,
    segment_person,
    split_dress_at_hips,
)
from services.viton.person.shoulders import trace_shoulder_outline

_SLOPE: Final = 0.3
_FOLD: Final = 0.27
_FLANK: Final = 0.1
"""In units: how far below the joint a bare arm parts from the trunk, and how far inwards of the
bisector between both."""


@dataclass(frozen=True)
class BodySide:
    """One side of the body. ``edge`` is the torso's edge: an x for every row."""

    sign: int
    shoulder_tip: Points
    armpit: Points
    flank_x: Floats
    arm: Arm


@dataclass(frozen=True)
class Body:
    """The person's geometry.

    ``middle``: the x of the body's axis for every row; ``shoulder``: the y of the shoulder line
    for every column; ``waist``: the row at which the worn garment ends; ``band``: the row at which
    trousers or a skirt begin, as far as is seen; ``tucked``: the worn garment ends inside them or
    above; ``cropped``: the frame ends before it does.
    """

    left: BodySide
    right: BodySide
    shoulder_width: float
    midline_x: Floats
    shoulder_line_y: Floats
    neck_base: Points
    hip_row: float
    existing_hem_row: float
    waistband_row: float
    existing_top_tucked: bool
    cropped_by_frame: bool

    @property
    def sides(self) -> tuple[BodySide, BodySide]:
        """Left, then right."""
        return self.left, self.right


def measure_body(
    keypoints: NDArray[np.float32], labels: NDArray[np.uint8]
) -> tuple[Body, PersonSegmentation]:
    """Read the person's geometry from BODY_25 joints (25 x 3) and CIHP labels (H x W).

    Raises ``NoPerson`` where neither shoulders nor a worn garment were seen.
    """
    joints = read_joints(keypoints.astype(np.float64), labels)
    hips = float(joints.hips[0][1] + joints.hips[1][1]) / 2
    parts = segment_person(labels, split_dress_at_hips(labels, hips))
    height, width = labels.shape
    scale = joints.shoulder_width
    middle_shoulder = (joints.shoulders[0] + joints.shoulders[1]) / 2
    rows = np.arange(height, dtype=np.float64)
    neck = _neck(parts, middle_shoulder, scale)
    middle_hip = (joints.hips[0] + joints.hips[1]) / 2
    share = np.clip((rows - neck[1]) / max(middle_hip[1] - neck[1], 1.0), -0.2, 1.3)
    middle = neck[0] + share * (middle_hip[0] - neck[0])
    tips = [_tip(parts, joints, i) for i in (0, 1)]
    line = _shoulder_line(parts, joints, tips, neck, width)
    parts = replace(parts, upper_garment=remove_stray_islands(parts.upper_garment, joints))
    waist, cropped = _waist(parts, middle, hips, scale)
    parts = count_midriff_as_torso(parts, middle, waist, draw_arms(joints, (height, width)), scale)
    tucked = waist < hips - 0.02 * scale
    sides = [
        _body_side(parts, joints, i, line=line, middle=middle, waist=waist, tucked=tucked)
        for i in (0, 1)
    ]
    body = Body(
        left=sides[0],
        right=sides[1],
        shoulder_width=scale,
        midline_x=middle,
        shoulder_line_y=line,
        neck_base=neck,
        hip_row=hips,
        existing_hem_row=waist,
        waistband_row=_band(parts, middle, waist, scale),
        existing_top_tucked=tucked,
        cropped_by_frame=cropped,
    )
    return body, parts


def raise_bare_armpits(body: Body, bare: tuple[bool, bool]) -> Body:
    """Return the body with the armpits of its bare arms, which are above those of sleeves."""
    left, right = (
        _bared(side, body.shoulder_width) if own else side
        for side, own in zip(body.sides, bare, strict=True)
    )
    return replace(body, left=left, right=right)


def _bared(side: BodySide, scale: float) -> BodySide:
    down = side.armpit - side.arm.shoulder
    armpit = side.arm.shoulder + min(1.0, _FOLD * scale / max(float(np.hypot(*down)), 1.0)) * down
    row = int(np.clip(armpit[1], 0, len(side.flank_x) - 1))
    inwards = float(np.clip((armpit[0] - side.flank_x[row]) * side.sign, 0, _FLANK * scale))
    armpit = armpit - point(side.sign * inwards, 0.0)
    return replace(side, arm=reattach_at_armpit(side.arm, armpit))


def _neck(parts: PersonSegmentation, shoulders: Points, scale: float) -> Points:
    """Return the neck's base; on a turned body it is not midway between the shoulders."""
    band = slice(max(int(shoulders[1] - 0.35 * scale), 0), max(int(shoulders[1] - 0.08 * scale), 1))
    xs = np.nonzero(parts.torso_skin[band])[1]
    x = shoulders[0]
    if len(xs) > 0.01 * scale**2:
        x = x + 0.5 * np.clip(np.median(xs) - x, -0.12 * scale, 0.12 * scale)
    return point(float(x), float(shoulders[1]))


def _tip(parts: PersonSegmentation, joints: Joints, side: int) -> Points:
    """Where the shoulder's outline turns down: a ray from the joint up and outwards."""
    sign = (-1, 1)[side]
    scale = joints.shoulder_width
    shoulder = joints.shoulders[side]
    ray = np.array([0.72 * sign, -0.69])
    silhouette = parts.upper_garment | parts.torso_skin | parts.arms
    height, width = silhouette.shape
    reach = np.arange(0.0, 0.24 * scale, 1.0)
    path = shoulder + reach[:, None] * ray
    xs = np.clip(path[:, 0], 0, width - 1).astype(int)
    ys = np.clip(path[:, 1], 0, height - 1).astype(int)
    inside = silhouette[ys, xs]
    far = float(reach[inside][-1]) if inside.any() else 0.12 * scale
    return shoulder + float(np.clip(far, 0.07 * scale, 0.18 * scale)) * ray


def _shoulder_line(
    parts: PersonSegmentation, joints: Joints, tips: list[Points], neck: Points, width: int
) -> Floats:
    """Return the y of the shoulder for every column: a smooth slope from the neck to each tip.

    Where hair or the face hides the outline, the slope of the other shoulder stands in for it.
    """
    scale = joints.shoulder_width
    outline = trace_shoulder_outline(parts, neck, scale)
    top, clear = outline.outline_y, outline.visible
    columns = np.arange(width, dtype=np.float64)
    bows = [_bow(columns, top, clear, (tip, neck), scale) for tip in tips]
    seen = np.array([weight for _, weight in bows])
    slopes = np.array([slope for slope, _ in bows])
    shared = float((seen * slopes).sum() / max(float(seen.sum()), EPSILON))
    line = np.empty(width)
    for tip, (slope, weight), chosen in zip(
        tips, bows, (columns <= neck[0], columns > neck[0]), strict=True
    ):
        own = weight * slope + (1 - weight) * shared if seen.sum() > 0 else _SLOPE
        inwards = np.sign(neck[0] - tip[0]) * (columns - tip[0])
        span = max(abs(float(neck[0] - tip[0])), 1.0)
        share = np.clip(inwards / span, 0, 1)
        rise = own * (inwards + 0.25 * span * share**3)
        line[chosen] = (tip[1] - np.where(inwards > 0, rise, 0.9 * inwards))[chosen]
    between = (columns > tips[0][0]) & (columns < tips[1][0])
    line += _sunk(top - line, clear & between, scale)
    blunt = gaussian_filter1d(line, 0.012 * scale)
    return np.asarray(blunt)


def _sunk(lower: Floats, clear: Bool, scale: float) -> Floats:
    """How far the line must come down to where the outline is seen to lie, for every column.

    ``lower``: how far below the line the outline lies. A line above it would hold cloth up in the
    air; below it there may be a collar. Between what was seen the correction runs on.
    """
    use = clear & (lower < 0.2 * scale)
    if use.sum() < 4:
        return np.zeros_like(lower)
    columns = np.arange(len(lower))
    seen = np.interp(columns, columns[use], np.maximum(lower[use] - 0.012 * scale, 0))
    return np.asarray(gaussian_filter1d(seen, 0.025 * scale))


def _bow(
    columns: Floats, top: Floats, clear: Bool, ends: tuple[Points, Points], scale: float
) -> tuple[float, float]:
    """Return the slope of a shoulder from its tip to the neck, and how much of it was seen."""
    tip, neck = ends
    inwards = np.sign(neck[0] - tip[0]) * (columns - tip[0])
    span = max(abs(float(neck[0] - tip[0])), 1.0)
    rise = tip[1] - top
    between = (inwards > 0.12 * span) & (inwards < 0.62 * span)
    use = between & clear & (np.abs(rise - _SLOPE * inwards) < 0.12 * scale)
    if use.sum() < 4:
        return _SLOPE, 0.0
    slope = float(np.median(rise[use] / inwards[use]))
    seen = float(np.clip((use.sum() / max(int(between.sum()), 1) - 0.2) / 0.4, 0, 1))
    return float(np.clip(slope, 0.05, 0.6)), seen


def _waist(
    parts: PersonSegmentation, middle: Floats, hips: float, scale: float
) -> tuple[float, bool]:
    """Return the row where the worn garment ends, and whether the frame cuts it off."""
    height, width = parts.upper_garment.shape
    row = int(np.clip(hips, 0, height - 1))
    first = int(np.clip(middle[row] - 0.3 * scale, 0, width - 2))
    last = int(np.clip(middle[row] + 0.3 * scale, first + 1, width - 1))
    columns = parts.upper_garment[:, first:last]
    filled: Bool = np.asarray(columns.any(axis=0))
    if filled.sum() < 0.2 * len(filled):
        return hips, False
    bottom = height - 1 - columns[::-1, filled].argmax(axis=0)
    waist = float(np.median(bottom))
    return waist, waist > height - 10


def _band(parts: PersonSegmentation, middle: Floats, waist: float, scale: float) -> float:
    """Return the row where what is worn below begins; bare skin may lie above it."""
    height, width = parts.lower_body.shape
    start = int(np.clip(waist - 0.3 * scale, 0, height - 1))
    centre = float(middle[start])
    first = int(np.clip(centre - 0.25 * scale, 0, width - 2))
    last = int(np.clip(centre + 0.25 * scale, first + 1, width - 1))
    columns = parts.lower_body[start : start + max(int(0.9 * scale), 1), first:last]
    filled: Bool = np.asarray(columns.any(axis=0))
    if filled.sum() < 0.4 * len(filled):
        return waist
    return max(start + float(np.median(columns.argmax(axis=0)[filled])), waist)


def _armpit(joints: Joints, side: int) -> Points:
    """Below the shoulder, on the bisector between arm and flank; higher when the arm is raised."""
    sign = (-1, 1)[side]
    scale = joints.shoulder_width
    shoulder = joints.shoulders[side]
    down = unit_vector(joints.hips[side] + point(0.14 * sign * scale, 0.0) - shoulder)
    arm = unit_vector(joints.elbows[side] - shoulder)
    half_angle = 0.5 * np.arccos(np.clip(float(down @ arm), -1.0, 1.0))
    away = float(np.clip(0.15 / max(np.sin(half_angle), 0.05), 0.20, 0.43)) * scale
    direction = unit_vector(down + arm)
    if float(down @ arm) < -0.95:
        direction = down
    return shoulder + away * direction


def _body_side(
    parts: PersonSegmentation,
    joints: Joints,
    side: int,
    *,
    line: Floats,
    middle: Floats,
    waist: float,
    tucked: bool,
) -> BodySide:
    sign = (-1, 1)[side]
    armpit = _armpit(joints, side)
    arm = measure_arm(parts, joints, side, line, armpit)
    edge = _edge(parts, joints, side, middle, arm)
    if not tucked:
        edge[int(waist - 0.05 * joints.shoulder_width) :] = edge[
            int(waist - 0.05 * joints.shoulder_width)
        ]
    return BodySide(sign, arm.outer_edge[0].copy(), armpit, edge, arm)


def _edge(parts: PersonSegmentation, joints: Joints, side: int, middle: Floats, arm: Arm) -> Floats:
    """Return the torso's edge in every row: the outline where plausible, else by proportion."""
    sign = (-1, 1)[side]
    scale = joints.shoulder_width
    height, width = parts.upper_garment.shape
    rows = np.arange(height, dtype=np.float64)
    shoulder, hip = joints.shoulders[side], joints.hips[side]
    chest_row = shoulder[1] + 0.3 * scale
    share = np.clip((rows - chest_row) / max(hip[1] - chest_row, 1.0), 0, 1.4)
    hip_x = hip[0] + sign * 0.2 * scale
    model = shoulder[0] + share * (hip_x - shoulder[0])
    model = model - sign * 0.05 * scale * np.exp(-(((share - 0.6) / 0.25) ** 2))
    flank = (
        parts.upper_garment | parts.lower_body | (parts.torso_skin & (rows[:, None] > chest_row))
    )
    centre = np.clip(middle, 0, width - 1).astype(int)
    if sign < 0:
        open_side = ~flank & (np.arange(width)[None, :] < centre[:, None])
        found = open_side.any(axis=1)
        seen = np.where(found, width - open_side[:, ::-1].argmax(axis=1), 0)
    else:
        open_side = ~flank & (np.arange(width)[None, :] > centre[:, None])
        found = open_side.any(axis=1)
        seen = np.where(found, open_side.argmax(axis=1) - 1, width - 1)
    trusted = flank[np.arange(height), centre]
    measured = np.where(trusted, seen, model)
    measured = np.clip(measured, model - 0.2 * scale, model + 0.2 * scale)
    limit = _sleeve_limit(parts, arm, rows, sign)
    measured = (
        np.minimum(measured * sign, np.maximum(limit, (model - sign * 0.03 * scale) * sign)) * sign
    )
    return np.asarray(gaussian_filter1d(measured, 0.035 * scale))


def _sleeve_limit(parts: PersonSegmentation, arm: Arm, rows: Floats, sign: int) -> Floats:
    """Where the worn garment has sleeves beside the torso, the flank ends at the arm (signed x)."""
    order = np.argsort(arm.centreline[:, 1], kind="stable")
    ys, xs = arm.centreline[order, 1], arm.centreline[order, 0]
    height, width = parts.upper_garment.shape
    at = (np.clip(ys, 0, height - 1).astype(int), np.clip(xs, 0, width - 1).astype(int))
    clothed = np.interp(rows, ys, parts.upper_garment[at].astype(np.float64), left=0, right=0) > 0.5
    inner = np.interp(rows, ys, xs * sign - 0.75 * arm.half_width[order])
    return np.where(clothed, inner, np.inf)
