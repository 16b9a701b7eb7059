"""The waistline and the warp grids of trousers and skirts."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.viton.geometry import Floats, Points
from services.viton.person.legs import LowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.ruled_warp import RuledWarp, rasterise_ruled_surface

POSITIONS_ACROSS: Final = np.linspace(-0.14, 1.14, 9)
"""Positions across a half: 0 on its outer edge, 1 on the midline or beside the other leg."""

_MESH_PX: Final = 8.0
"""Largest distance of neighbouring grid points after upsampling, in canvas pixels."""
_BELOW_FRAME_PX: Final = 8
"""Distance below the frame up to which the rows of a grid are kept, in canvas pixels."""
_HIPS_ABOVE_CROTCH: Final = 0.06
"""Distance above the crotch at which the hips are measured, in torso lengths."""


@dataclass(frozen=True, kw_only=True)
class WaistlineSearch:
    """Where the existing waistband is looked for, and its line. Lengths are in torso lengths."""

    start: float = 0.45
    """Distance of the first row below the shoulders."""
    end: float = 0.35
    """Distance of the last row below the hips."""
    half_width: float = 0.26
    """Largest distance of a column from the midline."""
    min_found: float = 0.15
    """Least width of the columns with a visible waistband, together."""
    max_below_usual: float = 0.08
    """Largest distance of a visible waistband below the usual one."""
    max_deviation: float = 0.12
    """Distance from the median row at which a column's row is left out of the line."""
    max_fitted_distance: float = 0.34
    """Distance from the midline beyond which the line is level."""
    raise_percentile: float = 80.0
    """Percentile of the line's distances below the seen rows by which the line is raised."""
    max_raise: float = 0.03
    """Largest such raise."""


WAISTLINE_SEARCH: Final = WaistlineSearch()
"""The search in every picture."""


@dataclass(frozen=True)
class Waistline:
    """Where a lower garment begins on the canvas."""

    rows: Floats
    """W: the row for every column."""
    visible: bool
    """No top hangs over it."""

    def row_at(self, x: float) -> float:
        """Return the row at a column."""
        return float(np.interp(x, np.arange(len(self.rows)), self.rows))


@dataclass(frozen=True)
class WarpGrid:
    """Pairs of points of half a garment, or of a whole skirt, as grids down and across."""

    canvas_points: Points
    """N x M x 2: rows downwards, positions across, (x, y) on the canvas."""
    photo_points: Points
    """N x M x 2: the same points in the garment's photo."""
    crotch_fraction: float
    """Fraction of the rows that lie above the crotch; 1 in a skirt."""


def find_waistline(body: LowerBody, parts: PersonSegmentation) -> Waistline:
    """Return the upper edge of the existing bottoms below a tucked or short top.

    A top that hangs lower hides it. Then the waistline has the usual row.
    """
    options, unit = WAISTLINE_SEARCH, body.torso_length
    height, width = parts.bottoms.shape
    columns = np.arange(width, dtype=np.float64)
    usual = np.full(width, body.waistband_row)
    first = int(np.clip(body.shoulder_row + options.start * unit, 0, height - 1))
    last = int(np.clip(body.hip_row + options.end * unit, first + 1, height))
    row = int(np.clip(body.hip_row, 0, height - 1))
    near = np.abs(columns - body.midline_x[row]) < options.half_width * unit
    band = parts.bottoms[first:last]
    open_above = parts.arms[first:last].any(axis=0) & ~parts.upper_garment[first:last].any(axis=0)
    found = near & band.any(axis=0) & ~open_above
    if found.sum() < options.min_found * unit:
        return Waistline(usual, visible=False)
    rows = first + band.argmax(axis=0).astype(np.float64)
    middle = float(np.median(rows[found]))
    if middle > body.waistband_row + options.max_below_usual * unit:
        return Waistline(usual, visible=False)
    kept = found & (np.abs(rows - middle) < options.max_deviation * unit)
    centred = (columns - body.midline_x[row]) / unit
    fitted = np.polynomial.Polynomial.fit(centred[kept], rows[kept], 2)
    line = fitted(np.clip(centred, -options.max_fitted_distance, options.max_fitted_distance))
    raised = float(np.percentile((line - rows)[kept], options.raise_percentile))
    return Waistline(line - np.clip(raised, 0, options.max_raise * unit), visible=True)


def rasterise_grid(grid: WarpGrid, shape: tuple[int, int]) -> RuledWarp:
    """Rasterise a grid on a canvas of ``shape``, without the rows below the frame.

    The grid is upsampled first, because ``rasterise_ruled_surface`` is exact to a thirtieth of a
    mesh.
    """
    shown = np.flatnonzero((grid.canvas_points[..., 1] < shape[0] + _BELOW_FRAME_PX).any(axis=1))
    end = int(shown[-1]) + 2 if len(shown) else 2
    target, source = grid.canvas_points[:end], grid.photo_points[:end]
    tall = float(np.hypot(*np.moveaxis(np.diff(target, axis=0), -1, 0)).sum(axis=0).max())
    wide = float(np.hypot(*np.moveaxis(np.diff(target, axis=1), -1, 0)).sum(axis=1).max())
    size = (
        max(int(tall / _MESH_PX), len(target)),
        max(int(wide / _MESH_PX), len(POSITIONS_ACROSS)),
    )
    across = np.linspace(POSITIONS_ACROSS[0], POSITIONS_ACROSS[-1], size[1])
    surface = rasterise_ruled_surface(
        _upsample_grid(target, size), _upsample_grid(source, size), across, shape
    )
    return replace(
        surface, along=surface.along * np.float32((len(target) - 1) / (len(grid.canvas_points) - 1))
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


def body_width_at(body: LowerBody, row: float) -> float:
    """Return the body's width in a canvas row, in canvas pixels."""
    at = int(np.clip(row, 0, len(body.midline_x) - 1))
    return float(body.flanks_x[1][at] - body.flanks_x[0][at])


def hip_width(body: LowerBody) -> float:
    """Return the body's width at the hips, in canvas pixels."""
    return body_width_at(body, body.crotch[1] - _HIPS_ABOVE_CROTCH * body.torso_length)
