"""One half of a garment: neck point, shoulder, armhole, side seam and sleeve.

As in ``armpits``, every side is the left one of its frame.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from services.viton.garment.armpits import Armpit
from services.viton.garment.landmarks import SLEEVE_SAMPLES, Side, Sleeve
from services.viton.garment.outline import Bool, Ints, Outline
from services.viton.garment.side_prior import Guess
from services.viton.geometry import (
    Points,
    arc_length,
    distance,
    mirror_horizontally,
    point,
    resample_polyline,
    unit_vector,
)
from services.viton.raster.components import largest_component

_SHOULDER: Final = 0.15
_APART: Final = 0.5
_UNLIKE: Final = 0.15
"""Halves of the chest by which the two ends of an even neckline may differ in their reach."""


def neck_points(
    outlines: Sequence[Outline], known: Sequence[Guess], half: float
) -> tuple[Points, Points]:
    """Return where neckline and shoulder meet on either side, each in the frame of its side.

    Where a shoulder falls so little that the outline shows no end of the neckline, one side's end
    is found far out on it. The network's even neckline then tells which of the two is wrong.
    """
    ruled = [
        _corrected(o, _neck(o, half), guess, "neck", half)
        for o, guess in zip(outlines, known, strict=True)
    ]
    if not all("neck" in guess.points for guess in known):
        return ruled[0], ruled[1]
    found = [(o.axis - at[0]) / half for o, at in zip(outlines, ruled, strict=True)]
    seen = [
        (o.axis - guess.points["neck"][0]) / half for o, guess in zip(outlines, known, strict=True)
    ]
    if abs(found[0] - found[1]) > _UNLIKE > abs(seen[0] - seen[1]):
        wrong = int(abs(found[1] - seen[1]) > abs(found[0] - seen[0]))
        ruled[wrong] = _laid(outlines[wrong], known[wrong], "neck", ruled[wrong])
    return ruled[0], ruled[1]


def side_of(o: Outline, pit: Armpit, neck: Points, half: float, guess: Guess) -> Side:
    """Return a half of the garment; ``pit``: its armpit, ``neck``: where the neckline ends.

    ``half`` is half the chest's width.
    """
    width = len(o.top)
    if pit.sleeved:
        x = int(np.clip(pit.at[0] + 0.05 * half, 0, min(neck[0] - 2, width - 1)))
        x = _beyond(x, neck, guess, half)
        tip = point(x, float(o.top[x]))
    else:
        tip = _corrected(o, _strap_end(o, neck, pit.at), guess, "shoulder", half)
    neck = neck if neck[0] > tip[0] + 2 else point(tip[0] + 3, float(o.top[int(tip[0]) + 3]))
    columns = np.linspace(neck[0], tip[0], 8)
    shoulder = np.stack([columns, o.top[columns.astype(int)].astype(np.float64)], axis=1)
    shoulder[0], shoulder[-1] = neck, tip
    edge = _edge(o, pit, half)
    if pit.sleeved:
        armhole = np.linspace(tip, pit.at, 8)
        sleeve = _sleeve(o, pit, tip)
    else:
        rows = np.linspace(tip[1], pit.at[1], 8)
        armhole = np.stack([o.outer[rows.astype(int)].astype(np.float64), rows], axis=1)
        armhole[0], armhole[-1] = tip, pit.at
        sleeve = None
    return Side(neck, tip, pit.at, shoulder, armhole, edge, sleeve)


def _beyond(x: int, neck: Points, guess: Guess, half: float) -> int:
    """Return the column of a sleeve's shoulder tip: never so near a wide neck that none is left."""
    if neck[0] - x > _SHOULDER * half:
        return x
    seen = guess.points.get("shoulder")
    least = neck[0] - _SHOULDER * half
    if seen is not None and least - 2 * _SHOULDER * half < seen[0] < least:
        least = float(seen[0])
    return max(int(least), 0)


def _corrected(o: Outline, found: Points, guess: Guess, name: str, half: float) -> Points:
    """Return the point found, or the network's, laid on the outline, where they are far apart."""
    if guess.near(name, found, _APART * half):
        return found
    return _laid(o, guess, name, found)


def _laid(o: Outline, guess: Guess, name: str, found: Points) -> Points:
    """Return the outline's upper edge where the network sees a point; the one found if none is."""
    x = int(np.clip(guess.points[name][0], 0, o.axis - 4))
    return point(x, float(o.top[x])) if o.top[x] < len(o.mask) else found


