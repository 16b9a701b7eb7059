"""Rasterises polygons."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points

_SUBPIXEL_BITS: Final = 4
"""Bits of the fraction of a pixel to which corners are rounded."""


def rasterise_polygon(shape: tuple[int, int], curve: Points) -> NDArray[np.float32]:
    """Return an H x W coverage (0 to 1) of a closed polygon, with smooth edges."""
    canvas = np.zeros(shape, np.uint8)
    corners = np.round(curve * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.asarray(canvas / np.float32(255), np.float32)
