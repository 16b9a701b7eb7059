"""How a lower garment hangs: pairs of grids, canvas and garment, for trouser legs and skirts."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.bottoms import Bottoms
from services.viton.geometry import Points, point
from services.viton.legs import LEG_SAMPLES, Leg, LowerBody, Outfit
from services.viton.regions import Floats
from services.viton.warp import Strip, strip

ACROSS: Final = np.linspace(-0.14, 1.14, 9)
"""Places across a half: 0 at its outer edge, 1 at the axis or beside the other leg."""

_MESH: Final = 8.0
_UPPER_ROWS: Final = 24
_LOWER_ROWS: Final = 48
_BEYOND: Final = 1.04
_LONG: Final = 0.86
_LONG_CUT: Final = 1.4
_LONG_RISE: Final = 2.0
_FLOOR: Final = 0.11
_SHOWN: Final = 0.08
_TIGHT: Final = 1.05
_DRAPE: Final = 1.06


@dataclass(frozen=True)
class Waistline:
    """The row at which the garment begins, for every column; ``shown``: no top hangs over it."""

    rows: Floats
    shown: bool


@dataclass(frozen=True)
class Hung:
    """A half of a garment, or all of a skirt: N x M x 2 grids of canvas and garment pixels.

    ``crotch``: the share of the rows that lie above the crotch; 1 in a skirt.
    """

    target: Points
    source: Points
    crotch: float


def waistline(body: LowerBody, worn: Outfit) -> Waistline:
    """Return where the worn trousers or skirt begin below a tucked or short top.

    A top that hangs lower hides the waistband; then it is placed where one usually is.
    """
    height, width = worn.bottoms.shape
    columns = np.arange(width, dtype=np.float64)
    usual = np.full(width, body.waistband)
    first = int(np.clip(body.shoulders + 0.45 * body.torso, 0, height - 1))
    last = int(np.clip(body.hips + 0.35 * body.torso, first + 1, height))
    row = int(np.clip(body.hips, 0, height - 1))
    near = np.abs(columns - body.middle[row]) < 0.26 * body.torso
    band = worn.bottoms[first:last]
    open_above = worn.arms[first:last].any(axis=0) & ~worn.upper[first:last].any(axis=0)
    found = near & band.any(axis=0) & ~open_above
    if found.sum() < 0.15 * body.torso:
        return Waistline(usual, shown=False)
    rows = first + band.argmax(axis=0).astype(np.float64)
    middle = float(np.median(rows[found]))
    if middle > body.waistband + _SHOWN * body.torso:
        return Waistline(usual, shown=False)
    kept = found & (np.abs(rows - middle) < 0.12 * body.torso)
    centred = (columns - body.middle[row]) / body.torso
    fitted = np.polynomial.Polynomial.fit(centred[kept], rows[kept], 2)
    line = fitted(np.clip(centred, -0.34, 0.34))
    raised = float(np.percentile((line - rows)[kept], 80))
    return Waistline(line - np.clip(raised, 0, 0.03 * body.torso), shown=True)


def spread(hung: Hung, shape: tuple[int, int]) -> Strip:
    """Lays the grids on the canvas, H x W, without the rows below the frame.

    They are made dense first: ``strip`` places points to a thirtieth of a mesh.
    """
    shown = np.flatnonzero((hung.target[..., 1] < shape[0] + 8).any(axis=1))
    end = int(shown[-1]) + 2 if len(shown) else 2
    target, source = hung.target[:end], hung.source[:end]
    tall = float(np.hypot(*np.moveaxis(np.diff(target, axis=0), -1, 0)).sum(axis=0).max())
    wide = float(np.hypot(*np.moveaxis(np.diff(target, axis=1), -1, 0)).sum(axis=1).max())
    size = (max(int(tall / _MESH), len(target)), max(int(wide / _MESH), len(ACROSS)))
    across = np.linspace(ACROSS[0], ACROSS[-1], size[1])
    laid = strip(_dense(target, size), _dense(source, size), across, shape)
    return replace(laid, along=laid.along * np.float32((len(target) - 1) / (len(hung.target) - 1)))


def _dense(grid: Points, size: tuple[int, int]) -> Points:
    """Return the N x M x 2 grid read between its points at ``size`` places."""
    for axis, count in enumerate(size):
        place = np.linspace(0, grid.shape[axis] - 1, count)
        first = np.minimum(place.astype(int), grid.shape[axis] - 2)
        share = (place - first).reshape([-1 if i == axis else 1 for i in range(3)])
        grid = np.take(grid, first, axis) * (1 - share) + np.take(grid, first + 1, axis) * share
    return grid


def hang_trousers(garment: Bottoms, body: LowerBody, line: Waistline) -> tuple[Hung, Hung]:
    """Lays both legs of trousers or shorts along the person's legs."""
    crotch = _drop(body, line)
    scale = _hips(body) / max(garment.hips, 1.0)
    ends = _hem(garment, body, crotch, scale)
    halves = [
        _half(garment, body, line, side, scale=scale, end=ends[side], crotch=crotch)
        for side in (0, 1)
    ]
    return halves[0], halves[1]


