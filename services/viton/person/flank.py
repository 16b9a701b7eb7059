"""The flanks: the outlines of trunk and hips on one side, an x for every row of the canvas."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import Bool, Floats, Points
from services.viton.person.arm import Arm
from services.viton.person.joints import Joints
from services.viton.person.segmentation import PersonSegmentation
from services.viton.side import PictureSide


@dataclass(frozen=True, kw_only=True)
class FlankOptions:
    """The usual flank and how far the seen one may differ from it; lengths in shoulder widths."""

    chest_row: float = 0.3
    """Row of the chest below the shoulder joint, at which the usual flank starts."""
    hip_spread: float = 0.2
    """Distance of the usual flank outwards of the hip joint."""
    waist_depth: float = 0.05
    """Depth of the usual waist."""
    waist_position: float = 0.6
    """Place of the usual waist from the chest (0) to the hips (1)."""
    waist_extent: float = 0.25
    """Extent of the usual waist, of the way from chest to hips (Gaussian)."""
    end_position: float = 1.4
    """Place below which the usual flank runs straight down, from the chest (0) to the hips (1)."""
    max_deviation: float = 0.2
    """Largest distance of the seen flank from the usual one."""
    sleeve_allowance: float = 0.03
    """Distance inwards of the usual flank to which a sleeve beside the trunk may push the seen."""
    arm_fraction: float = 0.75
    """Part of a sleeved arm's half width inwards of its axis that hides the trunk."""
    sigma: float = 0.035
    """Standard deviation of the smoothing along the rows."""


FLANK_OPTIONS: Final = FlankOptions()


@dataclass(frozen=True, kw_only=True)
class HipFlankOptions:
    """The usual flank from waist to thighs, and how far the seen one may differ from it.

    Lengths are in torso lengths.
    """

    hip_row: float = 0.08
    """Widest row of the hips, from the crotch up."""
    waist_width: float = 0.74
    """Width of the waist in its narrowest row, in hip widths."""
    upper_hip_row: float = 0.85
    """Row between waist and hips whose width is known, from the shoulders down."""
    upper_hip_width: float = 0.93
    """Width in that row, in hip widths."""
    min_ratio: float = 0.8
    """Narrowest flank, in usual half widths: what is seen narrower counts as hidden."""
    max_ratio: float = 1.1
    """Widest flank, in usual half widths: what is seen wider counts as loose clothes."""
    sigma: float = 0.04
    """Standard deviation of the smoothing along the rows."""


HIP_FLANK_OPTIONS: Final = HipFlankOptions()


@dataclass(frozen=True, kw_only=True)
class TrunkAxis:
    """The axis of the trunk and rows along it, in canvas pixels."""

    midline_x: Floats
    """The x of the body's axis for every row."""
    shoulder_row: float
    """Mean row of the shoulder joints."""
    narrowest_row: float
    """The narrowest row of the waist."""
    crotch_row: float
    """The row of the crotch."""
    torso_length: float
    """From the shoulders to the hips."""


def measure_trunk_flank(
    segmentation: PersonSegmentation,
    joints: Joints,
    side: PictureSide,
    midline_x: Floats,
    arm: Arm,
    *,
    options: FlankOptions = FLANK_OPTIONS,
) -> Floats:
    """Measure the trunk on one side: the outline if plausible, else by proportion."""
    sign = side.sign
    scale = joints.shoulder_width
    rows = np.arange(len(midline_x), dtype=np.float64)
    shoulder, hip = joints.shoulders[side], joints.hips[side]
    chest_row = shoulder[1] + options.chest_row * scale
    fraction = np.clip((rows - chest_row) / max(hip[1] - chest_row, 1.0), 0, options.end_position)
    hip_x = hip[0] + sign * options.hip_spread * scale
    straight = shoulder[0] + fraction * (hip_x - shoulder[0])
    waist = np.exp(-(((fraction - options.waist_position) / options.waist_extent) ** 2))
    usual = straight - sign * options.waist_depth * scale * waist
    chest_skin = segmentation.torso_skin & (rows[:, None] > chest_row)
    trunk = segmentation.upper_garment | segmentation.lower_body | chest_skin
    seen, on_midline = trace_flank(trunk, midline_x, side)
    limit = options.max_deviation * scale
    measured = np.clip(np.where(on_midline, seen, usual), usual - limit, usual + limit)
    innermost = (usual - sign * options.sleeve_allowance * scale) * sign
    outermost = np.maximum(_limit_by_sleeve(segmentation, arm, rows, side, options), innermost)
    freed = np.minimum(measured * sign, outermost) * sign
    return np.asarray(gaussian_filter1d(freed, options.sigma * scale))


