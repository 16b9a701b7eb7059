"""Placement of sleeves: pairs of points along the arms, on the canvas and in the photo."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.landmarks import GarmentHalf, Sleeve, SleeveLength, TopLandmarks
from services.viton.geometry import Points, arc_length, points_at_fractions
from services.viton.person.arm import ARM_SAMPLES, Arm, crook_limit
from services.viton.person.body import Body, BodySide
from services.viton.placing.drape import canvas_scale
from services.viton.raster.ruled_warp import RuledWarp, rasterise_ruled_surface

Floats: TypeAlias = NDArray[np.float64]

POSITIONS_ACROSS: Final = np.linspace(-0.7, 1.7, 25)
"""Positions of the grid across an arm: 0 on its outer edge, 1 on its inner edge."""
_SLEEVE_EXTENT: Final = 0.985
"""Fraction of a sleeve's edges that is used; the rest at the cuff may show background."""
_ROUNDING: Final = (0.5, 0.38)
"""Offset and slope from a flat width to the visible width of a sleeve, in arm widths."""
_INNER_EDGE_INSET: Final = (0.95, 0.78)
"""Fraction of the sleeve's width that is used, without and with a short inner edge."""
_SHORT_INNER_EDGE: Final = 0.5
"""Length of the inner edge, as a fraction of the outer one, below which it is short."""
_EASE_OUTWARDS: Final = 0.3
"""Fraction of a sleeve's ease that lies on the outer side."""
_CUFF_SAG: Final = 0.22
"""How far the middle of a ring around the arm sags, in half widths of the arm."""


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
    """A sleeve on its arm, or a bare arm: its fit, and the arm rasterised on the canvas."""

    fit: SleeveFit
    surface: RuledWarp
    """The grid rasterised on the canvas."""


def place_sleeves(
    garment: TopLandmarks, body: Body, shape: tuple[int, int]
) -> tuple[PlacedSleeve, PlacedSleeve]:
    """Return the left and the right sleeve placed on the arms, on a canvas of ``shape``."""
    left, right = (
        fit_sleeve(garment, half, body, side)
        for half, side in zip(garment.halves, body.sides, strict=True)
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


def fit_sleeve(garment: TopLandmarks, half: GarmentHalf, body: Body, side: BodySide) -> SleeveFit:
    """Pair the arm's grid on the canvas with points of the sleeve in the garment's photo.

    Without a sleeve the grid is the bare arm's.
    """
    arm = side.arm
    bare_grid = _grid_on_arm(arm)
    if half.sleeve is None:
        return SleeveFit(bare_grid, np.zeros_like(bare_grid), 0.0, np.ones(ARM_SAMPLES))
    scale = canvas_scale(garment, body)
    cuff = _cuff_sample(garment, half, arm, scale)
    ease = _width_ratios(half.sleeve, arm, cuff, scale)
    canvas_points = _hang_on_arm(bare_grid, arm, ease, cuff)
    outer = points_at_fractions(
        half.sleeve.outer_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.outer_edge, cuff)
    )
    inner = points_at_fractions(
        half.sleeve.inner_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.inner_edge, cuff)
    )
    on_sleeve = 0.5 + (POSITIONS_ACROSS[None, :] - 0.5) / ease[:, None]
    across = on_sleeve * _inset_across(half.sleeve, cuff)[:, None]
    photo_points = outer[:, None] * (1 - across[..., None]) + inner[:, None] * across[..., None]
    return SleeveFit(canvas_points, photo_points, cuff / (ARM_SAMPLES - 1), ease)


def _inset_across(sleeve: Sleeve, cuff: int) -> Floats:
    """Return the fraction of the sleeve's width that is used, for each sample along the arm.

    It leaves out the shadow at the inner edge. All rings of a sleeve with a short inner edge meet
    at the armpit; they part further out.
    """
    short = 1 - arc_length(sleeve.inner_edge) / max(
        _SHORT_INNER_EDGE * arc_length(sleeve.outer_edge), 1.0
    )
    inset = np.interp(short, (0, 1), _INNER_EDGE_INSET)
    begun = np.clip(np.arange(ARM_SAMPLES) / max(0.3 * cuff, 1.0), 0, 1)
    return np.asarray(1 - (1 - inset) * begun)


