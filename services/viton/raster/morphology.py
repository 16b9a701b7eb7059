"""Growing and shrinking masks by round footprints, in the window that holds them.

The kit's morphology with discs in the place of large ellipses.
"""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster import morphology
from services.viton.raster.planes import bounding_window

Bool: TypeAlias = NDArray[np.bool_]

_MAX_ELLIPSE_RADIUS_PX: Final = 6
"""Radius above which a distance transform is faster than a kernel, in pixels of any canvas."""


def erode(mask: Bool, radius: int) -> Bool:
    """Return the mask without its rim of ``radius`` pixels; the frame's edge erodes nothing."""
    result = np.zeros(mask.shape, bool)
    window = bounding_window(mask, 1)
    if window is not None:
        result[window] = ~_grown(~mask[window], radius)
    return result


def dilate(mask: Bool, radius: int) -> Bool:
    """Return the mask grown by ``radius`` pixels."""
    result = np.zeros(mask.shape, bool)
    window = bounding_window(mask, radius + 1)
    if window is not None:
        result[window] = _grown(mask[window], radius)
    return result


def _grown(mask: Bool, radius: int) -> Bool:
    if radius > _MAX_ELLIPSE_RADIUS_PX and mask.any():
        # A large kernel costs its area for each pixel, a distance does not.
        away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(away < radius + 0.5)
    return morphology.dilate(mask, radius)
