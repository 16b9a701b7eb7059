"""Planes and images: channels, statistics and the window that holds a mask."""

from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]
Image = TypeVar("Image", NDArray[np.float32], NDArray[np.uint8])


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


def dot_channels(first: Floats, second: Floats) -> Floats:
    """Return the sum of the products of the channels of two H x W x 3 images, H x W."""
    return np.asarray(cv2.transform(first * second, np.ones((1, 3), np.float32)), np.float32)


def max_channel(image: Floats) -> Floats:
    """Return the largest channel of each pixel of an H x W x 3 image, H x W."""
    red, green, blue = cv2.split(image)
    return np.asarray(np.maximum(np.maximum(red, green), blue), np.float32)


def choose_pixels(where: Bool, first: Image, second: Image) -> Image:
    """Return ``first`` where the H x W mask is set and ``second`` elsewhere, both H x W x C."""
    chosen = second.copy()
    # numpy is several times slower at repeating the mask for so few channels.
    cv2.copyTo(np.asarray(first, second.dtype), where.astype(np.uint8), chosen)
    return chosen


def to_luma(image: Floats) -> Floats:
    """Return the luma of an H x W x 3 image, 0 to 255."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.float32)


def mean_channel_std(image: Floats, where: Bool) -> float:
    """Return how much the colours of an H x W x 3 image differ: the mean of their deviations."""
    return float(cv2.meanStdDev(image, mask=where.astype(np.uint8))[1].mean())
