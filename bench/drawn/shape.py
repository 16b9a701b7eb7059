"""A garment's outline from its cut, and where its landmarks lie. Left is the picture's."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.drawn.spec import Spec

Points: TypeAlias = NDArray[np.float64]
"""N x 2, x to the right and y down."""


@dataclass(frozen=True)
class Sleeve:
    """A sleeve's outline, the directions along and across it, and its seam with the torso."""

    outline: Points
    along: Points
    seam: Points
    cuff: Points


@dataclass(frozen=True)
class Shape:
    """A garment in centimetres; the origin is half-way between the ends of the neckline.

    ``front`` is the front neckline from left to right, ``back`` the back's. ``collars`` lie on top.
    """

    torso: Points
    inside: Points
    front: Points
    back: Points
    hem: Points
    sleeves: tuple[Sleeve, ...]
    collars: tuple[Points, ...]
    landmarks: dict[str, tuple[float, float]]


def shape(spec: Spec, rng: np.random.Generator) -> Shape:
    """Lay the garment out. The two sides differ by a little, as things laid by hand do."""
    landmarks: dict[str, tuple[float, float]] = {}
    edges, shoulders, sleeves = [], [], []
    for side, sign in (("left", -1.0), ("right", 1.0)):
        half = _half(spec)
        own = _sleeve(spec, half, rng) if spec.sleeves != "none" else None
        flip = np.array([-sign, 1.0])
        marks = {
            "neck": half.neck,
            "shoulder": half.tip,
            "armpit": half.armpit,
            "hem": half.edge[-1],
        }
        if own is not None:
            marks |= {"cuff_outer": own.cuff[0], "cuff_inner": own.cuff[-1]}
            sleeves.append(
                Sleeve(own.outline * flip, own.along * flip, own.seam * flip, own.cuff * flip)
            )
        for name, place in marks.items():
            landmarks[f"{side}_{name}"] = (float(place[0] * flip[0]), float(place[1]))
        shoulders.append(half.armhole * flip)
        edges.append(half.edge * flip)
    front, back = _necklines(spec)
    hem = _hem(spec, edges[0][-1], edges[1][-1])
    torso = np.concatenate(
        [front[::-1], shoulders[0], edges[0][1:], hem[1:-1], edges[1][::-1], shoulders[1][::-1]]
    )
    inside = np.concatenate([back, front[::-1]])
    return Shape(torso, inside, front, back, hem, tuple(sleeves), _collars(spec, front), landmarks)


@dataclass(frozen=True)
class _Half:
    """The left half without its sleeve: ``armhole`` from the shoulder's tip, ``edge`` below it."""

    neck: Points
    tip: Points
    armpit: Points
    armhole: Points
    edge: Points


def _half(spec: Spec) -> _Half:
    neck = np.array([-spec.half_neck, 0.0])
    tip = np.array([-spec.half_shoulder, (spec.half_shoulder - spec.half_neck) * spec.slope])
    armpit = np.array([-spec.half_chest, spec.armpit])
    inwards = 1.0 if spec.sleeves != "none" else 2.5
    armhole = bezier(
        tip,
        tip + at(inwards, 5.0),
        armpit + at(0.35 * (tip[0] - armpit[0]) + inwards, -3.0),
        armpit,
    )
    tapered = 1 - (1 - spec.waist) * min((spec.length - spec.armpit) / 40.0, 1.0)
    waist = np.array([-spec.half_chest * tapered, (spec.armpit + spec.length) / 2])
    corner = np.array([-spec.half_chest * spec.flare, spec.length])
    lift = {"straight": 0.0, "curved": -1.0, "shirt tail": -4.5}[spec.hem]
    corner = corner + at(0.0, lift)
    rows = np.linspace(0, 1, 25)[:, None]
    through = 2 * waist - (armpit + corner) / 2
    edge = (1 - rows) ** 2 * armpit + 2 * rows * (1 - rows) * through + rows**2 * corner
    return _Half(neck, tip, armpit, armhole, edge)


def at(x: float, y: float) -> Points:
    """Return a point."""
    return np.array([x, y])


