"""Placement of the torso: pairs of points, on the canvas and in the garment's photo."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.geometry import Points, distance, point, resample_polyline
from services.viton.person.body import Body, BodySide
from services.viton.placing.straps import (
    StrapRowMap,
    find_strap_end,
    map_strap_rows,
    place_strap_edge,
)
from services.viton.placing.torso_front import TorsoRowMap, measure_canvas_scale, place_torso_front

_SIDE_SEAM_POINTS: Final = 16
"""Control points on each side seam."""
_HEM_POINTS: Final = 11
"""Control points on the hem."""
_SHOULDER_POINTS: Final = 8
"""Control points on each shoulder."""


@dataclass(frozen=True, kw_only=True)
class TorsoFitOptions:
    """How a torso is fitted. Lengths without another unit are in shoulder widths."""

    shoulder_tuck: float = 0.5
    """Fraction of the last step along the shoulder that goes under a sleeve."""
    round_neckline_width: float = 0.9
    """Width of a neckline without a collar, as a fraction of its scaled width."""
    armhole_pull_fade: float = 0.45
    """Fraction of the side seam, from the armpit down, over which the pull to the armpit fades."""
    waistband_reach: float = 0.35
    """Distance above the waistband at which a hem still counts as tucked in."""
    strap_waistband_reach: float = 0.06
    """The same for a top with straps on both sides."""
    max_hem_overhang: float = 0.07
    """Largest distance of the hem below the existing one, over bottoms."""
    max_length_stretch: float = 1.12
    """Largest ratio of vertical to horizontal scale."""
    max_shortening: float = 0.17
    """Largest fraction by which a garment that is too long is shortened."""
    flank_margin: float = 0.02
    """Largest distance of the armpit of a strap top outside the flank."""
    gusset_fade: float = 0.12
    """Depth of an armhole below the armpit at which the gusset vanishes."""
    cropped_hem_overhang: float = 0.08
    """Least distance of the hem below the existing one if the frame cuts that off."""
    tucked_hem_depth: float = 0.1
    """Least distance of a tucked hem below the waistband."""
    min_hem_overhang: float = 0.015
    """Least distance of the hem below the existing one, over bottoms."""


TORSO_FIT: Final = TorsoFitOptions()
"""The options of every try-on."""


@dataclass(frozen=True, kw_only=True)
class ShoulderEnds:
    """Where a shoulder ends at the neckline and at the arm. Lengths are in shoulder widths."""

    min_neck_distance: float = 0.17
    """Least distance of the neck point from the neck's base."""
    min_shoulder_length: float = 0.03
    """Least distance of the neck point from the shoulder tip across, on broad shoulders."""
    min_neck_limit: float = 0.18
    """Distance of the neck point from the neck's base that is allowed on narrow shoulders too."""
    collar_rise: float = 0.9
    """Height of a collar's neck point above the tip, as a fraction of the scaled one."""
    min_bare_tip_distance: float = 0.24
    """Least distance of the tip from the neck's base, without a sleeve."""
    max_bare_tip_overhang: float = 0.05
    """Largest distance of the tip beyond the body's, without a sleeve."""


SHOULDER_ENDS: Final = ShoulderEnds()
"""The shoulder ends of every try-on."""


@dataclass(frozen=True, kw_only=True)
class ArmholeSeam:
    """The strip of fabric beside an armhole with a sleeve. Lengths are in shoulder widths."""

    width: float = 0.09
    """Width of the strip along the shoulder."""
    max_width_ratio: float = 0.6
    """Largest width of the strip along the shoulder, as a fraction of the shoulder's length."""
    width_at_armpit: float = 0.05
    """Width of the strip at the armpit."""
    shoulder_steps: int = 20
    """Steps from neck point to shoulder tip in which the strip's width is counted."""


ARMHOLE_SEAM: Final = ArmholeSeam()
"""The armhole seams of every try-on."""


