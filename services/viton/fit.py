"""Pairs of points: where each landmark of the garment goes on the body."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.arm import ARM_SAMPLES, Arm, crook
from services.viton.body import Body, BodySide
from services.viton.drape import Drape, core
from services.viton.garment import Garment, Side, Sleeve, SleeveKind
from services.viton.geometry import Points, distance, length, point, resample

Floats: TypeAlias = NDArray[np.float64]

ACROSS: Final = np.linspace(-0.7, 1.7, 25)
_ROWS: Final = 16
_HEM: Final = 11
_SHOULDER: Final = 15
_TUCK: Final = 0.6
_ROUND: Final = 0.9
_ROUND_ARM: Final = (0.5, 0.38)
_INSET: Final = (0.95, 0.78)
_INNER: Final = 0.5
_OUTWARDS: Final = 0.3
_SAG: Final = 0.22
_HALO: Final = 0.985
_SETTLED: Final = 0.45
_NEAR: Final = 0.35
_OVER: Final = 0.07
_TALLER: Final = 1.12


@dataclass(frozen=True)
class TorsoFit:
    """Control points of the torso's warp, the worn neckline and the hem's row.

    ``seams``: a polygon of cloth on the torso's side of each armhole that has a sleeve.
    """

    target: Points
    source: Points
    neckline: Points
    outline: Points
    seams: tuple[Points, ...]
    hem: float


@dataclass(frozen=True)
class SleeveFit:
    """Grids of an arm's strip: canvas and garment.

    ``cuff``: the share of the arm that the sleeve covers, 0 without one; ``ease``: the sleeve's
    width in arm widths, for each sample along the arm.
    """

    target: Points
    source: Points
    cuff: float
    ease: Floats


@dataclass(frozen=True)
class _Placed:
    tip: Points
    neck: Points
    armpit: Points
    edge: Points


def fit_torso(garment: Garment, body: Body) -> TorsoFit:
    """Places neckline, shoulders, armholes, the front, side seams and hem on the body."""
    scale = _scale(garment, body)
    pairs = list(zip(garment.sides, body.sides, strict=True))
    ends = [_ends(garment, body, g, b, scale) for g, b in pairs]
    neckline = _neckline(garment, body, ends[0][1], ends[1][1])
    drape = _drape(garment, body, neckline, scale)
    placed = [
        _Placed(tip, neck, b.armpit, _edge(body, (g, b), garment.axis, drape))
        for (tip, neck), (g, b) in zip(ends, pairs, strict=True)
    ]
    front, cloth = core(garment, drape, (placed[0].edge, placed[1].edge), body.middle)
    source: list[Points] = [cloth]
    target: list[Points] = [front]
    source.append(garment.neckline.curve[::4])
    target.append(neckline[::4])
    outline: list[Points] = [neckline]
    for index, (g, p) in enumerate(zip(garment.sides, placed, strict=True)):
        shoulder = _shoulder(body, p, _SHOULDER)
        armhole = _armhole(g, p)
        if g.sleeve is not None:
            shoulder[-1] += _TUCK * (shoulder[-2] - shoulder[-1])
        source += [resample(g.shoulder, _SHOULDER)[1:], g.armhole[1:], g.edge[1:]]
        target += [shoulder[1:], armhole[1:], p.edge[1:]]
        rim = [shoulder, armhole[1:], p.edge[1:]]
        outline += [np.concatenate(rim)] if index else [np.concatenate(rim)[::-1]]
    left, right = garment.left.edge[-1], garment.right.edge[-1]
    source.append(np.linspace(left, right, _HEM)[1:-1])
    target.append(np.linspace(placed[0].edge[-1], placed[1].edge[-1], _HEM)[1:-1])
    ring = np.concatenate([outline[1], outline[0], outline[2]])
    seams = tuple(
        _seam(body, p) for g, p in zip(garment.sides, placed, strict=True) if g.sleeve is not None
    )
    return TorsoFit(
        np.concatenate(target), np.concatenate(source), neckline, ring, seams, drape.bottom
    )


def _seam(body: Body, placed: _Placed) -> Points:
    inwards = placed.neck - placed.tip
    share = min(0.09 * body.unit / max(abs(float(inwards[0])), 1.0), 0.6)
    shoulder = _shoulder(body, placed, 21)[::-1][: max(int(share * 20), 1) + 1]
    below = placed.armpit + point(0.05 * body.unit * np.sign(inwards[0]), 0.0)
    return np.concatenate([shoulder + point(0.0, 1.0), [below], [placed.armpit]])


def _scale(garment: Garment, body: Body) -> float:
    """Return canvas pixels per garment pixel, by the chest and, with sleeves, the shoulders."""
    rows = [int(np.clip(s.armpit[1] + 0.05 * body.unit, 0, len(s.edge) - 1)) for s in body.sides]
    chest = sum(
        abs(float(s.edge[r] - body.middle[r])) for s, r in zip(body.sides, rows, strict=True)
    )
    by_chest = chest / (2 * garment.half)
    if garment.kind is SleeveKind.NONE:
        return by_chest
    shoulders = distance(body.left.tip, body.right.tip)
    by_shoulders = shoulders / max(distance(garment.left.tip, garment.right.tip), 1.0)
    return 0.5 * by_chest + 0.5 * by_shoulders


def _drape(garment: Garment, body: Body, neckline: Points, scale: float) -> Drape:
    """Return how the cloth hangs, at the scale that its width tells or a little more."""
    level = float(garment.neckline.curve[:, 1].max())
    hem = float(np.mean([g.edge[-1, 1] for g in garment.sides]))
    row = float(neckline[:, 1].max())
    loose = Drape(scale, level, row, hem, 0.0)
    bottom = _hem(body, loose.natural)
    # Cloth laid flat is broader than it is worn, so a little too short may be too small.
    taller = np.clip((bottom - row) / max(hem - level, 1.0), scale, _TALLER * scale)
    return replace(loose, scale=float(taller), bottom=bottom)


def _hem(body: Body, natural: float) -> float:
    """Return the row of the hem: the garment's own length, reaching down to a waistband near by.

    Into trousers the garment may be as long as it is. Over them it covers at least what the worn
    garment covered, since what lay beneath cannot be known.
    """
    unit = body.unit
    if body.cropped:
        return float(max(natural, body.waist + 0.08 * unit))
    if body.tucked:
        near = natural > body.band - _NEAR * unit
        return float(max(natural, body.band + 0.1 * unit) if near else natural)
    return float(np.clip(natural, body.waist + 0.015 * unit, body.waist + _OVER * unit))


def _ends(
    garment: Garment, body: Body, g: Side, b: BodySide, scale: float
) -> tuple[Points, Points]:
    """Return where a shoulder ends at the arm and at the neckline."""
    unit = body.unit
    axis = garment.axis
    reach = abs(float(b.tip[0] - body.neck[0]))
    tip = b.tip
    if g.sleeve is None:
        away = float(np.clip(abs(g.tip[0] - axis) * scale, 0.24 * unit, reach + 0.05 * unit))
        x = body.neck[0] + b.sign * away
        tip = point(x, _shoulder_at(body, x) if away < reach else float(b.tip[1]))
    share = abs(float(g.neck[0] - axis)) / max(abs(float(g.tip[0] - axis)), 1.0)
    span = abs(float(tip[0] - body.neck[0]))
    away = min(share * span, abs(float(g.neck[0] - axis)) * scale)
    away = away if garment.neckline.collar else _ROUND * away
    away = float(np.clip(away, 0.17 * unit, max(span - 0.03 * unit, 0.18 * unit)))
    x = body.neck[0] + b.sign * away
    y = _shoulder_at(body, x)
    if garment.neckline.collar:
        y = min(y, float(tip[1] - 0.9 * (g.tip[1] - g.neck[1]) * scale))
    return tip, point(x, y)


def _shoulder_at(body: Body, x: float) -> float:
    return float(np.interp(x, np.arange(len(body.shoulder)), body.shoulder))


def _edge(body: Body, sides: tuple[Side, BodySide], axis: float, drape: Drape) -> Points:
    """Return the side seam: the cloth's own width where it is loose, the body's where tight."""
    g, b = sides
    share = np.linspace(0, 1, _ROWS)
    own_edge = resample(g.edge, _ROWS)
    rows = drape.rows(own_edge[:, 1])
    rows = rows + (float(b.armpit[1]) - rows[0]) * np.clip(1 - share / _SETTLED, 0, 1) ** 2
    rows = np.maximum.accumulate(rows + np.arange(_ROWS) * 1e-3)
    last = len(b.edge) - 1
    at = np.clip(rows, 0, last).astype(int)
    outline, middle = b.edge[at], body.middle[at]
    own = np.abs(outline - middle)
    cloth = np.abs(own_edge[:, 0] - axis) * drape.scale
    half = np.maximum(own + 2.0, 0.55 * own + 0.45 * np.minimum(cloth, 1.35 * own))
    xs = middle + b.sign * half
    xs = gaussian_filter1d(xs, 1.0, mode="nearest")
    xs += (b.armpit[0] - xs[0]) * np.clip(1 - np.arange(_ROWS) / 3.0, 0, 1)
    return np.stack([xs, rows], axis=1)


def _armhole_scale(garment: Garment, body: Body) -> float:
    """Canvas pixels per garment pixel downwards, between shoulder and armpit."""
    own = sum(float(g.armpit[1] - g.tip[1]) for g in garment.sides)
    worn = sum(float(b.armpit[1] - b.tip[1]) for b in body.sides)
    return max(worn, 0.2 * body.unit) / max(own, 1.0)


def _neckline(garment: Garment, body: Body, left: Points, right: Points) -> Points:
    """Return the photo's neckline, turned and scaled to lie between the placed neck points."""
    curve = garment.neckline.curve
    first, last = garment.left.neck, garment.right.neck
    width = max(float(last[0] - first[0]), 1.0)
    across = float(right[0] - left[0]) / width
    down = _armhole_scale(garment, body)
    scale = across * float(np.clip(np.sqrt(down / across), 0.75, 1.1))
    share = (curve[:, 0] - first[0]) / width
    drop = curve[:, 1] - (first[1] + share * (last[1] - first[1]))
    xs = left[0] + share * (right[0] - left[0])
    ys = left[1] + share * (right[1] - left[1]) + drop * scale
    return np.stack([xs, ys], axis=1)