def hang_skirt(
    garment: Bottoms,
    body: LowerBody,
    line: Waistline,
    *,
    scale: float | None = None,
    hem: float | None = None,
) -> Hung:
    """Lays a skirt around both legs. ``scale``: canvas pixels per garment pixel, if known."""
    top = float(np.interp(body.middle[int(body.hips)], np.arange(len(line.rows)), line.rows))
    waist = _span(body, top)
    tall = garment.hem - garment.top
    if scale is None:
        by_waist = waist / max(garment.width(garment.top + 0.03 * tall), 1.0)
        by_hips = _hips(body) / max(garment.hips, 1.0)
        scale = max(by_waist, 0.92 * by_hips)
    if hem is None:
        hem = min(top + tall * scale * _DRAPE, body.ankle + 0.8 * _FLOOR * body.torso)
    share = np.linspace(0, _BEYOND, _LOWER_ROWS)
    height = len(body.middle)
    source_rows = garment.top + share * tall
    at = np.clip(source_rows, 0, len(garment.left) - 1).astype(int)
    axis = garment.inner[0][at]
    edges = []
    for side, (edge, sign) in enumerate(zip((garment.left, garment.right), (-1, 1), strict=True)):
        rows = top + share * (hem - top)
        index = np.clip(rows, 0, height - 1).astype(int)
        middle = body.middle[index]
        own = sign * (body.edges[side][index] - middle)
        cloth = sign * (edge[at] - axis) * scale
        half = np.maximum(own * 1.02 + 2.0, cloth)
        half = _falling(half, rows, body)
        edges.append(np.stack([middle + sign * half, rows], axis=1))
    lift = np.stack([_rise(line, e, top) * (1 - np.clip(share / 0.25, 0, 1)) for e in edges])
    left, right = edges
    across = ACROSS[None, :, None]
    target = left[:, None] * (1 - across) + right[:, None] * across
    places = target[:1, :, 0]
    own_top = np.interp(places, np.arange(len(line.rows)), line.rows) - top
    fade = (1 - np.clip(share / 0.25, 0, 1))[:, None]
    target[..., 1] += own_top * fade + 0 * lift.sum()
    source_left = np.stack([garment.left[at], source_rows], axis=1)
    source_right = np.stack([garment.right[at], source_rows], axis=1)
    source = source_left[:, None] * (1 - across) + source_right[:, None] * across
    return Hung(np.asarray(target), np.asarray(source), 1.0)


def _rise(line: Waistline, edge: Points, top: float) -> Floats:
    return np.interp(edge[:, 0], np.arange(len(line.rows)), line.rows) - top


def _falling(half: Floats, rows: Floats, body: LowerBody) -> Floats:
    """Below the hips cloth falls: it may flare, but follows no leg inwards at once."""
    fallen = half.copy()
    for i in range(1, len(half)):
        if rows[i] > body.hips:
            fallen[i] = max(half[i], fallen[i - 1] - 0.12 * (rows[i] - rows[i - 1]))
    return gaussian_filter1d(fallen, 1.5, mode="nearest")


def _hips(body: LowerBody) -> float:
    return _span(body, body.crotch[1] - 0.06 * body.torso)


def _span(body: LowerBody, row: float) -> float:
    at = int(np.clip(row, 0, len(body.middle) - 1))
    return float(body.edges[1][at] - body.edges[0][at])


def _drop(body: LowerBody, line: Waistline) -> Points:
    """Return the crotch: a little lower than the body's own."""
    return body.crotch + point(0.0, 0.02 * body.torso)


def _hem(garment: Bottoms, body: LowerBody, crotch: Points, scale: float) -> tuple[float, float]:
    """Return the row of each hem. Long trousers reach the ankle, and the floor if they are longer."""
    assert garment.crotch is not None
    inseam = garment.hem - float(garment.crotch[1])
    rise = max(float(garment.crotch[1]) - garment.top, 1.0)
    long = inseam > _LONG_CUT * garment.hips or inseam > _LONG_RISE * max(rise, 0.65 * garment.hips)
    ends = []
    for leg, hem in zip(body.legs, garment.hems, strict=True):
        ankle = float(leg.middle[-1, 1])
        room = max(ankle - float(crotch[1]), 1.0)
        reach = (hem - float(garment.crotch[1])) * scale / room
        if long or reach > _LONG:
            ends.append(ankle + float(np.clip((reach - 1.02) * room, 0.0, _FLOOR * body.torso)))
        else:
            ends.append(float(crotch[1]) + reach * room)
    return ends[0], ends[1]


