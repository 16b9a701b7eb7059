"""Where a top goes on the person: shoulders, armpits, flanks, waist and arms, in canvas pixels.

Sides are the picture's. Lengths are measured in shoulder widths, of a person seen from the front.
Joints that were not seen are placed by proportion.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Bool, Floats, Points, point, unit_vector
from services.viton.person.arm import Arm, measure_arm, reattach_at_armpit
from services.viton.person.arm_masks import draw_arm_mask
from services.viton.person.flank import measure_trunk_flank
from services.viton.person.joints import Joints, read_joints
from services.viton.person.segmentation import (
    PersonSegmentation,
    count_midriff_as_torso,
    segment_person,
    split_dress_at_hips,
)
from services.viton.person.shoulders import find_shoulder_tip, fit_bare_shoulder_line
from services.viton.person.stray_islands import remove_stray_islands
from services.viton.side import PictureSide


@dataclass(frozen=True, kw_only=True)
class BodyOptions:
    """How the trunk is measured; lengths in shoulder widths."""

    bare_armpit_depth: float = 0.27
    """Depth of a bare armpit below the shoulder joint."""
    bare_armpit_inset: float = 0.1
    """Largest distance inwards of a bare armpit from the bisector of arm and flank."""
    tucked_above_hips: float = 0.02
    """Height above the hip joints from which a hem counts as tucked in."""
    neck_first_row: float = 0.35
    """First row of the bare neck that shifts the neck's base, above the shoulder joints."""
    neck_last_row: float = 0.08
    """Last row of that neck, above the shoulder joints."""
    min_neck_area: float = 0.01
    """Bare neck that must be exceeded to shift the neck's base, in squared shoulder widths."""
    max_neck_shift: float = 0.12
    """Farthest that the neck's base may be drawn from midway between the shoulders, twice over."""
    midline_range: tuple[float, float] = (-0.2, 1.3)
    """Ends of the slanting part of the midline, from the neck's base (0) to the hips (1)."""
    hem_half_width: float = 0.3
    """Half the width of the strip about the midline in which the existing top's hem is read."""
    min_hem_fraction: float = 0.2
    """Fraction of the strip's columns that must show the top to read its hem."""
    frame_rim_px: int = 10
    """Rows at the lower frame within which a hem counts as cut off, in canvas pixels."""
    band_half_width: float = 0.25
    """Half the width of the strip about the midline in which the waistband is read."""
    band_above_hem: float = 0.3
    """Height above the existing hem from which the waistband is looked for."""
    band_rows: float = 0.9
    """Height of the rows in which the waistband is looked for."""
    min_band_fraction: float = 0.4
    """Fraction of the strip's columns that must show bottoms to read the waistband."""
    hip_spread: float = 0.14
    """Distance of the flank's foot outwards of the hip joint, for the armpit's bisector."""
    min_armpit_depth: float = 0.20
    """Least distance of an armpit from the shoulder joint: that of a hanging arm's."""
    max_armpit_depth: float = 0.43
    """Largest distance of an armpit from the shoulder joint: that of a raised arm's."""
    armpit_reach: float = 0.15
    """Distance between the axes of arm and flank at which they part."""
    min_half_angle_sine: float = 0.05
    """Least sine of half the angle between arm and flank that is divided by."""
    opposite_cosine: float = -0.95
    """Cosine of that angle below which arm and flank count as opposite."""
    hem_inset: float = 0.05
    """Height above a hem that hangs free from which the flank goes straight down."""


BODY_OPTIONS: Final = BodyOptions()


@dataclass(frozen=True, kw_only=True)
class BodySide:
    """One side of the body on the canvas, in canvas pixels."""

    side: PictureSide
    """Which one, in the picture."""
    canvas_shoulder_tip: Points
    """Where the shoulder's outline turns down into the arm, (x, y)."""
    canvas_armpit: Points
    """The armpit under a sleeve, (x, y)."""
    flank_x: Floats
    """The torso's edge: an x for every row."""
    arm: Arm
    """The arm."""

    @property
    def sign(self) -> int:
        """The direction of x that points outwards."""
        return self.side.sign


