"""Placement of the torso: pairs of points, on the canvas and in the garment's photo."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.geometry import Points, distance, point, resample_polyline
from services.viton.person.body import Body, BodySide
from services.viton.placing.straps import (
    STRAP_OPTIONS,
    StrapOptions,
    StrapRowMap,
    find_strap_end,
    map_strap_rows,
    place_strap_armhole,
)
from services.viton.placing.torso_front import (
    TORSO_FRONT_OPTIONS,
    PointPairs,
    TorsoFrontOptions,
    place_torso_front,
)
from services.viton.placing.torso_rows import (
    TORSO_ROW_OPTIONS,
    TorsoRowMap,
    TorsoRowOptions,
    measure_canvas_scale,
)

_SIDE_SEAM_POINTS: Final = 16
"""Control points on each side seam."""
_HEM_POINTS: Final = 11
"""Control points on the hem."""
_SHOULDER_POINTS: Final = 8
"""Control points on each shoulder."""


@dataclass(frozen=True, kw_only=True)
class ShoulderEndsOptions:
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


SHOULDER_ENDS_OPTIONS: Final = ShoulderEndsOptions()


@dataclass(frozen=True, kw_only=True)
class ArmholeSeamOptions:
    """The strip of fabric beside an armhole with a sleeve. Lengths are in shoulder widths."""

    width: float = 0.09
    """Width of the strip along the shoulder."""
    max_width_ratio: float = 0.6
    """Largest width of the strip along the shoulder, as a fraction of the shoulder's length."""
    width_at_armpit: float = 0.05
    """Width of the strip at the armpit."""
    shoulder_steps: int = 20
    """Steps from neck point to shoulder tip in which the strip's width is counted."""


ARMHOLE_SEAM_OPTIONS: Final = ArmholeSeamOptions()


@dataclass(frozen=True, kw_only=True)
class TorsoSideSeamOptions:
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


TORSO_SIDE_SEAM_OPTIONS: Final = TorsoSideSeamOptions()


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
    rows: TorsoRowOptions = TORSO_ROW_OPTIONS
    """How rows are mapped, and where the scale is measured."""
    front: TorsoFrontOptions = TORSO_FRONT_OPTIONS
    """How fabric lies on the front."""
    shoulder_ends: ShoulderEndsOptions = SHOULDER_ENDS_OPTIONS
    """Where shoulders end at the neckline and at the arm."""
    side_seam: TorsoSideSeamOptions = TORSO_SIDE_SEAM_OPTIONS
    """How wide the torso is at its side seams."""
    armhole_seam: ArmholeSeamOptions = ARMHOLE_SEAM_OPTIONS
    """The strip of fabric beside an armhole with a sleeve."""
    straps: StrapOptions = STRAP_OPTIONS
    """What counts as a strap, and how much room a strap has."""


TORSO_FIT_OPTIONS: Final = TorsoFitOptions()

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
class _HalfEnds:
    """Where half a garment is attached to the body, on the canvas."""

    canvas_shoulder_tip: Points
    """(x, y) of the shoulder seam's outer end on the canvas."""
    canvas_neck_point: Points
    """(x, y) of the shoulder seam's inner end on the canvas."""
    canvas_armpit: Points
    """(x, y) on the canvas."""
    strap_rows: StrapRowMap | None
    """Map from photo rows to canvas rows between shoulder and armpit; None without a strap."""


@dataclass(frozen=True)
class _Rim:
    """The edge of half a garment on the canvas."""

    canvas_shoulder: Points
    """N x 2 on the canvas, from the neck point to the shoulder tip."""
    canvas_armhole: Points
    """N x 2 on the canvas, from the shoulder tip to the armpit."""
    canvas_side_seam: Points
    """N x 2 on the canvas, from the armpit to the hem."""

    @property
    def canvas_outline(self) -> Points:
        """All three, N x 2, from the neck point to the hem."""
        return np.concatenate(
            [self.canvas_shoulder, self.canvas_armhole[1:], self.canvas_side_seam[1:]]
        )


