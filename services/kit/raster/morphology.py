"""Binary morphology of masks.

Outside the frame nothing is known: it neither dilates nor erodes what is inside.
"""

from enum import IntEnum
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Bool: TypeAlias = NDArray[np.bool_]


class Footprint(IntEnum):
    """The shape of the neighbourhood of a pixel."""

    ELLIPSE = cv2.MORPH_ELLIPSE
    """OpenCV's ellipse: at radius 1 a cross."""
    SQUARE = cv2.MORPH_RECT
    """All pixels whose rows and columns differ by no more than the radius."""


_ELLIPSE: Final = Footprint.ELLIPSE
"""The footprint if none is named."""


def footprint(radius: int, shape: Footprint = _ELLIPSE) -> NDArray[np.uint8]:
    """Return a structuring element of ``2 * radius + 1`` pixels a side, of zeros and ones."""
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(shape, (size, size)), np.uint8)


def dilate(mask: Bool, radius: int, shape: Footprint = _ELLIPSE) -> Bool:
    """Return an H x W mask grown by ``radius`` pixels."""
    return cv2.dilate(mask.astype(np.uint8), footprint(radius, shape)) > 0


def erode(mask: Bool, radius: int, shape: Footprint = _ELLIPSE) -> Bool:
    """Return an H x W mask without its rim of ``radius`` pixels; the frame erodes nothing."""
    return cv2.erode(mask.astype(np.uint8), footprint(radius, shape)) > 0


def open_mask(mask: Bool, radius: int, shape: Footprint = _ELLIPSE) -> Bool:
    """Return an H x W mask eroded, then dilated: without what is thinner than the footprint."""
    kernel = footprint(radius, shape)
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0


def close_plane(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Return an H x W plane's maximum, then minimum, over squares: dark lines are filled."""
    kernel = footprint(radius, Footprint.SQUARE)
    return np.asarray(cv2.morphologyEx(plane, cv2.MORPH_CLOSE, kernel), np.float32)


def close_mask(mask: Bool, radius: int, shape: Footprint = _ELLIPSE) -> Bool:
    """Return an H x W mask dilated, then eroded: without gaps thinner than the footprint."""
    kernel = footprint(radius, shape)
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
