"""Shading of the existing bottoms."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.morphology import close_plane
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import erode
from services.viton.raster.planes import mean_channel_std, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_MAX_PLAIN_STD: Final = 26.0
"""Mean standard deviation of the channels up to which cloth is plain, in levels."""

_DARK_OFFSET: Final = 32.0
"""Added to grey levels before their ratio is taken, so that dark cloth shows less light, in levels.
"""


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