def _hang_on_arm(grid: Points, arm: Arm, ease: Floats, cuff: int) -> Points:
    """Widen the arm's grid by the sleeve's ease, and bend its rings to arcs.

    The ease is mostly on the outer side. The camera sees the rings a little from above.
    """
    at = np.arange(ARM_SAMPLES)
    last = np.clip((cuff + 8 - at) / 8.0, 0, 1)
    room = (ease - 1) * arm.half_width * _EASE_OUTWARDS * last
    rings = np.clip((at - arm.armpit_sample) / max(0.6 * (cuff - arm.armpit_sample), 1.0), 0, 1)
    tangent = np.gradient(arm.centreline, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-6)[:, None]
    bow = 1 - np.clip(np.abs(POSITIONS_ACROSS - 0.5) / 0.6, 0, 1) ** 2
    sag = (_CUFF_SAG * arm.half_width * rings)[:, None] * bow[None, :]
    return np.asarray(
        grid + (room[:, None] * arm.normal)[:, None] + sag[..., None] * tangent[:, None]
    )


def _width_ratios(sleeve: Sleeve, arm: Arm, cuff: int, scale: float) -> Floats:
    """Return the sleeve's width in arm widths, for each sample along the arm; 1 on the shoulder.

    A sleeve lies flat in its photo. Around an arm the same fabric looks narrower.
    """
    rings = np.arange(ARM_SAMPLES) / max(cuff, 1)
    flat = np.hypot(*(sleeve.outer_edge - sleeve.inner_edge).T)
    flat = np.interp(rings, np.linspace(0, 1, len(flat)), gaussian_filter1d(flat, 2.0))
    own = 2 * arm.half_width
    ratio = gaussian_filter1d(flat * scale / np.maximum(own, 1.0), 5.0, mode="nearest")
    usual = float(np.median(ratio[arm.armpit_sample : max(cuff, arm.armpit_sample + 2)]))
    ratio = np.clip(ratio, 0.75 * usual, 1.3 * usual)
    loosest = np.interp(np.linspace(0, 1, ARM_SAMPLES), (0.0, 0.5, 1.0), (1.26, 1.22, 1.1))
    ease = np.clip(_ROUNDING[0] + _ROUNDING[1] * ratio, 1.05, loosest)
    grown = np.clip((np.linspace(0, 1, ARM_SAMPLES) - 0.08) / 0.22, 0, 1)
    return np.asarray(1 + (ease - 1) * grown)


def _grid_on_arm(arm: Arm) -> Points:
    """Return the arm's grid with a margin on both sides; none at the armpit and in the crook."""
    free = (crook_limit(arm.centreline, arm.normal) - arm.half_width) / (
        2 * (POSITIONS_ACROSS[-1] - 1) * arm.half_width
    )
    open_up = np.clip((np.arange(ARM_SAMPLES) - arm.armpit_sample) / 8.0, 0.0, 1.0)
    open_up = (open_up * gaussian_filter1d(np.clip(free, 0, 1), 2.0))[:, None]
    share = np.where(
        POSITIONS_ACROSS[None, :] > 1,
        1 + (POSITIONS_ACROSS[None, :] - 1) * open_up,
        POSITIONS_ACROSS[None, :],
    )
    return np.asarray(
        arm.outer_edge[:, None] * (1 - share[..., None])
        + arm.inner_edge[:, None] * share[..., None]
    )


def _cuff_sample(garment: TopLandmarks, half: GarmentHalf, arm: Arm, scale: float) -> int:
    """Return the arm sample at which the sleeve ends: by its length, or the wrist if it is long."""
    last = ARM_SAMPLES - 1
    if half.sleeve is None:
        return 0
    if garment.sleeve_length is SleeveLength.LONG:
        return last
    wanted = arc_length(half.sleeve.outer_edge) * scale * 0.92
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(arm.outer_edge, axis=0).T))])
    found = int(np.searchsorted(reached, wanted))
    low, high = (
        (arm.armpit_sample + 3, 46) if garment.sleeve_length is SleeveLength.SHORT else (40, 88)
    )
    return int(np.clip(found, low, high))


def _fractions_of_sleeve(curve: Points, cuff: int) -> Floats:
    """Return each sample's position along the sleeve, 1 at the cuff, for an arm's edge."""
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T) + 1e-3)])
    return reached / max(float(reached[cuff]), 1e-3)
