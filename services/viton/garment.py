"""Where the parts of a garment are in its photo, read from the outline of its mask.

Every side is found in a frame in which it is the left one (the right side is read from the flipped
picture), so that no rule is written twice. Left and right are the picture's, not the wearer's.
"""

from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.viton.geometry import Points, distance, length, mirror, point, resample, unit
from services.viton.neckline import Neckline, find_neckline

Bool: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

SLEEVE_SAMPLES: Final = 48
_MIN_AREA: Final = 0.004
_ARMHOLE: Final = 1.05
_DEEPEST_ARMHOLE: Final = 1.6
_HIDDEN_ARMHOLE: Final = 0.9
_CUFF_STEP: Final = 0.1
_CUFF_SLOPE: Final = 0.27
_SIZE: Final = (0.3, 0.4, 0.3)
_ELBOW: Final = 1.87
_FOREARM: Final = 2.9
_FLUSH: Final = 0.02
_FLANK: Final = 0.66


class SleeveKind(Enum):
    """How far a sleeve reaches down the arm."""

    NONE = "none"
    SHORT = "short"
    MID = "mid"
    LONG = "long"


@dataclass(frozen=True)
class Sleeve:
    """A sleeve from its armhole to its cuff: the edge away from the body and the one beside it."""

    outer: Points
    inner: Points
    mask: Bool

    @property
    def length(self) -> float:
        """From the middle of the armhole to the middle of the cuff, in pixels."""
        middle = (self.outer + self.inner) / 2
        return length(middle)


@dataclass(frozen=True)
class Side:
    """One half of a garment. ``edge`` runs from the armpit down to the hem."""

    neck: Points
    tip: Points
    armpit: Points
    shoulder: Points
    armhole: Points
    edge: Points
    sleeve: Sleeve | None


@dataclass(frozen=True)
class Garment:
    """The landmarks of a garment, in pixels of its photo.

    ``half`` is half the chest's width. ``neckline`` runs from left to right. ``torso`` is the mask
    without sleeves and without what is seen of the inside of the back above the neckline.
    """

    left: Side
    right: Side
    neckline: Neckline
    kind: SleeveKind
    half: float
    torso: Bool

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left, then right."""
        return self.left, self.right

    @property
    def axis(self) -> float:
        """The x of the line about which the garment is symmetric."""
        return float(self.left.tip[0] + self.right.tip[0]) / 2

    @property
    def length(self) -> float:
        """From the shoulder tips to the hem, in pixels."""
        hem = (self.left.edge[-1, 1] + self.right.edge[-1, 1]) / 2
        return float(hem - (self.left.tip[1] + self.right.tip[1]) / 2)


@dataclass(frozen=True)
class _Outline:
    """Row and column profiles of a mask, for its left side.

    ``top``: first row of each column. ``outer``: first column of each row. ``inner``: where the run
    through the axis begins in each row. ``hem``: last row of the torso.
    """

    mask: Bool
    axis: int
    top: Ints
    outer: Ints
    inner: Ints
    first: int
    hem: int


@dataclass(frozen=True)
class _Armpit:
    """Where a sleeve leaves the torso; ``seam`` is the column that parts them, per row."""

    at: Points
    sleeved: bool
    seam: Ints


def describe(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Garment:
    """Find a garment's landmarks.

    ``image``: H x W x 3 RGB; ``mask``: H x W, 255 on the garment. Raises ``NoGarment`` where it
    holds nothing that could be worn on the upper body.
    """
    whole = largest(mask > 127)
    rows = np.flatnonzero(whole.any(axis=1))
    if whole.sum() < _MIN_AREA * whole.size or rows[-1] - rows[0] < 32:
        raise NoGarment(
            "No garment was found in the garment's photo; send one garment on a plain ground."
        )
    axis = _axis(whole)
    width = whole.shape[1]
    left = _outline(whole, axis)
    right = _outline(whole[:, ::-1], width - 1 - axis)
    pits = _agree(_armpit(left), _armpit(right), left, right)
    half = max((right.axis + left.axis - pits[0].at[0] - pits[1].at[0]) / 2, 0.04 * width)
    sides = [_side(o, p, half) for o, p in zip((left, right), pits, strict=True)]
    first, second = sides[0], _mirrored(sides[1], width)
    first, second = _paired_sleeves(first, second, whole)
    neckline = find_neckline(
        image,
        whole,
        left.top,
        first.neck,
        second.neck,
        ends=(float(first.tip[0]) + 0.025 * half, float(second.tip[0]) - 0.025 * half),
        half=half,
        chest=float(first.armpit[1]),
    )
    first = _joined(first, neckline.curve[0], left.top)
    second = _joined(second, neckline.curve[-1], left.top)
    torso = whole.copy()
    for side in (first, second):
        if side.sleeve is not None:
            torso &= ~side.sleeve.mask
    return Garment(first, second, neckline, _kind(first, second), half, torso)


def _joined(side: Side, neck: Points, top: Ints) -> Side:
    """Return the side with its shoulder beginning at the neckline's end."""
    inwards = np.sign(side.neck[0] - side.tip[0])
    if (neck[0] - side.tip[0]) * inwards < 3:
        neck = point(float(side.tip[0] + 3 * inwards), float(neck[1]))
    columns = np.linspace(neck[0], side.tip[0], 8)
    rows = top[np.clip(columns, 0, len(top) - 1).astype(int)].astype(np.float64)
    shoulder = np.stack([columns, rows], axis=1)
    shoulder[0], shoulder[-1] = neck, side.tip
    return replace(side, neck=neck.copy(), shoulder=shoulder)