@dataclass(frozen=True, kw_only=True)
class SideSeam:
    """How wide the torso is at its side seams. Widths are half widths, from midline to seam."""

    body_weight: float = 0.55
    """Weight of the body's half width in a loose garment's."""
    fabric_weight: float = 0.45
    """Weight of the fabric's half width in a loose garment's."""
    max_fabric_ratio: float = 1.35
    """Largest half width of the fabric that counts, in half widths of the body."""
    min_ease_px: float = 2.0
    """Least distance of the seam outside the body, in canvas pixels."""
    sigma: float = 1.0
    """Standard deviation of the smoothing along the seam, in control points."""
    armpit_pull_points: float = 3.0
    """Control points, from the armpit down, over which the seam leaves the armpit."""
    min_row_step_px: float = 1e-3
    """Shift downwards per control point that keeps level rows apart, in canvas pixels."""


SIDE_SEAM: Final = SideSeam()
"""The side seams of every try-on."""

_NECKLINE_STEP: Final = 4
"""Samples of the neckline's curve from one control point to the next."""
_MIN_ARMHOLE_HEIGHT: Final = 0.2
"""Least height of both armholes on the body together, in shoulder widths."""
_NECKLINE_DEPTH_RANGE: Final = (0.75, 1.1)
"""Bounds of the neckline's scale downwards, in scales across."""
_MAX_ARMHOLE_BOW_SCALE: Final = 1.5
"""Largest scale of a sleeveless armhole's bow, in canvas pixels per garment pixel."""


@dataclass(frozen=True, kw_only=True)
class TorsoFit:
    """Control points of the torso's warp, and what follows from them."""

    canvas_points: Points
    """N x 2 on the canvas."""
    photo_points: Points
    """N x 2: the same points in the garment's photo."""
    canvas_neckline: Points
    """The neckline on the canvas, from left to right."""
    canvas_outline: Points
    """The torso's outline on the canvas: left side, neckline, right side."""
    armhole_seams: tuple[Points, ...]
    """A polygon on the canvas for each armhole with a sleeve: fabric on the torso's side of it."""
    canvas_hem_row: float
    """Lowest row of the garment on the canvas."""
    existing_length_ratio: float
    """Length of the existing garment below the neckline, in lengths of this one unstretched."""
    hangs_from_straps: bool
    """Both sides have a strap."""
    gusset_fractions: tuple[float, float]
    """Size of the gusset below each armpit: 1 if both armpits meet, less the deeper the armhole."""


@dataclass(frozen=True, kw_only=True)
class _PlacedHalf:
    """Half a garment on the canvas."""

    shoulder_tip: Points
    """(x, y) of the shoulder seam's outer end on the canvas."""
    neck_point: Points
    """(x, y) of the shoulder seam's inner end on the canvas."""
    armpit: Points
    """(x, y) on the canvas."""
    side_seam: Points
    """N x 2 on the canvas, from the armpit to the hem."""


@dataclass(frozen=True)
class _Fitting:
    """What every step of the placement reads."""

    garment: TopLandmarks
    """Landmarks of the top, in pixels of its photo."""
    body: Body
    """Points and lengths of the body, in pixels of the canvas."""
    scale: float
    """Canvas pixels per garment pixel."""
    options: TorsoFitOptions
    """Tuned values of the placement."""


