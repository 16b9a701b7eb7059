"""The bare body where clothes hid it: neck, shoulders and trunk; and which skin is an arm."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components
from services.kit.raster.easing import smoothstep
from services.viton.geometry import Points
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoulders import trace_shoulder_outline
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_ARM_STEPS: Final = 100
"""Samples along an arm."""

_MIN_BARE_STEPS: Final = 14
"""Samples of an arm that have to be bare for its edges to be read."""

_HEM_STEPS: Final = 4
"""How many of these samples lie near the hem of the sleeve."""

_SHOULDER_STEP: Final = 8
"""Sample of the shoulder's tip."""

_HAND_STEP: Final = 94
"""Sample at which the hand begins."""

_MIN_BARE_FRACTION: Final = 0.97
"""Fraction of skin in a bare sample."""

_MAX_EDGE_OUTSIDE: Final = 0.1
"""How far outside the measured arm a seen edge may lie, in widths of the arm."""

_MAX_EDGE_INSIDE: Final = 0.55
"""How far inside the measured arm a seen edge may lie, in widths of the arm."""

_MIN_ARM_WIDTH: Final = 0.35
"""Least distance of the two seen edges, in widths of the arm."""

_FAR_PX: Final = 4096
"""Largest coordinate at which a disc is drawn, in pixels of the canvas."""

_EDGE_TOLERANCE: Final = 0.03
"""Distance from the seen edge from which on skin is beside the arm, in widths of the arm."""


@dataclass(frozen=True, kw_only=True)
class BareTrunk:
    """Outline of the bare neck, shoulders and trunk.

    Lengths are shoulder widths, blurs standard deviations in pixels of the canvas.
    """

    joint_reach: float = 0.1
    """Half the width of the widest gap between trunk and arm that is closed."""
    joint_depth: float = 0.04
    """Least depth below the line of the shoulders at which a gap is closed."""
    outline_blur_px: float = 0.7
    """Blur of the rim along the person's outline."""
    joint_blur_px: float = 0.8
    """Blur of the rim of the closed gaps."""
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


BARE_TRUNK: Final = BareTrunk()
"""Outline of the bare trunk that is made."""


@dataclass(frozen=True, kw_only=True)
class NeckWidth:
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


NECK_WIDTH: Final = NeckWidth()
"""How the necks of all persons are measured."""


@dataclass(frozen=True, kw_only=True)
class BareArmSearch:
    """Which samples of an arm are bare, and which skin is an arm's.

    Places and widths across an arm are widths of the arm; the outer edge lies at 0.
    """

    middle_half_width: float = 0.4
    """Half width of the strip along the middle of an arm that is read."""
    outer_place: float = 0.1
    """Middle of the strip along the outer edge that is read."""
    outer_half_width: float = 0.4
    """Half width of that strip."""
    min_part_bare: float = 0.3
    """Least fraction of skin in a sample of an arm that the trunk hides in part."""
    max_cloth_outside: float = 0.03
    """Most cloth along the outer edge of such a sample, as a fraction of its middle."""
    extent_percentiles: tuple[float, float] = (1, 99)
    """Percentiles of the places of a sample's skin that are its two edges."""
    max_off_middle: float = 0.65
    """Largest distance from the middle of an arm at which skin is surely the arm's."""
    hand_radius: float = 0.3
    """Radius around the wrist in which skin is surely the hand's, in shoulder widths."""
    min_own_fraction: float = 0.5
    """Least fraction of such sure skin in a piece that is an arm."""


BARE_ARM_SEARCH: Final = BareArmSearch()
"""How bare arms are found in all photos."""


def join_bare_shoulders(
    chest: Floats, arms: list[Floats], parts: PersonSegmentation, body: Body
) -> Floats:
    """Join trunk and bare arms above the armpits, within what the person's outline was."""
    whole = np.maximum(chest, np.maximum(arms[0], arms[1])) > 0.5
    reach = max(int(BARE_TRUNK.joint_reach * body.shoulder_width), 1)
    joined = erode(dilate(whole, reach), reach) & (
        parts.upper_garment | parts.torso_skin | parts.arms
    )
    rows = np.arange(chest.shape[0])[:, None]
    columns = np.arange(chest.shape[1])[None, :]
    joined &= rows > body.shoulder_line_y[None, :] + BARE_TRUNK.joint_depth * body.shoulder_width
    for side in body.sides:
        joined &= (rows < side.armpit[1]) | (columns * side.sign < body.neck_base[0] * side.sign)
    outline = parts.person | (chest > 0.5) & dilate(parts.person, 1)
    outline &= (
        rows
        >= trace_shoulder_outline(parts, body.neck_base, body.shoulder_width).collarless_y[None, :]
    )
    chest = chest * antialias(outline, BARE_TRUNK.outline_blur_px)
    joined &= outline & ~dilate(parts.head, 1)
    return np.maximum(chest, gaussian_blur(joined.astype(np.float32), BARE_TRUNK.joint_blur_px))


