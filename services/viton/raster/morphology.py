"""Growing and shrinking masks by round footprints, in the window that holds them.

The kit's morphology with discs in the place of large ellipses.
"""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster import morphology
from services.viton.raster.planes import bounding_window

Bool: TypeAlias = NDArray[np.bool_]

_MAX_ELLIPSE_RADIUS_PX: Final = 6
"""Radius up to which a kernel is fast enough, in pixels of any canvas."""


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
    # A kernel costs its area for each pixel.
    if radius > _MAX_ELLIPSE_RADIUS_PX:
        return _dilate_by_disc(mask, radius)
    return morphology.dilate(mask, radius)


def _dilate_by_disc(mask: Bool, radius: int) -> Bool:
    """Return where the mask is nearer than ``radius + 0.5`` pixels, in the Euclidean distance.

    The disc is a stack of rows. From its rims to its middle they grow, so the mask widened to one
    row's width is what the next begins with.
    """
    height, width = mask.shape
    padded = np.pad(mask, ((0, 0), (radius, radius)))
    widened = mask.copy()
    half_width = 0
    grown = np.zeros_like(mask)
    for rise in range(radius, -1, -1):
        # The largest whole number whose square is less than (radius + 0.5)^2 - rise^2.
        row_half_width = math.isqrt(radius * (radius + 1) - rise * rise)
        for reach in range(half_width + 1, row_half_width + 1):
            widened |= padded[:, radius - reach : radius - reach + width]
            widened |= padded[:, radius + reach : radius + reach + width]
        half_width = row_half_width
        if rise < height:
            grown[rise:] |= widened[: height - rise]
            grown[: height - rise] |= widened[rise:]
    return grown