def fit_torso(garment: TopLandmarks, body: Body, options: TorsoFitOptions = TORSO_FIT) -> TorsoFit:
    """Place neckline, shoulders, armholes, front, side seams and hem on the body."""
    fitting = _Fitting(garment, body, measure_canvas_scale(garment, body), options)
    pairs = list(zip(garment.halves, body.sides, strict=True))
    ends = [_place_shoulder_ends(fitting, half, side) for half, side in pairs]
    armpits = [_place_armpit(fitting, half, side) for half, side in pairs]
    straps = tuple(
        map_strap_rows(garment, half, (tip, armpit), fitting.scale)
        for half, (tip, _), armpit in zip(garment.halves, ends, armpits, strict=True)
    )
    neckline = _place_neckline(fitting, (ends[0][1], ends[1][1]), straps)
    torso_rows = _fit_torso_rows(fitting, neckline, has_straps=None not in straps)
    placed = [
        _PlacedHalf(
            shoulder_tip=tip,
            neck_point=neck,
            armpit=armpit,
            side_seam=_place_side_seam(fitting, half, replace(side, armpit=armpit), torso_rows),
        )
        for (tip, neck), (half, side), armpit in zip(ends, pairs, armpits, strict=True)
    ]
    seams = (placed[0].side_seam, placed[1].side_seam)
    front_canvas, front_photo = place_torso_front(garment, torso_rows, seams, body.midline_x)
    rims = [
        _place_rim(fitting, half, on_body, strap, torso_rows)
        for half, on_body, strap in zip(garment.halves, placed, straps, strict=True)
    ]
    photo_points = [
        front_photo,
        garment.neckline.curve[::_NECKLINE_STEP],
        *(points for half in garment.halves for points in _rim_in_photo(half)),
        np.linspace(garment.left.side_seam[-1], garment.right.side_seam[-1], _HEM_POINTS)[1:-1],
    ]
    canvas_points = [
        front_canvas,
        neckline[::_NECKLINE_STEP],
        *(points[1:] for rim in rims for points in rim),
        np.linspace(seams[0][-1], seams[1][-1], _HEM_POINTS)[1:-1],
    ]
    left_rim, right_rim = (
        np.concatenate([shoulder, armhole[1:], seam[1:]]) for shoulder, armhole, seam in rims
    )
    length = max(torso_rows.free_canvas_hem_row - torso_rows.canvas_neck_row, 1.0)
    return TorsoFit(
        canvas_points=np.concatenate(canvas_points),
        photo_points=np.concatenate(photo_points),
        canvas_neckline=neckline,
        canvas_outline=np.concatenate([left_rim[::-1], neckline, right_rim]),
        armhole_seams=tuple(
            _armhole_seam(body, on_body)
            for half, on_body in zip(garment.halves, placed, strict=True)
            if half.sleeve is not None
        ),
        canvas_hem_row=torso_rows.canvas_hem_row,
        existing_length_ratio=(body.existing_hem_row - torso_rows.canvas_neck_row) / length,
        hangs_from_straps=None not in straps,
        gusset_fractions=(
            _gusset_fraction(fitting, placed[0]),
            _gusset_fraction(fitting, placed[1]),
        ),
    )


def _rim_in_photo(half: GarmentHalf) -> tuple[Points, Points, Points]:
    """Return shoulder, armhole and side seam in the garment's photo, without their first points."""
    shoulder = resample_polyline(half.shoulder_line, _SHOULDER_POINTS)
    return shoulder[1:], half.armhole[1:], half.side_seam[1:]


def _place_rim(
    fitting: _Fitting,
    half: GarmentHalf,
    placed: _PlacedHalf,
    strap: StrapRowMap | None,
    torso_rows: TorsoRowMap,
) -> tuple[Points, Points, Points]:
    """Place shoulder, armhole and side seam on the canvas."""
    shoulder = _shoulder_points(fitting.body, placed, _SHOULDER_POINTS)
    if half.sleeve is not None:
        shoulder[-1] += fitting.options.shoulder_tuck * (shoulder[-2] - shoulder[-1])
    if strap:
        armhole = place_strap_edge(half, strap, (placed.shoulder_tip, placed.armpit))
    else:
        armhole = _place_armhole(half, placed, torso_rows)
    return shoulder, armhole, placed.side_seam


def _gusset_fraction(fitting: _Fitting, placed: _PlacedHalf) -> float:
    """Return the size of the gusset below an armpit, 0 to 1."""
    depth = float(placed.side_seam[0, 1] - placed.armpit[1])
    fade = fitting.options.gusset_fade * fitting.body.shoulder_width
    return float(np.clip(1 - depth / fade, 0, 1))


