"""The garment sampled on the canvas: colours, coverage and flow of torso and sleeves."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.kit.raster.morphology import close_mask
from services.viton.garment.cutout import GarmentPiece
from services.viton.geometry import Points
from services.viton.person.body import Body
from services.viton.placing.sleeve import PlacedSleeve, SleeveFit
from services.viton.raster.morphology import dilate
from services.viton.raster.polygon import rasterise_polygon_in_window
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.sampling import sample_at, split_map
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_TORSO_EDGE_SIGMA_PX: Final = 0.7
"""Softness of the torso's edge, in canvas pixels."""
_STRAP_END_PX: Final = 2.0
"""Distance above the shoulder line at which a strap has wholly ended, in canvas pixels."""
_BLEND_FRACTION: Final = 0.30
"""Fraction of a sleeve over which its map takes over from the torso's."""


@dataclass(frozen=True, kw_only=True)
class SleeveEdgesOptions:
    """The edges of a sleeve's coverage. Lengths along the arm are fractions of the arm."""

    sigma_px: float = 0.8
    """Softness of all edges, in canvas pixels."""
    armhole_fade: float = 0.003
    """Length along the arm over which the coverage begins."""
    outline_margin: float = 0.03
    """Distance beyond the sleeve's width up to which its outline is kept, in arm widths."""
    side_steepness: float = 24.0
    """Increase of the coverage across a side edge, for each arm width."""
    cuff_inset: float = 0.010
    """Distance of the cuff's ends before the sleeve's, along the arm."""
    cuff_bow: float = 0.007
    """Distance of the cuff's middle beyond its ends, along the arm."""
    cuff_steepness: float = 220.0
    """Increase of the coverage across the cuff, for each arm length."""
    steps_per_sample: int = 4
    """Steps between two samples along the arm in which the sleeve's width is looked up."""


SLEEVE_EDGES_OPTIONS: Final = SleeveEdgesOptions()


@dataclass(frozen=True, kw_only=True)
class ShoulderNotchesOptions:
    """Which notches between torso and sleeve are filled. Lengths are in shoulder widths."""

    max_half_width: float = 0.08
    """Half the widest notch that is filled."""
    window: float = 0.14
    """Half the side of the window around a shoulder tip."""
    min_area: float = 0.001
    """Smallest notch that is visible, in squared shoulder widths."""
    sigma_px: float = 0.7
    """Softness of the filled notch's edge, in canvas pixels."""
    reach_px: int = 2
    """Distance beyond the notch up to which it is filled, in canvas pixels."""


SHOULDER_NOTCHES_OPTIONS: Final = ShoulderNotchesOptions()


@dataclass(frozen=True)
class GarmentLayer:
    """A part of the garment sampled on the canvas."""

    colour: Floats
    """H x W x 3, 0 to 255."""
    alpha: Floats
    """H x W, 0 to 1."""
    flow: Floats
    """H x W x 2: the (x, y) in the garment's photo that each pixel shows."""


@dataclass(frozen=True)
class GarmentLayers:
    """The parts of a top sampled on the canvas."""

    torso: GarmentLayer
    """The garment without its sleeves."""
    sleeves: tuple[GarmentLayer, GarmentLayer]
    """The left and the right sleeve; empty on a bare arm."""

    @property
    def sleeves_alpha(self) -> Floats:
        """Coverage of both sleeves, H x W, 0 to 1."""
        left, right = self.sleeves
        return np.maximum(left.alpha, right.alpha)

    @property
    def alpha(self) -> Floats:
        """Coverage of the whole garment, H x W, 0 to 1."""
        return np.maximum(self.torso.alpha, self.sleeves_alpha)


def sample_garment_layers(
    torso_piece: GarmentPiece,
    sleeve_pieces: tuple[GarmentPiece | None, GarmentPiece | None],
    torso_map: Floats,
    seams: tuple[Points, ...],
    sleeves: tuple[PlacedSleeve, PlacedSleeve],
    options: SleeveEdgesOptions = SLEEVE_EDGES_OPTIONS,
) -> GarmentLayers:
    """Sample the garment. At the armhole the sleeve's map turns into the torso's without a seam.

    ``torso_map``: H x W x 2, the (x, y) in the garment's photo for each canvas pixel. ``seams``:
    polygons on the canvas beside the armholes that the torso covers in any case.
    """
    colour, coverage = sample_piece(torso_piece, torso_map)
    for ring in seams:
        near, beside = rasterise_polygon_in_window((coverage.shape[0], coverage.shape[1]), ring)
        coverage[near] = np.maximum(coverage[near], beside)
    torso = GarmentLayer(colour, gaussian_blur(coverage, _TORSO_EDGE_SIGMA_PX), torso_map)
    left, right = (
        _sample_sleeve(piece, placed, torso, options)
        for piece, placed in zip(sleeve_pieces, sleeves, strict=True)
    )
    return GarmentLayers(torso, (left, right))


def sample_piece(piece: GarmentPiece, flow: Floats) -> tuple[Floats, Floats]:
    """Return the colours (H x W x 3) and the coverage (H x W) of a piece read at ``flow``."""
    xs, ys = split_map(flow)
    colour = sample_at(piece.colours, xs, ys)
    if piece.patch is not None:
        rows, columns = piece.patch.window
        tall, wide = piece.patch.colours.shape[:2]
        height, width = piece.colours.shape[:2]
        patched = sample_at(piece.patch.colours, xs - columns.start, ys - rows.start)
        # Where the patch reaches the photo's border, it is repeated outside.
        inside = (xs >= columns.start) | (columns.start == 0)
        inside &= (xs <= columns.start + wide - 1) | (columns.start + wide == width)
        inside &= (ys >= rows.start) | (rows.start == 0)
        inside &= (ys <= rows.start + tall - 1) | (rows.start + tall == height)
        cv2.copyTo(patched, inside.astype(np.uint8), colour)
    rows, columns = piece.window
    coverage = sample_at(piece.coverage, xs - (columns.start or 0), ys - (rows.start or 0))
    return colour, coverage


def _sample_sleeve(
    piece: GarmentPiece | None,
    placed: PlacedSleeve,
    torso: GarmentLayer,
    options: SleeveEdgesOptions,
) -> GarmentLayer:
    """Sample a sleeve; without one its layer is empty."""
    fit, shape = placed.fit, torso.alpha.shape
    if piece is None or fit.cuff_fraction == 0.0:
        return GarmentLayer(torso.colour, np.zeros(shape, np.float32), torso.flow)
    surface = placed.surface.windowed
    window = surface.window
    weight = smoothstep(surface.along / (_BLEND_FRACTION * fit.cuff_fraction))
    flow = np.zeros_like(torso.flow)
    flow[window] = (
        cv2.merge((weight, weight)) * surface.flow
        + cv2.merge((1 - weight, 1 - weight)) * torso.flow[window]
    )
    sampled, cover = sample_piece(piece, flow[window])
    alpha, colour = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32)
    coverage = _sleeve_alpha(surface, fit, cover, options)
    alpha[window] = gaussian_blur(coverage, options.sigma_px)
    colour[window] = sampled
    return GarmentLayer(colour, alpha, flow)


def _sleeve_alpha(
    surface: RuledWarp, fit: SleeveFit, sampled: Floats, edges: SleeveEdgesOptions
) -> Floats:
    """Return a sleeve's coverage in the window of its surface; ``sampled``: its piece's coverage.

    Down to the cuff a sleeve covers the arm, whatever its outline in the photo is.
    """
    width = _width_ratio_map(surface, fit, edges.steps_per_sample)
    off_centre = np.abs(surface.across - 0.5)
    start = np.clip(surface.along / edges.armhole_fade, 0, 1)
    margin, steepness = edges.outline_margin, edges.side_steepness
    beside = np.clip((0.5 * width + margin - off_centre) * steepness + 0.5, 0, 1)
    on_arm = np.clip((0.5 * width - off_centre) * steepness + 0.5, 0, 1)
    covered = np.maximum(sampled * beside, on_arm)
    roundness = 1 - np.clip(off_centre / (0.5 * width), 0, 1) ** 2
    until = fit.cuff_fraction - edges.cuff_inset + edges.cuff_bow * roundness
    end = np.clip((until - surface.along) * edges.cuff_steepness + 0.5, 0, 1)
    return np.asarray(covered * surface.covered * start * end, np.float32)


def _width_ratio_map(surface: RuledWarp, fit: SleeveFit, steps: int) -> Floats:
    """Return the sleeve's width in arm widths for each pixel of the surface's window.

    ``steps``: the steps between two samples along the arm.
    """
    last = len(fit.width_ratios) - 1
    at = np.clip(np.rint(surface.along * (steps * last)), 0, steps * last).astype(np.int32)
    places = np.arange(steps * last + 1) / steps
    fine = np.interp(places, np.arange(last + 1), fit.width_ratios)
    return fine.astype(np.float32)[at]


def end_at_shoulders(layers: GarmentLayers, body: Body) -> GarmentLayers:
    """Return the layers with straps that end at the shoulder line, where they turn to the back."""
    torso = layers.torso
    rows = np.arange(torso.alpha.shape[0])[:, None]
    below = np.clip(rows - body.shoulder_line_y[None, :] + _STRAP_END_PX, 0, 1)
    alpha = np.asarray(torso.alpha * below, np.float32)
    return replace(layers, torso=replace(torso, alpha=alpha))


def fill_shoulder_notches(
    layers: GarmentLayers, body: Body, options: ShoulderNotchesOptions = SHOULDER_NOTCHES_OPTIONS
) -> GarmentLayers:
    """Return the layers without notches between torso and sleeve at the shoulder tips."""
    covered = layers.alpha > 0.5
    alpha = layers.torso.alpha.copy()
    reach = max(int(options.max_half_width * body.shoulder_width), 1)
    span = int(options.window * body.shoulder_width)
    for side, sleeve in zip(body.sides, layers.sleeves, strict=True):
        if not sleeve.alpha.any():
            continue
        x, y = np.maximum(np.rint(side.canvas_shoulder_tip).astype(int), span)
        window = (slice(y - span, y + span), slice(x - span, x + span))
        near = covered[window]
        # Padded, so that the window's border closes no notch.
        closed = close_mask(np.pad(near, reach), reach)[reach:-reach, reach:-reach]
        notch = closed & ~near
        if notch.sum() > options.min_area * body.shoulder_width**2:
            edge = antialias(near | notch, options.sigma_px)
            filled = edge * dilate(notch, options.reach_px)
            alpha[window] = np.maximum(alpha[window], filled)
    return replace(layers, torso=replace(layers.torso, alpha=alpha))
