"""One half of a top: neck point, shoulder, armhole, side seam and sleeve.

As in ``armpits``, every half is the left one of its frame, and positions are pixels of that frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from services.kit.raster.components import largest_component
from services.viton.garment.armpits import Armpit
from services.viton.garment.landmarks import SLEEVE_SAMPLES, GarmentHalf, Sleeve
from services.viton.garment.priors import SidePrior
from services.viton.garment.silhouette import Bool, Ints, SilhouetteProfiles
from services.viton.geometry import (
    Points,
    arc_length,
    distance,
    mirror_horizontally,
    point,
    resample_polyline,
    unit_vector,
)

_CURVE_POINTS: Final = 8
"""Points of a shoulder line and of an armhole."""

_SEAM_POINTS: Final = 16
"""Points of a side seam."""


@dataclass(frozen=True, kw_only=True)
class ShoulderOptions:
    """How neck point and shoulder are found. Lengths are in half chest widths."""

    neck_range: tuple[float, float] = (0.85, 0.10)
    """Farthest and nearest distance of the neck point from the axis."""

    neck_distance_cost: float = 0.12
    """What a pixel away from the axis costs, in pixels of height: the highest point is wanted."""

    collar_width: float = 0.36
    """Distance of the highest point from the axis up to which it is on a collar that stands up."""

    collar_height: float = 0.13
    """Height of the upper edge below that point that still is the collar's."""

    usual_neck: float = 0.3
    """Distance of the neck point from the axis if the photo has no column to look in."""

    max_prior_distance: float = 0.5
    """Distance from the predicted point up to which the outline's one is used."""

    max_asymmetry: float = 0.15
    """Difference between the two neck points' distances from the axis up to which they are even."""

    min_shoulder: float = 0.15
    """Least width of a shoulder with a sleeve."""

    tip_inset: float = 0.05
    """Distance of the shoulder tip from the armpit's column, towards the neck."""

    end_slope: float = 1.6
    """Fall of a bare shoulder, in rows per column, from which on it is the armhole."""


@dataclass(frozen=True, kw_only=True)
class SideSeamOptions:
    """How the side seam is traced. Widths are half widths, in half chest widths."""

    min_width: float = 0.62
    """Least width of the torso in a row of the seam."""

    hem_margin: float = 0.006
    """How far above the last such row the seam ends, as a fraction of the garment's height."""

    free_leap: float = 0.03
    """How far one of the last two points may lie inwards of the straight continuation."""

    leap_factor: float = 1.5
    """What is added to that, as a factor of the seam's own last step."""


@dataclass(frozen=True, kw_only=True)
class SleeveShapeOptions:
    """How a sleeve is segmented and where its edges end."""

    below_hem: float = 0.3
    """How far from the armpit's column to the axis a sleeve may reach below the hem."""

    min_area: float = 0.006
    """Least area of a sleeve, as a fraction of the garment's."""

    min_pair_area: float = 0.01
    """Area of the larger sleeve below which there is none, as a fraction of the garment's."""

    long_ratio: float = 4.0
    """Length of the outer edge, in heights of the armhole, above which a sleeve is long."""

    long_axis_quantiles: tuple[float, float] = (0.6, 0.85)
    """Parts of a long sleeve, by distance from the armhole, between which its axis is taken."""

    long_lean: float = 0.45
    """How far across its axis the corners of a long sleeve's cuff are searched."""

    short_lean: float = 0.8
    """The same for a short sleeve."""

    min_cuff: float = 0.3
    """Least width of a short sleeve's cuff, in heights of the armhole."""


SHOULDER_OPTIONS: Final = ShoulderOptions()

SIDE_SEAM_OPTIONS: Final = SideSeamOptions()

SLEEVE_SHAPE_OPTIONS: Final = SleeveShapeOptions()


def find_neck_points(
    profiles: Sequence[SilhouetteProfiles],
    priors: Sequence[SidePrior],
    half_chest_width: float,
    options: ShoulderOptions = SHOULDER_OPTIONS,
) -> tuple[Points, Points]:
    """Return where neckline and shoulder meet in each half, in the frame of that half.

    If a shoulder falls so little that the outline shows no end
    of the neckline, one point is found far out on it. The network's even neckline then decides
    which of the two is wrong.
    """
    max_distance = options.max_prior_distance * half_chest_width
    found = [
        _correct_by_prior(
            own, _find_neck_point(own, half_chest_width, options), prior, "neck", max_distance
        )
        for own, prior in zip(profiles, priors, strict=True)
    ]
    if not all("neck" in prior.points for prior in priors):
        return found[0], found[1]
    reach = [
        (own.axis_x - at[0]) / half_chest_width for own, at in zip(profiles, found, strict=True)
    ]
    predicted = [
        (own.axis_x - prior.points["neck"][0]) / half_chest_width
        for own, prior in zip(profiles, priors, strict=True)
    ]
    is_uneven = abs(reach[0] - reach[1]) > options.max_asymmetry
    if is_uneven and options.max_asymmetry > abs(predicted[0] - predicted[1]):
        wrong = int(abs(reach[1] - predicted[1]) > abs(reach[0] - predicted[0]))
        moved = _predicted_on_outline(profiles[wrong], priors[wrong], "neck", found[wrong])
        return (moved, found[1]) if wrong == 0 else (found[0], moved)
    return found[0], found[1]


