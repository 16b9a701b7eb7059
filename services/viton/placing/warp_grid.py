"""What trousers and skirts share: where they begin, and grids of them laid on the canvas."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.viton.geometry import Floats, Points
from services.viton.person.legs import LowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.ruled_warp import RuledWarp, rasterise_ruled_surface

POSITIONS_ACROSS: Final = np.linspace(-0.14, 1.14, 9)
"""Places across a half: 0 at its outer edge, 1 at the axis or beside the other leg."""

_MESH_PX: Final = 8.0
_MAX_LOW_WAISTBAND: Final = 0.08


@dataclass(frozen=True)
class Waistline:
    """The row at which the garment begins, for every column; ``shown``: no top hangs over it."""

    rows: Floats
    visible: bool

    def row_at(self, x: float) -> float:
        """Return the row at a column."""
        return float(np.interp(x, np.arange(len(self.rows)), self.rows))


@dataclass(frozen=True)
class WarpGrid:
    """A half of a garment, or all of a skirt: N x M x 2 grids of canvas and garment pixels.

    ``crotch``: the share of the rows that lie above the crotch; 1 in a skirt.
    """

    canvas_points: Points
    photo_points: Points
    crotch_fraction: float


def find_waistline(body: LowerBody, worn: PersonSegmentation) -> Waistline:
    """Return where the worn trousers or skirt begin below a tucked or short top.

    A top that hangs lower hides the waistband; then it is placed where one usually is.
    """
    height, width = worn.bottoms.shape
    columns = np.arange(width, dtype=np.float64)
    usual = np.full(width, body.waistband_row)
    first = int(np.clip(body.shoulder_row + 0.45 * body.torso_length, 0, height - 1))
    last = int(np.clip(body.hip_row + 0.35 * body.torso_length, first + 1, height))
    row = int(np.clip(body.hip_row, 0, height - 1))
    near = np.abs(columns - body.midline_x[row]) < 0.26 * body.torso_length
    band = worn.bottoms[first:last]
    open_above = worn.arms[first:last].any(axis=0) & ~worn.upper_garment[first:last].any(axis=0)
    found = near & band.any(axis=0) & ~open_above
    if found.sum() < 0.15 * body.torso_length:
        return Waistline(usual, visible=False)
    rows = first + band.argmax(axis=0).astype(np.float64)
    middle = float(np.median(rows[found]))
    if middle > body.waistband_row + _MAX_LOW_WAISTBAND * body.torso_length:
        return Waistline(usual, visible=False)
    kept = found & (np.abs(rows - middle) < 0.12 * body.torso_length)
    centred = (columns - body.midline_x[row]) / body.torso_length
    fitted = np.polynomial.Polynomial.fit(centred[kept], rows[kept], 2)
    line = fitted(np.clip(centred, -0.34, 0.34))
    raised = float(np.percentile((line - rows)[kept], 80))
    return Waistline(line - np.clip(raised, 0, 0.03 * body.torso_length), visible=True)


def rasterise_grid(hung: WarpGrid, shape: tuple[int, int]) -> RuledWarp:
    """Lays the grids on the canvas, H x W, without the rows below the frame.

    They are made dense first: ``strip`` places points to a thirtieth of a mesh.
    """
    shown = np.flatnonzero((hung.canvas_points[..., 1] < shape[0] + 8).any(axis=1))
    end = int(shown[-1]) + 2 if len(shown) else 2
    target, source = hung.canvas_points[:end], hung.photo_points[:end]
    tall = float(np.hypot(*np.moveaxis(np.diff(target, axis=0), -1, 0)).sum(axis=0).max())
    wide = float(np.hypot(*np.moveaxis(np.diff(target, axis=1), -1, 0)).sum(axis=1).max())
    size = (
        max(int(tall / _MESH_PX), len(target)),
        max(int(wide / _MESH_PX), len(POSITIONS_ACROSS)),
    )
    across = np.linspace(POSITIONS_ACROSS[0], POSITIONS_ACROSS[-1], size[1])
    laid = rasterise_ruled_surface(
        _upsample_grid(target, size), _upsample_grid(source, size), across, shape
    )
    return replace(
        laid, along=laid.along * np.float32((len(target) - 1) / (len(hung.canvas_points) - 1))
    )


def _upsample_grid(grid: Points, size: tuple[int, int]) -> Points:
    """Return the N x M x 2 grid read between its points at ``size`` places."""
    for axis, count in enumerate(size):
        place = np.linspace(0, grid.shape[axis] - 1, count)
        first = np.minimum(place.astype(int), grid.shape[axis] - 2)
        share = (place - first).reshape([-1 if i == axis else 1 for i in range(3)])
        grid = np.take(grid, first, axis) * (1 - share) + np.take(grid, first + 1, axis) * share
    return grid


def body_width_at(body: LowerBody, row: float) -> float:
    """Return the body's width in a row."""
    at = int(np.clip(row, 0, len(body.midline_x) - 1))
    return float(body.flanks_x[1][at] - body.flanks_x[0][at])


def hip_width(body: LowerBody) -> float:
    """Return the width of the hips."""
    return body_width_at(body, body.crotch[1] - 0.06 * body.torso_length)
