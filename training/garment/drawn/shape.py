"""Construct a garment's outline and landmarks from its cut. Left is the picture's."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from training.garment.drawn.spec import Spec

Points: TypeAlias = NDArray[np.float64]
"""N x 2, x to the right and y down."""

SHARE: Final = np.linspace(-1, 1, 41)
"""Places along a neckline, -1 at its left end, 1 at its right."""


@dataclass(frozen=True)
class Sleeve:
    """A sleeve or a leg, in centimetres."""

    outline: Points
    """N x 2: the closed outline."""
    along: Points
    """2: unit vector from the body outwards."""
    seam: Points
    """N x 2: where it is sewn to the torso."""
    cuff: Points
    """N x 2: its end, from the outer to the inner corner."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A garment in centimetres; the origin is half-way between the ends of the neckline."""

    torso: Points
    """N x 2: outline of the garment without sleeves or legs."""
    inside: Points
    """N x 2: outline of the inside of the back above the front neckline."""
    front: Points
    """N x 2: the front neckline or waistband, from left to right."""
    back: Points
    """N x 2: the back neckline or waistband, from left to right."""
    hem: Points
    """N x 2: the hem, from left to right."""
    gap: Points
    """N x 2: outline of the inside that an open front shows; empty without one."""
    sleeves: tuple[Sleeve, ...]
    """Sleeves or legs, the left one first."""
    collars: tuple[Points, ...]
    """Outlines of the pieces that lie on top."""
    landmarks: dict[str, tuple[float, float]]
    """Name to (x, y)."""


@dataclass(frozen=True, kw_only=True)
class _Half:
    """The left half without its sleeve, in centimetres."""

    neck: Points
    """2: end of the neckline."""
    tip: Points
    """2: tip of the shoulder."""
    armpit: Points
    """2: lower end of the armhole."""
    armhole: Points
    """N x 2: from the shoulder's tip to the armpit."""
    edge: Points
    """N x 2: the side seam, from the armpit to the hem."""


@dataclass(frozen=True)
class _Hung:
    """A sleeve that hangs at the left, in centimetres."""

    outer: Points
    """N x 2: the outer edge, from the shoulder's tip to the cuff."""
    inner: Points
    """N x 2: the inner edge, from the armpit to the cuff."""
    along: Points
    """2: unit vector down the sleeve."""


def shape(spec: Spec, rng: np.random.Generator) -> Shape:
    """Construct an upper garment or a dress; the sides differ slightly, as if laid by hand."""
    landmarks: dict[str, tuple[float, float]] = {}
    edges, armholes, sleeves, necks = [], [], [], []
    for side, sign in (("left", -1), ("right", 1)):
        bare = spec.bare == sign
        half = _bare_half(spec) if bare else _half(spec)
        own = _sleeve(spec, half, rng) if spec.sleeves != "none" and not bare else None
        flip = np.array([-sign, 1.0])
        marks = {
            "neck": half.neck,
            "shoulder": half.tip,
            "armpit": half.armpit,
            "hem": half.edge[-1],
            "waist": half.edge[int(np.abs(half.edge[:, 1] - spec.waist_row).argmin())],
        }
        if own is not None:
            middle = len(own.outer) // 2
            marks |= {"cuff_outer": own.outer[-1], "cuff_inner": own.inner[-1]}
            marks |= {"elbow_outer": own.outer[middle], "elbow_inner": own.inner[middle]}
            cuff = np.linspace(own.outer[-1], own.inner[-1], 7)
            outline = np.concatenate([own.outer, cuff[1:-1], own.inner[::-1], half.armhole[::-1]])
            sleeves.append(
                Sleeve(outline * flip, own.along * flip, half.armhole * flip, cuff * flip)
            )
        for name, place in marks.items():
            landmarks[f"{side}_{name}"] = (float(place[0] * flip[0]), float(place[1]))
        necks.append(half.neck * flip)
        armholes.append(half.armhole * flip)
        edges.append(half.edge * flip)
    front, back = _necklines(spec, necks[0], necks[1])
    if spec.opening != "open":
        for name, index in (("neck_bottom", 20), ("left_curve", 10), ("right_curve", 30)):
            landmarks[name] = (float(front[index, 0]), float(front[index, 1]))
    hem = hemline(spec, edges[0][-1], edges[1][-1])
    torso = np.concatenate(
        [front[::-1], armholes[0], edges[0][1:], hem[1:-1], edges[1][::-1], armholes[1][::-1]]
    )
    inside = np.concatenate([back, front[::-1]])
    gap = _gap_of(spec, front, hem)
    collars = _collars(spec, front)
    return Shape(
        torso=torso,
        inside=inside,
        front=front,
        back=back,
        hem=hem,
        gap=gap,
        sleeves=tuple(sleeves),
        collars=collars,
        landmarks=landmarks,
    )


def _half(spec: Spec) -> _Half:
    neck = at(-spec.half_neck, 0.0)
    tip = at(-spec.half_shoulder, (spec.half_shoulder - spec.half_neck) * spec.slope)
    armpit = at(-spec.half_chest, spec.armpit)
    inwards = 1.0 if spec.sleeves != "none" else 2.5
    if spec.neck in ("straps", "strapless", "off shoulder"):
        inwards = 0.0
    fall = min(5.0, 0.4 * float(armpit[1] - tip[1]))
    armhole = bezier(
        tip,
        tip + at(inwards, fall),
        armpit + at(0.35 * (tip[0] - armpit[0]) + inwards, -0.6 * fall),
        armpit,
    )
    return _Half(neck=neck, tip=tip, armpit=armpit, armhole=armhole, edge=_edge(spec, armpit))


def _bare_half(spec: Spec) -> _Half:
    """Return the half of a garment that leaves a shoulder bare."""
    armpit = at(-spec.half_chest, spec.armpit)
    neck = armpit + at(1.5, -3.5)
    tip = armpit + at(0.8, -3.0)
    return _Half(
        neck=neck,
        tip=tip,
        armpit=armpit,
        armhole=np.linspace(tip, armpit, 24),
        edge=_edge(spec, armpit),
    )


def _edge(spec: Spec, armpit: Points) -> Points:
    """Return the side seam from the armpit over the waist to the hem."""
    lift = {"straight": 0.0, "curved": -1.0, "shirt tail": -4.5}[spec.hem]
    corner = at(-spec.half_chest * spec.flare, spec.length + lift)
    if spec.category == "dress":
        row = max(spec.waist_row, spec.armpit + 8)
        waist = at(-spec.half_chest * spec.waist, row)
        third = (row - spec.armpit) / 3
        upper = bezier(armpit, armpit + at(0, third), waist - at(0, third), waist, 13)
        drop = float(corner[1] - row)
        lower = bezier(waist, waist + at(0, 0.2 * drop), corner - 0.35 * (corner - waist), corner)
        return np.concatenate([upper, lower[1:]])
    tapered = 1 - (1 - spec.waist) * min((spec.length - spec.armpit) / 40.0, 1.0)
    waist = at(-spec.half_chest * tapered, (spec.armpit + spec.length) / 2)
    rows = np.linspace(0, 1, 25)[:, None]
    through = 2 * waist - (armpit + corner) / 2
    return np.asarray((1 - rows) ** 2 * armpit + 2 * rows * (1 - rows) * through + rows**2 * corner)


def at(x: float, y: float) -> Points:
    """Return a point."""
    return np.array([x, y], np.float64)


