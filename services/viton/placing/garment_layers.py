"""The garment sampled on the canvas: colours, coverage and source of torso and sleeves."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.kit.raster.morphology import close_mask
from services.viton.garment.cutout import GarmentCutout
from services.viton.geometry import Points
from services.viton.person.body import Body
from services.viton.placing.sleeve import PlacedSleeve, SleeveFit
from services.viton.raster.morphology import dilate
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.sampling import sample_image
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_MAX_NOTCH_WIDTH: Final = 0.08
"""Half the widest notch between torso and sleeve that is filled, in shoulder widths."""
_SHOULDER_WINDOW: Final = 0.14
"""Half the side of the window around a shoulder tip, in shoulder widths."""
_MIN_NOTCH_AREA: Final = 0.001
"""Smallest notch that is visible, in squared shoulder widths."""
_BLEND_FRACTION: Final = 0.30
"""Fraction of a sleeve over which its map takes over from the torso's."""


@dataclass(frozen=True)
class GarmentLayer:
    """A part of the garment sampled on the canvas."""

    colour: Floats
    """H x W x 3, 0 to 255."""
    alpha: Floats
    """H x W, 0 to 1."""
    source: Floats
    """H x W x 2: the (x, y) in the garment's photo that each pixel shows."""


@dataclass(frozen=True)
class GarmentLayers:
    """The garment's torso and its left and right sleeve on the canvas."""

    torso: GarmentLayer
    sleeves: tuple[GarmentLayer, GarmentLayer]

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
    cutout: GarmentCutout,
    torso_map: Floats,
    seams: tuple[Points, ...],
    sleeves: tuple[PlacedSleeve, PlacedSleeve],
) -> GarmentLayers:
    """Sample the garment. At the armhole the sleeve's map turns into the torso's without a seam.

    ``torso_map``: H x W x 2, the (x, y) in the garment's photo for each canvas pixel. ``seams``:
    polygons on the canvas beside the armholes that the torso covers in any case.
    """
    rgba = sample_image(cutout.torso, torso_map)
    for ring in seams:
        alpha = 255 * rasterise_polygon((rgba.shape[0], rgba.shape[1]), ring)
        rgba[..., 3] = np.maximum(rgba[..., 3], alpha)
    torso_alpha = gaussian_blur(np.ascontiguousarray(rgba[..., 3]) / np.float32(255), 0.7)
    torso = GarmentLayer(rgba[..., :3], torso_alpha, torso_map)
    left, right = (
        _sample_sleeve(image, placed, torso)
        for image, placed in zip((cutout.left_sleeve, cutout.right_sleeve), sleeves, strict=True)
    )
    return GarmentLayers(torso, (left, right))


def _sample_sleeve(image: Floats, placed: PlacedSleeve, torso: GarmentLayer) -> GarmentLayer:
    """Sample a sleeve from its cutout, H x W x 4; without a sleeve its layer is empty."""
    fit, shape = placed.fit, torso.alpha.shape
    if fit.cuff_fraction == 0.0:
        return GarmentLayer(torso.colour, np.zeros(shape, np.float32), torso.source)
    surface = placed.surface.windowed
    window = surface.window
    weight = smoothstep(surface.along / (_BLEND_FRACTION * fit.cuff_fraction))[..., None]
    source = np.zeros_like(torso.source)
    source[window] = weight * surface.source + (1 - weight) * torso.source[window]
    rgba = sample_image(image, source[window])
    alpha, colour = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32)
    alpha[window] = gaussian_blur(_sleeve_alpha(surface, fit, rgba[..., 3]), 0.8)
    colour[window] = rgba[..., :3]
    return GarmentLayer(colour, alpha, source)


def _sleeve_alpha(surface: RuledWarp, fit: SleeveFit, sampled: Floats) -> Floats:
    """Return a sleeve's coverage in the window of its surface; ``sampled``: its cutout's, 0 to 255.

    Down to the cuff a sleeve covers the arm, whatever its outline in the photo is.
    """
    width = _width_ratio_map(surface, fit)
    off_centre = np.abs(surface.across - 0.5)
    start = np.clip(surface.along / 0.003, 0, 1)
    beside = np.clip((0.5 * width + 0.03 - off_centre) * 24 + 0.5, 0, 1)
    on_arm = np.clip((0.5 * width - off_centre) * 24 + 0.5, 0, 1)
    covered = np.maximum(sampled / 255 * beside, on_arm)
    roundness = 1 - np.clip(off_centre / (0.5 * width), 0, 1) ** 2
    until = fit.cuff_fraction - 0.010 + 0.007 * roundness
    end = np.clip((until - surface.along) * 220 + 0.5, 0, 1)
    return np.asarray(covered * surface.covered * start * end, np.float32)


def _width_ratio_map(surface: RuledWarp, fit: SleeveFit) -> Floats:
    """Return the sleeve's width in arm widths for each pixel."""
    last = len(fit.width_ratios) - 1
    at = np.clip(np.rint(surface.along * (4 * last)), 0, 4 * last).astype(np.int32)
    fine = np.interp(np.arange(4 * last + 1) / 4, np.arange(last + 1), fit.width_ratios)
    return fine.astype(np.float32)[at]


def end_at_shoulders(layers: GarmentLayers, body: Body) -> GarmentLayers:
    """Return the layers with straps that end at the shoulder line, where they turn to the back."""
    torso = layers.torso
    rows = np.arange(torso.alpha.shape[0])[:, None]
    below = np.clip(rows - body.shoulder_line_y[None, :] + 2.0, 0, 1)
    alpha = np.asarray(torso.alpha * below, np.float32)
    return replace(layers, torso=replace(torso, alpha=alpha))


def fill_shoulder_notches(layers: GarmentLayers, body: Body) -> GarmentLayers:
    """Return the layers without notches between torso and sleeve at the shoulder tips."""
    covered = layers.alpha > 0.5
    alpha = layers.torso.alpha.copy()
    reach = max(int(_MAX_NOTCH_WIDTH * body.shoulder_width), 1)
    span = int(_SHOULDER_WINDOW * body.shoulder_width)
    for side, sleeve in zip(body.sides, layers.sleeves, strict=True):
        if not sleeve.alpha.any():
            continue
        x, y = np.maximum(np.rint(side.shoulder_tip).astype(int), span)
        window = (slice(y - span, y + span), slice(x - span, x + span))
        near = covered[window]
        # Padded, so that the window's border closes no notch.
        closed = close_mask(np.pad(near, reach), reach)[reach:-reach, reach:-reach]
        notch = closed & ~near
        if notch.sum() > _MIN_NOTCH_AREA * body.shoulder_width**2:
            filled = antialias(near | notch, 0.7) * dilate(notch, 2)
            alpha[window] = np.maximum(alpha[window], filled)
    return replace(layers, torso=replace(layers.torso, alpha=alpha))
