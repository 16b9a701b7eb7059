"""Shading of the existing top and bottoms, estimated if they are plain."""

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


def estimate_top_shading(image: Floats, parts: PersonSegmentation) -> Floats:
    """Return the smooth shading of the existing top, 1 on average; all 1 if it is unclear."""
    height, width = parts.upper_garment.shape
    even = np.ones((height, width), np.float32)
    window = bounding_window(parts.upper_garment, 24)
    if window is None or parts.upper_garment.sum() < 2000:
        return even
    inside = erode(parts.upper_garment[window], 7)
    photo = image[window]
    if inside.sum() < 2000 or mean_channel_std(photo, inside) > _MAX_PLAIN_STD:
        return even
    luma = to_luma(photo)
    # On dark fabric a few grey levels are gloss, noise and spill of light from behind.
    low, high = _DARK_RANGE
    share = float(np.clip((np.median(luma[inside]) - low) / (high - low), 0, 1))
    flat = pull_push(to_three_channels(luma), inside.astype(np.float32))[..., 0]
    closed = close_plane(flat, 12)
    slow = gaussian_blur(closed, 7.0)
    lit = (slow + _DARK_OFFSET) / (float(np.median(slow[inside])) + _DARK_OFFSET)
    ratio = np.clip(lit, 0.78, 1.10) ** np.float32(0.65 * share)
    # The new garment may reach beyond the existing one: no step at the end of the window.
    above, before = window[0].start, window[1].start
    below, behind = height - above - ratio.shape[0], width - before - ratio.shape[1]
    return np.asarray(np.pad(ratio, ((above, below), (before, behind)), mode="edge"), np.float32)


def estimate_bottoms_shading(photo: Floats, parts: PersonSegmentation) -> Floats:
    """Return the shading of plain bottoms, H x W; 1 everywhere if they have a pattern."""
    shape = parts.bottoms.shape
    inside = erode(parts.bottoms, 8)
    light = np.ones(shape, np.float32)
    if inside.sum() < 3000 or mean_channel_std(photo, inside) > _MAX_PLAIN_STD:
        return light
    grey = cv2.cvtColor(photo.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    flat = pull_push(to_three_channels(grey), inside.astype(np.float32), 1)[..., 0]
    flat = np.where(inside, grey, flat).astype(np.float32)
    closed = close_plane(flat, 4)
    low = gaussian_blur(closed, 4.0)
    usual = float(np.median(low[inside]))
    ratio = np.clip((low + _DARK_OFFSET) / (usual + _DARK_OFFSET), 0.75, 1.12) ** 0.7
    sure = gaussian_blur(inside.astype(np.float32), 6.0)
    return np.asarray(1 + (ratio - 1) * sure, np.float32)