def bare_trunk_alpha(parts: PersonSegmentation, body: Body) -> Floats:
    """Return the coverage of bare neck, shoulders and trunk down to the waist, H x W, 0 to 1."""
    shape = parts.upper_garment.shape
    last = shape[0] - 1
    rows = np.linspace(0, 1, BARE_TRUNK.flank_samples)
    ring = []
    for b, order in ((body.left, -1), (body.right, 1)):
        ys = b.armpit[1] + rows * (min(body.existing_hem_row, last) - b.armpit[1])
        x = b.flank_x[np.clip(ys, 0, last).astype(int)]
        flank = np.stack([x - b.sign * BARE_TRUNK.flank_inset * body.shoulder_width, ys], axis=1)
        ring.append(np.concatenate([_bare_shoulder_outline(parts, body, b), flank])[::order])
    return rasterise_polygon((shape[0], shape[1]), np.concatenate(ring))


def _bare_shoulder_outline(parts: PersonSegmentation, body: Body, side: BodySide) -> Points:
    """Return the bare outline from beside the chin to the tip: a hollow curve, without a collar."""
    trunk, scale = BARE_TRUNK, body.shoulder_width
    wide = measure_neck_half_width(parts, body, side.sign)
    x = body.neck_base[0] + side.sign * wide
    span = max(float((side.shoulder_tip[0] - x) * side.sign), trunk.min_shoulder_span * scale)
    xs = x + side.sign * span * np.linspace(trunk.slope_start, 1.0, trunk.slope_samples)
    line = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    foot = np.array([xs[0], line[0]])
    level = float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))
    start = np.array([x, level - trunk.curve_rise * scale])
    corner = np.array([x + side.sign * trunk.corner_out * scale, level + trunk.corner_drop * scale])
    turn = np.linspace(0, 1, trunk.curve_samples)[:, None]
    bend = (1 - turn) ** 2 * start + 2 * turn * (1 - turn) * corner + turn**2 * foot
    chin = np.array([[x, body.neck_base[1] - trunk.chin_rise * scale]])
    tip = np.stack([xs, line], axis=1)[1:]
    return np.asarray(np.concatenate([chin, bend, tip]) + np.array([0.0, trunk.outline_drop_px]))


def measure_neck_half_width(parts: PersonSegmentation, body: Body, sign: int) -> float:
    """Return how far the neck reaches to one side where it is narrowest, in pixels."""
    options = NECK_WIDTH
    low, high = (
        int(body.neck_base[1] - rise * body.shoulder_width)
        for rise in (options.band_top, options.band_bottom)
    )
    band = parts.torso_skin[max(low, 0) : max(high, 1)]
    reach = [
        float(((np.flatnonzero(row) - body.neck_base[0]) * sign).max()) for row in band if row.any()
    ]
    usual = options.usual * body.shoulder_width
    measured = len(reach) > options.too_few_rows
    found = float(np.percentile(reach, options.percentile)) if measured else usual
    return float(np.clip(found, options.min_ratio * usual, options.max_ratio * usual))


@dataclass(frozen=True)
class BareArmEdges:
    """Where a bare arm lies across its surface, and what is no arm; all H x W."""

    outer_across: Floats
    """Position of the outer edge across the surface."""
    inner_across: Floats
    """Position of the inner edge across the surface."""
    hem_residue: Bool
    """Labelled as skin at the existing garment's end, but the inside of its hem or its shadow."""
    reference_skin: Bool
    """Bare skin next below that end, from which the hidden part takes its light."""


