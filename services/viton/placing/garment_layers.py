"""The garment sampled onto the canvas, and where each of its layers reaches."""

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
Bool: TypeAlias = NDArray[np.bool_]

_MAX_NOTCH_WIDTH: Final = 0.08
_SHOULDER_WINDOW: Final = 0.14
_MIN_NOTCH_AREA: Final = 0.001
"""In squares of the shoulder width, the least notch that anyone would see."""


@dataclass(frozen=True)
class GarmentLayers:
    """The garment on the canvas: the torso and each sleeve.

    Of each the coverage (0 to 1), the colours and, H x W x 2, where in the garment's photo they
    are.
    """

    torso: Floats
    torso_colour: Floats
    torso_source: Floats
    sleeves: tuple[Floats, Floats]
    sleeve_colours: tuple[Floats, Floats]
    sleeve_sources: tuple[Floats, Floats]


def sample_garment_layers(
    cut: GarmentCutout,
    torso_map: Floats,
    seams: tuple[Points, ...],
    sleeves: tuple[PlacedSleeve, PlacedSleeve],
) -> GarmentLayers:
    """Sample the garment; at the armhole the sleeve's map turns into the torso's without a seam.

    ``seams``: polygons beside the armholes that are cloth however the torso's edge was bent.
    """
    torso = sample_image(cut.torso, torso_map)
    for ring in seams:
        cloth = 255 * rasterise_polygon((torso.shape[0], torso.shape[1]), ring)
        torso[..., 3] = np.maximum(torso[..., 3], cloth)
    coverage, colours, sources = [], [], []
    for layer, placed in zip((cut.left_sleeve, cut.right_sleeve), sleeves, strict=True):
        fit = placed.fit
        if fit.cuff_fraction == 0.0:
            coverage.append(np.zeros(torso.shape[:2], np.float32))
            colours.append(torso[..., :3])
            sources.append(torso_map)
            continue
        part = placed.surface.windowed
        ramp = smoothstep(part.along / (0.30 * fit.cuff_fraction))[..., None]
        source = np.zeros_like(torso_map)
        source[part.window] = ramp * part.source + (1 - ramp) * torso_map[part.window]
        sleeve = sample_image(layer, source[part.window])
        ease = _width_ratio_map(part, fit)
        off = np.abs(part.across - 0.5)
        start = np.clip(part.along / 0.003, 0, 1)
        beside = np.clip((0.5 * ease + 0.03 - off) * 24 + 0.5, 0, 1)
        # Down to the cuff cloth covers the arm, whatever the photo's outline there.
        arm = np.clip((0.5 * ease - off) * 24 + 0.5, 0, 1)
        alpha = np.maximum(sleeve[..., 3] / 255 * beside, arm)
        round_off = 1 - np.clip(off / (0.5 * ease), 0, 1) ** 2
        until = fit.cuff_fraction - 0.010 + 0.007 * round_off
        ends = np.clip((until - part.along) * 220 + 0.5, 0, 1)
        alpha = alpha * part.covered * start * ends
        cover = np.zeros(torso.shape[:2], np.float32)
        cover[part.window] = gaussian_blur(alpha.astype(np.float32), 0.8)
        colour = np.zeros((*cover.shape, 3), np.float32)
        colour[part.window] = sleeve[..., :3]
        coverage.append(cover)
        colours.append(colour)
        sources.append(source)
    return GarmentLayers(
        gaussian_blur(np.ascontiguousarray(torso[..., 3]) / np.float32(255), 0.7),
        torso[..., :3],
        torso_map,
        (coverage[0], coverage[1]),
        (colours[0], colours[1]),
        (sources[0], sources[1]),
    )


def _width_ratio_map(strip: RuledWarp, fit: SleeveFit) -> Floats:
    """Return the sleeve's width in arm widths, per pixel."""
    last = len(fit.width_ratios) - 1
    at = np.clip(np.rint(strip.along * (4 * last)), 0, 4 * last).astype(np.int32)
    fine = np.interp(np.arange(4 * last + 1) / 4, np.arange(last + 1), fit.width_ratios)
    return fine.astype(np.float32)[at]


def end_at_shoulders(worn: GarmentLayers, body: Body) -> GarmentLayers:
    """End the torso's straps at the shoulders, over which they go to the back."""
    rows = np.arange(worn.torso.shape[0])[:, None]
    shown = np.clip(rows - body.shoulder_line_y[None, :] + 2.0, 0, 1)
    return replace(worn, torso=np.asarray(worn.torso * shown, np.float32))


def fill_shoulder_notches(worn: GarmentLayers, body: Body) -> GarmentLayers:
    """Fill the notch that torso and sleeve may leave between them where the shoulder turns."""
    cloth = np.maximum(worn.torso, np.maximum(*worn.sleeves)) > 0.5
    torso = worn.torso.copy()
    reach, span = (
        max(int(_MAX_NOTCH_WIDTH * body.shoulder_width), 1),
        int(_SHOULDER_WINDOW * body.shoulder_width),
    )
    for side, sleeve in zip(body.sides, worn.sleeves, strict=True):
        if not sleeve.any():
            continue
        x, y = np.maximum(np.rint(side.shoulder_tip).astype(int), span)
        window = (slice(y - span, y + span), slice(x - span, x + span))
        near = cloth[window]
        # Only where cloth lies all around it: the window's own border is none.
        whole = close_mask(np.pad(near, reach), reach)[reach:-reach, reach:-reach]
        notch = whole & ~near
        if notch.sum() > _MIN_NOTCH_AREA * body.shoulder_width**2:
            filled = antialias(near | notch, 0.7) * dilate(notch, 2)
            torso[window] = np.maximum(torso[window], filled)
    return replace(worn, torso=torso)
