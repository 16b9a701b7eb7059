"""The part map to paint on, and windows of the picture.

Coordinates are pixels, x to the right, y down.
"""

import numpy as np
from numpy.typing import NDArray

from services.densepose import charts
from services.densepose.parts import U8, Part

F32 = NDArray[np.float32]
"""An array of single precision."""
Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]


class Canvas:
    """Parts and their coordinates; what is painted first stays."""

    def __init__(self, person: Mask) -> None:
        self.person: Mask = person
        """H x W: the person's pixels."""
        self.free: Mask = person.copy()
        """H x W: the person's pixels without a part."""
        self.parts: U8 = np.zeros(person.shape, np.uint8)
        """H x W part ids, 0 (background) to 24."""
        self.u: U8 = np.zeros(person.shape, np.uint8)
        """H x W, U of the part's chart: 0 to 255 for 0 to 1."""
        self.v: U8 = np.zeros(person.shape, np.uint8)
        """H x W, V of the part's chart: 0 to 255 for 0 to 1."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.parts.shape[0], self.parts.shape[1]

    def paint(self, window: Window, part: Part, where: Mask, along: Floats, aside: Floats) -> None:
        """Paint a part on the free pixels of ``where``.

        ``along`` and ``aside`` are 0..1 on the part, as ``charts`` names them.
        """
        chosen = where & self.free[window]
        u, v = charts.chart_coordinates(part, along[chosen], aside[chosen])
        self.parts[window][chosen] = part
        self.u[window][chosen] = _byte(u)
        self.v[window][chosen] = _byte(v)
        self.free[window] &= ~chosen


def window_around(shape: tuple[int, int], points: F32, margin: float) -> Window:
    """Return the window of a picture around points (N x 2) and a margin, in pixels."""
    low = np.floor(points.min(axis=0) - margin)
    high = np.ceil(points.max(axis=0) + margin) + 1
    left, right = np.clip([low[0], high[0]], 0, shape[1]).astype(int)
    top, bottom = np.clip([low[1], high[1]], 0, shape[0]).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def offsets(window: Window, origin: F32) -> tuple[F32, F32]:
    """Return x and y of a window's pixels relative to a point: 1 x W and H x 1."""
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - origin[1]
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None] - origin[0]
    return columns, rows


def _byte(values: Floats) -> U8:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
