"""Trousers and shorts: a seat around the hips, and a leg along each of the person's."""

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.geometry import Floats, Points, point
from services.viton.person.legs import LEG_SAMPLES, Leg, LowerBody
from services.viton.person.side import PictureSide
from services.viton.placing.warp_grid import POSITIONS_ACROSS, Waistline, WarpGrid, hip_width

_SEAT_ROWS: Final = 24
_LEG_ROWS: Final = 48
_PAST_HEM: Final = 1.04
_LONG_LEG_FRACTION: Final = 0.86
_LONG_INSEAM_IN_HIP_WIDTHS: Final = 1.4
_LONG_INSEAM_IN_RISES: Final = 2.0
"""Trousers reach the ankle if they would cover this share of the legs, or if their legs have this
length in widths of the hips or in heights of the seat. Photographed ones have 1.7 to 2.3 widths."""

_MAX_BELOW_ANKLE: Final = 0.11
_MIN_LEG_EASE: Final = 1.05
_CROTCH_SLACK: Final = 0.02


def place_trousers(
    garment: BottomsLandmarks, fork: Points, body: LowerBody, line: Waistline
) -> tuple[WarpGrid, WarpGrid]:
    """Lays both legs of trousers or shorts along the person's; ``fork`` is where they part."""
    crotch = body.crotch + point(0.0, _CROTCH_SLACK * body.torso_length)
    scale = hip_width(body) / max(garment.hip_width, 1.0)
    ends = _hem_rows(garment, fork, body, crotch, scale)
    first, second = (
        _place_half(
            garment, fork, body, line, side=side, scale=scale, end=ends[side], crotch=crotch
        )
        for side in PictureSide
    )
    return first, second


def _hem_rows(
    garment: BottomsLandmarks, fork: Points, body: LowerBody, crotch: Points, scale: float
) -> list[float]:
    """Return the row of each hem: long ones at the ankle, or nearer to the floor if longer."""
    inseam = garment.hem_row - float(fork[1])
    rise = max(float(fork[1]) - garment.waistband_row, 0.65 * garment.hip_width)
    long = (
        inseam > _LONG_INSEAM_IN_HIP_WIDTHS * garment.hip_width
        or inseam > _LONG_INSEAM_IN_RISES * rise
    )
    ends = []
    for leg, hem in zip(body.legs, garment.hem_rows, strict=True):
        ankle = float(leg.centreline[-1, 1])
        room = max(ankle - float(crotch[1]), 1.0)
        reach = (hem - float(fork[1])) * scale / room
        if long or reach > _LONG_LEG_FRACTION:
            ends.append(
                ankle
                + float(np.clip((reach - 1.02) * room, 0.0, _MAX_BELOW_ANKLE * body.torso_length))
            )
        else:
            ends.append(float(crotch[1]) + reach * room)
    return ends


def _place_half(
    garment: BottomsLandmarks,
    fork: Points,
    body: LowerBody,
    line: Waistline,
    *,
    side: PictureSide,
    scale: float,
    end: float,
    crotch: Points,
) -> WarpGrid:
    leg, other = body.legs[side], body.legs[1 - side]
    outer, inner = (garment.left_edge, garment.right_edge)[side], garment.inner_edges[side]
    start = float(fork[1])
    share = np.linspace(0, 1, _SEAT_ROWS, endpoint=False)
    seat_source = _edge_pairs(
        outer, inner, garment.waistband_row + share * (start - garment.waistband_row)
    )
    width = np.abs(seat_source[:, 0, 0] - seat_source[:, 1, 0]) * scale
    seat_target = _place_seat(body, line, width, float(crotch[1]), side)
    share = np.linspace(0, _PAST_HEM, _LEG_ROWS)
    leg_source = _edge_pairs(outer, inner, start + share * (garment.hem_rows[side] - start))
    width = np.abs(leg_source[:, 0, 0] - leg_source[:, 1, 0]) * scale
    rows = float(crotch[1]) + share * (end - float(crotch[1]))
    leg_target = _place_along_leg(leg, other, width, rows)
    joined = np.clip(1 - share / 0.16, 0, 1)[:, None] ** 2
    hip = 2 * seat_target[-1, 0] - seat_target[-2, 0]
    leg_target[:, 0] += joined * (hip - leg_target[0, 0])
    leg_target[:, 1] += joined * (crotch - leg_target[0, 1])
    target = np.concatenate([seat_target, leg_target])
    target[..., 0] = gaussian_filter1d(target[..., 0], 1.0, axis=0, mode="nearest")
    above = _SEAT_ROWS / (_SEAT_ROWS + _LEG_ROWS - 1)
    return WarpGrid(
        _interpolate_across(target),
        _interpolate_across(np.concatenate([seat_source, leg_source])),
        above,
    )