def find_half(
    profiles: SilhouetteProfiles,
    armpit: Armpit,
    neck: Points,
    half_chest_width: float,
    prior: SidePrior,
    options: ShoulderOptions = SHOULDER_OPTIONS,
) -> GarmentHalf:
    """Return a half of the garment.

    ``neck``: where the neckline ends.
    """
    at = armpit.position
    if armpit.has_sleeve:
        column = _shoulder_tip_column(profiles, at, neck, half_chest_width, prior, options)
        tip = point(column, float(profiles.top_rows[column]))
    else:
        end = _find_shoulder_end(profiles, neck, at, options)
        max_distance = options.max_prior_distance * half_chest_width
        tip = _correct_by_prior(profiles, end, prior, "shoulder", max_distance)
    neck_point = neck
    if not neck[0] > tip[0] + 2:
        neck_point = point(tip[0] + 3, float(profiles.top_rows[int(tip[0]) + 3]))
    if armpit.has_sleeve:
        armhole = np.linspace(tip, at, _CURVE_POINTS)
    else:
        rows = np.linspace(tip[1], at[1], _CURVE_POINTS)
        outer = profiles.outer_columns[rows.astype(int)].astype(np.float64)
        armhole = _between(tip, np.stack([outer, rows], axis=1), at)
    return GarmentHalf(
        neck_point=neck_point,
        shoulder_tip=tip,
        armpit=at,
        shoulder_line=_shoulder_line(neck_point, tip, profiles.top_rows),
        armhole=armhole,
        side_seam=_trace_side_seam(profiles, armpit, half_chest_width),
        sleeve=_segment_sleeve(profiles, armpit, tip) if armpit.has_sleeve else None,
    )


def _between(first: Points, curve: Points, last: Points) -> Points:
    """Return the curve with its two ends replaced."""
    return np.concatenate([first[None], curve[1:-1], last[None]])


def _shoulder_line(neck: Points, tip: Points, top_rows: Ints) -> Points:
    """Return the upper edge of the garment from the neck point to the shoulder tip."""
    columns = np.linspace(neck[0], tip[0], _CURVE_POINTS)
    inside = np.clip(columns, 0, len(top_rows) - 1).astype(int)
    rows = top_rows[inside].astype(np.float64)
    return _between(neck, np.stack([columns, rows], axis=1), tip)


def _shoulder_tip_column(
    profiles: SilhouetteProfiles,
    armpit: Points,
    neck: Points,
    half_chest_width: float,
    prior: SidePrior,
    options: ShoulderOptions,
) -> int:
    """Return the column of a shoulder tip above a sleeve, so that some shoulder is left."""
    last = min(neck[0] - 2, len(profiles.top_rows) - 1)
    column = int(np.clip(armpit[0] + options.tip_inset * half_chest_width, 0, last))
    shoulder = options.min_shoulder * half_chest_width
    if neck[0] - column > shoulder:
        return column
    predicted = prior.points.get("shoulder")
    most = neck[0] - shoulder
    if (
        predicted is not None
        and most - 2 * options.min_shoulder * half_chest_width < predicted[0] < most
    ):
        return max(int(float(predicted[0])), 0)
    return max(int(most), 0)


def _correct_by_prior(
    profiles: SilhouetteProfiles,
    found: Points,
    prior: SidePrior,
    name: str,
    max_distance: float,
) -> Points:
    """Return the point found, or the predicted one on the outline if they are far apart.

    ``max_distance``: the distance above which they are, in pixels of the photo.
    """
    if prior.is_near(name, found, max_distance):
        return found
    return _predicted_on_outline(profiles, prior, name, found)


def _predicted_on_outline(
    profiles: SilhouetteProfiles, prior: SidePrior, name: str, found: Points
) -> Points:
    """Return the upper edge at the column of a predicted point, or ``found`` if there is none."""
    x = int(np.clip(prior.points[name][0], 0, profiles.axis_x - 4))
    row = profiles.top_rows[x]
    return point(x, float(row)) if row < len(profiles.mask) else found


