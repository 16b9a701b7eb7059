"""Skirts: one cloth around both legs."""

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.geometry import Floats, Points
from services.viton.person.legs import LowerBody
from services.viton.placing.warp_grid import ACROSS, Hung, Waistline, seat, span

_ROWS: Final = 48
_BEYOND: Final = 1.04
_DRAPE: Final = 1.06
_FLOOR: Final = 0.09
_FALL: Final = 0.12
_BAND: Final = 0.25


def hang_skirt(
    garment: BottomsLandmarks,
    body: LowerBody,
    line: Waistline,
    *,
    scale: float | None = None,
    hem: float | None = None,
) -> Hung:
    """Lays a skirt around both legs: as wide as it is, never narrower than the body.

    ``scale``: canvas pixels per garment pixel across, ``hem``: its row; by default by the width of
    waist and hips.
    """
    tall = garment.hem_row - garment.waistband_row
    top = line.at(
        float(np.interp(body.waistband_row, np.arange(len(body.midline_x)), body.midline_x))
    )
    if scale is None:
        waist = span(body, top) / max(garment.width_at(garment.waistband_row + 0.03 * tall), 1.0)
        scale = max(waist, 0.92 * seat(body) / max(garment.hip_width, 1.0))
    if hem is None:
        hem = top + tall * scale * _DRAPE
    hem = min(hem, body.ankle_row + _FLOOR * body.torso_length)
    share = np.linspace(0, _BEYOND, _ROWS)
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
        half = _falling(np.maximum(own * 1.02 + 2.0, cloth), rows, body)
        target.append(np.stack([middle + sign * half, rows], axis=1))
        source.append(np.stack([edge[at], source_rows], axis=1))
    laid = _between(target)
    bow = np.interp(laid[0, :, 0], np.arange(len(line.rows)), line.rows) - top
    laid[..., 1] += bow * (1 - np.clip(share / _BAND, 0, 1))[:, None]
    return Hung(laid, _between(source), 1.0)


def _between(edges: list[Points]) -> Points:
    across = ACROSS[None, :, None]
    return np.asarray(edges[0][:, None] * (1 - across) + edges[1][:, None] * across)


def _falling(half: Floats, rows: Floats, body: LowerBody) -> Floats:
    """Below the hips cloth falls: it may flare, but follows no leg inwards at once."""
    fallen = half.copy()
    for i in range(1, len(half)):
        if rows[i] > body.hip_row:
            fallen[i] = max(half[i], fallen[i - 1] - _FALL * (rows[i] - rows[i - 1]))
    return np.asarray(gaussian_filter1d(fallen, 1.5, mode="nearest"))
