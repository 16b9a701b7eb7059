"""Rasterises polygons."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float32]
Window: TypeAlias = tuple[slice, slice]

_SUBPIXEL_BITS: Final = 4
"""Bits of the fraction of a pixel to which corners are rounded."""

_SOFT_EDGE_PX: Final = 2
"""Distance outside the corners within which a smooth edge ends, in pixels."""


def rasterise_polygon(shape: tuple[int, int], curve: Points) -> Floats:
    """Return an H x W coverage (0 to 1) of a closed polygon, with smooth edges."""
    cover = np.zeros(shape, np.float32)
    window, inside = rasterise_polygon_in_window(shape, curve)
    cover[window] = inside
    return cover


def rasterise_polygon_in_window(shape: tuple[int, int], curve: Points) -> tuple[Window, Floats]:
    """Return the window of an H x W canvas that holds a closed polygon, and its coverage there.

    The coverage is 0 to 1, with smooth edges. A polygon outside the canvas has an empty window.
    """
    low = np.clip(np.floor(curve.min(axis=0)) - _SOFT_EDGE_PX, 0, shape[::-1]).astype(int)
    high = np.clip(np.ceil(curve.max(axis=0)) + _SOFT_EDGE_PX + 1, low, shape[::-1]).astype(int)
    window = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    canvas = np.zeros(high[::-1] - low[::-1], np.uint8)
    if canvas.size:
        corners = np.round((curve - low) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return window, np.asarray(canvas / np.float32(255), np.float32)