def _limit_by_sleeve(
    segmentation: PersonSegmentation,
    arm: Arm,
    rows: Floats,
    side: PictureSide,
    options: FlankOptions,
) -> Floats:
    """Return the outwards x (x times the side's sign) at which a sleeve hides the flank, else inf.

    The segmentation does not part a sleeve from the trunk beside it.
    """
    order = np.argsort(arm.centreline[:, 1], kind="stable")
    ys, xs = arm.centreline[order, 1], arm.centreline[order, 0]
    height, width = segmentation.upper_garment.shape
    at = (np.clip(ys, 0, height - 1).astype(int), np.clip(xs, 0, width - 1).astype(int))
    sleeve = segmentation.upper_garment[at].astype(np.float64)
    sleeved = np.interp(rows, ys, sleeve, left=0, right=0) > 0.5
    inner = np.interp(rows, ys, xs * side.sign - options.arm_fraction * arm.half_width[order])
    return np.where(sleeved, inner, np.inf)


def measure_hip_flank(
    segmentation: PersonSegmentation,
    leg_edge: Points,
    side: PictureSide,
    axis: TrunkAxis,
    *,
    options: HipFlankOptions = HIP_FLANK_OPTIONS,
) -> Floats:
    """Measure hips and waist on one side: the clothes' outline, no farther out than a body's.

    ``leg_edge``: N x 2, the leg's edge away from the other leg.
    """
    midline_x = axis.midline_x
    height = len(midline_x)
    sign = side.sign
    every = np.arange(height, dtype=np.float64)
    order = np.argsort(leg_edge[:, 1], kind="stable")
    low = np.interp(every, leg_edge[order, 1], leg_edge[order, 0])
    hip_row = axis.crotch_row - options.hip_row * axis.torso_length
    hip = float(np.interp(hip_row, every, low))
    half = sign * (hip - float(np.interp(axis.crotch_row, every, midline_x)))
    knots = [
        axis.narrowest_row,
        axis.shoulder_row + options.upper_hip_row * axis.torso_length,
        hip_row,
    ]
    widths = [options.waist_width * half, options.upper_hip_width * half, half]
    shape = np.interp(every, knots, widths)
    usual = np.where(every < hip_row, midline_x + sign * shape, low)
    seen, on_midline = trace_flank(
        segmentation.lower_body | segmentation.upper_garment, midline_x, side
    )
    trusted = on_midline & (every < axis.crotch_row)
    own = sign * (np.where(trusted, seen, usual) - midline_x)
    limit = sign * (usual - midline_x)
    fitted = np.clip(own, options.min_ratio * limit, options.max_ratio * limit)
    smooth = gaussian_filter1d(fitted, options.sigma * axis.torso_length)
    return np.asarray(midline_x + sign * smooth)


def trace_flank(region: Bool, midline_x: Floats, side: PictureSide) -> tuple[Floats, Bool]:
    """Return where an H x W region ends on one side of its midline, and where that is known.

    The first is the x of the outermost pixel that is joined to the midline, for every row, in
    pixels; it is the frame's edge if nothing ends the region. The second is true for the rows in
    which the midline itself lies in the region.
    """
    height, width = region.shape
    centre = np.clip(midline_x, 0, width - 1).astype(int)
    known = region[np.arange(height), centre]
    if side is PictureSide.LEFT:
        outwards, start = region[:, ::-1], width - 1 - centre
    else:
        outwards, start = region, centre
    free = ~outwards & (np.arange(width)[None, :] > start[:, None])
    last = np.where(free.any(axis=1), free.argmax(axis=1) - 1, width - 1)
    seen = width - 1 - last if side is PictureSide.LEFT else last
    return seen.astype(np.float64), np.asarray(known)
