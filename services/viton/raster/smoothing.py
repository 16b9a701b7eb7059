"""Gaussian smoothing."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.planes import bounding_window

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


def gaussian_blur(image: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def antialias(mask: Bool, sigma: float = 1.0) -> Floats:
    """Return the mask with an anti-aliased edge, 0 to 1."""
    result = np.zeros(mask.shape, np.float32)
    window = bounding_window(mask, int(4 * sigma) + 2)
    if window is not None:
        result[window] = gaussian_blur(mask[window].astype(np.float32), sigma)
    return result