def _half(
    garment: Bottoms,
    body: LowerBody,
    line: Waistline,
    side: int,
    *,
    scale: float,
    end: float,
    crotch: Points,
) -> Hung:
    assert garment.crotch is not None
    leg, other = body.legs[side], body.legs[1 - side]
    outer_source = (garment.left, garment.right)[side]
    inner_source = garment.inner[side]
    start = float(garment.crotch[1])
    # From the waistband to the crotch.
    share = np.linspace(0, 1, _UPPER_ROWS, endpoint=False)
    rows = garment.top + share * (start - garment.top)
    seat_source = _pair(outer_source, inner_source, rows)
    seat_target = _seat(body, line, leg.sign, seat_source, share, scale, crotch, side)
    # From the crotch to the hem, and a little beyond.
    share = np.linspace(0, _BEYOND, _LOWER_ROWS)
    rows = start + share * (garment.hems[side] - start)
    leg_source = _pair(outer_source, inner_source, rows)
    width = np.abs(leg_source[:, 0, 0] - leg_source[:, 1, 0]) * scale
    leg_target = _along_leg(leg, other, width, share, float(crotch[1]), end)
    joined = np.clip(1 - share / 0.16, 0, 1)[:, None] ** 2
    hip = 2 * seat_target[-1, 0] - seat_target[-2, 0]
    leg_target[:, 0] += joined * (hip - leg_target[0, 0])
    leg_target[:, 1] += joined * (crotch - leg_target[0, 1])
    edges_target = np.concatenate([seat_target, leg_target])
    edges_source = np.concatenate([seat_source, leg_source])
    edges_target[..., 0] = gaussian_filter1d(edges_target[..., 0], 1.0, axis=0, mode="nearest")
    across = ACROSS[None, :, None]
    target = edges_target[:, :1] * (1 - across) + edges_target[:, 1:] * across
    source = edges_source[:, :1] * (1 - across) + edges_source[:, 1:] * across
    return Hung(target, source, _UPPER_ROWS / (_UPPER_ROWS + _LOWER_ROWS - 1))


def _pair(outer: Floats, inner: Floats, rows: Floats) -> Points:
    index = np.arange(len(outer))
    left = np.stack([np.interp(rows, index, outer), rows], axis=1)
    right = np.stack([np.interp(rows, index, inner), rows], axis=1)
    return np.stack([left, right], axis=1)


def _seat(
    body: LowerBody,
    line: Waistline,
    sign: int,
    source: Points,
    share: Floats,
    scale: float,
    crotch: Points,
    side: int,
) -> Points:
    """Return outer edge and axis from the waistband to the crotch, N x 2 x 2."""
    columns = np.arange(len(line.rows))
    height = len(body.middle)
    centre = float(np.interp(body.waistband, np.arange(height), body.middle))
    top = float(np.interp(centre, columns, line.rows))
    rows = top + share * (float(crotch[1]) - top)
    at = np.clip(rows, 0, height - 1).astype(int)
    middle = body.middle[at]
    own = sign * (body.edges[side][at] - middle)
    cloth = np.abs(source[:, 0, 0] - source[:, 1, 0]) * scale
    half = np.maximum(own + 2.0, 0.5 * own + 0.5 * np.minimum(cloth, 1.4 * own))
    outer = np.stack([middle + sign * half, rows], axis=1)
    inner = np.stack([middle, rows], axis=1)
    fade = (1 - share) ** 2
    outer[:, 1] += fade * (np.interp(outer[0, 0], columns, line.rows) - top)
    return np.stack([outer, inner], axis=1)


def _along_leg(
    leg: Leg, other: Leg, width: Floats, share: Floats, start: float, end: float
) -> Points:
    """Return outer and inner edge from the crotch's row to the hem's, N x 2 x 2.

    Where wide legs have no room between each other they go outwards.
    """
    longest = np.concatenate([leg.middle, leg.middle[-1:] + point(0.0, 0.3 * (end - start))])
    rows = start + share * (end - start)
    order = np.maximum.accumulate(longest[:, 1] + np.arange(len(longest)) * 1e-6)
    place = np.interp(rows, order, np.arange(len(longest)))
    index = np.arange(len(longest))
    middle = np.stack([np.interp(place, index, longest[:, i]) for i in (0, 1)], axis=1)
    radius = np.interp(place, np.arange(LEG_SAMPLES), leg.radius)
    across = np.stack(
        [np.interp(place, np.arange(LEG_SAMPLES), leg.normal[:, i]) for i in (0, 1)], 1
    )
    beside = np.interp(rows, other.middle[:, 1], other.middle[:, 0])
    room = leg.sign * (middle[:, 0] - beside) / 2
    wide = np.maximum(2 * _TIGHT * radius + 3.0, width)
    wide = gaussian_filter1d(wide, 1.0, mode="nearest")
    inwards = np.minimum(wide / 2, np.maximum(room, _TIGHT * radius + 1.5))
    outwards = wide - inwards
    # A wide leg hangs straight down; a tight one lies across the bone.
    loose = np.clip((wide / (2 * _TIGHT * radius + 3.0) - 1) / 0.5, 0, 1)[:, None]
    level = np.stack([np.full(len(rows), float(leg.sign)), np.zeros(len(rows))], axis=1)
    normal = loose * level + (1 - loose) * across
    return np.stack(
        [middle + normal * outwards[:, None], middle - normal * inwards[:, None]], axis=1
    )