@dataclass(frozen=True, kw_only=True)
class Body:
    """The geometry of the upper body on the canvas; places and lengths in canvas pixels."""

    left: BodySide
    """The side on the picture's left."""
    right: BodySide
    """The side on the picture's right."""
    shoulder_width: float
    """The unit of lengths: the shoulder width of the person seen from the front, about."""
    midline_x: Floats
    """The x of the body's axis for every row."""
    shoulder_line_y: Floats
    """The y of the shoulders' outline for every column."""
    neck_base: Points
    """Where the neck's axis meets the line between the shoulder joints, (x, y)."""
    hip_row: float
    """Mean row of the hip joints."""
    existing_hem_row: float
    """The row at which the existing top ends."""
    waistband_row: float
    """The row at which trousers or a skirt begin, as far as is seen."""
    existing_top_tucked: bool
    """Whether the existing top ends inside the bottoms or above them."""
    cropped_by_frame: bool
    """Whether the frame ends before the existing top does."""

    @property
    def sides(self) -> tuple[BodySide, BodySide]:
        """Left, then right."""
        return self.left, self.right


def measure_body(
    keypoints: NDArray[np.float32],
    labels: NDArray[np.uint8],
    options: BodyOptions = BODY_OPTIONS,
) -> tuple[Body, PersonSegmentation]:
    """Measure the upper body from BODY_25 joints (25 x 3) and CIHP labels (H x W) of the canvas.

    Raises ``NoPerson`` if neither shoulders nor an existing top are seen.
    """
    joints = read_joints(keypoints.astype(np.float64), labels)
    scale = joints.shoulder_width
    hip_row = float(joints.hips[0][1] + joints.hips[1][1]) / 2
    labelled = segment_person(labels, split_dress_at_hips(labels, hip_row))
    neck_base = _find_neck_base(labelled, joints, options)
    midline_x = _trace_midline(joints, neck_base, labels.shape[0], options)
    tips = [find_shoulder_tip(labelled, joints, side) for side in PictureSide]
    straight_line = fit_bare_shoulder_line(labelled, scale, tips, neck_base)
    cleaned = replace(labelled, upper_garment=remove_stray_islands(labelled.upper_garment, joints))
    hem_row, cropped = _find_existing_hem(cleaned, midline_x, hip_row, scale, options)
    arms = draw_arm_mask(joints, (labels.shape[0], labels.shape[1]))
    segmentation = count_midriff_as_torso(cleaned, midline_x, hem_row, arms, scale)
    tucked = hem_row < hip_row - options.tucked_above_hips * scale
    free_from = None if tucked else int(hem_row - options.hem_inset * scale)

    def measure_side(side: PictureSide, line: Floats) -> tuple[BodySide, Floats]:
        armpit = _find_armpit(joints, side, options)
        arm, rounded = measure_arm(segmentation, joints, side, line, armpit)
        flank_x = measure_trunk_flank(segmentation, joints, side, midline_x, arm)
        measured = BodySide(
            side=side,
            canvas_shoulder_tip=arm.outer_edge[0].copy(),
            canvas_armpit=armpit,
            flank_x=flank_x if free_from is None else _hold_from(flank_x, free_from),
            arm=arm,
        )
        return measured, rounded

    left, left_line = measure_side(PictureSide.LEFT, straight_line)
    right, line = measure_side(PictureSide.RIGHT, left_line)
    body = Body(
        left=left,
        right=right,
        shoulder_width=scale,
        midline_x=midline_x,
        shoulder_line_y=line,
        neck_base=neck_base,
        hip_row=hip_row,
        existing_hem_row=hem_row,
        waistband_row=_find_waistband(segmentation, midline_x, hem_row, scale, options),
        existing_top_tucked=tucked,
        cropped_by_frame=cropped,
    )
    return body, segmentation


def raise_bare_armpits(
    body: Body, bare: tuple[bool, bool], options: BodyOptions = BODY_OPTIONS
) -> Body:
    """Return the body with the armpits of its ``bare`` arms, which lie above those of sleeves."""
    left, right = (
        _raise_armpit(side, body.shoulder_width, options) if is_bare else side
        for side, is_bare in zip(body.sides, bare, strict=True)
    )
    return replace(body, left=left, right=right)


def _raise_armpit(side: BodySide, scale: float, options: BodyOptions) -> BodySide:
    down = side.canvas_armpit - side.arm.shoulder
    fraction = options.bare_armpit_depth * scale / max(float(np.hypot(*down)), 1.0)
    armpit = side.arm.shoulder + min(1.0, fraction) * down
    row = int(np.clip(armpit[1], 0, len(side.flank_x) - 1))
    outwards = (armpit[0] - side.flank_x[row]) * side.sign
    inwards = float(np.clip(outwards, 0, options.bare_armpit_inset * scale))
    return replace(side, arm=reattach_at_armpit(side.arm, armpit - point(side.sign * inwards, 0.0)))


