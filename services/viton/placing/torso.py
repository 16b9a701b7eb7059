"""Pairs of points: where each landmark of the garment goes on the body."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.geometry import Points, distance, point, resample_polyline
from services.viton.person.body import Body, BodySide
from services.viton.placing.drape import Drape, canvas_scale, place_torso_front
from services.viton.placing.straps import (
    StrapRowMap,
    find_strap_end,
    map_strap_rows,
    place_strap_edge,
)

_SIDE_SEAM_POINTS: Final = 16
_HEM_POINTS: Final = 11
_SHOULDER_POINTS: Final = 8
_SHOULDER_TUCK: Final = 0.5
_ROUND_NECKLINE_WIDTH: Final = 0.9
_ARMHOLE_PULL_FADE: Final = 0.45
_WAISTBAND_REACH: Final = 0.35
_WAISTBAND_REACH_STRAPS: Final = 0.06
_MAX_HEM_OVERHANG: Final = 0.07
_MAX_LENGTH_STRETCH: Final = 1.12
_MAX_SHORTENING: Final = 0.17
_FLANK_MARGIN: Final = 0.02
_GUSSET_FADE: Final = 0.12


@dataclass(frozen=True)
class TorsoFit:
    """Control points of the torso's warp, the worn neckline and the hem's row.

    ``reach``: how long the worn garment is, in lengths of this one as it hangs; ``seams``: a
    polygon of cloth on the torso's side of each armhole that has a sleeve; ``straps``: it hangs
    from straps on both sides; ``gussets``: how much of a gusset each side has, 1 where the
    garment's armpit is the wearer's and less the lower it hangs.
    """

    canvas_points: Points
    photo_points: Points
    canvas_neckline: Points
    canvas_outline: Points
    armhole_seams: tuple[Points, ...]
    canvas_hem_row: float
    existing_length_ratio: float
    hangs_from_straps: bool
    gusset_fractions: tuple[float, float]


@dataclass(frozen=True)
class _PlacedHalf:
    tip: Points
    neck: Points
    armpit: Points
    edge: Points


def fit_torso(garment: TopLandmarks, body: Body) -> TorsoFit:
    """Places neckline, shoulders, armholes, the front, side seams and hem on the body."""
    scale = canvas_scale(garment, body)
    pairs = list(zip(garment.halves, body.sides, strict=True))
    ends = [_place_shoulder_ends(garment, body, g, b, scale) for g, b in pairs]
    pits = [_place_armpit(garment, body, g, b) for g, b in pairs]
    laid = tuple(
        map_strap_rows(garment, g, (tip, pit), scale)
        for g, (tip, _), pit in zip(garment.halves, ends, pits, strict=True)
    )
    neckline = _place_neckline(garment, body, (ends[0][1], ends[1][1]), laid)
    drape = _fit_drape(
        garment,
        body,
        neckline,
        scale,
        near=_WAISTBAND_REACH if None in laid else _WAISTBAND_REACH_STRAPS,
    )
    placed = [
        _PlacedHalf(
            tip,
            neck,
            pit,
            _place_side_seam(body, (g, replace(b, armpit=pit)), garment.midline_x, drape),
        )
        for (tip, neck), (g, b), pit in zip(ends, pairs, pits, strict=True)
    ]
    front, cloth = place_torso_front(
        garment, drape, (placed[0].edge, placed[1].edge), body.midline_x
    )
    source: list[Points] = [cloth]
    target: list[Points] = [front]
    source.append(garment.neckline.curve[::4])
    target.append(neckline[::4])
    outline: list[Points] = [neckline]
    for index, (g, p) in enumerate(zip(garment.halves, placed, strict=True)):
        shoulder = _shoulder_points(body, p, _SHOULDER_POINTS)
        strap = laid[index]
        armhole = (
            place_strap_edge(g, strap, (p.tip, p.armpit)) if strap else _place_armhole(g, p, drape)
        )
        if g.sleeve is not None:
            shoulder[-1] += _SHOULDER_TUCK * (shoulder[-2] - shoulder[-1])
        source += [
            resample_polyline(g.shoulder_line, _SHOULDER_POINTS)[1:],
            g.armhole[1:],
            g.side_seam[1:],
        ]
        target += [shoulder[1:], armhole[1:], p.edge[1:]]
        rim = [shoulder, armhole[1:], p.edge[1:]]
        outline += [np.concatenate(rim)] if index else [np.concatenate(rim)[::-1]]
    left, right = garment.left.side_seam[-1], garment.right.side_seam[-1]
    source.append(np.linspace(left, right, _HEM_POINTS)[1:-1])
    target.append(np.linspace(placed[0].edge[-1], placed[1].edge[-1], _HEM_POINTS)[1:-1])
    ring = np.concatenate([outline[1], outline[0], outline[2]])
    seams = tuple(
        _armhole_seam(body, p)
        for g, p in zip(garment.halves, placed, strict=True)
        if g.sleeve is not None
    )
    return TorsoFit(
        np.concatenate(target),
        np.concatenate(source),
        neckline,
        ring,
        seams,
        drape.canvas_hem_row,
        (body.existing_hem_row - drape.canvas_neck_row)
        / max(drape.free_canvas_hem_row - drape.canvas_neck_row, 1.0),
        None not in laid,
        (_gusset_fraction(placed[0], body), _gusset_fraction(placed[1], body)),
    )


def _gusset_fraction(placed: _PlacedHalf, body: Body) -> float:
    hangs = float(placed.edge[0, 1] - placed.armpit[1])
    return float(np.clip(1 - hangs / (_GUSSET_FADE * body.shoulder_width), 0, 1))


def _armhole_seam(body: Body, placed: _PlacedHalf) -> Points:
    inwards = placed.neck - placed.tip
    share = min(0.09 * body.shoulder_width / max(abs(float(inwards[0])), 1.0), 0.6)
    shoulder = _shoulder_points(body, placed, 21)[::-1][: max(int(share * 20), 1) + 1]
    below = placed.armpit + point(0.05 * body.shoulder_width * np.sign(inwards[0]), 0.0)
    return np.concatenate([shoulder + point(0.0, 1.0), [below], [placed.armpit]])


def _fit_drape(
    garment: TopLandmarks, body: Body, neckline: Points, scale: float, *, near: float
) -> Drape:
    """Return how the cloth hangs, at the scale that its width tells or a little more.

    ``near``: as in ``_hem``.
    """
    level = float(garment.neckline.curve[:, 1].max())
    hem = float(np.mean([g.side_seam[-1, 1] for g in garment.halves]))
    row = float(neckline[:, 1].max())
    loose = Drape(scale, level, row, hem, 0.0)
    # What is much too long hangs lower: more would be a squash.
    least = row + (1 - _MAX_SHORTENING) * (loose.free_canvas_hem_row - row)
    bottom = max(_hem_row(body, loose.free_canvas_hem_row, near), least)
    # Cloth laid flat is broader than it is worn, so a little too short may be too small.
    taller = np.clip((bottom - row) / max(hem - level, 1.0), scale, _MAX_LENGTH_STRETCH * scale)
    return replace(loose, scale=float(taller), canvas_hem_row=bottom)


def _hem_row(body: Body, natural: float, near: float) -> float:
    """Return the row of the hem: the garment's own length, reaching down to a waistband near by.

    ``near``: how far above the waistband it may end to be tucked in nevertheless, in units.

    Into trousers the garment may be as long as it is. Over them it covers at least what the worn
    garment covered, since what lay beneath cannot be known.
    """
    unit = body.shoulder_width
    if body.cropped_by_frame:
        return float(max(natural, body.existing_hem_row + 0.08 * unit))
    if body.existing_top_tucked:
        reaches = natural > body.waistband_row - near * unit
        return float(max(natural, body.waistband_row + 0.1 * unit) if reaches else natural)
    return float(
        np.clip(
            natural,
            body.existing_hem_row + 0.015 * unit,
            body.existing_hem_row + _MAX_HEM_OVERHANG * unit,
        )
    )


def _place_shoulder_ends(
    garment: TopLandmarks, body: Body, g: GarmentHalf, b: BodySide, scale: float
) -> tuple[Points, Points]:
    """Return where a shoulder ends at the arm and at the neckline."""
    unit = body.shoulder_width
    axis = garment.midline_x
    reach = abs(float(b.shoulder_tip[0] - body.neck_base[0]))
    tip = b.shoulder_tip
    if g.sleeve is None:
        away = float(
            np.clip(abs(g.shoulder_tip[0] - axis) * scale, 0.24 * unit, reach + 0.05 * unit)
        )
        x = body.neck_base[0] + b.sign * away
        tip = point(x, _shoulder_at(body, x) if away < reach else float(b.shoulder_tip[1]))
    share = abs(float(g.neck_point[0] - axis)) / max(abs(float(g.shoulder_tip[0] - axis)), 1.0)
    span = abs(float(tip[0] - body.neck_base[0]))
    away = min(share * span, abs(float(g.neck_point[0] - axis)) * scale)
    away = away if garment.neckline.has_collar else _ROUND_NECKLINE_WIDTH * away
    away = float(np.clip(away, 0.17 * unit, max(span - 0.03 * unit, 0.18 * unit)))
    x = body.neck_base[0] + b.sign * away
    y = _shoulder_at(body, x)
    if garment.neckline.has_collar:
        y = min(y, float(tip[1] - 0.9 * (g.shoulder_tip[1] - g.neck_point[1]) * scale))
    return tip, point(x, y)


def _shoulder_at(body: Body, x: float) -> float:
    return float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))


def _place_side_seam(
    body: Body, sides: tuple[GarmentHalf, BodySide], axis: float, drape: Drape
) -> Points:
    """Return the side seam: the cloth's own width where it is loose, the body's where tight."""
    g, b = sides
    share = np.linspace(0, 1, _SIDE_SEAM_POINTS)
    own_edge = resample_polyline(g.side_seam, _SIDE_SEAM_POINTS)
    rows = drape.to_canvas_rows(own_edge[:, 1])
    # An armhole deeper than the wearer's armpit hangs below it: pulled up, stripes would sag.
    hangs = g.sleeve is not None and rows[0] > b.armpit[1] > b.shoulder_tip[1]
    pull = 0.0 if hangs else float(b.armpit[1]) - rows[0]
    rows = rows + pull * np.clip(1 - share / _ARMHOLE_PULL_FADE, 0, 1) ** 2
    rows = np.maximum.accumulate(rows + np.arange(_SIDE_SEAM_POINTS) * 1e-3)
    last = len(b.flank_x) - 1
    at = np.clip(rows, 0, last).astype(int)
    outline, middle = b.flank_x[at], body.midline_x[at]
    own = np.abs(outline - middle)
    cloth = np.abs(own_edge[:, 0] - axis) * drape.scale
    half = np.maximum(own + 2.0, 0.55 * own + 0.45 * np.minimum(cloth, 1.35 * own))
    xs = middle + b.sign * half
    xs = gaussian_filter1d(xs, 1.0, mode="nearest")
    if not hangs:
        xs += (b.armpit[0] - xs[0]) * np.clip(1 - np.arange(_SIDE_SEAM_POINTS) / 3.0, 0, 1)
    return np.stack([xs, rows], axis=1)


def _armhole_scale(garment: TopLandmarks, body: Body) -> float:
    """Canvas pixels per garment pixel downwards, between shoulder and armpit."""
    own = sum(float(g.armpit[1] - g.shoulder_tip[1]) for g in garment.halves)
    worn = sum(float(b.armpit[1] - b.shoulder_tip[1]) for b in body.sides)
    return max(worn, 0.2 * body.shoulder_width) / max(own, 1.0)


def _place_armpit(garment: TopLandmarks, body: Body, g: GarmentHalf, b: BodySide) -> Points:
    """Return where the garment's armpit goes; below a strap no farther out than the flank."""
    if find_strap_end(garment, g) is None:
        return b.armpit
    row = int(np.clip(b.armpit[1], 0, len(b.flank_x) - 1))
    flank = float(b.flank_x[row]) + b.sign * _FLANK_MARGIN * body.shoulder_width
    return point(b.sign * min(b.sign * float(b.armpit[0]), b.sign * flank), float(b.armpit[1]))


