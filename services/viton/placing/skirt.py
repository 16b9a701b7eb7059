"""Placement of skirts: one piece of fabric around both legs."""

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.geometry import Floats, Points
from services.viton.person.legs import LowerBody
from services.viton.placing.warp_grid import (
    POSITIONS_ACROSS,
    Waistline,
    WarpGrid,
    body_width_at,
    hip_width,
)

_GRID_ROWS: Final = 48
"""Rows of the grid."""
_PAST_HEM: Final = 1.04
"""Last row of the grid, as a fraction from waistline to hem."""
_LENGTH_STRETCH: Final = 1.06
"""Ratio of vertical to horizontal scale."""
_MAX_BELOW_ANKLE: Final = 0.09
"""Largest distance of the hem below the ankles, in torso lengths."""
_MAX_TAPER: Final = 0.12
"""Largest decrease of the half width per row below the hips."""
_BOW_FADE: Final = 0.25
"""Fraction of the length over which the waistline's curve fades."""


def place_skirt(
    garment: BottomsLandmarks,
    body: LowerBody,
    line: Waistline,
    *,
    scale: float | None = None,
    hem: float | None = None,
) -> WarpGrid:
    """Place a skirt around both legs, at its own width but never narrower than the body.

    ``scale``: canvas pixels per garment pixel across; ``hem``: canvas row. By default both follow
    from the widths of waist and hips.
    """
    tall = garment.hem_row - garment.waistband_row
    top = line.row_at(
        float(np.interp(body.waistband_row, np.arange(len(body.midline_x)), body.midline_x))
    )
    if scale is None:
        by_waist = body_width_at(body, top) / max(
            garment.width_at(garment.waistband_row + 0.03 * tall), 1.0
        )
        scale = max(by_waist, 0.92 * hip_width(body) / max(garment.hip_width, 1.0))
    if hem is None:
        hem = top + tall * scale * _LENGTH_STRETCH
    hem = min(hem, body.ankle_row + _MAX_BELOW_ANKLE * body.torso_length)
    share = np.linspace(0, _PAST_HEM, _GRID_ROWS)
    rows = top + share * (hem - top)
    photo_rows = garment.waistband_row + share * tall
    at = np.clip(photo_rows, 0, len(garment.left_edge) - 1).astype(int)
    index = np.clip(rows, 0, len(body.midline_x) - 1).astype(int)
    middle, photo_midline = body.midline_x[index], garment.inner_edges[0][at]
    target, source = [], []
    for side, (edge, sign) in enumerate(
        zip((garment.left_edge, garment.right_edge), (-1, 1), strict=True)
    ):
        body_half = sign * (body.flanks_x[side][index] - middle)
        garment_half = sign * (edge[at] - photo_midline) * scale
        half = _fall_from_hips(np.maximum(body_half * 1.02 + 2.0, garment_half), rows, body)
        target.append(np.stack([middle + sign * half, rows], axis=1))
        source.append(np.stack([edge[at], photo_rows], axis=1))
    canvas_grid = _interpolate_across(target)
    bow = np.interp(canvas_grid[0, :, 0], np.arange(len(line.rows)), line.rows) - top
    canvas_grid[..., 1] += bow * (1 - np.clip(share / _BOW_FADE, 0, 1))[:, None]
    return WarpGrid(canvas_grid, _interpolate_across(source), 1.0)


def _interpolate_across(edges: list[Points]) -> Points:
    """Return the grid between the left and the right edge, N x 2 each."""
    across = POSITIONS_ACROSS[None, :, None]
    return np.asarray(edges[0][:, None] * (1 - across) + edges[1][:, None] * across)


def _fall_from_hips(half: Floats, rows: Floats, body: LowerBody) -> Floats:
    """Return the half widths with a limited taper below the hips; fabric may flare there."""
    fallen = half.copy()
    for i in range(1, len(half)):
        if rows[i] > body.hip_row:
            fallen[i] = max(half[i], fallen[i - 1] - _MAX_TAPER * (rows[i] - rows[i - 1]))
    return np.asarray(gaussian_filter1d(fallen, 1.5, mode="nearest"))