def _armhole_seam(body: Body, placed: _PlacedHalf) -> Points:
    """Return a polygon between the shoulder, the armpit and the sleeve, on the canvas."""
    seam, unit = ARMHOLE_SEAM, body.shoulder_width
    inwards = placed.neck_point - placed.shoulder_tip
    fraction = min(seam.width * unit / max(abs(float(inwards[0])), 1.0), seam.max_width_ratio)
    count = max(int(fraction * seam.shoulder_steps), 1) + 1
    shoulder = _shoulder_points(body, placed, seam.shoulder_steps + 1)[::-1][:count]
    below = placed.armpit + point(seam.width_at_armpit * unit * np.sign(inwards[0]), 0.0)
    return np.concatenate([shoulder + point(0.0, 1.0), [below], [placed.armpit]])


def _fit_torso_rows(fitting: _Fitting, canvas_neckline: Points, *, has_straps: bool) -> TorsoRowMap:
    """Return the row map of the torso, at the garment's horizontal scale or a little more."""
    garment, scale, options = fitting.garment, fitting.scale, fitting.options
    photo_neck_row = float(garment.neckline.curve[:, 1].max())
    photo_hem_row = float(np.mean([half.side_seam[-1, 1] for half in garment.halves]))
    neck_row = float(canvas_neckline[:, 1].max())
    free = TorsoRowMap(
        scale=scale,
        photo_neck_row=photo_neck_row,
        canvas_neck_row=neck_row,
        photo_hem_row=photo_hem_row,
        canvas_hem_row=0.0,
    )
    # A garment that is much too long hangs lower, for the squash is limited.
    least = neck_row + (1 - options.max_shortening) * (free.free_canvas_hem_row - neck_row)
    reach = options.strap_waistband_reach if has_straps else options.waistband_reach
    hem_row = max(_hem_row(fitting, free.free_canvas_hem_row, reach), least)
    # A garment is broader flat than on a body, so one that is a little too short may be too small.
    vertical = np.clip(
        (hem_row - neck_row) / max(photo_hem_row - photo_neck_row, 1.0),
        scale,
        options.max_length_stretch * scale,
    )
    return replace(free, scale=float(vertical), canvas_hem_row=hem_row)


def _hem_row(fitting: _Fitting, free_row: float, waistband_reach: float) -> float:
    """Return the canvas row of the hem; ``free_row``: its row at the garment's own length.

    Inside bottoms the garment may have its own length, and reaches down to a waistband within
    ``waistband_reach`` shoulder widths. Over bottoms it covers at least what the existing garment
    covered, because nothing is known of what lay beneath.
    """
    body, options, unit = fitting.body, fitting.options, fitting.body.shoulder_width
    if body.cropped_by_frame:
        return float(max(free_row, body.existing_hem_row + options.cropped_hem_overhang * unit))
    if body.existing_top_tucked:
        reaches = free_row > body.waistband_row - waistband_reach * unit
        tucked_row = body.waistband_row + options.tucked_hem_depth * unit
        return float(max(free_row, tucked_row) if reaches else free_row)
    return float(
        np.clip(
            free_row,
            body.existing_hem_row + options.min_hem_overhang * unit,
            body.existing_hem_row + options.max_hem_overhang * unit,
        )
    )


def _place_shoulder_ends(
    fitting: _Fitting, half: GarmentHalf, side: BodySide
) -> tuple[Points, Points]:
    """Return the canvas points where a shoulder meets the arm and the neckline."""
    garment, body, scale = fitting.garment, fitting.body, fitting.scale
    unit, midline_x = body.shoulder_width, garment.midline_x
    tip = _place_shoulder_tip(fitting, half, side)
    tip_in_photo = abs(float(half.shoulder_tip[0] - midline_x))
    neck_in_photo = abs(float(half.neck_point[0] - midline_x))
    span = abs(float(tip[0] - body.neck_base[0]))
    scaled = min(neck_in_photo / max(tip_in_photo, 1.0) * span, neck_in_photo * scale)
    has_collar = garment.neckline.has_collar
    wanted = scaled if has_collar else fitting.options.round_neckline_width * scaled
    ends = SHOULDER_ENDS
    farthest = max(span - ends.min_shoulder_length * unit, ends.min_neck_limit * unit)
    away = float(np.clip(wanted, ends.min_neck_distance * unit, farthest))
    x = body.neck_base[0] + side.sign * away
    y = _shoulder_row(body, x)
    if has_collar:
        rise = half.shoulder_tip[1] - half.neck_point[1]
        y = min(y, float(tip[1] - ends.collar_rise * rise * scale))
    return tip, point(x, y)