def largest(mask: Bool) -> Bool:
    """Return the largest connected piece of a mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _axis(mask: Bool) -> int:
    """Return the column about which most rows are symmetric."""
    rows = np.flatnonzero(mask.any(axis=1))
    rows = rows[int(0.05 * len(rows)) : int(0.9 * len(rows))]
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    return int(np.median((first + last) / 2))


def _outline(mask: Bool, axis: int) -> _Outline:
    height, width = mask.shape
    filled = mask.any(axis=1)
    rows = np.flatnonzero(filled)
    top = np.where(mask.any(axis=0), mask.argmax(axis=0), height)
    outer = np.where(filled, mask.argmax(axis=1), width)
    open_left = ~mask[:, : axis + 1]
    inner = np.where(open_left.any(axis=1), axis + 1 - open_left[:, ::-1].argmax(axis=1), 0)
    reach = max(int(0.1 * (rows[-1] - rows[0])), 4)
    centre = mask[:, max(axis - reach, 0) : axis + reach].mean(axis=1) > 0.6
    hem = int(np.flatnonzero(centre)[-1]) if centre.any() else int(rows[-1])
    return _Outline(mask, axis, top, outer, inner, int(rows[0]), hem)


def _armpit(o: _Outline) -> _Armpit:
    """Return a gap of background beside the torso, else the outline's sharpest step inwards.

    A long sleeve against the torso shows neither at the armpit, but it ends: below its cuff
    the outline steps in, or the sleeve hangs on below the hem. From there a seam is drawn up.
    """
    tall = o.hem - o.first
    rows = np.arange(o.first + int(0.10 * tall), o.hem + 1)
    torso = o.axis - o.inner[rows]
    reach = o.axis - o.outer[rows]
    wide = float(np.percentile(torso, 60))
    gap = (reach - torso > 0.05 * wide) & (torso > 0.35 * wide)
    seam = o.inner.copy()
    if gap.sum() > 0.03 * tall:
        start = int(rows[int(gap.argmax())])
        seam = _bridged(seam, rows, gap, o.axis)
        found = _Armpit(point(float(o.inner[start]), start), sleeved=True, seam=seam)
        return _raised(o, found)
    step = max(int(0.06 * tall), 3)
    drop = reach[:-step] - reach[step:]
    where = int(drop[: int(0.88 * len(drop))].argmax())
    settled = (
        reach[min(where + step, len(reach) - 1)] - reach[min(where + 2 * step, len(reach) - 1)]
    )
    if drop[where] > 0.13 * wide and settled < 0.05 * wide:
        row = int(rows[where + step])
        while row < o.hem - 2 and o.outer[row + 2] > o.outer[row] + 1:
            row += 1
        found = _Armpit(point(float(o.outer[row]), row), sleeved=True, seam=seam)
        return _raised(o, found)
    knee = _knee(o, rows[: int(0.88 * len(rows))], wide)
    if knee is not None:
        hidden = _Armpit(knee, sleeved=True, seam=seam)
        return _raised(o, hidden, _HIDDEN_ARMHOLE, 1.28 * _HIDDEN_ARMHOLE)
    below = o.mask[min(o.hem + max(int(0.03 * tall), 2), len(o.mask) - 1), : o.axis]
    if below.any() and o.axis - int(np.flatnonzero(below)[-1]) > 0.4 * wide:
        column = int(np.flatnonzero(below)[-1])
        return _raised(o, _Armpit(point(column, o.hem), sleeved=True, seam=seam))
    if _flush(o):
        flank = int(o.axis - _FLANK * (o.axis - o.outer[o.first + int(0.3 * tall)]))
        seam[o.first + int(0.3 * tall) :] = flank
        hidden = _Armpit(point(float(flank), float(o.hem)), sleeved=True, seam=seam)
        return _raised(o, hidden, _HIDDEN_ARMHOLE)
    return _Armpit(_bare_armpit(o), sleeved=False, seam=seam)


def _knee(o: _Outline, rows: Ints, wide: float) -> Points | None:
    """Return where the cuff of a sleeve against the torso ends on it, if the outline shows that.

    Past the cuff the outline turns back from the convex hull more steeply than any waist.
    """
    reach = (o.axis - o.outer[rows]).astype(np.float64)
    outline = np.stack([reach, rows.astype(np.float64)], axis=1)
    best, deepest = None, 0.05 * wide
    for start, stop in pairwise(_taut(reach)):
        chord = unit(outline[stop] - outline[start])
        away = outline[start : stop + 1] - outline[start]
        inwards = away[:, 1] * chord[0] - away[:, 0] * chord[1]
        turn = int(inwards.argmax())
        back, down = -away[turn]
        if inwards[turn] > deepest and back > _CUFF_STEP * wide and back > _CUFF_SLOPE * -down:
            best, deepest = start + turn, float(inwards[turn])
    return None if best is None else point(float(o.outer[rows[best]]), float(rows[best]))


def _flush(o: _Outline) -> bool:
    """Whether sleeves hang against the torso and end at its hem, so that no step shows.

    The outline then widens from the shoulder to the cuff without the hollow of a bare armhole.
    """
    tall = o.hem - o.first
    reach = (o.axis - o.outer[o.first : o.hem + 1]).astype(np.float64)
    start, stop = int(0.06 * tall), int(reach.argmax())
    if (
        stop < 0.6 * tall
        or reach[stop] < 0.38 * tall
        or reach[stop] < 1.12 * reach[int(0.3 * tall)]
    ):
        return False
    outline = reach[start : stop + 1]
    hull = _taut(outline)
    hollow = np.interp(np.arange(len(outline)), hull, outline[hull]) - outline
    return bool(hollow.max() < _FLUSH * reach[stop])


def _taut(reach: NDArray[np.float64]) -> list[int]:
    """Return the rows at which a string pulled around the outline from outside would touch it."""
    hull: list[int] = []
    for row in range(len(reach)):
        while len(hull) > 1:
            a, b = hull[-2:]
            if (reach[b] - reach[a]) * (row - a) > (reach[row] - reach[a]) * (b - a):
                break
            hull.pop()
        hull.append(row)
    return hull


def _bridged(seam: Ints, rows: Ints, gap: Bool, axis: int) -> Ints:
    """Return the seam carried through rows in which the sleeve lies against the torso again."""
    usual = np.interp(rows, rows[gap], seam[rows[gap]])
    torso = axis - seam[rows]
    leap = 0.06 * float(np.median(torso[gap]))
    ends = np.flatnonzero(gap[:-1] & ~gap[1:])
    bridged = seam.copy()
    for end in ends:
        if torso[end + 1] < torso[end] + leap:
            continue
        later = np.flatnonzero(gap[end + 1 :])
        stop = end + 1 + (int(later[0]) if len(later) else len(rows) - end - 1)
        block = np.arange(end + 1, stop)
        bridged[rows[block]] = usual[block].astype(np.int64)
    return bridged


def _bare_armpit(o: _Outline) -> Points:
    """Return the lower end of an armhole without a sleeve: where the outline stops widening."""
    tall = o.hem - o.first
    rows = np.arange(o.first + int(0.12 * tall), o.first + int(0.6 * tall))
    reach = (o.axis - o.outer[rows]).astype(np.float64)
    base = float(np.percentile(reach, 85))
    wide = np.flatnonzero(reach >= 0.97 * base)
    row = int(rows[wide[0]]) if len(wide) else int(rows[len(rows) // 2])
    row = int(np.clip(row, o.first + 0.2 * tall, o.first + 0.5 * tall))
    return point(float(o.outer[row]), row)


def _raised(
    o: _Outline, found: _Armpit, usual: float = _ARMHOLE, deepest: float = _DEEPEST_ARMHOLE
) -> _Armpit:
    """Move an armpit that lies too low for an armhole up along the seam of a touching sleeve.

    ``usual`` and ``deepest`` armholes are in half widths of the chest.
    """
    x, y = found.at
    half = o.axis - x
    tip = float(o.top[int(np.clip(x + 0.05 * half, 0, len(o.top) - 1))])
    if half <= 0 or y - tip <= deepest * half:
        return found
    row = int(tip + usual * half)
    column = x - 0.02 * half
    seam = found.seam.copy()
    span = np.arange(row, int(y) + 1)
    seam[span] = np.interp(span, [row, y], [column, x]).astype(np.int64)
    return _Armpit(point(float(column), row), sleeved=True, seam=seam)


def _agree(
    left: _Armpit, right: _Armpit, left_outline: _Outline, right_outline: _Outline
) -> tuple[_Armpit, _Armpit]:
    """Where only one side shows its sleeve clearly, the other is taken to be its mirror image."""

    def copied(clear: _Armpit, to: _Outline, away: _Outline) -> _Armpit:
        half = away.axis - clear.at[0]
        x, y = to.axis - half, int(clear.at[1])
        seam = to.inner.copy()
        other = to.axis - (away.axis - clear.seam)
        span = np.arange(y, to.hem + 1)
        touching = to.inner[span] < other[span] - 2
        seam[span] = np.where(touching, np.maximum(other[span], 0), to.inner[span])
        return _Armpit(point(x, y), sleeved=True, seam=seam)

    halves = left_outline.axis - left.at[0], right_outline.axis - right.at[0]
    if left.sleeved != right.sleeved:
        if left.sleeved and _reaches(right_outline, halves[0], left.at[1]):
            return left, copied(left, right_outline, left_outline)
        if right.sleeved and _reaches(left_outline, halves[1], right.at[1]):
            return copied(right, left_outline, right_outline), right
        return left, right
    tall = left_outline.hem - left_outline.first
    if left.sleeved and abs(left.at[1] - right.at[1]) > 0.12 * tall:
        if left.at[1] < right.at[1]:
            return left, copied(left, right_outline, left_outline)
        return copied(right, left_outline, right_outline), right
    return left, right


def _reaches(o: _Outline, half: float, row: float) -> bool:
    """Whether there is cloth beside the chest at the armpit's height."""
    rows = slice(max(int(row - 0.5 * half), 0), int(row) + 1)
    return bool((o.axis - o.outer[rows].min()) > 1.12 * half)


