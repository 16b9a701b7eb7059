"""One half of a garment: neck point, shoulder, armhole, side seam and sleeve.

As in ``armpits``, every side is the left one of its frame.
"""

from collections.abc import Sequence
from dataclasses import replace
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

_SHOULDER: Final = 0.15
_APART: Final = 0.5
_UNLIKE: Final = 0.15
"""Halves of the chest by which the two ends of an even neckline may differ in their reach."""


def find_neck_points(
    outlines: Sequence[SilhouetteProfiles], known: Sequence[SidePrior], half: float
) -> tuple[Points, Points]:
    """Return where neckline and shoulder meet on either side, each in the frame of its side.

    Where a shoulder falls so little that the outline shows no end of the neckline, one side's end
    is found far out on it. The network's even neckline then tells which of the two is wrong.
    """
    ruled = [
        _correct_by_prior(o, _find_neck_point(o, half), guess, "neck", half)
        for o, guess in zip(outlines, known, strict=True)
    ]
    if not all("neck" in guess.points for guess in known):
        return ruled[0], ruled[1]
    found = [(o.axis_x - at[0]) / half for o, at in zip(outlines, ruled, strict=True)]
    seen = [
        (o.axis_x - guess.points["neck"][0]) / half
        for o, guess in zip(outlines, known, strict=True)
    ]
    if abs(found[0] - found[1]) > _UNLIKE > abs(seen[0] - seen[1]):
        wrong = int(abs(found[1] - seen[1]) > abs(found[0] - seen[0]))
        ruled[wrong] = _predicted_on_outline(outlines[wrong], known[wrong], "neck", ruled[wrong])
    return ruled[0], ruled[1]


def find_half(
    o: SilhouetteProfiles, pit: Armpit, neck: Points, half: float, guess: SidePrior
) -> GarmentHalf:
    """Return a half of the garment; ``pit``: its armpit, ``neck``: where the neckline ends.

    ``half`` is half the chest's width.
    """
    width = len(o.top_rows)
    if pit.has_sleeve:
        x = int(np.clip(pit.position[0] + 0.05 * half, 0, min(neck[0] - 2, width - 1)))
        x = _shoulder_tip_column(x, neck, guess, half)
        tip = point(x, float(o.top_rows[x]))
    else:
        tip = _correct_by_prior(
            o, _find_shoulder_end(o, neck, pit.position), guess, "shoulder", half
        )
    neck = neck if neck[0] > tip[0] + 2 else point(tip[0] + 3, float(o.top_rows[int(tip[0]) + 3]))
    columns = np.linspace(neck[0], tip[0], 8)
    shoulder = np.stack([columns, o.top_rows[columns.astype(int)].astype(np.float64)], axis=1)
    shoulder[0], shoulder[-1] = neck, tip
    edge = _trace_side_seam(o, pit, half)
    if pit.has_sleeve:
        armhole = np.linspace(tip, pit.position, 8)
        sleeve = _segment_sleeve(o, pit, tip)
    else:
        rows = np.linspace(tip[1], pit.position[1], 8)
        armhole = np.stack([o.outer_columns[rows.astype(int)].astype(np.float64), rows], axis=1)
        armhole[0], armhole[-1] = tip, pit.position
        sleeve = None
    return GarmentHalf(neck, tip, pit.position, shoulder, armhole, edge, sleeve)


def _shoulder_tip_column(x: int, neck: Points, guess: SidePrior, half: float) -> int:
    """Return the column of a sleeve's shoulder tip: never so near a wide neck that none is left."""
    if neck[0] - x > _SHOULDER * half:
        return x
    seen = guess.points.get("shoulder")
    least = neck[0] - _SHOULDER * half
    if seen is not None and least - 2 * _SHOULDER * half < seen[0] < least:
        least = float(seen[0])
    return max(int(least), 0)


def _correct_by_prior(
    o: SilhouetteProfiles, found: Points, guess: SidePrior, name: str, half: float
) -> Points:
    """Return the point found, or the network's, laid on the outline, where they are far apart."""
    if guess.is_near(name, found, _APART * half):
        return found
    return _predicted_on_outline(o, guess, name, found)


