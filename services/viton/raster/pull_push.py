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

_MAX_LEVELS: Final = 9
"""Largest number of levels of the pyramid."""

_MIN_WEIGHT: Final = 1e-6
"""Least weight that is divided by."""

_KNOWN_GAIN: Final = 3.0
"""Factor on the weight of a pixel for the colour it keeps: from a third on it keeps all of it."""


def pull_push(image: Floats, weight: Floats, shrink: int = 2) -> Floats:
    """Return a smooth H x W x 3 image through the pixels where ``weight`` (0 to 1) is set.

    Known pixels are kept only in the large: the result is computed at 1/``shrink`` of the size.
    """
    height, width = weight.shape
    size = (max(width // shrink, 1), max(height // shrink, 1))
    colour = cv2.resize(image * to_three_channels(weight), size, interpolation=cv2.INTER_AREA)
    amount = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    levels = [(colour, amount)]
    while len(levels) < _MAX_LEVELS and min(levels[-1][1].shape) > 3:
        colour, amount = levels[-1]
        half = ((amount.shape[1] + 1) // 2, (amount.shape[0] + 1) // 2)
        levels.append(
            (
                cv2.resize(colour, half, interpolation=cv2.INTER_AREA),
                cv2.resize(amount, half, interpolation=cv2.INTER_AREA),
            )
        )
    colour, amount = levels[-1]
    mean = colour.sum(axis=(0, 1)) / max(float(amount.sum()), _MIN_WEIGHT)
    current = np.broadcast_to(mean, colour.shape).astype(np.float32)
    for colour, amount in reversed(levels):
        coarse = cv2.resize(
            current, (amount.shape[1], amount.shape[0]), interpolation=cv2.INTER_LINEAR
        )
        # The known colour, where it is sure, and the coarser level's for the rest.
        sure = np.minimum(amount * _KNOWN_GAIN, 1.0)
        current = colour * to_three_channels(
            sure / np.maximum(amount, _MIN_WEIGHT)
        ) + coarse * to_three_channels(1 - sure)
    return np.asarray(
        cv2.resize(current, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )
