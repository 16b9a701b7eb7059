"""Where sleeves leave the torso, read from the outline alone.

Every side is found in a frame in which it is the left one, so that no rule is written twice.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from services.viton.garment.outline import Bool, Ints, Outline, taut
from services.viton.garment.side_prior import Guess, inner_seam
from services.viton.geometry import Points, point, unit_vector

_ARMHOLE: Final = 1.05
_DEEPEST_ARMHOLE: Final = 1.6
_HIDDEN_ARMHOLE: Final = 0.9
_CUFF_STEP: Final = 0.1
_CUFF_SLOPE: Final = 0.27
_FLUSH: Final = 0.02
_FLANK: Final = 0.66
_NEAR: Final = 0.45
_STEEP: Final = 0.28


@dataclass(frozen=True)
class Armpit:
    """Where a sleeve leaves the torso; ``seam`` is the column that parts them, per row."""

    at: Points
    sleeved: bool
    seam: Ints


def find_armpit(o: Outline) -> Armpit:
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
        found = Armpit(point(float(o.inner[start]), start), sleeved=True, seam=seam)
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
        found = Armpit(point(float(o.outer[row]), row), sleeved=True, seam=seam)
        return _raised(o, found)
    knee = _knee(o, rows[: int(0.88 * len(rows))], wide)
    if knee is not None:
        hidden = Armpit(knee, sleeved=True, seam=seam)
        return _raised(o, hidden, _HIDDEN_ARMHOLE, 1.28 * _HIDDEN_ARMHOLE)
    below = o.mask[min(o.hem + max(int(0.03 * tall), 2), len(o.mask) - 1), : o.axis]
    if below.any() and o.axis - int(np.flatnonzero(below)[-1]) > 0.4 * wide:
        column = int(np.flatnonzero(below)[-1])
        return _raised(o, Armpit(point(column, o.hem), sleeved=True, seam=seam))
    if _flush(o):
        flank = int(o.axis - _FLANK * (o.axis - o.outer[o.first + int(0.3 * tall)]))
        seam[o.first + int(0.3 * tall) :] = flank
        hidden = Armpit(point(float(flank), float(o.hem)), sleeved=True, seam=seam)
        return _raised(o, hidden, _HIDDEN_ARMHOLE)
    return Armpit(_bare_armpit(o), sleeved=False, seam=seam)


def _knee(o: Outline, rows: Ints, wide: float) -> Points | None:
    """Return where the cuff of a sleeve against the torso ends on it, if the outline shows that.

    Past the cuff the outline turns back from the convex hull more steeply than any waist.
    """
    reach = (o.axis - o.outer[rows]).astype(np.float64)
    outline = np.stack([reach, rows.astype(np.float64)], axis=1)
    best, deepest = None, 0.05 * wide
    for start, stop in pairwise(taut(reach)):
        chord = unit_vector(outline[stop] - outline[start])
        away = outline[start : stop + 1] - outline[start]
        inwards = away[:, 1] * chord[0] - away[:, 0] * chord[1]
        turn = int(inwards.argmax())
        back, down = -away[turn]
        if inwards[turn] > deepest and back > _CUFF_STEP * wide and back > _CUFF_SLOPE * -down:
            best, deepest = start + turn, float(inwards[turn])
    return None if best is None else point(float(o.outer[rows[best]]), float(rows[best]))


def _flush(o: Outline) -> bool:
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
    hull = taut(outline)
    hollow = np.interp(np.arange(len(outline)), hull, outline[hull]) - outline
    return bool(hollow.max() < _FLUSH * reach[stop])


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


def _bare_armpit(o: Outline) -> Points:
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
    o: Outline, found: Armpit, usual: float = _ARMHOLE, deepest: float = _DEEPEST_ARMHOLE
) -> Armpit:
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
    return Armpit(point(float(column), row), sleeved=True, seam=seam)


def agree(
    left: Armpit, right: Armpit, left_outline: Outline, right_outline: Outline
) -> tuple[Armpit, Armpit]:
    """Where only one side shows its sleeve clearly, the other is taken to be its mirror image."""

    def copied(clear: Armpit, to: Outline, away: Outline) -> Armpit:
        half = away.axis - clear.at[0]
        x, y = to.axis - half, int(clear.at[1])
        seam = to.inner.copy()
        other = to.axis - (away.axis - clear.seam)
        span = np.arange(y, to.hem + 1)
        touching = to.inner[span] < other[span] - 2
        seam[span] = np.where(touching, np.maximum(other[span], 0), to.inner[span])
        return Armpit(point(x, y), sleeved=True, seam=seam)

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


def told(o: Outline, found: Armpit, guess: Guess) -> Armpit:
    """Return the armpit that the outline shows, or the network's where they do not agree.

    The outline is exact where it is right; the network knows hidden armpits and false gaps. Where
    the outline shows no sleeve at all the network is not believed unless it insists: on photos of
    halters and flared tops it was wrong.
    """
    at = guess.points.get("armpit")
    if not guess.sleeve or at is None or not (found.sleeved or guess.insisted):
        return found
    row = int(np.clip(at[1], o.first + 1, o.hem - 3))
    at = point(float(at[0]), row)
    if guess.sleeve == "none":
        bare = point(float(o.outer[row]), row)
        return Armpit(bare, sleeved=False, seam=o.inner)
    if found.sleeved and guess.near("armpit", found.at, _NEAR * (o.axis - at[0])):
        return found
    return Armpit(at, sleeved=True, seam=inner_seam(o, guess, at))


def hangs(o: Outline, guess: Guess) -> bool:
    """Whether the shoulder could carry a sleeve: a halter falls too steeply from the neck."""
    if "armpit" not in guess.points:
        return False
    half = o.axis - float(guess.points["armpit"][0])
    near, far = (o.top[max(int(o.axis - share * half), 0)] for share in (0.7, 1.0))
    return bool(far - near < _STEEP * half)


def _reaches(o: Outline, half: float, row: float) -> bool:
    """Whether there is cloth beside the chest at the armpit's height."""
    rows = slice(max(int(row - 0.5 * half), 0), int(row) + 1)
    return bool((o.axis - o.outer[rows].min()) > 1.12 * half)