def bezier(a: Points, b: Points, c: Points, d: Points, count: int = 24) -> Points:
    """Return a cubic curve from ``a`` to ``d``."""
    t = np.linspace(0, 1, count)[:, None]
    return np.asarray(
        (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    )


def _sleeve(spec: Spec, half: _Half, rng: np.random.Generator) -> Sleeve:
    """Hang a sleeve from the armhole; a touching one as wide of the torso as leaves no gap."""
    angle = spec.angle + float(rng.normal(0, 0.03))
    if spec.pose != "touching":
        while angle < 1.4 and _gap(spec, half, angle) < 1.0:
            angle += 0.03
        return _hung(spec, half, angle)
    angles = np.arange(0.02, 0.9, 0.02)
    fitting = [a for a in angles if _gap(spec, half, float(a)) < -spec.overlap]
    return _hung(spec, half, float(fitting[-1]) if fitting else 0.05, closed=True)


def _edge_at(half: _Half, rows: Points) -> Points:
    return np.asarray(np.interp(rows, half.edge[:, 1], half.edge[:, 0]))


def _gap(spec: Spec, half: _Half, angle: float) -> float:
    """How far the cuff's inner corner is from the torso, or below it, in centimetres."""
    cuff = _hung(spec, half, angle).cuff[-1]
    return float(_edge_at(half, cuff[1]) - cuff[0])


def _hung(spec: Spec, half: _Half, angle: float, *, closed: bool = False) -> Sleeve:
    along = np.array([-np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), np.sin(angle)])
    tip, armpit = half.tip, half.armpit
    outer_end = tip + spec.reach * along
    inner_end = outer_end + spec.cuff * across
    least = 2.0 - float((inner_end - armpit) @ along)
    if least > 0:
        inner_end = inner_end + least * along
    bow = -spec.bow * across
    shoulder = np.array([-1.0, spec.slope]) * min(5.0, 0.3 * spec.reach)
    outer = bezier(tip, tip + shoulder, outer_end - 0.5 * spec.reach * along + bow, outer_end)
    under = max(float((inner_end - armpit) @ along), 2.0)
    inner = bezier(
        armpit, armpit + 0.3 * under * along, inner_end - 0.4 * under * along + bow, inner_end
    )
    if closed:
        beside = (inner[:, 1] > armpit[1]) & (inner[:, 1] < half.edge[-1, 1])
        least_x = _edge_at(half, inner[:, 1]) + spec.overlap * np.linspace(0, 1, len(inner))
        inner[:, 0] = np.where(beside, np.maximum(inner[:, 0], least_x), inner[:, 0])
    cuff = np.linspace(outer[-1], inner[-1], 7)
    outline = np.concatenate([outer, cuff[1:-1], inner[::-1], half.armhole[::-1]])
    return Sleeve(outline, along, half.armhole, cuff)


def _necklines(spec: Spec) -> tuple[Points, Points]:
    """Return the front's and the back's, both from left to right."""
    power = {"v": 1.1, "collar": 1.15, "scoop": 2.2, "wide": 2.4}.get(spec.neck, 2.4)
    share = np.linspace(-1, 1, 41)
    xs = share * spec.half_neck
    form = 1 - np.abs(share) ** power
    front = np.stack([xs, 2 * spec.half_neck * spec.drop * form], axis=1)
    rise = spec.lift
    if spec.neck == "stand":
        rise = -4.0 - spec.lift
    elif spec.neck == "collar":
        rise = -1.5 - spec.lift
    elif not spec.inside:
        return front, front.copy()
    back = np.stack([xs, rise * (1 - np.abs(share) ** (6 if rise < 0 else 2.6))], axis=1)
    return front, back


def _collars(spec: Spec, front: Points) -> tuple[Points, ...]:
    """Return the collar's leaves, or the stand's front."""
    half, low = spec.half_neck, front[len(front) // 2, 1]
    if spec.neck == "stand":
        top = np.stack([front[:, 0] * 0.94, np.full(len(front), -3.0 - 0.6 * spec.lift)], axis=1)
        top[:, 1] += 1.2 * (1 - (front[:, 0] / half) ** 2)
        return (np.concatenate([front, top[::-1]]),)
    if spec.neck != "collar":
        return ()
    leaf = np.array(
        [
            (-0.95 * half, -1.2),
            (-half, 0.3),
            (-1.05 * half, 3.5),
            (-0.55 * half, low + 3.5),
            (0.0, low),
        ]
    )
    return leaf, leaf * (-1.0, 1.0)


def _hem(spec: Spec, left: Points, right: Points) -> Points:
    share = np.linspace(-1, 1, 41)
    line = left + (right - left) * ((share + 1) / 2)[:, None]
    sag = {"straight": 0.4, "curved": 2.5, "shirt tail": 6.0}[spec.hem]
    form = 1 - np.abs(share) ** (4 if spec.hem == "shirt tail" else 2)
    return np.asarray(line + np.stack([np.zeros(41), sag * form], axis=1))