@dataclass(frozen=True)
class _TorsoFitting:
    """What every step of the placement reads."""

    top: TopLandmarks
    """Landmarks of the top, in pixels of its photo."""
    body: Body
    """Points and lengths of the body, in pixels of the canvas."""
    scale: float
    """Canvas pixels per garment pixel."""
    options: TorsoFitOptions
    """Tuned values of the placement."""


def fit_torso(
    top: TopLandmarks, body: Body, options: TorsoFitOptions = TORSO_FIT_OPTIONS
) -> TorsoFit:
    """Place neckline, shoulders, armholes, front, side seams and hem on the body."""
    scale = measure_canvas_scale(top, body, options.rows)
    fitting = _TorsoFitting(top, body, scale, options)
    left_ends, right_ends = (
        _place_half_ends(fitting, half, side)
        for half, side in zip(top.halves, body.sides, strict=True)
    )
    hangs_from_straps = None not in (left_ends.strap_rows, right_ends.strap_rows)
    neckline = _place_neckline(fitting, left_ends, right_ends)
    torso_rows = _fit_torso_rows(fitting, neckline, has_straps=hangs_from_straps)
    left_rim = _place_rim(fitting, top.left, body.left, left_ends, torso_rows)
    right_rim = _place_rim(fitting, top.right, body.right, right_ends, torso_rows)
    pairs = _pair_control_points(fitting, neckline, (left_rim, right_rim), torso_rows)
    length = max(torso_rows.free_canvas_hem_row - torso_rows.canvas_neck_row, 1.0)
    return TorsoFit(
        canvas_points=pairs.canvas_points,
        photo_points=pairs.photo_points,
        canvas_neckline=neckline,
        canvas_outline=np.concatenate(
            [left_rim.canvas_outline[::-1], neckline, right_rim.canvas_outline]
        ),
        armhole_seams=tuple(
            _armhole_seam(fitting, ends)
            for half, ends in zip(top.halves, (left_ends, right_ends), strict=True)
            if half.sleeve is not None
        ),
        canvas_hem_row=torso_rows.canvas_hem_row,
        existing_length_ratio=(body.existing_hem_row - torso_rows.canvas_neck_row) / length,
        hangs_from_straps=hangs_from_straps,
        gusset_fractions=(
            _gusset_fraction(fitting, left_ends, left_rim),
            _gusset_fraction(fitting, right_ends, right_rim),
        ),
    )


def _place_half_ends(fitting: _TorsoFitting, half: GarmentHalf, side: BodySide) -> _HalfEnds:
    """Attach half a garment to the body at the shoulder and at the armpit."""
    tip, neck_point = _place_shoulder_ends(fitting, half, side)
    armpit = _place_armpit(fitting, half, side)
    strap_rows = map_strap_rows(
        fitting.top, half, (tip, armpit), fitting.scale, fitting.options.straps
    )
    return _HalfEnds(
        canvas_shoulder_tip=tip,
        canvas_neck_point=neck_point,
        canvas_armpit=armpit,
        strap_rows=strap_rows,
    )


def _pair_control_points(
    fitting: _TorsoFitting,
    canvas_neckline: Points,
    rims: tuple[_Rim, _Rim],
    torso_rows: TorsoRowMap,
) -> PointPairs:
    """Pair the control points of front, neckline, both rims and hem."""
    top = fitting.top
    canvas_seams = rims[0].canvas_side_seam, rims[1].canvas_side_seam
    front = place_torso_front(
        top, torso_rows, canvas_seams, fitting.body.midline_x, fitting.options.front
    )
    photo_points = [
        front.photo_points,
        top.neckline.curve[::_NECKLINE_STEP],
        *(points for half in top.halves for points in _rim_in_photo(half)),
        np.linspace(top.left.side_seam[-1], top.right.side_seam[-1], _HEM_POINTS)[1:-1],
    ]
    canvas_points = [
        front.canvas_points,
        canvas_neckline[::_NECKLINE_STEP],
        *(
            points[1:]
            for rim in rims
            for points in (rim.canvas_shoulder, rim.canvas_armhole, rim.canvas_side_seam)
        ),
        np.linspace(canvas_seams[0][-1], canvas_seams[1][-1], _HEM_POINTS)[1:-1],
    ]
    return PointPairs(np.concatenate(canvas_points), np.concatenate(photo_points))


def _rim_in_photo(half: GarmentHalf) -> tuple[Points, Points, Points]:
    """Return shoulder, armhole and side seam in the garment's photo, without their first points."""
    shoulder = resample_polyline(half.shoulder_line, _SHOULDER_POINTS)
    return shoulder[1:], half.armhole[1:], half.side_seam[1:]


def _place_rim(
    fitting: _TorsoFitting,
    half: GarmentHalf,
    side: BodySide,
    ends: _HalfEnds,
    torso_rows: TorsoRowMap,
) -> _Rim:
    """Place shoulder, armhole and side seam on the canvas."""
    attached = replace(side, canvas_armpit=ends.canvas_armpit)
    side_seam = _place_side_seam(fitting, half, attached, torso_rows)
    shoulder = _shoulder_points(fitting.body, ends, _SHOULDER_POINTS)
    if half.sleeve is not None:
        shoulder[-1] += fitting.options.shoulder_tuck * (shoulder[-2] - shoulder[-1])
    if ends.strap_rows:
        tip_and_armpit = ends.canvas_shoulder_tip, ends.canvas_armpit
        armhole = place_strap_armhole(half, ends.strap_rows, tip_and_armpit)
    else:
        armhole = _place_armhole(half, ends, side_seam[0], torso_rows)
    return _Rim(shoulder, armhole, side_seam)


def _gusset_fraction(fitting: _TorsoFitting, ends: _HalfEnds, rim: _Rim) -> float:
    """Return the size of the gusset below an armpit, 0 to 1."""
    depth = float(rim.canvas_side_seam[0, 1] - ends.canvas_armpit[1])
    fade = fitting.options.gusset_fade * fitting.body.shoulder_width
    return float(np.clip(1 - depth / fade, 0, 1))


def _armhole_seam(fitting: _TorsoFitting, ends: _HalfEnds) -> Points:
    """Return a polygon between the shoulder, the armpit and the sleeve, on the canvas."""
    seam, unit = fitting.options.armhole_seam, fitting.body.shoulder_width
    inwards = ends.canvas_neck_point - ends.canvas_shoulder_tip
    fraction = min(seam.width * unit / max(abs(float(inwards[0])), 1.0), seam.max_width_ratio)
    count = max(int(fraction * seam.shoulder_steps), 1) + 1
    shoulder = _shoulder_points(fitting.body, ends, seam.shoulder_steps + 1)[::-1][:count]
    below = ends.canvas_armpit + point(seam.width_at_armpit * unit * np.sign(inwards[0]), 0.0)
    return np.concatenate([shoulder + point(0.0, 1.0), [below], [ends.canvas_armpit]])


def _fit_torso_rows(
    fitting: _TorsoFitting, canvas_neckline: Points, *, has_straps: bool
) -> TorsoRowMap:
    """Return the row map of the torso, at the garment's horizontal scale or a little more."""
    top, scale, options = fitting.top, fitting.scale, fitting.options
    photo_neck_row = float(top.neckline.curve[:, 1].max())
    photo_hem_row = float(np.mean([half.side_seam[-1, 1] for half in top.halves]))
    neck_row = float(canvas_neckline[:, 1].max())
    free = TorsoRowMap(
        scale=scale,
        photo_neck_row=photo_neck_row,
        canvas_neck_row=neck_row,
        photo_hem_row=photo_hem_row,
        canvas_hem_row=0.0,
        unstretched_fraction=options.rows.unstretched_fraction,
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


def _hem_row(fitting: _TorsoFitting, free_row: float, waistband_reach: float) -> float:
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
    fitting: _TorsoFitting, half: GarmentHalf, side: BodySide
) -> tuple[Points, Points]:
    """Return the canvas points where a shoulder meets the arm and the neckline."""
    top, body, scale = fitting.top, fitting.body, fitting.scale
    unit, midline_x = body.shoulder_width, top.midline_x
    tip = _place_shoulder_tip(fitting, half, side)
    tip_in_photo = abs(float(half.shoulder_tip[0] - midline_x))
    neck_in_photo = abs(float(half.neck_point[0] - midline_x))
    span = abs(float(tip[0] - body.neck_base[0]))
    scaled = min(neck_in_photo / max(tip_in_photo, 1.0) * span, neck_in_photo * scale)
    has_collar = top.neckline.has_collar
    wanted = scaled if has_collar else fitting.options.round_neckline_width * scaled
    ends = fitting.options.shoulder_ends
    farthest = max(span - ends.min_shoulder_length * unit, ends.min_neck_limit * unit)
    away = float(np.clip(wanted, ends.min_neck_distance * unit, farthest))
    x = body.neck_base[0] + side.sign * away
    y = _shoulder_row(body, x)
    if has_collar:
        rise = half.shoulder_tip[1] - half.neck_point[1]
        y = min(y, float(tip[1] - ends.collar_rise * rise * scale))
    return tip, point(x, y)


def _place_shoulder_tip(fitting: _TorsoFitting, half: GarmentHalf, side: BodySide) -> Points:
    """Return the shoulder tip on the canvas: the body's, or the garment's own without a sleeve."""
    if half.sleeve is not None:
        return side.canvas_shoulder_tip
    body, unit, ends = fitting.body, fitting.body.shoulder_width, fitting.options.shoulder_ends
    reach = abs(float(side.canvas_shoulder_tip[0] - body.neck_base[0]))
    wanted = abs(half.shoulder_tip[0] - fitting.top.midline_x) * fitting.scale
    farthest = reach + ends.max_bare_tip_overhang * unit
    away = float(np.clip(wanted, ends.min_bare_tip_distance * unit, farthest))
    x = body.neck_base[0] + side.sign * away
    return point(x, _shoulder_row(body, x) if away < reach else float(side.canvas_shoulder_tip[1]))


def _shoulder_row(body: Body, x: float) -> float:
    """Return the canvas row of the shoulder line at a column."""
    return float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))


def _place_side_seam(
    fitting: _TorsoFitting, half: GarmentHalf, side: BodySide, torso_rows: TorsoRowMap
) -> Points:
    """Place the side seam on the canvas, N x 2 from the armpit to the hem.

    It lies near the fabric's width if the garment is loose, at the body's if it is tight.
    """
    seam = fitting.options.side_seam
    fraction = np.linspace(0, 1, _SIDE_SEAM_POINTS)
    photo_seam = resample_polyline(half.side_seam, _SIDE_SEAM_POINTS)
    draped = torso_rows.to_canvas_rows(photo_seam[:, 1])
    # An armhole deeper than the wearer's armpit hangs below it: pulled up, stripes would sag.
    hangs = (
        half.sleeve is not None and draped[0] > side.canvas_armpit[1] > side.canvas_shoulder_tip[1]
    )
    pull = 0.0 if hangs else float(side.canvas_armpit[1]) - draped[0]
    fade = np.clip(1 - fraction / fitting.options.armhole_pull_fade, 0, 1) ** 2
    index = np.arange(_SIDE_SEAM_POINTS)
    rows = np.maximum.accumulate(draped + pull * fade + index * seam.min_row_step_px)
    at = np.clip(rows, 0, len(side.flank_x) - 1).astype(int)
    flank_x, midline_x = side.flank_x[at], fitting.body.midline_x[at]
    body_half = np.abs(flank_x - midline_x)
    garment_half = np.abs(photo_seam[:, 0] - fitting.top.midline_x) * torso_rows.scale
    fabric_half = np.minimum(garment_half, seam.max_fabric_ratio * body_half)
    loose = seam.body_weight * body_half + seam.fabric_weight * fabric_half
    xs = midline_x + side.sign * np.maximum(body_half + seam.min_ease_px, loose)
    xs = gaussian_filter1d(xs, seam.sigma, mode="nearest")
    if not hangs:
        xs += (side.canvas_armpit[0] - xs[0]) * np.clip(1 - index / seam.armpit_pull_points, 0, 1)
    return np.stack([xs, rows], axis=1)