def _interpolate_across(edges: Points) -> Points:
    across = POSITIONS_ACROSS[None, :, None]
    return np.asarray(edges[:, :1] * (1 - across) + edges[:, 1:] * across)


def _edge_pairs(outer: Floats, inner: Floats, rows: Floats) -> Points:
    index = np.arange(len(outer))
    edges = [np.stack([np.interp(rows, index, edge), rows], axis=1) for edge in (outer, inner)]
    return np.stack(edges, axis=1)


def _place_seat(
    body: LowerBody, line: Waistline, width: Floats, crotch: float, side: PictureSide
) -> Points:
    """Return outer edge and axis from the waistband to the crotch, N x 2 x 2."""
    sign = side.sign
    share = np.linspace(0, 1, len(width), endpoint=False)
    top = line.row_at(
        float(np.interp(body.waistband_row, np.arange(len(body.midline_x)), body.midline_x))
    )
    rows = top + share * (crotch - top)
    at = np.clip(rows, 0, len(body.midline_x) - 1).astype(int)
    middle = body.midline_x[at]
    own = sign * (body.flanks_x[side][at] - middle)
    # A waistband fits, however wide it is in the photo; a seat may be loose.
    half = np.maximum(own + 2.0, 0.5 * own + 0.5 * np.minimum(width, (1 + 0.4 * share) * own))
    outer = np.stack([middle + sign * half, rows], axis=1)
    outer[:, 1] += (1 - share) ** 2 * (line.row_at(float(outer[0, 0])) - top)
    return np.stack([outer, np.stack([middle, rows], axis=1)], axis=1)


def _place_along_leg(leg: Leg, other: Leg, width: Floats, rows: Floats) -> Points:
    """Return outer and inner edge in each of the rows, N x 2 x 2.

    Where wide legs have no room between each other they go outwards.
    """
    beyond = point(0.0, 0.3 * float(rows[-1] - rows[0]))
    middle = np.concatenate([leg.centreline, leg.centreline[-1:] + beyond])
    index = np.arange(len(middle))
    down = np.maximum.accumulate(middle[:, 1] + index * 1e-6)
    place = np.interp(rows, down, index)
    middle = np.stack([np.interp(place, index, middle[:, i]) for i in (0, 1)], axis=1)
    samples = np.arange(LEG_SAMPLES)
    radius = np.interp(place, samples, leg.half_width)
    across = np.stack([np.interp(place, samples, leg.normal[:, i]) for i in (0, 1)], axis=1)
    beside = np.interp(rows, other.centreline[:, 1], other.centreline[:, 0])
    room = leg.sign * (middle[:, 0] - beside) / 2
    least = 2 * _MIN_LEG_EASE * radius + 3.0
    wide = gaussian_filter1d(np.maximum(least, width), 1.0, mode="nearest")
    inwards = np.minimum(wide / 2, np.maximum(room, least / 2))
    # A wide leg hangs straight down; a tight one lies across the bone.
    loose = np.clip((wide / least - 1) / 0.5, 0, 1)[:, None]
    level = np.stack([np.full(len(rows), float(leg.sign)), np.zeros(len(rows))], axis=1)
    normal = loose * level + (1 - loose) * across
    outer = middle + normal * (wide - inwards)[:, None]
    return np.stack([outer, middle - normal * inwards[:, None]], axis=1)