def _predicted_on_outline(
    o: SilhouetteProfiles, guess: SidePrior, name: str, found: Points
) -> Points:
    """Return the outline's upper edge where the network sees a point; the one found if none is."""
    x = int(np.clip(guess.points[name][0], 0, o.axis_x - 4))
    return point(x, float(o.top_rows[x])) if o.top_rows[x] < len(o.mask) else found


def _find_neck_point(o: SilhouetteProfiles, half: float) -> Points:
    """Return the highest point beside the collar, or the collar's outer end where one stands up."""
    columns = np.arange(int(o.axis_x - 0.85 * half), int(o.axis_x - 0.10 * half))
    columns = columns[columns >= 0]
    if not len(columns):
        return point(o.axis_x - 0.3 * half, float(o.first_row))
    away = o.axis_x - columns
    cost = o.top_rows[columns] + 0.12 * away
    x = int(columns[cost.argmin()])
    if o.axis_x - x < 0.36 * half:
        level = o.top_rows[columns].min() + 0.13 * half
        x = int(columns[o.top_rows[columns] <= level].min())
    return point(x, float(o.top_rows[x]))


def _find_shoulder_end(o: SilhouetteProfiles, neck: Points, pit: Points) -> Points:
    """Return the outer end of a shoulder without a sleeve: where the outline turns down."""
    start, stop = int(pit[0]), int(neck[0])
    if stop - start < 3:
        return point(neck[0] - 1, neck[1] + 1)
    columns = np.arange(start, stop + 1)
    tops = o.top_rows[columns].astype(np.float64)
    cost = (tops - neck[1]) / 1.6 + (columns - start)
    x = int(columns[cost.argmin()])
    return point(min(x, stop - 1), float(o.top_rows[x]))


def _trace_side_seam(o: SilhouetteProfiles, pit: Armpit, half: float) -> Points:
    """Return the side seam, from the armpit to the last row in which the torso is still wide."""
    start = int(pit.position[1])
    rows = np.arange(start, o.hem_row + 1)
    # Where the neckline is below the armpit, the axis lies in its opening.
    seam = (
        pit.seam_columns
        if pit.has_sleeve
        else np.where(o.mask[:, o.axis_x], pit.seam_columns, o.outer_columns)
    )
    reach = o.axis_x - seam[rows]
    wide = rows[reach > 0.62 * half]
    last = int(wide[-1]) if len(wide) else o.hem_row
    last = max(last - max(int(0.006 * (o.hem_row - o.first_row)), 1), start + 2)
    levels = np.linspace(start, last, 16)
    columns = seam[levels.astype(int)].astype(np.float64)
    columns[0] = pit.position[0]
    leap = 0.03 * half + 1.5 * abs(columns[-3] - columns[-4])
    for i in (-2, -1):
        ahead = 2 * columns[i - 1] - columns[i - 2]
        if columns[i] > ahead + leap:
            columns[i] = ahead
    return np.stack([columns, levels], axis=1)


def _segment_sleeve(o: SilhouetteProfiles, pit: Armpit, tip: Points) -> Sleeve | None:
    height, width = o.mask.shape
    rows = np.arange(height)
    share = np.clip((rows - tip[1]) / max(pit.position[1] - tip[1], 1.0), 0, 1)
    border = np.where(
        rows > pit.position[1], pit.seam_columns, tip[0] + share * (pit.position[0] - tip[0])
    )
    border = np.where(rows > o.hem_row, o.axis_x - 0.3 * (o.axis_x - pit.position[0]), border)
    region = o.mask & (np.arange(width)[None, :] < border[:, None])
    if region.sum() < 0.006 * o.mask.sum():
        return None
    region = largest_component(region)
    paths = _trace_sleeve_edges(region, tip, pit.position)
    return None if paths is None else Sleeve(paths[0], paths[1], region)