def _place_neckline(
    garment: TopLandmarks,
    body: Body,
    ends: tuple[Points, Points],
    laid: tuple[StrapRowMap | None, ...],
) -> Points:
    """Return the photo's neckline, turned and scaled to lie between the placed neck points.

    Between straps it is as high as the straps are laid.
    """
    left, right = ends
    curve = garment.neckline.curve
    first, last = garment.left.neck_point, garment.right.neck_point
    width = max(float(last[0] - first[0]), 1.0)
    across = float(right[0] - left[0]) / width
    down = _armhole_scale(garment, body)
    scale = across * float(np.clip(np.sqrt(down / across), 0.75, 1.1))
    share = (curve[:, 0] - first[0]) / width
    drop = curve[:, 1] - (first[1] + share * (last[1] - first[1]))
    xs = left[0] + share * (right[0] - left[0])
    ys = left[1] + share * (right[1] - left[1]) + drop * scale
    first_lay, last_lay = laid
    if first_lay is not None and last_lay is not None:
        ys = (
            first_lay.to_canvas_rows(curve[:, 1]) * (1 - share)
            + last_lay.to_canvas_rows(curve[:, 1]) * share
        )
    return np.stack([xs, ys], axis=1)


def _shoulder_points(body: Body, placed: _PlacedHalf, count: int) -> Points:
    xs = np.linspace(placed.neck[0], placed.tip[0], count)
    ys = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    ends = np.linspace(placed.neck[1] - ys[0], placed.tip[1] - ys[-1], count)
    return np.stack([xs, ys + ends], axis=1)


def _place_armhole(g: GarmentHalf, placed: _PlacedHalf, drape: Drape) -> Points:
    """Return where the armhole lies: under a sleeve straight to the armpit and on down the flank.

    On the flank lies what of it hangs below the wearer's armpit, at the rows of the cloth in front.
    Where it is bare it is the garment's own curve, turned and scaled.
    """
    count = len(g.armhole)
    chord = np.linspace(placed.tip, placed.armpit, count)
    if g.sleeve is not None:
        path = np.stack([placed.tip, placed.armpit, placed.edge[0]])
        if not path[0, 1] < path[1, 1] < path[2, 1]:
            return chord
        levels = g.armhole[:, 1]
        share = np.clip((levels - levels[0]) / max(levels[-1] - levels[0], 1.0), 0, 1)
        rows = drape.to_canvas_rows(levels)
        rows = np.clip(rows + (path[0, 1] - rows[0]) * (1 - share) ** 2, path[0, 1], path[2, 1])
        rows = np.maximum.accumulate(rows)
        return np.stack([np.interp(rows, path[:, 1], path[:, 0]), rows], axis=1)
    own = resample_polyline(g.armhole, count)
    bow = own - np.linspace(own[0], own[-1], count)
    scale = distance(placed.tip, placed.armpit) / max(distance(own[0], own[-1]), 1.0)
    return chord + bow * min(scale, 1.5)