def _side(o: _Outline, pit: _Armpit, half: float) -> Side:
    width = len(o.top)
    neck = _neck(o, half)
    if pit.sleeved:
        x = int(np.clip(pit.at[0] + 0.05 * half, 0, min(neck[0] - 2, width - 1)))
        tip = point(x, float(o.top[x]))
    else:
        tip = _strap_end(o, neck, pit.at)
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


def _neck(o: _Outline, half: float) -> Points:
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


def _strap_end(o: _Outline, neck: Points, pit: Points) -> Points:
    """Return the outer end of a shoulder without a sleeve: where the outline turns down."""
    start, stop = int(pit[0]), int(neck[0])
    if stop - start < 3:
        return point(neck[0] - 1, neck[1] + 1)
    columns = np.arange(start, stop + 1)
    tops = o.top[columns].astype(np.float64)
    cost = (tops - neck[1]) / 1.6 + (columns - start)
    x = int(columns[cost.argmin()])
    return point(min(x, stop - 1), float(o.top[x]))


def _edge(o: _Outline, pit: _Armpit, half: float) -> Points:
    """Return the side seam, from the armpit to the last row in which the torso is still wide."""
    start = int(pit.at[1])
    rows = np.arange(start, o.hem + 1)
    reach = o.axis - pit.seam[rows]
    wide = rows[reach > 0.62 * half]
    last = int(wide[-1]) if len(wide) else o.hem
    last = max(last - max(int(0.006 * (o.hem - o.first)), 1), start + 2)
    levels = np.linspace(start, last, 16)
    columns = pit.seam[levels.astype(int)].astype(np.float64)
    columns[0] = pit.at[0]
    leap = 0.03 * half + 1.5 * abs(columns[-3] - columns[-4])
    for i in (-2, -1):
        ahead = 2 * columns[i - 1] - columns[i - 2]
        if columns[i] > ahead + leap:
            columns[i] = ahead
    return np.stack([columns, levels], axis=1)