def find_bare_arm_edges(strip: RuledWarp, parts: PersonSegmentation) -> BareArmEdges:
    """Return a bare arm's edges: below the existing garment's end they are where they are visible.

    Above it they go over smoothly from there to the shoulder's, 0 and 1, so that the arm has no
    step where the garment ended.
    """
    step = np.clip(np.rint(strip.along * _ARM_STEPS), 0, _ARM_STEPS).astype(np.int64)
    skin = strip.covered & parts.arms
    flat = np.zeros(strip.along.shape, np.float32)
    start = _first_bare_step(strip, parts, step)
    if start is None:
        return BareArmEdges(flat, flat + 1, np.zeros(flat.shape, bool), skin)
    near = skin & (np.abs(strip.across - 0.5) < 1)
    steps = np.arange(_ARM_STEPS + 1)
    share = smoothstep((steps - _SHOULDER_STEP) / max(start - _SHOULDER_STEP, 1.0))
    # Farther down the arm is seen, and nothing of it is made.
    share = share * np.clip((start + 2 * _MIN_BARE_STEPS - steps) / _MIN_BARE_STEPS, 0, 1)
    # The hem's slant and the shadow below it say nothing of the arm's outline.
    told = np.arange(start + _HEM_STEPS, start + _MIN_BARE_STEPS)
    ends = np.array([_skin_extent(strip.across[near & (step == k)]) for k in told])
    first, last = (
        np.polyval(np.polyfit(told, column, 1), np.clip(steps, start, told[-1]))
        for column in ends.T
    )
    low = np.clip(first, -_MAX_EDGE_OUTSIDE, _MAX_EDGE_INSIDE) * share
    high = np.maximum(
        1 + np.clip(last - 1, -_MAX_EDGE_INSIDE, _MAX_EDGE_OUTSIDE) * share, low + _MIN_ARM_WIDTH
    )
    outer, inner = (
        np.interp(strip.along * _ARM_STEPS, steps, edge).astype(np.float32) for edge in (low, high)
    )
    beside = (strip.across < outer - _EDGE_TOLERANCE) | (strip.across > inner + _EDGE_TOLERANCE)
    rest = skin & beside & (step < start + _HEM_STEPS)
    return BareArmEdges(
        outer,
        inner,
        rest,
        skin & (step >= start + _HEM_STEPS) & (step < start + _HEM_STEPS + _MIN_BARE_STEPS),
    )


def _skin_extent(across: Floats) -> tuple[float, float]:
    if not len(across):
        return 0.0, 1.0
    first, last = np.percentile(across, BARE_ARM_SEARCH.extent_percentiles)
    return float(first), float(last)


def _first_bare_step(
    strip: RuledWarp, parts: PersonSegmentation, step: NDArray[np.int64]
) -> int | None:
    """Return the step from which on an arm is bare, None where it is so from above or never.

    Where the trunk hides the whole arm's width, a part of it does that no cloth borders outside.
    """
    options = BARE_ARM_SEARCH
    off_middle = np.abs(strip.across - 0.5)
    middle = strip.covered & (off_middle < options.middle_half_width)
    off_outer = np.abs(strip.across - options.outer_place)
    outer = strip.covered & (off_outer < options.outer_half_width)

    def count(mask: Bool) -> NDArray[np.int64]:
        return np.bincount(step[mask], minlength=_ARM_STEPS + 1)

    whole = np.maximum(count(middle), 1)
    above_hand = np.arange(_ARM_STEPS + 1) < _HAND_STEP
    part = (count(middle & parts.arms) > options.min_part_bare * whole) & (
        count(outer & parts.upper_garment) < options.max_cloth_outside * whole
    )
    for seen in (count(middle & parts.arms) > _MIN_BARE_FRACTION * whole, part):
        run = np.convolve(seen & above_hand, np.ones(_MIN_BARE_STEPS), "valid") >= _MIN_BARE_STEPS
        if run.any():
            start = int(run.argmax())
            return start if start >= _SHOULDER_STEP else None
    return None


def select_own_arms(
    parts: PersonSegmentation, strips: tuple[RuledWarp, RuledWarp], body: Body
) -> Bool:
    """Return the pieces of ``parts.arms`` that are arms: not the bare waist under a short top."""
    options = BARE_ARM_SEARCH
    near = np.zeros(parts.arms.shape, bool)
    for strip, side in zip(strips, body.sides, strict=True):
        near |= strip.covered & (np.abs(strip.across - 0.5) < options.max_off_middle)
        near |= _disc(near.shape, side, options.hand_radius * body.shoulder_width)
    pieces = label_components(parts.arms)
    within = np.bincount(pieces.labels[near], minlength=pieces.count)
    return pieces.select(within > options.min_own_fraction * pieces.areas)


def _disc(shape: tuple[int, ...], side: BodySide, radius: float) -> Bool:
    disc = np.zeros(shape[:2], np.uint8)
    x, y = np.clip(side.arm.wrist, -_FAR_PX, _FAR_PX)
    cv2.circle(disc, (int(x), int(y)), max(int(radius), 1), 1, -1)
    return disc > 0