def _place_shoulder_tip(fitting: _Fitting, half: GarmentHalf, side: BodySide) -> Points:
    """Return the shoulder tip on the canvas: the body's, or the garment's own without a sleeve."""
    if half.sleeve is not None:
        return side.shoulder_tip
    body, unit = fitting.body, fitting.body.shoulder_width
    reach = abs(float(side.shoulder_tip[0] - body.neck_base[0]))
    wanted = abs(half.shoulder_tip[0] - fitting.garment.midline_x) * fitting.scale
    farthest = reach + SHOULDER_ENDS.max_bare_tip_overhang * unit
    away = float(np.clip(wanted, SHOULDER_ENDS.min_bare_tip_distance * unit, farthest))
    x = body.neck_base[0] + side.sign * away
    return point(x, _shoulder_row(body, x) if away < reach else float(side.shoulder_tip[1]))


def _shoulder_row(body: Body, x: float) -> float:
    """Return the canvas row of the shoulder line at a column."""
    return float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))


def _place_side_seam(
    fitting: _Fitting, half: GarmentHalf, side: BodySide, torso_rows: TorsoRowMap
) -> Points:
    """Place the side seam on the canvas, N x 2 from the armpit to the hem.

    It lies near the fabric's width if the garment is loose, at the body's if it is tight.
    """
    seam = SIDE_SEAM
    fraction = np.linspace(0, 1, _SIDE_SEAM_POINTS)
    photo_seam = resample_polyline(half.side_seam, _SIDE_SEAM_POINTS)
    draped = torso_rows.to_canvas_rows(photo_seam[:, 1])
    # An armhole deeper than the wearer's armpit hangs below it: pulled up, stripes would sag.
    hangs = half.sleeve is not None and draped[0] > side.armpit[1] > side.shoulder_tip[1]
    pull = 0.0 if hangs else float(side.armpit[1]) - draped[0]
    fade = np.clip(1 - fraction / fitting.options.armhole_pull_fade, 0, 1) ** 2
    index = np.arange(_SIDE_SEAM_POINTS)
    rows = np.maximum.accumulate(draped + pull * fade + index * seam.min_row_step_px)
    at = np.clip(rows, 0, len(side.flank_x) - 1).astype(int)
    flank_x, midline_x = side.flank_x[at], fitting.body.midline_x[at]
    body_half = np.abs(flank_x - midline_x)
    garment_half = np.abs(photo_seam[:, 0] - fitting.garment.midline_x) * torso_rows.scale
    fabric_half = np.minimum(garment_half, seam.max_fabric_ratio * body_half)
    loose = seam.body_weight * body_half + seam.fabric_weight * fabric_half
    xs = midline_x + side.sign * np.maximum(body_half + seam.min_ease_px, loose)
    xs = gaussian_filter1d(xs, seam.sigma, mode="nearest")
    if not hangs:
        xs += (side.armpit[0] - xs[0]) * np.clip(1 - index / seam.armpit_pull_points, 0, 1)
    return np.stack([xs, rows], axis=1)


def _armhole_scale(garment: TopLandmarks, body: Body) -> float:
    """Return canvas pixels per garment pixel downwards, between shoulder and armpit."""
    in_photo = sum(float(half.armpit[1] - half.shoulder_tip[1]) for half in garment.halves)
    on_body = sum(float(side.armpit[1] - side.shoulder_tip[1]) for side in body.sides)
    return max(on_body, _MIN_ARMHOLE_HEIGHT * body.shoulder_width) / max(in_photo, 1.0)


