"""Placement of trousers and shorts: a seat around the hips, and a leg along each leg."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.geometry import EPSILON, Floats, Points, point
from services.viton.person.legs import LEG_SAMPLES, Leg, LowerBody
from services.viton.person.waistline import Waistline
from services.viton.placing.warp_grid import WarpGrid, interpolate_across
from services.viton.side import PictureSide

_SEAT_ROWS: Final = 24
"""Rows of the grid from waistline to crotch."""
_LEG_ROWS: Final = 48
"""Rows of the grid from crotch to hem."""
_PAST_HEM: Final = 1.04
"""Last row of the grid, as a fraction from crotch to hem."""
_CROTCH_SLACK: Final = 0.02
"""Distance of the garment's crotch below the body's, in torso lengths."""
_EDGE_SIGMA: Final = 1.0
"""Standard deviation of the smoothing of the edges downwards, in rows of the grid."""
_HIP_JOIN: Final = 0.16
"""Fraction of the leg, from the crotch, over which its edges leave those of the seat."""


@dataclass(frozen=True, kw_only=True)
class HemRowsOptions:
    """Which trousers reach the ankle, and how far below it they may hang."""

    long_leg: float = 0.86
    """Fraction of the leg that trousers cover at their own scale, from which they are long."""
    long_inseam_in_hip_widths: float = 1.4
    """Inseam in hip widths from which trousers are long. Photographed ones have 1.7 to 2.3."""
    long_inseam_in_rises: float = 2.0
    """Inseam in rises from which trousers are long."""
    min_rise: float = 0.65
    """Least rise that counts, in hip widths."""
    free_length: float = 1.02
    """Fraction of the leg up to which long trousers still end at the ankle, at their own scale."""
    max_below_ankle: float = 0.11
    """Largest distance of a hem below the ankle, in torso lengths."""


HEM_ROWS_OPTIONS: Final = HemRowsOptions()


@dataclass(frozen=True, kw_only=True)
class SeatWidthOptions:
    """How wide the seat lies around the hips. Widths are half widths, from midline to seam."""

    min_ease_px: float = 2.0
    """Least distance of the seam outside the body, in canvas pixels."""
    body_weight: float = 0.5
    """Weight of the body's half width in the seat's."""
    fabric_weight: float = 0.5
    """Weight of the fabric's half width in the seat's."""
    max_looseness: float = 0.4
    """Largest excess of the fabric at the crotch, in half widths of the body; 0 at the waist."""


SEAT_WIDTH_OPTIONS: Final = SeatWidthOptions()


@dataclass(frozen=True, kw_only=True)
class LegWidthOptions:
    """How wide a leg of the trousers lies along its leg."""

    min_ease: float = 1.05
    """Least width, in widths of the bare leg."""
    min_ease_px: float = 3.0
    """Width that is added to the least one, in canvas pixels."""
    sigma: float = 1.0
    """Standard deviation of the smoothing of the width downwards, in rows of the grid."""
    loose_excess: float = 0.5
    """Excess over the least width from which a leg hangs straight down, in least widths."""
    extension: float = 0.3
    """Extension of the bare leg's axis straight down, in lengths of the garment's leg."""


LEG_WIDTH_OPTIONS: Final = LegWidthOptions()


@dataclass(frozen=True, kw_only=True)
class TrousersOptions:
    """How trousers and shorts are placed."""

    hem_rows: HemRowsOptions = HEM_ROWS_OPTIONS
    """Where the legs end."""
    seat_width: SeatWidthOptions = SEAT_WIDTH_OPTIONS
    """How wide the trousers are between waistline and crotch."""
    leg_width: LegWidthOptions = LEG_WIDTH_OPTIONS
    """How wide the legs are."""


TROUSERS_OPTIONS: Final = TrousersOptions()


@dataclass(frozen=True, kw_only=True)
class _TrousersFitting:
    """What every step of the placement reads."""

    garment: BottomsLandmarks
    """Landmarks of the trousers, in pixels of their photo."""
    photo_crotch: Points
    """Where the garment's legs part, in its photo."""
    lower_body: LowerBody
    """Points and lengths of the lower body, in pixels of the canvas."""
    waistline: Waistline
    """Row of the waist in each column of the canvas."""
    scale: float
    """Canvas pixels per garment pixel across."""
    canvas_crotch: Points
    """Where the garment's legs part on the canvas."""
    options: TrousersOptions
    """Tuned values of the placement."""


