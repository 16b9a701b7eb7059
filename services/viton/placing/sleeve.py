"""Pairs of points along the arms: where each place of a sleeve lies."""

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
_SLEEVE_EXTENT: Final = 0.985
_ROUNDING: Final = (0.5, 0.38)
_INNER_EDGE_INSET: Final = (0.95, 0.78)
_SHORT_INNER_EDGE: Final = 0.5
_EASE_OUTWARDS: Final = 0.3
_CUFF_SAG: Final = 0.22


@dataclass(frozen=True)
class SleeveFit:
    """Grids of an arm's strip: canvas and garment.

    ``cuff``: the share of the arm that the sleeve covers, 0 without one; ``ease``: the sleeve's
    width in arm widths, for each sample along the arm.
    """

    canvas_points: Points
    photo_points: Points
    cuff_fraction: float
    width_ratios: Floats


@dataclass(frozen=True)
class PlacedSleeve:
    """A sleeve on its arm, or a bare arm: its fit, and the arm rasterised on the canvas."""

    fit: SleeveFit
    surface: RuledWarp


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


def fit_sleeve(garment: TopLandmarks, g: GarmentHalf, body: Body, b: BodySide) -> SleeveFit:
    """Lays the arm's strip and says where on the garment each of its points lies.

    Without a sleeve the strip still carries the arm's own coordinates; its source stays at zero.
    """
    arm = b.arm
    target = _grid_on_arm(arm)
    if g.sleeve is None:
        return SleeveFit(target, np.zeros_like(target), 0.0, np.ones(ARM_SAMPLES))
    scale = canvas_scale(garment, body)
    cuff = _cuff_sample(garment, g, arm, scale)
    ease = _width_ratios(g.sleeve, arm, cuff, scale)
    target = _hang_on_arm(target, arm, ease, cuff)
    outer = points_at_fractions(
        g.sleeve.outer_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.outer_edge, cuff)
    )
    inner = points_at_fractions(
        g.sleeve.inner_edge, _SLEEVE_EXTENT * _fractions_of_sleeve(arm.inner_edge, cuff)
    )
    across = 0.5 + (POSITIONS_ACROSS[None, :] - 0.5) / ease[:, None]
    across = across * _inset_across(g.sleeve, cuff)[:, None]
    source = outer[:, None] * (1 - across[..., None]) + inner[:, None] * across[..., None]
    return SleeveFit(target, source, cuff / (ARM_SAMPLES - 1), ease)


def _inset_across(sleeve: Sleeve, cuff: int) -> Floats:
    """Return how far across a sleeve's cloth is taken: not from the shadow at its inner edge.

    All rings of a sleeve with a short inner edge meet at the armpit; they part further out.
    """
    short = 1 - arc_length(sleeve.inner_edge) / max(
        _SHORT_INNER_EDGE * arc_length(sleeve.outer_edge), 1.0
    )
    inset = np.interp(short, (0, 1), _INNER_EDGE_INSET)
    begun = np.clip(np.arange(ARM_SAMPLES) / max(0.3 * cuff, 1.0), 0, 1)
    return np.asarray(1 - (1 - inset) * begun)


def _hang_on_arm(grid: Points, arm: Arm, ease: Floats, cuff: int) -> Points:
    """Return the arm's grid as a sleeve hangs on it.

    Its room is mostly on the outside, and its rings are seen a little from above: as arcs.
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
    """Return the sleeve's width in arm widths along the arm: none of it on the shoulder.

    A sleeve lies flat in its photo; around an arm the same cloth is narrower to see.
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
    """Return the arm with a margin on both sides; none at the armpit and in the crook of an arm."""
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


def _cuff_sample(garment: TopLandmarks, g: GarmentHalf, arm: Arm, scale: float) -> int:
    """Return the arm sample at which the sleeve ends: by its length, or the wrist if long."""
    last = ARM_SAMPLES - 1
    if g.sleeve is None:
        return 0
    if garment.sleeve_length is SleeveLength.LONG:
        return last
    wanted = arc_length(g.sleeve.outer_edge) * scale * 0.92
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(arm.outer_edge, axis=0).T))])
    found = int(np.searchsorted(reached, wanted))
    low, high = (
        (arm.armpit_sample + 3, 46) if garment.sleeve_length is SleeveLength.SHORT else (40, 88)
    )
    return int(np.clip(found, low, high))


def _fractions_of_sleeve(curve: Points, cuff: int) -> Floats:
    """How far along the sleeve each sample of an arm's edge lies; beyond the cuff above one."""
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T) + 1e-3)])
    return reached / max(float(reached[cuff]), 1e-3)