def _find_neck_point(
    profiles: SilhouetteProfiles, half_chest_width: float, options: ShoulderOptions
) -> Points:
    """Return the highest point beside the collar, or the outer end of a collar that stands up."""
    axis_x, top_rows = profiles.axis_x, profiles.top_rows
    far, near = options.neck_range
    columns = np.arange(
        max(int(axis_x - far * half_chest_width), 0), int(axis_x - near * half_chest_width)
    )
    if not len(columns):
        return point(axis_x - options.usual_neck * half_chest_width, float(profiles.first_row))
    tops = top_rows[columns]
    cost = tops + options.neck_distance_cost * (axis_x - columns)
    x = int(columns[cost.argmin()])
    if axis_x - x < options.collar_width * half_chest_width:
        level = tops.min() + options.collar_height * half_chest_width
        x = int(columns[tops <= level].min())
    return point(x, float(top_rows[x]))


def _find_shoulder_end(
    profiles: SilhouetteProfiles, neck: Points, armpit: Points, options: ShoulderOptions
) -> Points:
    """Return the outer end of a shoulder without a sleeve: there the outline turns down."""
    start, stop = int(armpit[0]), int(neck[0])
    if stop - start < 3:
        return point(neck[0] - 1, neck[1] + 1)
    columns = np.arange(start, stop + 1)
    tops = profiles.top_rows[columns].astype(np.float64)
    cost = (tops - neck[1]) / options.end_slope + (columns - start)
    x = int(columns[cost.argmin()])
    return point(min(x, stop - 1), float(profiles.top_rows[x]))


def _trace_side_seam(
    profiles: SilhouetteProfiles,
    armpit: Armpit,
    half_chest_width: float,
    options: SideSeamOptions = SIDE_SEAM_OPTIONS,
) -> Points:
    """Return the side seam, from the armpit to the last row in which the torso is still wide."""
    start, hem_row = int(armpit.position[1]), profiles.hem_row
    rows = np.arange(start, hem_row + 1)
    seam = armpit.seam_columns
    if not armpit.has_sleeve:
        # If the neckline is below the armpit, the axis lies in its opening.
        on_axis = profiles.mask[:, profiles.axis_x]
        seam = np.where(on_axis, armpit.seam_columns, profiles.outer_columns)
    reach = profiles.axis_x - seam[rows]
    wide = rows[reach > options.min_width * half_chest_width]
    widest = int(wide[-1]) if len(wide) else hem_row
    margin = max(int(options.hem_margin * (hem_row - profiles.first_row)), 1)
    levels = np.linspace(start, max(widest - margin, start + 2), _SEAM_POINTS)
    columns = seam[levels.astype(int)].astype(np.float64)
    columns[0] = armpit.position[0]
    leap = options.free_leap * half_chest_width + options.leap_factor * abs(
        columns[-3] - columns[-4]
    )
    for i in (-2, -1):
        ahead = 2 * columns[i - 1] - columns[i - 2]
        if columns[i] > ahead + leap:
            columns[i] = ahead
    return np.stack([columns, levels], axis=1)


def _segment_sleeve(
    profiles: SilhouetteProfiles,
    armpit: Armpit,
    tip: Points,
    options: SleeveShapeOptions = SLEEVE_SHAPE_OPTIONS,
) -> Sleeve | None:
    """Return the sleeve beside the armhole and the seam, or None if there is too little of it."""
    height, width = profiles.mask.shape
    x, y = armpit.position
    rows = np.arange(height)
    fraction = np.clip((rows - tip[1]) / max(y - tip[1], 1.0), 0, 1)
    beside = np.where(rows > y, armpit.seam_columns, tip[0] + fraction * (x - tip[0]))
    below = profiles.axis_x - options.below_hem * (profiles.axis_x - x)
    border = np.where(rows > profiles.hem_row, below, beside)
    region = profiles.mask & (np.arange(width)[None, :] < border[:, None])
    if region.sum() < options.min_area * profiles.mask.sum():
        return None
    sleeve = largest_component(region)
    edges = _trace_sleeve_edges(sleeve, tip, armpit.position, options)
    return None if edges is None else Sleeve(edges[0], edges[1], sleeve)