def place_trousers(
    garment: BottomsLandmarks,
    photo_crotch: Points,
    lower_body: LowerBody,
    waistline: Waistline,
    options: TrousersOptions = TROUSERS_OPTIONS,
) -> tuple[WarpGrid, WarpGrid]:
    """Place the left and the right leg of trousers or shorts along the person's legs.

    ``photo_crotch``: where the legs part in the garment's photo.
    """
    scale = lower_body.hip_width / max(garment.hip_width, 1.0)
    canvas_crotch = lower_body.crotch + point(0.0, _CROTCH_SLACK * lower_body.torso_length)
    fitting = _TrousersFitting(
        garment=garment,
        photo_crotch=photo_crotch,
        lower_body=lower_body,
        waistline=waistline,
        scale=scale,
        canvas_crotch=canvas_crotch,
        options=options,
    )
    left_hem, right_hem = _hem_rows(fitting)
    left, right = PictureSide
    return _place_half(fitting, left, left_hem), _place_half(fitting, right, right_hem)


def _hem_rows(fitting: _TrousersFitting) -> list[float]:
    """Return the canvas row of each hem: long ones at the ankle, or below it if they are longer."""
    garment, lower_body, options = fitting.garment, fitting.lower_body, fitting.options.hem_rows
    photo_row, canvas_row = float(fitting.photo_crotch[1]), float(fitting.canvas_crotch[1])
    inseam = garment.hem_row - photo_row
    rise = max(photo_row - garment.waistband_row, options.min_rise * garment.hip_width)
    long = (
        inseam > options.long_inseam_in_hip_widths * garment.hip_width
        or inseam > options.long_inseam_in_rises * rise
    )
    rows = []
    for leg, hem in zip(lower_body.legs, garment.hem_rows, strict=True):
        ankle = float(leg.centreline[-1, 1])
        room = max(ankle - canvas_row, 1.0)
        reach = (hem - photo_row) * fitting.scale / room
        if long or reach > options.long_leg:
            excess = (reach - options.free_length) * room
            most = options.max_below_ankle * lower_body.torso_length
            rows.append(ankle + float(np.clip(excess, 0.0, most)))
        else:
            rows.append(canvas_row + reach * room)
    return rows


def _place_half(fitting: _TrousersFitting, side: PictureSide, hem_row: float) -> WarpGrid:
    """Place one half of the trousers; its leg ends at the canvas row ``hem_row``."""
    garment, lower_body, scale = fitting.garment, fitting.lower_body, fitting.scale
    crotch = fitting.canvas_crotch
    outer, inner = (garment.left_edge, garment.right_edge)[side], garment.inner_edges[side]
    start = float(fitting.photo_crotch[1])
    down_seat = np.linspace(0, 1, _SEAT_ROWS, endpoint=False)
    seat_rows = garment.waistband_row + down_seat * (start - garment.waistband_row)
    seat_photo = _edge_pairs(outer, inner, seat_rows)
    seat_width = np.abs(seat_photo[:, 0, 0] - seat_photo[:, 1, 0]) * scale
    seat_canvas = _place_seat(fitting, seat_width, side)
    down_leg = np.linspace(0, _PAST_HEM, _LEG_ROWS)
    leg_photo = _edge_pairs(outer, inner, start + down_leg * (garment.hem_rows[side] - start))
    leg_width = np.abs(leg_photo[:, 0, 0] - leg_photo[:, 1, 0]) * scale
    leg_rows = float(crotch[1]) + down_leg * (hem_row - float(crotch[1]))
    leg_canvas = _place_along_leg(
        lower_body.legs[side],
        lower_body.legs[1 - side],
        leg_width,
        leg_rows,
        fitting.options.leg_width,
    )
    joined = np.clip(1 - down_leg / _HIP_JOIN, 0, 1)[:, None] ** 2
    hip = 2 * seat_canvas[-1, 0] - seat_canvas[-2, 0]
    leg_canvas[:, 0] += joined * (hip - leg_canvas[0, 0])
    leg_canvas[:, 1] += joined * (crotch - leg_canvas[0, 1])
    canvas = np.concatenate([seat_canvas, leg_canvas])
    canvas[..., 0] = gaussian_filter1d(canvas[..., 0], _EDGE_SIGMA, axis=0, mode="nearest")
    photo = np.concatenate([seat_photo, leg_photo])
    return WarpGrid(
        interpolate_across(canvas[:, 0], canvas[:, 1]),
        interpolate_across(photo[:, 0], photo[:, 1]),
        _SEAT_ROWS / (_SEAT_ROWS + _LEG_ROWS - 1),
    )


