"""Shading of the existing top and bottoms, estimated if they are plain."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.morphology import close_plane
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import erode
from services.viton.raster.planes import (
    bounding_window,
    mean_channel_std,
    to_luma,
    to_three_channels,
)
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_MAX_PLAIN_STD: Final = 26.0
"""Mean standard deviation of the channels up to which fabric is plain, in levels."""

_DARK_OFFSET: Final = 32.0
"""Added to grey levels before their ratio is taken, so that dark fabric is shaded less."""

_DARK_RANGE: Final = (40.0, 110.0)
"""Median grey of the existing top between which its shading counts from 0 to 1, in levels."""

_WINDOW_MARGIN_PX: Final = 24
"""How far around the existing top its shading is continued, in pixels of the canvas."""

_FADE_SIGMA_PX: Final = 6.0
"""Standard deviation of the blur with which the bottoms' shading ends, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class PlainFabricShadingOptions:
    """How the shading of a plain garment is estimated; light is 1 where it is the median."""

    min_area_px: int
    """Area below which the shading is unclear, in pixels of the canvas."""
    rim_px: int
    """Width of the garment's rim that is left out, in pixels of the canvas."""
    crease_radius_px: int
    """Half width up to which dark creases are filled, in pixels of the canvas."""
    sigma_px: float
    """Standard deviation of the blur, in pixels of the canvas."""
    min_light: float
    """Least light before ``power`` is applied."""
    max_light: float
    """Most light before ``power`` is applied."""
    power: float
    """Power of the light that is kept: 0 none of the shading, 1 all of it."""


TOP_SHADING_OPTIONS: Final = PlainFabricShadingOptions(
    min_area_px=2000,
    rim_px=7,
    crease_radius_px=12,
    sigma_px=7.0,
    min_light=0.78,
    max_light=1.10,
    power=0.65,
)
"""That of the existing top."""

BOTTOMS_SHADING_OPTIONS: Final = PlainFabricShadingOptions(
    min_area_px=3000,
    rim_px=8,
    crease_radius_px=4,
    sigma_px=4.0,
    min_light=0.75,
    max_light=1.12,
    power=0.7,
)
"""That of the existing bottoms."""


def estimate_top_shading(
    image: Floats,
    segmentation: PersonSegmentation,
    options: PlainFabricShadingOptions = TOP_SHADING_OPTIONS,
) -> Floats:
    """Return the smooth shading of the existing top, H x W, its median 1; all 1 if it is unclear.

    ``image``: H x W x 3, 0 to 255.
    """
    height, width = segmentation.upper_garment.shape
    even = np.ones((height, width), np.float32)
    window = bounding_window(segmentation.upper_garment, _WINDOW_MARGIN_PX)
    if window is None or segmentation.upper_garment.sum() < options.min_area_px:
        return even
    inside = erode(segmentation.upper_garment[window], options.rim_px)
    photo = image[window]
    if inside.sum() < options.min_area_px or mean_channel_std(photo, inside) > _MAX_PLAIN_STD:
        return even
    luma = to_luma(photo)
    # On dark fabric a few grey levels are gloss, noise and spill of light from behind.
    low, high = _DARK_RANGE
    fraction = float(np.clip((np.median(luma[inside]) - low) / (high - low), 0, 1))
    flat = pull_push(to_three_channels(luma), inside)[..., 0]
    closed = close_plane(flat, options.crease_radius_px)
    slow = gaussian_blur(closed, options.sigma_px)
    lit = (slow + _DARK_OFFSET) / (float(np.median(slow[inside])) + _DARK_OFFSET)
    limited = np.clip(lit, options.min_light, options.max_light)
    ratio = limited ** np.float32(options.power * fraction)
    # The new garment may reach beyond the existing one: no step at the end of the window.
    above, before = window[0].start, window[1].start
    below, behind = height - above - ratio.shape[0], width - before - ratio.shape[1]
    return np.asarray(np.pad(ratio, ((above, below), (before, behind)), mode="edge"), np.float32)


def estimate_bottoms_shading(
    person_photo: Floats,
    segmentation: PersonSegmentation,
    options: PlainFabricShadingOptions = BOTTOMS_SHADING_OPTIONS,
) -> Floats:
    """Return the shading of plain bottoms, H x W; all 1 if they are small or have a pattern.

    ``person_photo``: H x W x 3, 0 to 255.
    """
    shape = segmentation.bottoms.shape
    inside = erode(segmentation.bottoms, options.rim_px)
    light = np.ones(shape, np.float32)
    if (
        inside.sum() < options.min_area_px
        or mean_channel_std(person_photo, inside) > _MAX_PLAIN_STD
    ):
        return light
    grey = cv2.cvtColor(person_photo.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    flat = pull_push(to_three_channels(grey), inside, 1)[..., 0]
    flat = np.where(inside, grey, flat).astype(np.float32)
    closed = close_plane(flat, options.crease_radius_px)
    low = gaussian_blur(closed, options.sigma_px)
    usual = float(np.median(low[inside]))
    lit = (low + _DARK_OFFSET) / (usual + _DARK_OFFSET)
    ratio = np.clip(lit, options.min_light, options.max_light) ** options.power
    sure = gaussian_blur(inside.astype(np.float32), _FADE_SIGMA_PX)
    return np.asarray(1 + (ratio - 1) * sure, np.float32)
