"""Placement of sleeves: pairs of points along the arms, on the canvas and in the photo."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.landmarks import GarmentHalf, Sleeve, SleeveLength, TopLandmarks
from services.viton.geometry import EPSILON, Points, arc_length, points_at_fractions
from services.viton.person.arm import ARM_SAMPLES, Arm, crook_limit
from services.viton.person.body import Body, BodySide
from services.viton.placing.torso_rows import measure_canvas_scale
from services.viton.raster.ruled_warp import RuledWarp, rasterise_ruled_surface

Floats: TypeAlias = NDArray[np.float64]

POSITIONS_ACROSS: Final = np.linspace(-0.7, 1.7, 25)
"""Positions of the grid across an arm: 0 on its outer edge, 1 on its inner edge."""
_SLEEVE_EXTENT: Final = 0.985
"""Fraction of a sleeve's edges that is used; the rest at the cuff may show background."""
_MIN_LENGTH_PX: Final = 1e-3
"""Length that is added to each step along an edge, so that no step is 0, in canvas pixels."""


@dataclass(frozen=True, kw_only=True)
class InnerEdgeInsetOptions:
    """How much of a sleeve's width is used beside its inner edge, which lies in shadow."""

    used_width: tuple[float, float] = (0.95, 0.78)
    """Fraction of the sleeve's width that is used, without and with a short inner edge."""
    short_edge: float = 0.5
    """Length of the inner edge, as a fraction of the outer one, below which it is short."""
    onset: float = 0.3
    """Fraction of the sleeve, from the shoulder, over which the inset begins."""


INNER_EDGE_INSET_OPTIONS: Final = InnerEdgeInsetOptions()


@dataclass(frozen=True, kw_only=True)
class SleeveHangOptions:
    """How a sleeve hangs on its arm."""

    ease_outwards: float = 0.3
    """Fraction of a sleeve's ease that lies on the outer side."""
    ease_end: int = 8
    """Samples along the arm below the cuff over which the ease vanishes."""
    cuff_sag: float = 0.22
    """How far the middle of a ring around the arm sags, in half widths of the arm."""
    sag_onset: float = 0.6
    """Fraction of the way from armpit to cuff over which the sag begins."""
    sag_reach: float = 0.6
    """Distance from the arm's middle at which a ring no longer sags, in arm widths."""


SLEEVE_HANG_OPTIONS: Final = SleeveHangOptions()


@dataclass(frozen=True, kw_only=True)
class SleeveWidthOptions:
    """How wide a sleeve looks around its arm.

    Widths are in arm widths. Samples are those along the arm.
    """

    rounding: tuple[float, float] = (0.5, 0.38)
    """Offset and slope from a flat width to the visible width of a sleeve."""
    photo_sigma: float = 2.0
    """Standard deviation of the smoothing along the sleeve in its photo, in samples of its edge."""
    arm_sigma: float = 5.0
    """Standard deviation of the smoothing along the arm, in samples."""
    min_usual_ratio: float = 0.75
    """Least flat width, in usual flat widths of the sleeve."""
    max_usual_ratio: float = 1.3
    """Largest flat width, in usual flat widths of the sleeve."""
    loosest: tuple[float, float, float] = (1.26, 1.22, 1.1)
    """Largest visible width at the shoulder, in the middle of the arm and at the wrist."""
    tightest: float = 1.05
    """Least visible width."""
    ease_start: float = 0.08
    """Fraction of the arm, from the shoulder, that has no ease."""
    ease_onset: float = 0.22
    """Fraction of the arm over which the ease then grows to its full size."""


SLEEVE_WIDTH_OPTIONS: Final = SleeveWidthOptions()


@dataclass(frozen=True, kw_only=True)
class InnerMarginOptions:
    """How the grid's margin beyond the arm's inner edge opens below the armpit."""

    opening: float = 8.0
    """Samples along the arm below the armpit over which the margin opens."""
    sigma: float = 2.0
    """Standard deviation of the smoothing of the margin along the arm, in samples."""


INNER_MARGIN_OPTIONS: Final = InnerMarginOptions()


@dataclass(frozen=True, kw_only=True)
class CuffPositionOptions:
    """Where a sleeve that is not long ends, in samples along the arm."""

    length_ratio: float = 0.92
    """Length on the arm, as a fraction of the sleeve's scaled outer edge."""
    min_below_armpit: int = 3
    """Least samples between the armpit and a short sleeve's cuff."""
    max_short: int = 46
    """Last sample at which a short sleeve may end."""
    min_three_quarter: int = 40
    """First sample at which a longer sleeve may end."""
    max_three_quarter: int = 88
    """Last sample at which a longer sleeve may end."""


CUFF_POSITION_OPTIONS: Final = CuffPositionOptions()