def _sleeve(o: _Outline, pit: _Armpit, tip: Points) -> Sleeve | None:
    height, width = o.mask.shape
    rows = np.arange(height)
    share = np.clip((rows - tip[1]) / max(pit.at[1] - tip[1], 1.0), 0, 1)
    border = np.where(rows > pit.at[1], pit.seam, tip[0] + share * (pit.at[0] - tip[0]))
    border = np.where(rows > o.hem, o.axis - 0.3 * (o.axis - pit.at[0]), border)
    region = o.mask & (np.arange(width)[None, :] < border[:, None])
    if region.sum() < 0.006 * o.mask.sum():
        return None
    region = largest(region)
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
    long = length(path) > 4.0 * opening
    if long:
        near, far = np.quantile(away, [0.6, 0.85])
        axis = unit(cloth[away > far].mean(0) - cloth[(away > near) & (away <= far)].mean(0))
    else:
        axis = unit(cloth.mean(0) - middle)
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
    outer = resample(path[: first + 1], SLEEVE_SAMPLES)
    inner = resample(path[second:][::-1], SLEEVE_SAMPLES)
    outer[0], inner[0] = tip, pit
    return outer, inner


def _mirrored(side: Side, width: int) -> Side:
    sleeve = side.sleeve
    if sleeve is not None:
        sleeve = Sleeve(
            mirror(sleeve.outer, width), mirror(sleeve.inner, width), sleeve.mask[:, ::-1]
        )
    curves = (side.neck, side.tip, side.armpit, side.shoulder, side.armhole, side.edge)
    neck, tip, armpit, shoulder, armhole, edge = (mirror(c, width) for c in curves)
    return Side(neck, tip, armpit, shoulder, armhole, edge, sleeve)


