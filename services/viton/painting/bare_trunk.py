"""The bare trunk where clothes hid it: neck, shoulders, and the flanks down to the waist."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoulders import trace_shoulder_outline
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.smoothing import antialias, gaussian_blur
from services.viton.side import PictureSide

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class NeckWidthOptions:
    """How the neck's half width is measured; lengths are shoulder widths."""

    band_top: float = 0.34
    """Height above the base of the neck from which rows are read."""
    band_bottom: float = 0.14
    """Height above the base of the neck down to which rows are read."""
    percentile: float = 25
    """Percentile of the rows' half widths that is the neck's."""
    usual: float = 0.155
    """Usual half width."""
    too_few_rows: int = 3
    """Number of rows with skin at and below which the usual half width is taken."""
    min_ratio: float = 0.75
    """Narrowest neck, in usual widths."""
    max_ratio: float = 1.15
    """Widest neck, in usual widths."""


NECK_WIDTH_OPTIONS: Final = NeckWidthOptions()


@dataclass(frozen=True, kw_only=True)
class BareTrunkOptions:
    """Outline of the bare neck, shoulders and options.

    Lengths are shoulder widths, blurs are standard deviations.
    """

    joint_reach: float = 0.1
    """Half the width of the widest gap between trunk and arm that is closed."""
    joint_depth: float = 0.04
    """Least depth below the line of the shoulders at which a gap is closed."""
    outline_blur_px: float = 0.7
    """Blur of the rim along the person's outline, in canvas pixels."""
    joint_blur_px: float = 0.8
    """Blur of the rim of the closed gaps, in canvas pixels."""
    flank_samples: int = 12
    """Samples of a flank from the armpit to the existing hem."""
    flank_inset: float = 0.01
    """How far the bare flank lies inwards of the clothed one."""
    min_shoulder_span: float = 0.1
    """Least width from the side of the neck to the shoulder's tip."""
    slope_start: float = 0.55
    """Where the bare outline meets the line of the shoulders, as a fraction of that width."""
    slope_samples: int = 10
    """Samples of the outline from there to the tip."""
    curve_samples: int = 12
    """Samples of the hollow curve from the neck to there."""
    curve_rise: float = 0.10
    """Height above the line of the shoulders at which that curve leaves the neck."""
    corner_out: float = 0.05
    """How far outwards of the side of the neck the curve's control point lies."""
    corner_drop: float = 0.02
    """How far below the line of the shoulders that control point lies."""
    chin_rise: float = 0.45
    """Height above the base of the neck at which the outline begins."""
    outline_drop_px: float = 1.0
    """How far the whole outline is moved down, in pixels of the canvas."""
    neck_width: NeckWidthOptions = NECK_WIDTH_OPTIONS
    """How the neck's half width is measured."""


BARE_TRUNK_OPTIONS: Final = BareTrunkOptions()


def join_bare_shoulders(
    chest: Floats,
    arms: list[Floats],
    segmentation: PersonSegmentation,
    body: Body,
    options: BareTrunkOptions = BARE_TRUNK_OPTIONS,
) -> Floats:
    """Join trunk and bare arms above the armpits, within what the person's outline was."""
    whole = np.maximum(chest, np.maximum(arms[0], arms[1])) > 0.5
    reach = max(int(options.joint_reach * body.shoulder_width), 1)
    joined = erode(dilate(whole, reach), reach) & (
        segmentation.upper_garment | segmentation.torso_skin | segmentation.arms
    )
    rows = np.arange(chest.shape[0])[:, None]
    columns = np.arange(chest.shape[1])[None, :]
    joined &= rows > body.shoulder_line_y[None, :] + options.joint_depth * body.shoulder_width
    for side in body.sides:
        joined &= (rows < side.canvas_armpit[1]) | (
            columns * side.sign < body.neck_base[0] * side.sign
        )
    outline = segmentation.person | (chest > 0.5) & dilate(segmentation.person, 1)
    outline &= (
        rows
        >= trace_shoulder_outline(segmentation, body.neck_base, body.shoulder_width).collarless_y[
            None, :
        ]
    )
    chest = chest * antialias(outline, options.outline_blur_px)
    joined &= outline & ~dilate(segmentation.head, 1)
    return np.maximum(chest, gaussian_blur(joined.astype(np.float32), options.joint_blur_px))


def rasterise_bare_trunk(
    segmentation: PersonSegmentation, body: Body, options: BareTrunkOptions = BARE_TRUNK_OPTIONS
) -> Floats:
    """Return the coverage of bare neck, shoulders and trunk down to the waist, H x W, 0 to 1."""
    shape = segmentation.upper_garment.shape
    last = shape[0] - 1
    rows = np.linspace(0, 1, options.flank_samples)
    ring = []
    for b, order in ((body.left, -1), (body.right, 1)):
        ys = b.canvas_armpit[1] + rows * (min(body.existing_hem_row, last) - b.canvas_armpit[1])
        x = b.flank_x[np.clip(ys, 0, last).astype(int)]
        flank = np.stack([x - b.sign * options.flank_inset * body.shoulder_width, ys], axis=1)
        ring.append(
            np.concatenate([_bare_shoulder_outline(segmentation, body, b, options), flank])[::order]
        )
    return rasterise_polygon((shape[0], shape[1]), np.concatenate(ring))


def _bare_shoulder_outline(
    segmentation: PersonSegmentation, body: Body, side: BodySide, options: BareTrunkOptions
) -> Points:
    """Return the bare outline from beside the chin to the tip: a hollow curve, without a collar."""
    scale = body.shoulder_width
    wide = measure_neck_half_width(segmentation, body, side.side, options.neck_width)
    x = body.neck_base[0] + side.sign * wide
    span = max(
        float((side.canvas_shoulder_tip[0] - x) * side.sign), options.min_shoulder_span * scale
    )
    xs = x + side.sign * span * np.linspace(options.slope_start, 1.0, options.slope_samples)
    line = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    foot = np.array([xs[0], line[0]])
    level = float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))
    start = np.array([x, level - options.curve_rise * scale])
    corner = np.array(
        [x + side.sign * options.corner_out * scale, level + options.corner_drop * scale]
    )
    turn = np.linspace(0, 1, options.curve_samples)[:, None]
    bend = (1 - turn) ** 2 * start + 2 * turn * (1 - turn) * corner + turn**2 * foot
    chin = np.array([[x, body.neck_base[1] - options.chin_rise * scale]])
    tip = np.stack([xs, line], axis=1)[1:]
    return np.asarray(np.concatenate([chin, bend, tip]) + np.array([0.0, options.outline_drop_px]))


def measure_neck_half_width(
    segmentation: PersonSegmentation,
    body: Body,
    side: PictureSide,
    options: NeckWidthOptions = NECK_WIDTH_OPTIONS,
) -> float:
    """Return how far the neck reaches to one side where it is narrowest, in pixels."""
    low, high = (
        int(body.neck_base[1] - rise * body.shoulder_width)
        for rise in (options.band_top, options.band_bottom)
    )
    band = segmentation.torso_skin[max(low, 0) : max(high, 1)]
    reach = [
        float(((np.flatnonzero(row) - body.neck_base[0]) * side.sign).max())
        for row in band
        if row.any()
    ]
    usual = options.usual * body.shoulder_width
    measured = len(reach) > options.too_few_rows
    found = float(np.percentile(reach, options.percentile)) if measured else usual
    return float(np.clip(found, options.min_ratio * usual, options.max_ratio * usual))