def _edge_pairs(outer: Floats, inner: Floats, rows: Floats) -> Points:
    """Return outer and inner edge at rows of the garment's photo, N x 2 x 2."""
    index = np.arange(len(outer))
    edges = [np.stack([np.interp(rows, index, edge), rows], axis=1) for edge in (outer, inner)]
    return np.stack(edges, axis=1)


def _place_seat(fitting: _TrousersFitting, width: Floats, side: PictureSide) -> Points:
    """Return outer edge and midline on the canvas, from waistline to crotch, N x 2 x 2.

    ``width``: the garment's half width in canvas pixels for each row.
    """
    lower_body, waistline, crotch = (
        fitting.lower_body,
        fitting.waistline,
        float(fitting.canvas_crotch[1]),
    )
    options, sign = fitting.options.seat_width, side.sign
    fraction = np.linspace(0, 1, len(width), endpoint=False)
    top = waistline.row_at(
        float(
            np.interp(
                lower_body.waistband_row, np.arange(len(lower_body.midline_x)), lower_body.midline_x
            )
        )
    )
    rows = top + fraction * (crotch - top)
    at = np.clip(rows, 0, len(lower_body.midline_x) - 1).astype(int)
    middle = lower_body.midline_x[at]
    own = sign * (lower_body.flanks_x[side][at] - middle)
    # A waistband fits, however wide it is in the photo; a seat may be loose.
    fabric = np.minimum(width, (1 + options.max_looseness * fraction) * own)
    loose = options.body_weight * own + options.fabric_weight * fabric
    half = np.maximum(own + options.min_ease_px, loose)
    outer = np.stack([middle + sign * half, rows], axis=1)
    outer[:, 1] += (1 - fraction) ** 2 * (waistline.row_at(float(outer[0, 0])) - top)
    return np.stack([outer, np.stack([middle, rows], axis=1)], axis=1)


def _place_along_leg(
    leg: Leg, other: Leg, width: Floats, rows: Floats, options: LegWidthOptions
) -> Points:
    """Return outer and inner edge of a leg of the trousers at canvas rows, N x 2 x 2.

    ``width``: its width in canvas pixels for each row. Wide legs without room between them are
    shifted outwards.
    """
    beyond = point(0.0, options.extension * float(rows[-1] - rows[0]))
    middle = np.concatenate([leg.centreline, leg.centreline[-1:] + beyond])
    index = np.arange(len(middle))
    down = np.maximum.accumulate(middle[:, 1] + index * EPSILON)
    place = np.interp(rows, down, index)
    middle = np.stack([np.interp(place, index, middle[:, i]) for i in (0, 1)], axis=1)
    samples = np.arange(LEG_SAMPLES)
    radius = np.interp(place, samples, leg.half_width)
    across = np.stack([np.interp(place, samples, leg.normal[:, i]) for i in (0, 1)], axis=1)
    beside = np.interp(rows, other.centreline[:, 1], other.centreline[:, 0])
    room = leg.sign * (middle[:, 0] - beside) / 2
    least = 2 * options.min_ease * radius + options.min_ease_px
    wide = gaussian_filter1d(np.maximum(least, width), options.sigma, mode="nearest")
    inwards = np.minimum(wide / 2, np.maximum(room, least / 2))
    # A wide leg hangs straight down; a tight one lies across the bone.
    loose = np.clip((wide / least - 1) / options.loose_excess, 0, 1)[:, None]
    level = np.stack([np.full(len(rows), float(leg.sign)), np.zeros(len(rows))], axis=1)
    normal = loose * level + (1 - loose) * across
    outer = middle + normal * (wide - inwards)[:, None]
    return np.stack([outer, middle - normal * inwards[:, None]], axis=1)