def _paired_sleeves(left: Side, right: Side, mask: Bool) -> tuple[Side, Side]:
    """Drop sleeves too small to be any: the cloth past a bare shoulder stays with the torso."""
    small = 0.01 * float(mask.sum())
    areas = [0.0 if s.sleeve is None else float(s.sleeve.mask.sum()) for s in (left, right)]
    if max(areas) < small:
        return replace(left, sleeve=None), replace(right, sleeve=None)
    return left, right


def _kind(left: Side, right: Side) -> SleeveKind:
    """By how far the cuffs reach from the axis with the arms spread, in sizes of the garment.

    The size is a mean of what does not change with the sleeve's length: armhole, the torso's length
    and the cuff, which is narrower the nearer it is to the wrist. Widths of the torso say less, for
    cloth around a mannequin looks narrower than cloth laid flat.
    """
    axis = float(left.tip[0] + right.tip[0]) / 2
    sleeves = [(s, s.sleeve) for s in (left, right) if s.sleeve is not None]
    if not sleeves:
        return SleeveKind.NONE
    reach = np.mean([abs(float(s.tip[0]) - axis) + length(own.outer) for s, own in sleeves])
    armhole = np.mean([distance(s.tip, s.armpit) for s, _ in sleeves])
    cuff = np.mean([distance(own.outer[-1], own.inner[-1]) for _, own in sleeves])
    tall = np.mean([s.edge[-1, 1] - s.tip[1] for s in (left, right)])
    parts = np.maximum([armhole, tall, cuff], 1.0)
    size = float(np.exp(np.log(parts) @ _SIZE))
    if reach < _ELBOW * size:
        return SleeveKind.SHORT
    return SleeveKind.MID if reach < _FOREARM * size else SleeveKind.LONG
