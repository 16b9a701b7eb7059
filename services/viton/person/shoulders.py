"""The outline of the shoulders as it is seen, its tips, and bare shoulders below clothes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.kit.raster.morphology import Footprint, dilate
from services.viton.geometry import EPSILON, Bool, Floats, Points
from services.viton.person.joints import Joints
from services.viton.person.segmentation import PersonSegmentation
from services.viton.side import PictureSide


@dataclass(frozen=True, kw_only=True)
class ShoulderLineOptions:
    """How the shoulders' outline is read; lengths in shoulder widths."""

    default_slope: float = 0.3
    """Rise of a shoulder towards the neck that is not seen, in pixels a column."""
    min_slope: float = 0.05
    """Least slope of a seen shoulder."""
    max_slope: float = 0.6
    """Largest slope of a seen shoulder."""
    max_slope_deviation: float = 0.12
    """Distance from the default slope beyond which an outline is no shoulder's."""
    slope_start: float = 0.12
    """Part of the way from the tip to the neck from which the slope is measured."""
    slope_end: float = 0.62
    """Part of the way from the tip to the neck up to which the slope is measured."""
    min_seen_fraction: float = 0.2
    """Fraction of those columns up to which a slope has no weight."""
    full_seen_range: float = 0.4
    """Fraction beyond that over which the weight grows to 1."""
    neck_rise: float = 0.25
    """Additional rise at the neck, in rises of the straight slope over the whole way (cubic)."""
    outer_slope: float = 0.9
    """Fall of the line outwards of the tip, in pixels a column."""
    max_sinking: float = 0.2
    """Depth below the line beyond which an outline is not the shoulder's."""
    sinking_tolerance: float = 0.012
    """Depth below the line up to which the outline does not lower it."""
    sinking_sigma: float = 0.025
    """Standard deviation of the lowering along the columns."""
    line_sigma: float = 0.012
    """Standard deviation of the line's smoothing along the columns."""
    min_columns: int = 4
    """Columns with a seen outline that are needed to measure by it."""
    max_stand_off: float = 0.07
    """Farthest that a garment may stand off a shoulder."""
    head_reach: float = 0.04
    """Reach of hair and face within which the outline does not count as seen."""


SHOULDER_LINE_OPTIONS: Final = ShoulderLineOptions()


@dataclass(frozen=True, kw_only=True)
class ShoulderTipOptions:
    """Where the shoulder's tip is looked for; lengths in shoulder widths."""

    direction: tuple[float, float] = (0.72, -0.69)
    """Direction from the joint: outwards and down."""
    max_reach: float = 0.24
    """Distance from the joint up to which the outline is looked for."""
    unseen_reach: float = 0.12
    """Distance of the tip from the joint if the outline is not seen."""
    nearest: float = 0.07
    """Least distance of the tip from the joint."""
    farthest: float = 0.18
    """Largest distance of the tip from the joint."""


SHOULDER_TIP_OPTIONS: Final = ShoulderTipOptions()


@dataclass(frozen=True)
class ShoulderOutline:
    """The shoulders' outline on the canvas, a row for every column."""

    clothed_y: Floats
    """The upper outline of neck, arms and existing top, in canvas pixels."""
    collarless_y: Floats
    """The same without fabric that stands up beside the neck."""
    visible: Bool
    """The columns in which neither hair nor face hides the outline."""


def find_shoulder_tip(
    segmentation: PersonSegmentation,
    joints: Joints,
    side: PictureSide,
    options: ShoulderTipOptions = SHOULDER_TIP_OPTIONS,
) -> Points:
    """Return where the shoulder's outline turns down, on a ray from the joint up and outwards."""
    scale = joints.shoulder_width
    shoulder = joints.shoulders[side]
    ray = np.array([options.direction[0] * side.sign, options.direction[1]])
    silhouette = segmentation.upper_garment | segmentation.torso_skin | segmentation.arms
    height, width = silhouette.shape
    reach = np.arange(0.0, options.max_reach * scale, 1.0)
    path = shoulder + reach[:, None] * ray
    xs = np.clip(path[:, 0], 0, width - 1).astype(int)
    ys = np.clip(path[:, 1], 0, height - 1).astype(int)
    inside = silhouette[ys, xs]
    far = float(reach[inside][-1]) if inside.any() else options.unseen_reach * scale
    return shoulder + float(np.clip(far, options.nearest * scale, options.farthest * scale)) * ray