def _shoulder(body: Body, placed: _Placed, count: int) -> Points:
    xs = np.linspace(placed.neck[0], placed.tip[0], count)
    ys = np.interp(xs, np.arange(len(body.shoulder)), body.shoulder)
    ends = np.linspace(placed.neck[1] - ys[0], placed.tip[1] - ys[-1], count)
    return np.stack([xs, ys + ends], axis=1)


def _armhole(g: Side, placed: _Placed) -> Points:
    """Straight under a sleeve; the garment's own curve, turned and scaled, where it is bare."""
    count = len(g.armhole)
    chord = np.linspace(placed.tip, placed.armpit, count)
    if g.sleeve is not None:
        return chord
    own = resample(g.armhole, count)
    bow = own - np.linspace(own[0], own[-1], count)
    scale = distance(placed.tip, placed.armpit) / max(distance(own[0], own[-1]), 1.0)
    return chord + bow * min(scale, 1.5)


def fit_sleeve(garment: Garment, g: Side, body: Body, b: BodySide) -> SleeveFit:
    """Lays the arm's strip and says where on the garment each of its points lies.

    Without a sleeve the strip still carries the arm's own coordinates; its source stays at zero.
    """
    arm = b.arm
    target = _arm_grid(arm)
    if g.sleeve is None:
        return SleeveFit(target, np.zeros_like(target), 0.0, np.ones(ARM_SAMPLES))
    scale = _scale(garment, body)
    cuff = _cuff(garment, g, arm, scale)
    ease = _ease(g.sleeve, arm, cuff, scale)
    target = _hung(target, arm, ease, cuff)
    outer = _along(g.sleeve.outer, _HALO * _shares(arm.outer, cuff))
    inner = _along(g.sleeve.inner, _HALO * _shares(arm.inner, cuff))
    across = 0.5 + (ACROSS[None, :] - 0.5) / ease[:, None]
    across = across * _inset(g.sleeve, cuff)[:, None]
    source = outer[:, None] * (1 - across[..., None]) + inner[:, None] * across[..., None]
    return SleeveFit(target, source, cuff / (ARM_SAMPLES - 1), ease)