def _trace_sleeve_edges(region: Bool, tip: Points, pit: Points) -> tuple[Points, Points] | None:
    """Return the two long edges of a sleeve; the cuff is what lies between their ends."""
    contours, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    ring = max(contours, key=len)[:, 0].astype(np.float64)
    ring = np.roll(ring, -int(np.hypot(*(ring - tip).T).argmin()), axis=0)
    turn = int(np.hypot(*(ring - pit).T).argmin())
    if turn < 3 or turn > len(ring) - 3:
        return None
    middle = (tip + pit) / 2
    forth, back = ring[: turn + 1], np.concatenate([ring[turn:], ring[:1]])[::-1]
    path = max((forth, back), key=lambda p: float(np.hypot(*(p - middle).T).max()))
    ys, xs = np.nonzero(region)
    cloth = np.stack([xs, ys], axis=1).astype(np.float64)
    away = np.hypot(*(cloth - middle).T)
    opening = distance(tip, pit)
    long = arc_length(path) > 4.0 * opening
    if long:
        near, far = np.quantile(away, [0.6, 0.85])
        axis = unit_vector(cloth[away > far].mean(0) - cloth[(away > near) & (away <= far)].mean(0))
    else:
        axis = unit_vector(cloth.mean(0) - middle)
    across = np.array([-axis[1], axis[0]])
    across = across * (1.0 if across @ (tip - pit) >= 0 else -1.0)
    lean = 0.45 if long else 0.8
    first = int(((path - middle) @ (axis + lean * across)).argmax())
    second = int(((path - middle) @ (axis - lean * across)).argmax())
    first, second = min(first, second), max(first, second)
    first, second = max(first, 2), min(max(second, first + 1), len(path) - 3)
    if not long and distance(path[first], path[second]) < 0.3 * opening:
        second = len(path) - 3
    if first >= second:
        return None
    outer = resample_polyline(path[: first + 1], SLEEVE_SAMPLES)
    inner = resample_polyline(path[second:][::-1], SLEEVE_SAMPLES)
    outer[0], inner[0] = tip, pit
    return outer, inner


def mirror_half(side: GarmentHalf, width: int) -> GarmentHalf:
    """Return the side as it is in the picture flipped left to right."""
    sleeve = side.sleeve
    if sleeve is not None:
        sleeve = Sleeve(
            mirror_horizontally(sleeve.outer_edge, width),
            mirror_horizontally(sleeve.inner_edge, width),
            sleeve.mask[:, ::-1],
        )
    curves = (
        side.neck_point,
        side.shoulder_tip,
        side.armpit,
        side.shoulder_line,
        side.armhole,
        side.side_seam,
    )
    neck, tip, armpit, shoulder, armhole, edge = (mirror_horizontally(c, width) for c in curves)
    return GarmentHalf(neck, tip, armpit, shoulder, armhole, edge, sleeve)


def join_to_neckline(side: GarmentHalf, neck: Points, top: Ints) -> GarmentHalf:
    """Return the side with its shoulder beginning at the neckline's end."""
    inwards = np.sign(side.neck_point[0] - side.shoulder_tip[0])
    if (neck[0] - side.shoulder_tip[0]) * inwards < 3:
        neck = point(float(side.shoulder_tip[0] + 3 * inwards), float(neck[1]))
    columns = np.linspace(neck[0], side.shoulder_tip[0], 8)
    rows = top[np.clip(columns, 0, len(top) - 1).astype(int)].astype(np.float64)
    shoulder = np.stack([columns, rows], axis=1)
    shoulder[0], shoulder[-1] = neck, side.shoulder_tip
    return replace(side, neck_point=neck.copy(), shoulder_line=shoulder)


def drop_small_sleeves(
    left: GarmentHalf, right: GarmentHalf, mask: Bool
) -> tuple[GarmentHalf, GarmentHalf]:
    """Drop sleeves too small to be any: the cloth past a bare shoulder stays with the torso."""
    small = 0.01 * float(mask.sum())
    areas = [0.0 if s.sleeve is None else float(s.sleeve.mask.sum()) for s in (left, right)]
    if max(areas) < small:
        return replace(left, sleeve=None), replace(right, sleeve=None)
    return left, right
