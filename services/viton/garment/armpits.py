"""Where sleeves leave the torso, read from the outline alone.

Every side is found in a frame in which it is the left one, so that no rule is written twice.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from services.viton.garment.priors import SidePrior, trace_inner_seam
from services.viton.garment.silhouette import Bool, Ints, SilhouetteProfiles, upper_convex_hull
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

    position: Points
    has_sleeve: bool
    seam_columns: Ints


def find_armpit(o: SilhouetteProfiles) -> Armpit:
    """Return a gap of background beside the torso, else the outline's sharpest step inwards.

    A long sleeve against the torso shows neither at the armpit, but it ends: below its cuff
    the outline steps in, or the sleeve hangs on below the hem. From there a seam is drawn up.
    """
    tall = o.hem_row - o.first_row
    rows = np.arange(o.first_row + int(0.10 * tall), o.hem_row + 1)
    torso = o.axis_x - o.inner_columns[rows]
    reach = o.axis_x - o.outer_columns[rows]
    wide = float(np.percentile(torso, 60))
    gap = (reach - torso > 0.05 * wide) & (torso > 0.35 * wide)
    seam = o.inner_columns.copy()
    if gap.sum() > 0.03 * tall:
        start = int(rows[int(gap.argmax())])
        seam = _bridge_seam(seam, rows, gap, o.axis_x)
        found = Armpit(
            point(float(o.inner_columns[start]), start), has_sleeve=True, seam_columns=seam
        )
        return _raise_to_armhole(o, found)
    step = max(int(0.06 * tall), 3)
    drop = reach[:-step] - reach[step:]
    where = int(drop[: int(0.88 * len(drop))].argmax())
    settled = (
        reach[min(where + step, len(reach) - 1)] - reach[min(where + 2 * step, len(reach) - 1)]
    )
    if drop[where] > 0.13 * wide and settled < 0.05 * wide:
        row = int(rows[where + step])
        while row < o.hem_row - 2 and o.outer_columns[row + 2] > o.outer_columns[row] + 1:
            row += 1
        found = Armpit(point(float(o.outer_columns[row]), row), has_sleeve=True, seam_columns=seam)
        return _raise_to_armhole(o, found)
    knee = _cuff_corner(o, rows[: int(0.88 * len(rows))], wide)
    if knee is not None:
        hidden = Armpit(knee, has_sleeve=True, seam_columns=seam)
        return _raise_to_armhole(o, hidden, _HIDDEN_ARMHOLE, 1.28 * _HIDDEN_ARMHOLE)
    below = o.mask[min(o.hem_row + max(int(0.03 * tall), 2), len(o.mask) - 1), : o.axis_x]
    if below.any() and o.axis_x - int(np.flatnonzero(below)[-1]) > 0.4 * wide:
        column = int(np.flatnonzero(below)[-1])
        return _raise_to_armhole(
            o, Armpit(point(column, o.hem_row), has_sleeve=True, seam_columns=seam)
        )
    if _sleeves_end_at_hem(o):
        flank = int(o.axis_x - _FLANK * (o.axis_x - o.outer_columns[o.first_row + int(0.3 * tall)]))
        seam[o.first_row + int(0.3 * tall) :] = flank
        hidden = Armpit(point(float(flank), float(o.hem_row)), has_sleeve=True, seam_columns=seam)
        return _raise_to_armhole(o, hidden, _HIDDEN_ARMHOLE)
    return Armpit(_find_bare_armpit(o), has_sleeve=False, seam_columns=seam)


def _cuff_corner(o: SilhouetteProfiles, rows: Ints, wide: float) -> Points | None:
    """Return where the cuff of a sleeve against the torso ends on it, if the outline shows that.

    Past the cuff the outline turns back from the convex hull more steeply than any waist.
    """
    reach = (o.axis_x - o.outer_columns[rows]).astype(np.float64)
    outline = np.stack([reach, rows.astype(np.float64)], axis=1)
    best, deepest = None, 0.05 * wide
    for start, stop in pairwise(upper_convex_hull(reach)):
        chord = unit_vector(outline[stop] - outline[start])
        away = outline[start : stop + 1] - outline[start]
        inwards = away[:, 1] * chord[0] - away[:, 0] * chord[1]
        turn = int(inwards.argmax())
        back, down = -away[turn]
        if inwards[turn] > deepest and back > _CUFF_STEP * wide and back > _CUFF_SLOPE * -down:
            best, deepest = start + turn, float(inwards[turn])
    return None if best is None else point(float(o.outer_columns[rows[best]]), float(rows[best]))


def _sleeves_end_at_hem(o: SilhouetteProfiles) -> bool:
    """Whether sleeves hang against the torso and end at its hem, so that no step shows.

    The outline then widens from the shoulder to the cuff without the hollow of a bare armhole.
    """
    tall = o.hem_row - o.first_row
    reach = (o.axis_x - o.outer_columns[o.first_row : o.hem_row + 1]).astype(np.float64)
    start, stop = int(0.06 * tall), int(reach.argmax())
    if (
        stop < 0.6 * tall
        or reach[stop] < 0.38 * tall
        or reach[stop] < 1.12 * reach[int(0.3 * tall)]
    ):
        return False
    outline = reach[start : stop + 1]
    hull = upper_convex_hull(outline)
    hollow = np.interp(np.arange(len(outline)), hull, outline[hull]) - outline
    return bool(hollow.max() < _FLUSH * reach[stop])


def _bridge_seam(seam: Ints, rows: Ints, gap: Bool, axis: int) -> Ints:
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


def _find_bare_armpit(o: SilhouetteProfiles) -> Points:
    """Return the lower end of an armhole without a sleeve: where the outline stops widening."""
    tall = o.hem_row - o.first_row
    rows = np.arange(o.first_row + int(0.12 * tall), o.first_row + int(0.6 * tall))
    reach = (o.axis_x - o.outer_columns[rows]).astype(np.float64)
    base = float(np.percentile(reach, 85))
    wide = np.flatnonzero(reach >= 0.97 * base)
    row = int(rows[wide[0]]) if len(wide) else int(rows[len(rows) // 2])
    row = int(np.clip(row, o.first_row + 0.2 * tall, o.first_row + 0.5 * tall))
    return point(float(o.outer_columns[row]), row)


def _raise_to_armhole(
    o: SilhouetteProfiles, found: Armpit, usual: float = _ARMHOLE, deepest: float = _DEEPEST_ARMHOLE
) -> Armpit:
    """Move an armpit that lies too low for an armhole up along the seam of a touching sleeve.

    ``usual`` and ``deepest`` armholes are in half widths of the chest.
    """
    x, y = found.position
    half = o.axis_x - x
    tip = float(o.top_rows[int(np.clip(x + 0.05 * half, 0, len(o.top_rows) - 1))])
    if half <= 0 or y - tip <= deepest * half:
        return found
    row = int(tip + usual * half)
    column = x - 0.02 * half
    seam = found.seam_columns.copy()
    span = np.arange(row, int(y) + 1)
    seam[span] = np.interp(span, [row, y], [column, x]).astype(np.int64)
    return Armpit(point(float(column), row), has_sleeve=True, seam_columns=seam)


def mirror_missing_sleeve(
    left: Armpit, right: Armpit, left_outline: SilhouetteProfiles, right_outline: SilhouetteProfiles
) -> tuple[Armpit, Armpit]:
    """Where only one side shows its sleeve clearly, the other is taken to be its mirror image."""

    def copied(clear: Armpit, to: SilhouetteProfiles, away: SilhouetteProfiles) -> Armpit:
        half = away.axis_x - clear.position[0]
        x, y = to.axis_x - half, int(clear.position[1])
        seam = to.inner_columns.copy()
        other = to.axis_x - (away.axis_x - clear.seam_columns)
        span = np.arange(y, to.hem_row + 1)
        touching = to.inner_columns[span] < other[span] - 2
        seam[span] = np.where(touching, np.maximum(other[span], 0), to.inner_columns[span])
        return Armpit(point(x, y), has_sleeve=True, seam_columns=seam)

    halves = left_outline.axis_x - left.position[0], right_outline.axis_x - right.position[0]
    if left.has_sleeve != right.has_sleeve:
        if left.has_sleeve and _has_fabric_beside_chest(right_outline, halves[0], left.position[1]):
            return left, copied(left, right_outline, left_outline)
        if right.has_sleeve and _has_fabric_beside_chest(
            left_outline, halves[1], right.position[1]
        ):
            return copied(right, left_outline, right_outline), right
        return left, right
    tall = left_outline.hem_row - left_outline.first_row
    if left.has_sleeve and abs(left.position[1] - right.position[1]) > 0.12 * tall:
        if left.position[1] < right.position[1]:
            return left, copied(left, right_outline, left_outline)
        return copied(right, left_outline, right_outline), right
    return left, right


def reconcile_with_prior(o: SilhouetteProfiles, found: Armpit, guess: SidePrior) -> Armpit:
    """Return the armpit that the outline shows, or the network's where they do not agree.

    The outline is exact where it is right; the network knows hidden armpits and false gaps. Where
    the outline shows no sleeve at all the network is not believed unless it insists: on photos of
    halters and flared tops it was wrong.
    """
    at = guess.points.get("armpit")
    if not guess.sleeve_length or at is None or not (found.has_sleeve or guess.sleeve_forced):
        return found
    row = int(np.clip(at[1], o.first_row + 1, o.hem_row - 3))
    at = point(float(at[0]), row)
    if guess.sleeve_length == "none":
        bare = point(float(o.outer_columns[row]), row)
        return Armpit(bare, has_sleeve=False, seam_columns=o.inner_columns)
    if found.has_sleeve and guess.is_near("armpit", found.position, _NEAR * (o.axis_x - at[0])):
        return found
    return Armpit(at, has_sleeve=True, seam_columns=trace_inner_seam(o, guess, at))


def can_carry_sleeve(o: SilhouetteProfiles, guess: SidePrior) -> bool:
    """Whether the shoulder could carry a sleeve: a halter falls too steeply from the neck."""
    if "armpit" not in guess.points:
        return False
    half = o.axis_x - float(guess.points["armpit"][0])
    near, far = (o.top_rows[max(int(o.axis_x - share * half), 0)] for share in (0.7, 1.0))
    return bool(far - near < _STEEP * half)


def _has_fabric_beside_chest(o: SilhouetteProfiles, half: float, row: float) -> bool:
    """Whether there is cloth beside the chest at the armpit's height."""
    rows = slice(max(int(row - 0.5 * half), 0), int(row) + 1)
    return bool((o.axis_x - o.outer_columns[rows].min()) > 1.12 * half)