def _inset(sleeve: Sleeve, cuff: int) -> Floats:
    """Return how far across a sleeve's cloth is taken: not from the shadow at its inner edge.

    All rings of a sleeve with a short inner edge meet at the armpit; they part further out.
    """
    short = 1 - length(sleeve.inner) / max(_INNER * length(sleeve.outer), 1.0)
    inset = np.interp(short, (0, 1), _INSET)
    begun = np.clip(np.arange(ARM_SAMPLES) / max(0.3 * cuff, 1.0), 0, 1)
    return np.asarray(1 - (1 - inset) * begun)


def _hung(grid: Points, arm: Arm, ease: Floats, cuff: int) -> Points:
    """Return the arm's grid as a sleeve hangs on it.

    Its room is mostly on the outside, and its rings are seen a little from above: as arcs.
    """
    at = np.arange(ARM_SAMPLES)
    last = np.clip((cuff + 8 - at) / 8.0, 0, 1)
    room = (ease - 1) * arm.radius * _OUTWARDS * last
    rings = np.clip((at - arm.start) / max(0.6 * (cuff - arm.start), 1.0), 0, 1)
    tangent = np.gradient(arm.middle, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-6)[:, None]
    bow = 1 - np.clip(np.abs(ACROSS - 0.5) / 0.6, 0, 1) ** 2
    sag = (_SAG * arm.radius * rings)[:, None] * bow[None, :]
    return np.asarray(
        grid + (room[:, None] * arm.normal)[:, None] + sag[..., None] * tangent[:, None]
    )


