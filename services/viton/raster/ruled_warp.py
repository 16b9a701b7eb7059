"""Ruled surfaces between two edges as dense maps: a sleeve that bends with the arm."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float32]

_OVERLAP_DECAY: Final = 12.0
"""Decay of a point's weight along the surface: where it overlaps itself, its beginning shows."""

_MIN_WEIGHT: Final = 1e-12
"""Least weight of the scattered samples that is divided by."""

_MIN_COVERED: Final = 0.3
"""Fraction of a pixel and its eight neighbours hit by samples above which it is covered."""

_SAMPLES_PER_PIXEL: Final = 1.5
"""Samples of the refined grid for each canvas pixel of its longest line."""

_MAX_COLUMNS: Final = 1400
"""Largest number of samples across the surface."""

_MAX_ROWS: Final = 2400
"""Largest number of samples along the surface."""

_WINDOW_MARGIN_PX: Final = 8
"""Room around the surface in its window, in canvas pixels: a soft edge can end there."""


@dataclass(frozen=True, kw_only=True)
class RuledWarp:
    """A ruled surface on the canvas, read per pixel."""

    flow: Floats
    """H x W x 2: the (x, y) in the garment's photo, in its pixels."""
    along: Floats
    """H x W: the place along the surface, 0 at the armhole to 1 at the wrist."""
    across: Floats
    """H x W: the place across the surface, 0 at the outer edge to 1 at the inner one."""
    covered: NDArray[np.bool_]
    """H x W: where the surface lies."""
    window: tuple[slice, slice]
    """The rows and columns that hold it, with room around it in which a soft edge can end."""

    @property
    def windowed(self) -> "RuledWarp":
        """The surface in its window alone."""
        at = self.window
        return RuledWarp(
            flow=self.flow[at],
            along=self.along[at],
            across=self.across[at],
            covered=self.covered[at],
            window=at,
        )


def rasterise_ruled_surface(
    canvas_points: Points, photo_points: Points, across: NDArray[np.float64], shape: tuple[int, int]
) -> RuledWarp:
    """Rasterise a ruled surface on the canvas, H x W = ``shape``.

    ``canvas_points`` and ``photo_points``: N x M x 2 grids of the same points on the canvas and in
    the garment's photo. ``across``: the M places across the surface. The grids are refined until
    neighbours are less than a pixel apart, and scattered.
    """
    rows, columns = canvas_points.shape[:2]
    tall = float(np.hypot(*np.moveaxis(np.diff(canvas_points, axis=0), -1, 0)).sum(axis=0).max())
    wide = float(np.hypot(*np.moveaxis(np.diff(canvas_points, axis=1), -1, 0)).sum(axis=1).max())
    size = (
        int(np.clip(_SAMPLES_PER_PIXEL * wide, columns, _MAX_COLUMNS)),
        int(np.clip(_SAMPLES_PER_PIXEL * tall, rows, _MAX_ROWS)),
    )
    along = np.linspace(0, 1, rows)[:, None] + np.zeros((1, columns))
    sideways = np.zeros((rows, 1)) + across[None, :]
    sheet = np.dstack([canvas_points, photo_points, along, sideways]).astype(np.float32)
    ys = np.linspace(0, rows - 1, size[1], dtype=np.float32)[:, None]
    xs = np.linspace(0, columns - 1, size[0], dtype=np.float32)[None, :]
    map_x, map_y = np.broadcast_to(xs, (size[1], size[0])), np.broadcast_to(ys, (size[1], size[0]))
    canvas, garment, own = (
        cv2.remap(np.ascontiguousarray(sheet[..., i : i + 2]), map_x, map_y, cv2.INTER_LINEAR)
        for i in (0, 2, 4)
    )
    column, row = (np.rint(plane).astype(np.int32) for plane in cv2.split(canvas))
    on = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    column, row = column[on], row[on]
    window = _around(row, shape[0]), _around(column, shape[1])
    height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
    place = (row - window[0].start) * width + (column - window[1].start)
    values = [plane[on] for plane in (*cv2.split(garment), *cv2.split(own))]
    # A surface that overlaps itself shows its beginning, not a mixture.
    rank = np.exp(-_OVERLAP_DECAY * values[2])

    def scattered(weights: Floats) -> Floats:
        total = np.bincount(place, weights, minlength=height * width)
        return total.astype(np.float32).reshape(height, width)

    weight = scattered(rank)
    near = np.maximum(cv2.blur(weight, (3, 3)), _MIN_WEIGHT)
    flow = np.zeros((*shape, 2), np.float32)
    along_plane, across_plane = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    planes = (flow[..., 0], flow[..., 1], along_plane, across_plane)
    for plane, value in zip(planes, values, strict=True):
        plane[window] = cv2.blur(scattered(rank * value), (3, 3)) / near
    covered = np.zeros(shape, bool)
    covered[window] = cv2.blur((weight > 0).astype(np.float32), (3, 3)) > _MIN_COVERED
    return RuledWarp(
        flow=flow, along=along_plane, across=across_plane, covered=covered, window=window
    )


def _around(places: NDArray[np.int32], size: int) -> slice:
    """Return the part of an axis of ``size`` pixels that holds the places, with a margin."""
    first, last = int(places.min(initial=size - 1)), int(places.max(initial=0))
    return slice(
        max(min(first, last) - _WINDOW_MARGIN_PX, 0),
        min(max(first, last) + _WINDOW_MARGIN_PX + 1, size),
    )