def bezier(a: Points, b: Points, c: Points, d: Points, count: int = 24) -> Points:
    """Return a cubic curve from ``a`` to ``d``."""
    t = np.linspace(0, 1, count)[:, None]
    return np.asarray(
        (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    )


def _sleeve(spec: Spec, half: _Half, rng: np.random.Generator) -> _Hung:
    """Construct a sleeve from the armhole; a touching one leaves no gap to the torso."""
    angle = spec.angle + float(rng.normal(0, spec.uneven))
    if spec.pose == "folded":
        return _bent(spec, _hung(spec, half, max(angle, 0.1)), rng)
    if spec.pose != "touching":
        while angle < 1.4 and _gap(spec, half, angle) < 1.0:
            angle += 0.03
        return _bent(spec, _hung(spec, half, min(angle, 1.5)), rng)
    angles = np.arange(0.02, 0.9, 0.02)
    fitting = [a for a in angles if _gap(spec, half, float(a)) < -spec.overlap]
    return _hung(spec, half, float(fitting[-1]) if fitting else 0.05, closed=True)


def _bent(spec: Spec, sleeve: _Hung, rng: np.random.Generator) -> _Hung:
    """Rotate the forearm towards the torso, about the middle of the sleeve."""
    if spec.bend == 0:
        return sleeve
    turn = -(spec.bend + float(rng.normal(0, 0.1)))
    elbow = (sleeve.outer[len(sleeve.outer) // 2] + sleeve.inner[len(sleeve.inner) // 2]) / 2
    bent = []
    for path in (sleeve.outer, sleeve.inner):
        beyond = (path - elbow) @ sleeve.along
        share = turn * np.clip(beyond / 5.0 + 0.5, 0, 1)
        cos, sin = np.cos(share), np.sin(share)
        x, y = (path - elbow).T
        bent.append(elbow + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1))
    return _Hung(bent[0], bent[1], sleeve.along)


def _edge_at(half: _Half, rows: Points) -> Points:
    return np.asarray(np.interp(rows, half.edge[:, 1], half.edge[:, 0]))


def _gap(spec: Spec, half: _Half, angle: float) -> float:
    """Return the distance of the cuff's inner corner from the torso, in centimetres."""
    cuff = _hung(spec, half, angle).inner[-1]
    return float(_edge_at(half, cuff[1:])[0] - cuff[0])


def _hung(spec: Spec, half: _Half, angle: float, *, closed: bool = False) -> _Hung:
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
    if spec.puff:
        share = np.linspace(0, 1, len(outer))[:, None] ** spec.swell
        round_ = spec.puff * np.sin(np.pi * share) * across
        outer, inner = outer - round_, inner + (0 if closed else 0.6) * round_
    if closed:
        beside = (inner[:, 1] > armpit[1]) & (inner[:, 1] < half.edge[-1, 1])
        least_x = _edge_at(half, inner[:, 1]) + spec.overlap * np.linspace(0, 1, len(inner))
        inner[:, 0] = np.where(beside, np.maximum(inner[:, 0], least_x), inner[:, 0])
    return _Hung(outer, inner, along)


def _necklines(spec: Spec, left: Points, right: Points) -> tuple[Points, Points]:
    """Return the front's and the back's, both from left to right."""
    form = 1 - np.abs(SHARE) ** spec.roundness
    line = left + (right - left) * ((SHARE + 1) / 2)[:, None]
    fall = at(0, 2 * spec.half_neck * spec.drop)
    if spec.bare:
        low = 0.35 * (left if spec.bare < 0 else right) + at(0, 0.35 * spec.armpit)
        front = bezier(left, left * 0.6 + low * 0.4, right * 0.6 + low * 0.4, right, len(SHARE))
        lift = at(0, -0.25 * spec.armpit * float(spec.inside))
    else:
        front = line + form[:, None] * fall
        lift = at(0, spec.lift)
    if spec.neck == "hood":
        dome = np.sqrt(np.maximum(1 - np.abs(SHARE) ** 2.6, 0))
        wide = 1 + 0.35 * np.sin(np.linspace(0, np.pi, len(SHARE)))
        return front, np.stack([line[:, 0] * wide, -(18 + 3 * spec.lift) * dome], axis=1)
    rise = 2.6
    if spec.neck == "stand":
        lift, rise = at(0, -4.0 - spec.lift), 6.0
    elif spec.neck == "collar":
        lift, rise = at(0, -1.5 - spec.lift), 6.0
    elif not spec.inside:
        return front, front.copy()
    if spec.neck in ("strapless", "off shoulder"):
        lift = at(0, min(0.8 * fall[1], 1.5))
    return front, line + (1 - np.abs(SHARE) ** rise)[:, None] * lift


def _collars(spec: Spec, front: Points) -> tuple[Points, ...]:
    """Return the collar's leaves, the stand's front or the hood's rims."""
    half, low = spec.half_neck, front[len(front) // 2, 1]
    if spec.neck == "stand" and spec.opening != "open":
        top = np.stack([front[:, 0] * 0.94, np.full(len(front), -3.0 - 0.6 * spec.lift)], axis=1)
        top[:, 1] += 1.2 * (1 - (front[:, 0] / half) ** 2)
        return (np.concatenate([front, top[::-1]]),)
    if spec.neck == "hood":
        dome = 18 + 3 * spec.lift
        rim = np.array(
            [
                (-0.2 * half, low + 1),
                (-half, 1.0),
                (-1.32 * half, -0.5 * dome),
                (-0.85 * half, -0.95 * dome),
                (0, -dome),
                (0, -0.86 * dome),
                (-0.6 * half, -0.8 * dome),
                (-0.95 * half, -0.4 * dome),
                (-0.6 * half, 0.3 * low),
            ]
        )
        return rim, rim * (-1.0, 1.0)
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


def _gap_of(spec: Spec, front: Points, hem: Points) -> Points:
    """Return what an open front shows: a strip from the neckline to the hem."""
    if spec.opening != "open":
        return np.zeros((0, 2))
    top, bottom = front[20], hem[20]
    upper, lower = spec.gap
    ends = top - at(upper, 0.3 * upper), bottom - at(lower, 0)
    left = bezier(ends[0], ends[0] + at(0, 15), ends[1] - at(0, 15), ends[1])
    right = left * (-1, 1) + at(top[0] + bottom[0], 0)
    return np.concatenate([left, right[::-1]])


def hemline(spec: Spec, left: Points, right: Points) -> Points:
    """Return the hem from left to right."""
    line = left + (right - left) * ((SHARE + 1) / 2)[:, None]
    sag = {"straight": 0.4, "curved": 2.5, "shirt tail": 6.0}[spec.hem]
    form = 1 - np.abs(SHARE) ** (4 if spec.hem == "shirt tail" else 2)
    return np.asarray(line + np.stack([np.zeros(41), sag * form], axis=1))
