"""Warp grids: pairs of points on canvas and photo, for trousers and skirts."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.viton.geometry import Points
from services.viton.raster.ruled_warp import RuledWarp, rasterise_ruled_surface

POSITIONS_ACROSS: Final = np.linspace(-0.14, 1.14, 9)
"""Positions across a half: 0 on its outer edge, 1 on the midline or beside the other leg."""

_MESH_PX: Final = 8.0
"""Largest distance of neighbouring grid points after upsampling, in canvas pixels."""
_BELOW_FRAME_PX: Final = 8
"""Distance below the frame up to which the rows of a grid are kept, in canvas pixels."""


@dataclass(frozen=True)
class WarpGrid:
    """Pairs of points of half a garment, or of a whole skirt, as grids down and across."""

    canvas_points: Points
    """N x M x 2: rows downwards, positions across, (x, y) on the canvas."""
    photo_points: Points
    """N x M x 2: the same points in the garment's photo."""
    crotch_fraction: float
    """Fraction of the rows that lie above the crotch; 1 in a skirt."""


def interpolate_across(first: Points, second: Points) -> Points:
    """Return the grid between two edges, N x 2 each: N x M x 2, M positions across."""
    across = POSITIONS_ACROSS[None, :, None]
    return np.asarray(first[:, None] * (1 - across) + second[:, None] * across)


def rasterise_grid(grid: WarpGrid, shape: tuple[int, int]) -> RuledWarp:
    """Rasterise a grid on a canvas of ``shape``, without the rows below the frame.

    The grid is upsampled first, because ``rasterise_ruled_surface`` is exact to a thirtieth of a
    mesh.
    """
    shown = np.flatnonzero((grid.canvas_points[..., 1] < shape[0] + _BELOW_FRAME_PX).any(axis=1))
    end = int(shown[-1]) + 2 if len(shown) else 2
    canvas_points, photo_points = grid.canvas_points[:end], grid.photo_points[:end]
    tall = float(np.hypot(*np.moveaxis(np.diff(canvas_points, axis=0), -1, 0)).sum(axis=0).max())
    wide = float(np.hypot(*np.moveaxis(np.diff(canvas_points, axis=1), -1, 0)).sum(axis=1).max())
    size = (
        max(int(tall / _MESH_PX), len(canvas_points)),
        max(int(wide / _MESH_PX), len(POSITIONS_ACROSS)),
    )
    across = np.linspace(POSITIONS_ACROSS[0], POSITIONS_ACROSS[-1], size[1])
    surface = rasterise_ruled_surface(
        _upsample_grid(canvas_points, size), _upsample_grid(photo_points, size), across, shape
    )
    return replace(
        surface,
        along=surface.along * np.float32((len(canvas_points) - 1) / (len(grid.canvas_points) - 1)),
    )


def _upsample_grid(grid: Points, size: tuple[int, int]) -> Points:
    """Interpolate an N x M x 2 grid linearly at ``size`` rows and columns."""
    upsampled = grid
    for axis, count in enumerate(size):
        place = np.linspace(0, upsampled.shape[axis] - 1, count)
        first = np.minimum(place.astype(int), upsampled.shape[axis] - 2)
        weight = (place - first).reshape([-1 if i == axis else 1 for i in range(3)])
        before, after = np.take(upsampled, first, axis), np.take(upsampled, first + 1, axis)
        upsampled = before * (1 - weight) + after * weight
    return upsampled
