"""Pull-push: a smooth image through scattered pixels.

The scattered-data interpolation of Gortler et al., "The Lumigraph" (SIGGRAPH 1996), on an image
pyramid in the manner of Burt and Adelson (1983).
"""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.planes import to_three_channels

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_MAX_LEVELS: Final = 9
"""Largest number of levels of the pyramid."""

_MIN_WEIGHT: Final = 1e-6
"""Least weight that is divided by."""

_KNOWN_GAIN: Final = 3.0
"""Factor on the weight of a pixel for the colour it keeps: from a third on it keeps all of it."""


def pull_push(image: Floats, weight: Floats | Bool, shrink: int = 2) -> Floats:
    """Return a smooth H x W x 3 image through the pixels where ``weight`` (0 to 1) is set.

    Known pixels are kept only in the large: the result is computed at 1/``shrink`` of the size.
    """
    known = np.asarray(weight, np.float32)
    height, width = known.shape
    mask = weight.astype(np.uint8) if weight.dtype == np.bool_ else None
    if mask is None:
        weighted = image * to_three_channels(known)
    else:
        weighted = np.asarray(cv2.copyTo(image, mask), np.float32)
    size = (max(width // shrink, 1), max(height // shrink, 1))
    levels = [(_shrink_to(weighted, size), _shrink_to(known, size))]
    while len(levels) < _MAX_LEVELS and min(levels[-1][1].shape) > 3:
        colour, amount = levels[-1]
        half = ((amount.shape[1] + 1) // 2, (amount.shape[0] + 1) // 2)
        levels.append((_shrink_to(colour, half), _shrink_to(amount, half)))
    colour, amount = levels[-1]
    mean = colour.sum(axis=(0, 1)) / max(float(amount.sum()), _MIN_WEIGHT)
    current = np.broadcast_to(mean, colour.shape).astype(np.float32)
    for colour, amount in reversed(levels[1:]):
        current = _fill_unknown(colour, amount, current)
    if shrink == 1 and mask is not None:
        # Each pixel is known or not.
        filled = _enlarge_to(current, size)
        cv2.copyTo(image, mask, filled)
        return filled
    return _enlarge_to(_fill_unknown(*levels[0], current), (width, height))


def _fill_unknown(colour: Floats, amount: Floats, coarser: Floats) -> Floats:
    """Return a level's known colour, where it is sure, and the coarser level's for the rest.

    ``colour``: H x W x 3, weighted by ``amount``, H x W, 0 to 1.
    """
    sure = np.minimum(amount * _KNOWN_GAIN, 1.0)
    filled = _enlarge_to(coarser, (amount.shape[1], amount.shape[0]))
    filled *= to_three_channels(1 - sure)
    filled += colour * to_three_channels(sure / np.maximum(amount, _MIN_WEIGHT))
    return filled


def _shrink_to(plane: Floats, size: tuple[int, int]) -> Floats:
    """Return the plane or image at a ``size`` of (width, height), averaged by area."""
    if plane.shape[1::-1] == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarge_to(image: Floats, size: tuple[int, int]) -> Floats:
    """Return the image at a ``size`` of (width, height), interpolated linearly."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)