def _trace_sleeve_edges(
    region: Bool, tip: Points, armpit: Points, options: SleeveShapeOptions
) -> tuple[Points, Points] | None:
    """Return the two long edges of a sleeve; the cuff lies between their ends."""
    path = _sleeve_outline(region, tip, armpit)
    if path is None:
        return None
    middle, opening = (tip + armpit) / 2, distance(tip, armpit)
    is_long = arc_length(path) > options.long_ratio * opening
    axis = _sleeve_axis(region, middle, options, is_long=is_long)
    across = np.array([-axis[1], axis[0]])
    outwards = across * (1.0 if across @ (tip - armpit) >= 0 else -1.0)
    lean = options.long_lean if is_long else options.short_lean
    corners = (
        int(((path - middle) @ (axis + lean * outwards)).argmax()),
        int(((path - middle) @ (axis - lean * outwards)).argmax()),
    )
    first = max(min(corners), 2)
    # The second corner is compared with the first one before that was moved from the armhole.
    second = min(max(*corners, min(corners) + 1), len(path) - 3)
    if not is_long and distance(path[first], path[second]) < options.min_cuff * opening:
        second = len(path) - 3
    if first >= second:
        return None
    outer = resample_polyline(path[: first + 1], SLEEVE_SAMPLES)
    inner = resample_polyline(path[second:][::-1], SLEEVE_SAMPLES)
    return np.concatenate([tip[None], outer[1:]]), np.concatenate([armpit[None], inner[1:]])


def _sleeve_outline(region: Bool, tip: Points, armpit: Points) -> Points | None:
    """Return the outline of a sleeve from the shoulder tip around the cuff to the armpit."""
    contours, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    contour = max(contours, key=len)[:, 0].astype(np.float64)
    ring = np.roll(contour, -int(np.hypot(*(contour - tip).T).argmin()), axis=0)
    turn = int(np.hypot(*(ring - armpit).T).argmin())
    if turn < 3 or turn > len(ring) - 3:
        return None
    middle = (tip + armpit) / 2
    forth, back = ring[: turn + 1], np.concatenate([ring[turn:], ring[:1]])[::-1]
    return max((forth, back), key=lambda p: float(np.hypot(*(p - middle).T).max()))


def _sleeve_axis(
    region: Bool, middle: Points, options: SleeveShapeOptions, *, is_long: bool
) -> Points:
    """Return the unit vector along a sleeve; of a long one, along its lower part."""
    ys, xs = np.nonzero(region)
    pixels = np.stack([xs, ys], axis=1).astype(np.float64)
    if not is_long:
        return unit_vector(pixels.mean(0) - middle)
    away = np.hypot(*(pixels - middle).T)
    near, far = np.quantile(away, options.long_axis_quantiles)
    upper = pixels[(away > near) & (away <= far)]
    return unit_vector(pixels[away > far].mean(0) - upper.mean(0))


def mirror_half(half: GarmentHalf, width: int) -> GarmentHalf:
    """Return the half as it is in the photo flipped left to right, ``width`` pixels wide."""
    sleeve = half.sleeve
    if sleeve is not None:
        sleeve = Sleeve(
            mirror_horizontally(sleeve.outer_edge, width),
            mirror_horizontally(sleeve.inner_edge, width),
            sleeve.mask[:, ::-1],
        )
    return GarmentHalf(
        neck_point=mirror_horizontally(half.neck_point, width),
        shoulder_tip=mirror_horizontally(half.shoulder_tip, width),
        armpit=mirror_horizontally(half.armpit, width),
        shoulder_line=mirror_horizontally(half.shoulder_line, width),
        armhole=mirror_horizontally(half.armhole, width),
        side_seam=mirror_horizontally(half.side_seam, width),
        sleeve=sleeve,
    )


def join_to_neckline(half: GarmentHalf, neck: Points, top_rows: Ints) -> GarmentHalf:
    """Return the half with its shoulder beginning at the neckline's end ``neck``."""
    tip = half.shoulder_tip
    inwards = np.sign(half.neck_point[0] - tip[0])
    start = neck.copy()
    if (neck[0] - tip[0]) * inwards < 3:
        start = point(float(tip[0] + 3 * inwards), float(neck[1]))
    return replace(half, neck_point=start, shoulder_line=_shoulder_line(start, tip, top_rows))


def drop_small_sleeves(
    left: GarmentHalf,
    right: GarmentHalf,
    mask: Bool,
    options: SleeveShapeOptions = SLEEVE_SHAPE_OPTIONS,
) -> tuple[GarmentHalf, GarmentHalf]:
    """Drop both sleeves if they are too small: garment past a bare shoulder is torso."""
    small = options.min_pair_area * float(mask.sum())
    areas = [0.0 if h.sleeve is None else float(h.sleeve.mask.sum()) for h in (left, right)]
    if max(areas) < small:
        return replace(left, sleeve=None), replace(right, sleeve=None)
    return left, right