def _armhole_scale(top: TopLandmarks, body: Body) -> float:
    """Return canvas pixels per garment pixel downwards, between shoulder and armpit."""
    in_photo = sum(float(half.armpit[1] - half.shoulder_tip[1]) for half in top.halves)
    on_body = sum(float(side.canvas_armpit[1] - side.canvas_shoulder_tip[1]) for side in body.sides)
    return max(on_body, _MIN_ARMHOLE_HEIGHT * body.shoulder_width) / max(in_photo, 1.0)


def _place_armpit(fitting: _TorsoFitting, half: GarmentHalf, side: BodySide) -> Points:
    """Return the armpit on the canvas; below a strap it lies no farther out than the flank."""
    if find_strap_end(fitting.top, half, fitting.options.straps) is None:
        return side.canvas_armpit
    row = int(np.clip(side.canvas_armpit[1], 0, len(side.flank_x) - 1))
    margin = side.sign * fitting.options.flank_margin * fitting.body.shoulder_width
    flank = float(side.flank_x[row]) + margin
    x = side.sign * min(side.sign * float(side.canvas_armpit[0]), side.sign * flank)
    return point(x, float(side.canvas_armpit[1]))


def _place_neckline(fitting: _TorsoFitting, left_ends: _HalfEnds, right_ends: _HalfEnds) -> Points:
    """Turn and scale the photo's neckline to lie between the neck points on the canvas.

    Between straps its rows are those of the straps.
    """
    left, right = left_ends.canvas_neck_point, right_ends.canvas_neck_point
    top, curve = fitting.top, fitting.top.neckline.curve
    first, last = top.left.neck_point, top.right.neck_point
    width = max(float(last[0] - first[0]), 1.0)
    across = float(right[0] - left[0]) / width
    down = _armhole_scale(top, fitting.body)
    scale = across * float(np.clip(np.sqrt(down / across), *_NECKLINE_DEPTH_RANGE))
    fraction = (curve[:, 0] - first[0]) / width
    drop = curve[:, 1] - (first[1] + fraction * (last[1] - first[1]))
    xs = left[0] + fraction * (right[0] - left[0])
    left_strap, right_strap = left_ends.strap_rows, right_ends.strap_rows
    if left_strap is None or right_strap is None:
        ys = left[1] + fraction * (right[1] - left[1]) + drop * scale
    else:
        left_rows, right_rows = (
            strap.to_canvas_rows(curve[:, 1]) for strap in (left_strap, right_strap)
        )
        ys = left_rows * (1 - fraction) + right_rows * fraction
    return np.stack([xs, ys], axis=1)


def _shoulder_points(body: Body, ends: _HalfEnds, count: int) -> Points:
    """Return ``count`` points on the canvas from the neck point to the shoulder tip."""
    xs = np.linspace(ends.canvas_neck_point[0], ends.canvas_shoulder_tip[0], count)
    ys = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    to_ends = np.linspace(
        ends.canvas_neck_point[1] - ys[0], ends.canvas_shoulder_tip[1] - ys[-1], count
    )
    return np.stack([xs, ys + to_ends], axis=1)


def _place_armhole(
    half: GarmentHalf, ends: _HalfEnds, canvas_seam_start: Points, torso_rows: TorsoRowMap
) -> Points:
    """Place the armhole on the canvas.

    Under a sleeve it runs straight to the armpit and on down the flank. The part on the flank,
    below the wearer's armpit, has the rows of the fabric in front. Without a sleeve it is the
    garment's own curve, turned and scaled. ``canvas_seam_start``: the upper end of the side seam.
    """
    count = len(half.armhole)
    tip, armpit = ends.canvas_shoulder_tip, ends.canvas_armpit
    chord = np.linspace(tip, armpit, count)
    if half.sleeve is not None:
        path = np.stack([tip, armpit, canvas_seam_start])
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