def _ease(sleeve: Sleeve, arm: Arm, cuff: int, scale: float) -> Floats:
    """Return the sleeve's width in arm widths along the arm: none of it on the shoulder.

    A sleeve lies flat in its photo; around an arm the same cloth is narrower to see.
    """
    along = np.arange(ARM_SAMPLES) / max(cuff, 1)
    flat = np.hypot(*(sleeve.outer - sleeve.inner).T)
    flat = np.interp(along, np.linspace(0, 1, len(flat)), gaussian_filter1d(flat, 2.0))
    own = 2 * arm.radius
    ratio = gaussian_filter1d(flat * scale / np.maximum(own, 1.0), 5.0, mode="nearest")
    usual = float(np.median(ratio[arm.start : max(cuff, arm.start + 2)]))
    ratio = np.clip(ratio, 0.75 * usual, 1.3 * usual)
    loosest = np.interp(np.linspace(0, 1, ARM_SAMPLES), (0.0, 0.5, 1.0), (1.26, 1.22, 1.1))
    ease = np.clip(_ROUND_ARM[0] + _ROUND_ARM[1] * ratio, 1.05, loosest)
    grown = np.clip((np.linspace(0, 1, ARM_SAMPLES) - 0.08) / 0.22, 0, 1)
    return np.asarray(1 + (ease - 1) * grown)


def _arm_grid(arm: Arm) -> Points:
    """Return the arm with a margin on both sides; none at the armpit and in the crook of an arm."""
    free = (crook(arm.middle, arm.normal) - arm.radius) / (2 * (ACROSS[-1] - 1) * arm.radius)
    open_up = np.clip((np.arange(ARM_SAMPLES) - arm.start) / 8.0, 0.0, 1.0)
    open_up = (open_up * gaussian_filter1d(np.clip(free, 0, 1), 2.0))[:, None]
    share = np.where(ACROSS[None, :] > 1, 1 + (ACROSS[None, :] - 1) * open_up, ACROSS[None, :])
    return np.asarray(
        arm.outer[:, None] * (1 - share[..., None]) + arm.inner[:, None] * share[..., None]
    )


def _cuff(garment: Garment, g: Side, arm: Arm, scale: float) -> int:
    """Return the arm sample at which the sleeve ends: by its length, or the wrist if long."""
    last = ARM_SAMPLES - 1
    if g.sleeve is None:
        return 0
    if garment.kind is SleeveKind.LONG:
        return last
    wanted = length(g.sleeve.outer) * scale * 0.92
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(arm.outer, axis=0).T))])
    found = int(np.searchsorted(along, wanted))
    low, high = (arm.start + 3, 46) if garment.kind is SleeveKind.SHORT else (40, 88)
    return int(np.clip(found, low, high))


def _shares(curve: Points, cuff: int) -> Floats:
    """How far along the sleeve each sample of an arm's edge lies; beyond the cuff above one."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T) + 1e-3)])
    return along / max(float(along[cuff]), 1e-3)


def _along(curve: Points, share: Floats) -> Points:
    """Points at the given shares of a polyline's length, running straight on past its end."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    total = max(float(steps[-1]), 1e-6)
    inside = np.clip(share, 0, 1) * total
    found = np.stack([np.interp(inside, steps, curve[:, i]) for i in (0, 1)], axis=1)
    ahead = curve[-1] - curve[-min(6, len(curve))]
    ahead = ahead / max(float(np.hypot(ahead[0], ahead[1])), 1e-6)
    beyond = np.maximum(share - 1, 0)[:, None] * total
    return np.asarray(found + beyond * ahead)
