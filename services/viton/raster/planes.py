"""Planes and images: channels, statistics and the window that holds a mask."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


def bounding_window(mask: Bool, margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold the mask, and ``margin`` pixels more; None if empty."""
    left, top, wide, tall = cv2.boundingRect(mask.astype(np.uint8))
    if not wide:
        return None
    return (
        slice(max(top - margin, 0), top + tall + margin),
        slice(max(left - margin, 0), left + wide + margin),
    )


def to_three_channels(plane: Floats) -> Floats:
    """Return an H x W plane three times, H x W x 3: numpy is slow at repeating so few values."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)


def to_luma(image: Floats) -> Floats:
    """Return the luma of an H x W x 3 image, 0 to 255."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.float32)


def mean_channel_std(image: Floats, where: Bool) -> float:
    """Return how much the colours of an H x W x 3 image differ: the mean of their deviations."""
    return float(cv2.meanStdDev(image, mask=where.astype(np.uint8))[1].mean())
