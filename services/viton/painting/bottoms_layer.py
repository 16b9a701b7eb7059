"""Trousers, shorts and skirts sampled on the canvas and lit."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.garment.cutout import extract_colours_and_alpha
from services.viton.garment.photo import GarmentPhoto
from services.viton.painting.contact_shadow import FRONT_LEG, contact_shadow
from services.viton.painting.existing_shading import estimate_bottoms_shading
from services.viton.person.legs import LowerBody
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.bottoms_placement import BottomsPlacement
from services.viton.placing.garment_layers import GarmentLayer
from services.viton.placing.warp_grid import WarpGrid, rasterise_grid
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import erode
from services.viton.raster.planes import choose_pixels, to_three_channels
from services.viton.raster.sampling import sample_at, split_map
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_BELOW_TOP_PX: Final = 3.0
"""How far above the top's hem the bottoms begin, in pixels of the canvas."""

_TOP_RIM_PX: Final = 4
"""Width of the top's rim under which no bottoms lie, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class HalfEdgesOptions:
    """How the halves of trousers end, on the canvas."""

    inner_end: float = 1.03
    """Position at which a half ends beside the other leg, from outer edge 0 to inner edge 1."""
    inner_slope: float = 60.0
    """Coverage that is lost there per width of the half."""
    sigma_px: float = 0.6
    """Standard deviation of the blur of the coverage, in pixels of the canvas."""
    shadow_sigma_px: float = 2.0
    """Further blur of the shadow of the front leg on the other one, in pixels of the canvas."""


HALF_EDGES_OPTIONS: Final = HalfEdgesOptions()


@dataclass(frozen=True, kw_only=True)
class BottomsRenderingOptions:
    """How bottoms end, and how light falls off to their sides; powers are those of the distance."""

    edge_loss: float = 0.10
    """Fraction of the light lost at an edge."""
    max_across: float = 1.1
    """Distance from the middle from which on it grows no darker, in half widths."""
    skirt_power: int = 5
    """Power with which the loss grows from the middle of a skirt."""
    leg_power: int = 4
    """Power with which the loss grows from the middle of a leg."""
    hip_power: int = 6
    """Power with which the loss grows from the midline above the crotch."""
    crotch_blend: float = 0.15
    """Part of the garment's length below the crotch over which the hips go over into the legs."""
    edges: HalfEdgesOptions = HALF_EDGES_OPTIONS
    """How the halves of trousers end."""


BOTTOMS_RENDERING_OPTIONS: Final = BottomsRenderingOptions()


def render_bottoms(
    garment_photo: GarmentPhoto,
    bottoms: BottomsLandmarks,
    placement: BottomsPlacement,
    legs: MeasuredLowerBody,
    options: BottomsRenderingOptions = BOTTOMS_RENDERING_OPTIONS,
) -> GarmentLayer:
    """Sample the placed garment from its photo, in the light of the existing bottoms."""
    cutout = garment_photo.recall(
        "bottoms cutout", lambda: extract_colours_and_alpha(garment_photo.image, bottoms.mask)
    )
    light = estimate_bottoms_shading(legs.pixels, legs.segmentation)
    garment_layer = _sample_halves(placement.back_to_front, cutout, light, options)
    if placement.waistline.visible:
        return garment_layer
    return replace(
        garment_layer, alpha=garment_layer.alpha * _alpha_below_top(legs.segmentation, legs.body)
    )


def _alpha_below_top(segmentation: PersonSegmentation, lower_body: LowerBody) -> Floats:
    """Return the coverage, 0 to 1, below the hem of a top: nothing sticks out beside it.

    H x W on the canvas; all 1 if no hem is seen.
    """
    height, width = segmentation.upper_garment.shape
    columns = np.arange(width)
    row = int(np.clip(lower_body.waistband_row, 0, height - 1))
    inside = (columns > lower_body.flanks_x[0][row]) & (columns < lower_body.flanks_x[1][row])
    low = segmentation.upper_garment & (np.arange(height)[:, None] > row)
    found = np.flatnonzero(low.any(axis=0) & inside)
    if not len(found):
        return np.ones((height, width), np.float32)
    last = height - 1 - low[::-1, found].argmax(axis=0)
    hem = np.interp(columns, found, last.astype(np.float64))
    below = np.clip(np.arange(height)[:, None] - hem[None, :] + _BELOW_TOP_PX, 0, 1)
    return np.asarray(np.maximum(below, erode(segmentation.upper_garment, _TOP_RIM_PX)), np.float32)


def _sample_halves(
    halves: tuple[WarpGrid, ...],
    cutout: tuple[Floats, Floats],
    light: Floats,
    options: BottomsRenderingOptions,
) -> GarmentLayer:
    """Sample the halves from the cutout and light them; the first lies below.

    ``cutout``: colours (H x W x 3, 0 to 255) and coverage (H x W, 0 to 1) in the garment's photo.
    """
    edges = options.edges
    shape = (light.shape[0], light.shape[1])
    coverage = np.zeros(shape, np.float32)
    colour = np.zeros((*shape, 3), np.float32)
    flow = np.zeros((*shape, 2), np.float32)
    for grid in halves:
        surface = rasterise_grid(grid, shape).windowed
        window = surface.window
        places = split_map(surface.flow)
        colours, cover = (sample_at(plane, *places) for plane in cutout)
        inwards = (edges.inner_end - surface.across) * edges.inner_slope
        edge = np.clip(inwards + 0.5, 0, 1) if len(halves) > 1 else 1.0
        alpha = cover * surface.covered * edge
        alpha = gaussian_blur(np.asarray(alpha, np.float32), edges.sigma_px)
        down = np.clip((surface.along - grid.crotch_fraction) / options.crotch_blend, 0, 1)
        place = np.clip(np.abs(surface.across - 0.5) * 2, 0, options.max_across)
        if len(halves) == 1:
            shade = 1 - options.edge_loss * place**options.skirt_power
        else:
            outwards = np.clip(1 - surface.across, 0, options.max_across)
            leg, hip = place**options.leg_power, outwards**options.hip_power
            shade = 1 - options.edge_loss * (down * leg + (1 - down) * hip)
        shaded = np.clip(colours * to_three_channels(light[window] * shade), 0, 255)
        if coverage.any() and len(halves) > 1:
            front, falling = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
            front[window], falling[window] = alpha, down
            below = contact_shadow(front, FRONT_LEG) * np.float32(FRONT_LEG.strength) * falling
            colour = colour * to_three_channels(1 - gaussian_blur(below, edges.shadow_sigma_px))
        mixed = alpha_blend(colour[window], shaded, alpha)
        first = (coverage[window] < 0.5) & (alpha > 0)
        colour[window] = choose_pixels(first, shaded, mixed)
        coverage[window] += alpha * (1 - coverage[window])
        flow[window] = choose_pixels(alpha > 0.5, surface.flow, flow[window])
    return GarmentLayer(colour, coverage, flow)
