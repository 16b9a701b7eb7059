"""Gaussian smoothing."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.planes import bounding_window

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]
Window: TypeAlias = tuple[slice, slice]


def gaussian_blur(image: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def gaussian_blur_in_window(image: Floats, sigma: float, window: Window) -> Floats:
    """Return the part of a Gaussian blur that lies in a window, with bounds within the image."""
    reach = _reach(sigma)
    (top, bottom), (left, right) = ((part.start, part.stop) for part in window)
    first, before = max(top - reach, 0), max(left - reach, 0)
    blurred = gaussian_blur(image[first : bottom + reach, before : right + reach], sigma)
    return blurred[top - first : bottom - first, left - before : right - before]


def antialias(mask: Bool, sigma: float = 1.0) -> Floats:
    """Return the mask with an anti-aliased edge, 0 to 1."""
    result = np.zeros(mask.shape, np.float32)
    window = bounding_window(mask, _reach(sigma))
    if window is not None:
        result[window] = gaussian_blur(mask[window].astype(np.float32), sigma)
    return result


def _reach(sigma: float) -> int:
    """Return the distance in pixels beyond which OpenCV's kernel for float images is 0."""
    return int(4 * sigma) + 2