def _neck(o: Outline, half: float) -> Points:
    """Return the highest point beside the collar, or the collar's outer end where one stands up."""
    columns = np.arange(int(o.axis - 0.85 * half), int(o.axis - 0.10 * half))
    columns = columns[columns >= 0]
    if not len(columns):
        return point(o.axis - 0.3 * half, float(o.first))
    away = o.axis - columns
    cost = o.top[columns] + 0.12 * away
    x = int(columns[cost.argmin()])
    if o.axis - x < 0.36 * half:
        level = o.top[columns].min() + 0.13 * half
        x = int(columns[o.top[columns] <= level].min())
    return point(x, float(o.top[x]))


def _strap_end(o: Outline, neck: Points, pit: Points) -> Points:
    """Return the outer end of a shoulder without a sleeve: where the outline turns down."""
    start, stop = int(pit[0]), int(neck[0])
    if stop - start < 3:
        return point(neck[0] - 1, neck[1] + 1)
    columns = np.arange(start, stop + 1)
    tops = o.top[columns].astype(np.float64)
    cost = (tops - neck[1]) / 1.6 + (columns - start)
    x = int(columns[cost.argmin()])
    return point(min(x, stop - 1), float(o.top[x]))


def _edge(o: Outline, pit: Armpit, half: float) -> Points:
    """Return the side seam, from the armpit to the last row in which the torso is still wide."""
    start = int(pit.at[1])
    rows = np.arange(start, o.hem + 1)
    # Where the neckline is below the armpit, the axis lies in its opening.
    seam = pit.seam if pit.sleeved else np.where(o.mask[:, o.axis], pit.seam, o.outer)
    reach = o.axis - seam[rows]
    wide = rows[reach > 0.62 * half]
    last = int(wide[-1]) if len(wide) else o.hem
    last = max(last - max(int(0.006 * (o.hem - o.first)), 1), start + 2)
    levels = np.linspace(start, last, 16)
    columns = seam[levels.astype(int)].astype(np.float64)
    columns[0] = pit.at[0]
    leap = 0.03 * half + 1.5 * abs(columns[-3] - columns[-4])
    for i in (-2, -1):
        ahead = 2 * columns[i - 1] - columns[i - 2]
        if columns[i] > ahead + leap:
            columns[i] = ahead
    return np.stack([columns, levels], axis=1)


def _sleeve(o: Outline, pit: Armpit, tip: Points) -> Sleeve | None:
    height, width = o.mask.shape
    rows = np.arange(height)
    share = np.clip((rows - tip[1]) / max(pit.at[1] - tip[1], 1.0), 0, 1)
    border = np.where(rows > pit.at[1], pit.seam, tip[0] + share * (pit.at[0] - tip[0]))
    border = np.where(rows > o.hem, o.axis - 0.3 * (o.axis - pit.at[0]), border)
    region = o.mask & (np.arange(width)[None, :] < border[:, None])
    if region.sum() < 0.006 * o.mask.sum():
        return None
    region = largest_component(region)
    paths = _sleeve_paths(region, tip, pit.at)
    return None if paths is None else Sleeve(paths[0], paths[1], region)


def _sleeve_paths(region: Bool, tip: Points, pit: Points) -> tuple[Points, Points] | None:
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


def mirrored(side: Side, width: int) -> Side:
    """Return the side as it is in the picture flipped left to right."""
    sleeve = side.sleeve
    if sleeve is not None:
        sleeve = Sleeve(
            mirror_horizontally(sleeve.outer, width),
            mirror_horizontally(sleeve.inner, width),
            sleeve.mask[:, ::-1],
        )
    curves = (side.neck, side.tip, side.armpit, side.shoulder, side.armhole, side.edge)
    neck, tip, armpit, shoulder, armhole, edge = (mirror_horizontally(c, width) for c in curves)
    return Side(neck, tip, armpit, shoulder, armhole, edge, sleeve)


def joined(side: Side, neck: Points, top: Ints) -> Side:
    """Return the side with its shoulder beginning at the neckline's end."""
    inwards = np.sign(side.neck[0] - side.tip[0])
    if (neck[0] - side.tip[0]) * inwards < 3:
        neck = point(float(side.tip[0] + 3 * inwards), float(neck[1]))
    columns = np.linspace(neck[0], side.tip[0], 8)
    rows = top[np.clip(columns, 0, len(top) - 1).astype(int)].astype(np.float64)
    shoulder = np.stack([columns, rows], axis=1)
    shoulder[0], shoulder[-1] = neck, side.tip
    return replace(side, neck=neck.copy(), shoulder=shoulder)


def paired(left: Side, right: Side, mask: Bool) -> tuple[Side, Side]:
    """Drop sleeves too small to be any: the cloth past a bare shoulder stays with the torso."""
    small = 0.01 * float(mask.sum())
    areas = [0.0 if s.sleeve is None else float(s.sleeve.mask.sum()) for s in (left, right)]
    if max(areas) < small:
        return replace(left, sleeve=None), replace(right, sleeve=None)
    return left, right