@dataclass(frozen=True, kw_only=True)
class SleeveFitOptions:
    """How a sleeve is fitted to its arm."""

    inset: InnerEdgeInsetOptions = INNER_EDGE_INSET_OPTIONS
    """How much of the sleeve's width is used beside its inner edge."""
    hang: SleeveHangOptions = SLEEVE_HANG_OPTIONS
    """How the sleeve hangs on the arm."""
    width: SleeveWidthOptions = SLEEVE_WIDTH_OPTIONS
    """How wide the sleeve looks around the arm."""
    margin: InnerMarginOptions = INNER_MARGIN_OPTIONS
    """How the grid's margin opens below the armpit."""
    cuff: CuffPositionOptions = CUFF_POSITION_OPTIONS
    """Where a sleeve that is not long ends."""


SLEEVE_FIT_OPTIONS: Final = SleeveFitOptions()


@dataclass(frozen=True)
class SleeveFit:
    """Pairs of points of a sleeve, as grids along and across the arm."""

    canvas_points: Points
    """N x M x 2: samples along the arm, positions across, (x, y) on the canvas."""
    photo_points: Points
    """N x M x 2: the same points in the garment's photo; 0 without a sleeve."""
    cuff_fraction: float
    """Fraction of the arm that the sleeve covers, from the shoulder; 0 without a sleeve."""
    width_ratios: Floats
    """N: the sleeve's width in arm widths at each sample along the arm."""


@dataclass(frozen=True)
class PlacedSleeve:
    """A sleeve on its arm, or a bare arm."""

    fit: SleeveFit
    """The grid's points on the canvas and in the garment's photo."""
    surface: RuledWarp
    """The grid rasterised on the canvas."""


def place_sleeves(
    top: TopLandmarks,
    body: Body,
    shape: tuple[int, int],
    options: SleeveFitOptions = SLEEVE_FIT_OPTIONS,
) -> tuple[PlacedSleeve, PlacedSleeve]:
    """Return the left and the right sleeve placed on the arms, on a canvas of ``shape``."""
    left, right = (
        fit_sleeve(top, half, body, side, options)
        for half, side in zip(top.halves, body.sides, strict=True)
    )
    return (
        PlacedSleeve(
            left,
            rasterise_ruled_surface(left.canvas_points, left.photo_points, POSITIONS_ACROSS, shape),
        ),
        PlacedSleeve(
            right,
            rasterise_ruled_surface(
                right.canvas_points, right.photo_points, POSITIONS_ACROSS, shape
            ),
        ),
    )


def fit_sleeve(
    top: TopLandmarks,
    half: GarmentHalf,
    body: Body,
    side: BodySide,
    options: SleeveFitOptions = SLEEVE_FIT_OPTIONS,
) -> SleeveFit:
    """Pair the arm's grid on the canvas with points of the sleeve in the garment's photo.

    Without a sleeve the grid is the bare arm's.
    """
    arm = side.arm
    bare_grid = _grid_on_arm(arm, options.margin)
    if half.sleeve is None:
        return SleeveFit(bare_grid, np.zeros_like(bare_grid), 0.0, np.ones(ARM_SAMPLES))
    scale = measure_canvas_scale(top, body)
    cuff = _cuff_sample(top, half, arm, scale, options.cuff)
    ease = _width_ratios(half.sleeve, arm, cuff, scale, options.width)
    canvas_points = _hang_on_arm(bare_grid, arm, ease, cuff, options.hang)
    outer = points_at_fractions(
        half.sleeve.outer_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.outer_edge, cuff)
    )
    inner = points_at_fractions(
        half.sleeve.inner_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.inner_edge, cuff)
    )
    on_sleeve = 0.5 + (POSITIONS_ACROSS[None, :] - 0.5) / ease[:, None]
    across = on_sleeve * _inset_across(half.sleeve, cuff, options.inset)[:, None]
    photo_points = outer[:, None] * (1 - across[..., None]) + inner[:, None] * across[..., None]
    return SleeveFit(canvas_points, photo_points, cuff / (ARM_SAMPLES - 1), ease)


def _inset_across(sleeve: Sleeve, cuff: int, options: InnerEdgeInsetOptions) -> Floats:
    """Return the fraction of the sleeve's width that is used, for each sample along the arm.

    It leaves out the shadow at the inner edge. All rings of a sleeve with a short inner edge meet
    at the armpit; they part further out.
    """
    short = 1 - arc_length(sleeve.inner_edge) / max(
        options.short_edge * arc_length(sleeve.outer_edge), 1.0
    )
    inset = np.interp(short, (0, 1), options.used_width)
    begun = np.clip(np.arange(ARM_SAMPLES) / max(options.onset * cuff, 1.0), 0, 1)
    return np.asarray(1 - (1 - inset) * begun)