def _place_armpit(fitting: _Fitting, half: GarmentHalf, side: BodySide) -> Points:
    """Return the armpit on the canvas; below a strap it lies no farther out than the flank."""
    if find_strap_end(fitting.garment, half) is None:
        return side.armpit
    row = int(np.clip(side.armpit[1], 0, len(side.flank_x) - 1))
    margin = side.sign * fitting.options.flank_margin * fitting.body.shoulder_width
    flank = float(side.flank_x[row]) + margin
    x = side.sign * min(side.sign * float(side.armpit[0]), side.sign * flank)
    return point(x, float(side.armpit[1]))


def _place_neckline(
    fitting: _Fitting, ends: tuple[Points, Points], straps: tuple[StrapRowMap | None, ...]
) -> Points:
    """Turn and scale the photo's neckline to lie between ``ends``, the neck points on the canvas.

    Between straps its rows are those of the straps.
    """
    left, right = ends
    garment, curve = fitting.garment, fitting.garment.neckline.curve
    first, last = garment.left.neck_point, garment.right.neck_point
    width = max(float(last[0] - first[0]), 1.0)
    across = float(right[0] - left[0]) / width
    down = _armhole_scale(garment, fitting.body)
    scale = across * float(np.clip(np.sqrt(down / across), *_NECKLINE_DEPTH_RANGE))
    fraction = (curve[:, 0] - first[0]) / width
    drop = curve[:, 1] - (first[1] + fraction * (last[1] - first[1]))
    xs = left[0] + fraction * (right[0] - left[0])
    left_strap, right_strap = straps
    if left_strap is None or right_strap is None:
        ys = left[1] + fraction * (right[1] - left[1]) + drop * scale
    else:
        left_rows, right_rows = (
            strap.to_canvas_rows(curve[:, 1]) for strap in (left_strap, right_strap)
        )
        ys = left_rows * (1 - fraction) + right_rows * fraction
    return np.stack([xs, ys], axis=1)


def _shoulder_points(body: Body, placed: _PlacedHalf, count: int) -> Points:
    """Return ``count`` points on the canvas from the neck point to the shoulder tip."""
    xs = np.linspace(placed.neck_point[0], placed.shoulder_tip[0], count)
    ys = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    ends = np.linspace(placed.neck_point[1] - ys[0], placed.shoulder_tip[1] - ys[-1], count)
    return np.stack([xs, ys + ends], axis=1)


def _place_armhole(half: GarmentHalf, placed: _PlacedHalf, torso_rows: TorsoRowMap) -> Points:
    """Place the armhole on the canvas.

    Under a sleeve it runs straight to the armpit and on down the flank. The part on the flank,
    below the wearer's armpit, has the rows of the fabric in front. Without a sleeve it is the
    garment's own curve, turned and scaled.
    """
    count = len(half.armhole)
    tip, armpit = placed.shoulder_tip, placed.armpit
    chord = np.linspace(tip, armpit, count)
    if half.sleeve is not None:
        path = np.stack([tip, armpit, placed.side_seam[0]])
        if not path[0, 1] < path[1, 1] < path[2, 1]:
            return chord
        photo_rows = half.armhole[:, 1]
        drop = max(photo_rows[-1] - photo_rows[0], 1.0)
        fraction = np.clip((photo_rows - photo_rows[0]) / drop, 0, 1)
        draped = torso_rows.to_canvas_rows(photo_rows)
        pulled = draped + (path[0, 1] - draped[0]) * (1 - fraction) ** 2
        rows = np.maximum.accumulate(np.clip(pulled, path[0, 1], path[2, 1]))
        return np.stack([np.interp(rows, path[:, 1], path[:, 0]), rows], axis=1)
    own = resample_polyline(half.armhole, count)
    bow = own - np.linspace(own[0], own[-1], count)
    scale = distance(tip, armpit) / max(distance(own[0], own[-1]), 1.0)
    return chord + bow * min(scale, _MAX_ARMHOLE_BOW_SCALE)