def _find_neck_base(
    segmentation: PersonSegmentation, joints: Joints, options: BodyOptions
) -> Points:
    """Return the neck's base; on a turned body it is not midway between the shoulders."""
    scale = joints.shoulder_width
    middle = (joints.shoulders[0] + joints.shoulders[1]) / 2
    rows = slice(
        max(int(middle[1] - options.neck_first_row * scale), 0),
        max(int(middle[1] - options.neck_last_row * scale), 1),
    )
    xs = np.nonzero(segmentation.torso_skin[rows])[1]
    x = middle[0]
    if len(xs) > options.min_neck_area * scale**2:
        limit = options.max_neck_shift * scale
        x = x + 0.5 * np.clip(np.median(xs) - x, -limit, limit)
    return point(float(x), float(middle[1]))


def _trace_midline(joints: Joints, neck_base: Points, height: int, options: BodyOptions) -> Floats:
    """Return the x of the body's axis for every row, straight through neck and hips."""
    rows = np.arange(height, dtype=np.float64)
    hip = (joints.hips[0] + joints.hips[1]) / 2
    fraction = np.clip(
        (rows - neck_base[1]) / max(hip[1] - neck_base[1], 1.0), *options.midline_range
    )
    return np.asarray(neck_base[0] + fraction * (hip[0] - neck_base[0]))


def _find_existing_hem(
    segmentation: PersonSegmentation,
    midline_x: Floats,
    hip_row: float,
    scale: float,
    options: BodyOptions,
) -> tuple[float, bool]:
    """Return the row at which the existing top ends, and whether the frame cuts it off."""
    height, width = segmentation.upper_garment.shape
    row = int(np.clip(hip_row, 0, height - 1))
    beside = options.hem_half_width * scale
    first = int(np.clip(midline_x[row] - beside, 0, width - 2))
    last = int(np.clip(midline_x[row] + beside, first + 1, width - 1))
    columns = segmentation.upper_garment[:, first:last]
    filled: Bool = np.asarray(columns.any(axis=0))
    if filled.sum() < options.min_hem_fraction * len(filled):
        return hip_row, False
    bottom = height - 1 - columns[::-1, filled].argmax(axis=0)
    hem_row = float(np.median(bottom))
    return hem_row, hem_row > height - options.frame_rim_px


def _find_waistband(
    segmentation: PersonSegmentation,
    midline_x: Floats,
    hem_row: float,
    scale: float,
    options: BodyOptions,
) -> float:
    """Return the row at which the existing bottoms begin; bare skin may lie above it."""
    lower_body = segmentation.lower_body
    height, width = lower_body.shape
    start = int(np.clip(hem_row - options.band_above_hem * scale, 0, height - 1))
    centre = float(midline_x[start])
    beside = options.band_half_width * scale
    first = int(np.clip(centre - beside, 0, width - 2))
    last = int(np.clip(centre + beside, first + 1, width - 1))
    columns = lower_body[start : start + max(int(options.band_rows * scale), 1), first:last]
    filled: Bool = np.asarray(columns.any(axis=0))
    if filled.sum() < options.min_band_fraction * len(filled):
        return hem_row
    return max(start + float(np.median(columns.argmax(axis=0)[filled])), hem_row)


def _find_armpit(joints: Joints, side: PictureSide, options: BodyOptions) -> Points:
    """Return the armpit: on the bisector of arm and flank, higher if the arm is raised."""
    scale = joints.shoulder_width
    shoulder = joints.shoulders[side]
    foot = joints.hips[side] + point(options.hip_spread * side.sign * scale, 0.0)
    down = unit_vector(foot - shoulder)
    arm = unit_vector(joints.elbows[side] - shoulder)
    half_angle = 0.5 * np.arccos(np.clip(float(down @ arm), -1.0, 1.0))
    depth = options.armpit_reach / max(np.sin(half_angle), options.min_half_angle_sine)
    away = float(np.clip(depth, options.min_armpit_depth, options.max_armpit_depth)) * scale
    # Between opposite directions there is no bisector.
    opposite = float(down @ arm) < options.opposite_cosine
    return shoulder + away * (down if opposite else unit_vector(down + arm))


def _hold_from(flank_x: Floats, row: int) -> Floats:
    """Return the flank straight down from a row on: a hem that hangs free is drawn in nowhere."""
    held = flank_x.copy()
    held[row:] = flank_x[row]
    return held