def trace_shoulder_outline(
    segmentation: PersonSegmentation,
    neck_base: Points,
    shoulder_width: float,
    options: ShoulderLineOptions = SHOULDER_LINE_OPTIONS,
) -> ShoulderOutline:
    """Return the outline on both sides of the neck; ``shoulder_width`` in canvas pixels.

    Outwards from the bare neck no shoulder rises: what does is fabric that stands up beside it.
    """
    silhouette = segmentation.upper_garment | segmentation.torso_skin | segmentation.arms
    covered = silhouette.any(axis=0)
    top = np.where(covered, silhouette.argmax(axis=0), 0).astype(np.float64)
    columns = np.arange(len(top))
    veiled = dilate(segmentation.head, int(options.head_reach * shoulder_width), Footprint.SQUARE)
    above = np.clip(top - 3, 0, None).astype(int)
    visible = np.asarray(covered & ~veiled[above, columns])
    skin = visible & segmentation.torso_skin[top.astype(int), columns]
    bare = top.copy()
    for side in (columns[columns <= neck_base[0]][::-1], columns[columns > neck_base[0]]):
        floor = np.maximum.accumulate(np.where(skin[side], top[side], 0.0))
        stand_off = options.max_stand_off * shoulder_width
        bare[side] = np.maximum(top[side], np.minimum(floor, top[side] + stand_off))
    return ShoulderOutline(top, bare, visible)


def fit_bare_shoulder_line(
    segmentation: PersonSegmentation,
    shoulder_width: float,
    tips: list[Points],
    neck_base: Points,
    options: ShoulderLineOptions = SHOULDER_LINE_OPTIONS,
) -> Floats:
    """Return the y of the shoulder for every column: a smooth slope from the neck to each tip.

    ``tips``: the picture's left and right. The other shoulder's slope stands in for one that hair
    or the face hides.
    """
    scale = shoulder_width
    outline = trace_shoulder_outline(segmentation, neck_base, scale, options)
    columns = np.arange(len(outline.clothed_y), dtype=np.float64)
    measured = [_measure_slope(columns, outline, (tip, neck_base), scale, options) for tip in tips]
    seen = np.array([weight for _, weight in measured])
    slopes = np.array([slope for slope, _ in measured])
    shared = float((seen * slopes).sum() / max(float(seen.sum()), EPSILON))
    line = np.empty(len(columns))
    halves = (columns <= neck_base[0], columns > neck_base[0])
    for tip, (slope, weight), half in zip(tips, measured, halves, strict=True):
        own = weight * slope + (1 - weight) * shared if seen.sum() > 0 else options.default_slope
        inwards = np.sign(neck_base[0] - tip[0]) * (columns - tip[0])
        span = max(abs(float(neck_base[0] - tip[0])), 1.0)
        fraction = np.clip(inwards / span, 0, 1)
        rise = own * (inwards + options.neck_rise * span * fraction**3)
        line[half] = (tip[1] - np.where(inwards > 0, rise, options.outer_slope * inwards))[half]
    between = (columns > tips[0][0]) & (columns < tips[1][0])
    lower = outline.clothed_y - line
    sunk = line + _measure_sinking(lower, outline.visible & between, scale, options)
    return np.asarray(gaussian_filter1d(sunk, options.line_sigma * scale))


def _measure_sinking(
    lower: Floats, clear: Bool, scale: float, options: ShoulderLineOptions
) -> Floats:
    """Return how far the line must come down to the seen outline, for every column.

    ``lower``: how far below the line the outline lies. A line above the outline would hold fabric
    up in the air; below it there may be a collar. Between seen columns the correction runs on.
    """
    use = clear & (lower < options.max_sinking * scale)
    if use.sum() < options.min_columns:
        return np.zeros_like(lower)
    columns = np.arange(len(lower))
    depth = np.maximum(lower[use] - options.sinking_tolerance * scale, 0)
    seen = np.interp(columns, columns[use], depth)
    return np.asarray(gaussian_filter1d(seen, options.sinking_sigma * scale))


def _measure_slope(
    columns: Floats,
    outline: ShoulderOutline,
    ends: tuple[Points, Points],
    scale: float,
    options: ShoulderLineOptions,
) -> tuple[float, float]:
    """Return the slope of a shoulder from its tip to the neck, and how much of it was seen.

    ``ends``: the tip and the neck's base.
    """
    tip, neck = ends
    inwards = np.sign(neck[0] - tip[0]) * (columns - tip[0])
    span = max(abs(float(neck[0] - tip[0])), 1.0)
    rise = tip[1] - outline.clothed_y
    between = (inwards > options.slope_start * span) & (inwards < options.slope_end * span)
    usual = np.abs(rise - options.default_slope * inwards) < options.max_slope_deviation * scale
    use = between & outline.visible & usual
    if use.sum() < options.min_columns:
        return options.default_slope, 0.0
    slope = float(np.median(rise[use] / inwards[use]))
    fraction = use.sum() / max(int(between.sum()), 1)
    seen = float(np.clip((fraction - options.min_seen_fraction) / options.full_seen_range, 0, 1))
    return float(np.clip(slope, options.min_slope, options.max_slope)), seen
