"""Placement of skirts: one piece of fabric around both legs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.geometry import Floats
from services.viton.person.legs import LowerBody
from services.viton.person.waistline import Waistline
from services.viton.placing.warp_grid import WarpGrid, interpolate_across
from services.viton.side import PictureSide

_GRID_ROWS: Final = 48
"""Rows of the grid."""
_PAST_HEM: Final = 1.04
"""Last row of the grid, as a fraction from waistline to hem."""


@dataclass(frozen=True, kw_only=True)
class SkirtOptions:
    """How wide and how long a skirt lies on a body. Widths on the canvas are half widths."""

    waist_row: float = 0.03
    """Row of the photo at which the waist is measured, as a fraction from waistband to hem."""
    min_hip_fit: float = 0.92
    """Least width of the skirt at the hips, in widths of the body there."""
    length_stretch: float = 1.06
    """Ratio of vertical to horizontal scale."""
    max_below_ankle: float = 0.09
    """Largest distance of the hem below the ankles, in torso lengths."""
    min_ease: float = 1.02
    """Least half width of the skirt, in half widths of the body."""
    min_ease_px: float = 2.0
    """Distance that is added to the least half width, in canvas pixels."""
    max_taper: float = 0.12
    """Largest decrease of the half width below the hips, in canvas pixels for each row."""
    sigma: float = 1.5
    """Standard deviation of the smoothing of the half widths downwards, in rows of the grid."""
    bow_fade: float = 0.25
    """Fraction of the length over which the waistline's curve fades."""


SKIRT_OPTIONS: Final = SkirtOptions()


def place_skirt(
    garment: BottomsLandmarks,
    lower_body: LowerBody,
    waistline: Waistline,
    *,
    scale: float | None = None,
    hem: float | None = None,
    options: SkirtOptions = SKIRT_OPTIONS,
) -> WarpGrid:
    """Place a skirt around both legs, at its own width but never narrower than the body.

    ``scale``: canvas pixels per garment pixel across; ``hem``: canvas row. By default both follow
    from the widths of waist and hips.
    """
    tall = garment.hem_row - garment.waistband_row
    canvas_waist_row = waistline.row_at(
        float(
            np.interp(
                lower_body.waistband_row, np.arange(len(lower_body.midline_x)), lower_body.midline_x
            )
        )
    )
    if scale is None:
        by_waist = lower_body.width_at(canvas_waist_row) / max(
            garment.width_at(garment.waistband_row + options.waist_row * tall), 1.0
        )
        by_hips = options.min_hip_fit * lower_body.hip_width / max(garment.hip_width, 1.0)
        scale = max(by_waist, by_hips)
    if hem is None:
        hem = canvas_waist_row + tall * scale * options.length_stretch
    hem = min(hem, lower_body.ankle_row + options.max_below_ankle * lower_body.torso_length)
    fraction = np.linspace(0, _PAST_HEM, _GRID_ROWS)
    rows = canvas_waist_row + fraction * (hem - canvas_waist_row)
    photo_rows = garment.waistband_row + fraction * tall
    at = np.clip(photo_rows, 0, len(garment.left_edge) - 1).astype(int)
    index = np.clip(rows, 0, len(lower_body.midline_x) - 1).astype(int)
    middle, photo_midline = lower_body.midline_x[index], garment.inner_edges[0][at]
    canvas_edges, photo_edges = [], []
    for side, edge in zip(PictureSide, (garment.left_edge, garment.right_edge), strict=True):
        sign = side.sign
        body_half = sign * (lower_body.flanks_x[side][index] - middle)
        garment_half = sign * (edge[at] - photo_midline) * scale
        least = body_half * options.min_ease + options.min_ease_px
        half = _fall_from_hips(np.maximum(least, garment_half), rows, lower_body, options)
        canvas_edges.append(np.stack([middle + sign * half, rows], axis=1))
        photo_edges.append(np.stack([edge[at], photo_rows], axis=1))
    canvas_grid = interpolate_across(*canvas_edges)
    bow = (
        np.interp(canvas_grid[0, :, 0], np.arange(len(waistline.rows)), waistline.rows)
        - canvas_waist_row
    )
    canvas_grid[..., 1] += bow * (1 - np.clip(fraction / options.bow_fade, 0, 1))[:, None]
    return WarpGrid(canvas_grid, interpolate_across(*photo_edges), 1.0)


def _fall_from_hips(
    half: Floats, rows: Floats, lower_body: LowerBody, options: SkirtOptions
) -> Floats:
    """Return the half widths with a limited taper below the hips; fabric may flare there.

    ``half``: half widths in canvas pixels at the canvas rows ``rows``.
    """
    fallen = half.copy()
    for i in range(1, len(half)):
        if rows[i] > lower_body.hip_row:
            least = fallen[i - 1] - options.max_taper * (rows[i] - rows[i - 1])
            fallen[i] = max(half[i], least)
    return np.asarray(gaussian_filter1d(fallen, options.sigma, mode="nearest"))
