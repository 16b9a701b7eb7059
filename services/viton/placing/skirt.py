"""Skirts: one cloth around both legs."""

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
_PAST_HEM: Final = 1.04
_LENGTH_STRETCH: Final = 1.06
_MAX_BELOW_ANKLE: Final = 0.09
_MAX_TAPER: Final = 0.12
_BOW_FADE: Final = 0.25


def place_skirt(
    garment: BottomsLandmarks,
    body: LowerBody,
    line: Waistline,
    *,
    scale: float | None = None,
    hem: float | None = None,
) -> WarpGrid:
    """Lays a skirt around both legs: as wide as it is, never narrower than the body.

    ``scale``: canvas pixels per garment pixel across, ``hem``: its row; by default by the width of
    waist and hips.
    """
    tall = garment.hem_row - garment.waistband_row
    top = line.row_at(
        float(np.interp(body.waistband_row, np.arange(len(body.midline_x)), body.midline_x))
    )
    if scale is None:
        waist = body_width_at(body, top) / max(
            garment.width_at(garment.waistband_row + 0.03 * tall), 1.0
        )
        scale = max(waist, 0.92 * hip_width(body) / max(garment.hip_width, 1.0))
    if hem is None:
        hem = top + tall * scale * _LENGTH_STRETCH
    hem = min(hem, body.ankle_row + _MAX_BELOW_ANKLE * body.torso_length)
    share = np.linspace(0, _PAST_HEM, _GRID_ROWS)
    rows = top + share * (hem - top)
    source_rows = garment.waistband_row + share * tall
    at = np.clip(source_rows, 0, len(garment.left_edge) - 1).astype(int)
    index = np.clip(rows, 0, len(body.midline_x) - 1).astype(int)
    middle, axis = body.midline_x[index], garment.inner_edges[0][at]
    target, source = [], []
    for side, (edge, sign) in enumerate(
        zip((garment.left_edge, garment.right_edge), (-1, 1), strict=True)
    ):
        own = sign * (body.flanks_x[side][index] - middle)
        cloth = sign * (edge[at] - axis) * scale
        half = _fall_from_hips(np.maximum(own * 1.02 + 2.0, cloth), rows, body)
        target.append(np.stack([middle + sign * half, rows], axis=1))
        source.append(np.stack([edge[at], source_rows], axis=1))
    laid = _interpolate_across(target)
    bow = np.interp(laid[0, :, 0], np.arange(len(line.rows)), line.rows) - top
    laid[..., 1] += bow * (1 - np.clip(share / _BOW_FADE, 0, 1))[:, None]
    return WarpGrid(laid, _interpolate_across(source), 1.0)


def _interpolate_across(edges: list[Points]) -> Points:
    across = POSITIONS_ACROSS[None, :, None]
    return np.asarray(edges[0][:, None] * (1 - across) + edges[1][:, None] * across)


def _fall_from_hips(half: Floats, rows: Floats, body: LowerBody) -> Floats:
    """Below the hips cloth falls: it may flare, but follows no leg inwards at once."""
    fallen = half.copy()
    for i in range(1, len(half)):
        if rows[i] > body.hip_row:
            fallen[i] = max(half[i], fallen[i - 1] - _MAX_TAPER * (rows[i] - rows[i - 1]))
    return np.asarray(gaussian_filter1d(fallen, 1.5, mode="nearest"))