def _hang_on_arm(
    grid: Points, arm: Arm, ease: Floats, cuff: int, hang: SleeveHangOptions
) -> Points:
    """Widen the arm's grid by the sleeve's ease, and bend its rings to arcs.

    The ease is mostly on the outer side. The camera sees the rings a little from above.
    """
    at = np.arange(ARM_SAMPLES)
    last = np.clip((cuff + hang.ease_end - at) / hang.ease_end, 0, 1)
    room = (ease - 1) * arm.half_width * hang.ease_outwards * last
    onset = max(hang.sag_onset * (cuff - arm.armpit_sample), 1.0)
    rings = np.clip((at - arm.armpit_sample) / onset, 0, 1)
    tangent = np.gradient(arm.centreline, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), EPSILON)[:, None]
    bow = 1 - np.clip(np.abs(POSITIONS_ACROSS - 0.5) / hang.sag_reach, 0, 1) ** 2
    sag = (hang.cuff_sag * arm.half_width * rings)[:, None] * bow[None, :]
    return np.asarray(
        grid + (room[:, None] * arm.normal)[:, None] + sag[..., None] * tangent[:, None]
    )


def _width_ratios(
    sleeve: Sleeve, arm: Arm, cuff: int, scale: float, options: SleeveWidthOptions
) -> Floats:
    """Return the sleeve's width in arm widths, for each sample along the arm; 1 on the shoulder.

    A sleeve lies flat in its photo. Around an arm the same fabric looks narrower.
    """
    rings = np.arange(ARM_SAMPLES) / max(cuff, 1)
    flat = np.hypot(*(sleeve.outer_edge - sleeve.inner_edge).T)
    smooth = gaussian_filter1d(flat, options.photo_sigma)
    flat = np.interp(rings, np.linspace(0, 1, len(flat)), smooth)
    own = 2 * arm.half_width
    ratio = flat * scale / np.maximum(own, 1.0)
    ratio = gaussian_filter1d(ratio, options.arm_sigma, mode="nearest")
    usual = float(np.median(ratio[arm.armpit_sample : max(cuff, arm.armpit_sample + 2)]))
    ratio = np.clip(ratio, options.min_usual_ratio * usual, options.max_usual_ratio * usual)
    along = np.linspace(0, 1, ARM_SAMPLES)
    loosest = np.interp(along, (0.0, 0.5, 1.0), options.loosest)
    offset, slope = options.rounding
    ease = np.clip(offset + slope * ratio, options.tightest, loosest)
    grown = np.clip((along - options.ease_start) / options.ease_onset, 0, 1)
    return np.asarray(1 + (ease - 1) * grown)


def _grid_on_arm(arm: Arm, margin: InnerMarginOptions) -> Points:
    """Return the arm's grid with a margin on both sides; none at the armpit and in the crook."""
    free = (crook_limit(arm.centreline, arm.normal) - arm.half_width) / (
        2 * (POSITIONS_ACROSS[-1] - 1) * arm.half_width
    )
    below = np.arange(ARM_SAMPLES) - arm.armpit_sample
    open_up = np.clip(below / margin.opening, 0.0, 1.0)
    open_up = (open_up * gaussian_filter1d(np.clip(free, 0, 1), margin.sigma))[:, None]
    fraction = np.where(
        POSITIONS_ACROSS[None, :] > 1,
        1 + (POSITIONS_ACROSS[None, :] - 1) * open_up,
        POSITIONS_ACROSS[None, :],
    )
    return np.asarray(
        arm.outer_edge[:, None] * (1 - fraction[..., None])
        + arm.inner_edge[:, None] * fraction[..., None]
    )


def _cuff_sample(
    top: TopLandmarks, half: GarmentHalf, arm: Arm, scale: float, options: CuffPositionOptions
) -> int:
    """Return the arm sample at which the sleeve ends: by its length, or the wrist if it is long."""
    last = ARM_SAMPLES - 1
    if half.sleeve is None:
        return 0
    if top.sleeve_length is SleeveLength.LONG:
        return last
    wanted = arc_length(half.sleeve.outer_edge) * scale * options.length_ratio
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(arm.outer_edge, axis=0).T))])
    found = int(np.searchsorted(reached, wanted))
    if top.sleeve_length is SleeveLength.SHORT:
        low, high = arm.armpit_sample + options.min_below_armpit, options.max_short
    else:
        low, high = options.min_three_quarter, options.max_three_quarter
    return int(np.clip(found, low, high))


def _fractions_of_sleeve(curve: Points, cuff: int) -> Floats:
    """Return each sample's position along the sleeve, 1 at the cuff, for an arm's edge."""
    steps = np.hypot(*np.diff(curve, axis=0).T) + _MIN_LENGTH_PX
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    return reached / max(float(reached[cuff]), _MIN_LENGTH_PX)
