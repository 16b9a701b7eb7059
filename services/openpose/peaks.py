"""Peaks of the joints' confidence maps: where a joint of somebody may be."""

from typing import Final

import numpy as np

from services.openpose.core import F32

MAX_PEAKS: Final = 127
"""Peaks kept of one map, from its top: OpenPose's limit of people."""

_CENTRE_REACH_PX: Final = 3
"""Reach around a peak of the centre of mass that gives its place, in pixels of the map."""
_NEIGHBOURS: Final = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
"""Row and column of a pixel's eight neighbours in a window of 3 x 3."""


def find_peaks(confidence: F32, threshold: float, offset: float) -> F32:
    """Find the peaks of a map (H x W): N x 3, x and y in its pixels, and the confidence.

    A peak is above ``threshold`` and above its eight neighbours; one pixel from the border, where
    enlarging a map can put two equal maxima side by side, it may equal them, and on the border
    there are none. ``offset`` is added to x and y.
    """
    height, width = confidence.shape
    around = np.pad(confidence, 1, constant_values=threshold)
    strict = confidence > threshold
    loose = strict.copy()
    for y, x in _NEIGHBOURS:
        neighbour = around[y : y + height, x : x + width]
        strict &= confidence > neighbour
        loose &= confidence >= neighbour
    inner = np.zeros_like(strict)
    inner[2:-2, 2:-2] = True
    ring = np.zeros_like(strict)
    ring[1:-1, 1:-1] = True
    rows, columns = np.nonzero((strict & inner) | (loose & ring & ~inner))
    found = [
        (*_centre_of_mass(confidence, row, column, offset), confidence[row, column])
        for row, column in zip(rows[:MAX_PEAKS].tolist(), columns[:MAX_PEAKS].tolist(), strict=True)
    ]
    return np.array(found, np.float32).reshape(-1, 3)


def _centre_of_mass(confidence: F32, row: int, column: int, offset: float) -> tuple[float, float]:
    top, left = max(0, row - _CENTRE_REACH_PX), max(0, column - _CENTRE_REACH_PX)
    mass = np.maximum(
        confidence[top : row + _CENTRE_REACH_PX + 1, left : column + _CENTRE_REACH_PX + 1], 0
    )
    total = float(mass.sum())
    x = float(mass.sum(axis=0) @ np.arange(mass.shape[1])) / total
    y = float(mass.sum(axis=1) @ np.arange(mass.shape[0])) / total
    return left + x + offset, top + y + offset
