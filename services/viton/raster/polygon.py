"""Rasterises polygons."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points


def rasterise_polygon(shape: tuple[int, int], curve: Points) -> NDArray[np.float32]:
    """Return an H x W coverage (0 to 1) of a closed polygon, with smooth edges."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(curve * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(canvas / np.float32(255), np.float32)
