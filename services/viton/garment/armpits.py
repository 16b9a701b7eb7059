"""Where sleeves leave the torso, by the outline and by the network's prediction.

Every half is searched in the frame in which it is the left one, so that no rule is written twice.
Positions are pixels of that frame.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from services.viton.garment.priors import SidePrior
from services.viton.garment.silhouette import Bool, Ints, SilhouetteProfiles, upper_convex_hull
from services.viton.garment.sleeve_boundary import trace_sleeve_torso_boundary
from services.viton.geometry import Points, point, unit_vector


@dataclass(frozen=True, kw_only=True)
class ArmpitOptions:
    """How armpits are found.

    Heights are fractions of the garment's height from its first row to its hem, widths fractions
    of the torso's usual half width.
    """

    search_start: float = 0.10
    """First row in which an armpit may lie, as a height."""

    usual_width_percentile: float = 60.0
    """Percentile of the rows' half widths that is the torso's usual one."""

    min_gap: float = 0.05
    """Least width of the background between sleeve and torso."""

    min_torso_beside_gap: float = 0.35
    """Least half width of the torso beside such a gap."""

    min_gap_height: float = 0.03
    """Least height of such a gap."""

    step_height: float = 0.06
    """Height over which the outline steps inwards below a short sleeve."""

    step_rows: float = 0.88
    """Part of the rows, from above, in which such a step may be."""

    min_step: float = 0.13
    """Least width of such a step."""

    max_after_step: float = 0.05
    """Largest width by which the outline goes on inwards below it."""

    cuff_hollow: float = 0.05
    """Least depth below the convex hull of the corner below a cuff, as a width."""

    cuff_step: float = 0.1
    """Least width of the outline's way back below a cuff."""

    cuff_slope: float = 0.27
    """Least slope of that way, in columns per row: no waist is that steep."""

    below_hem: float = 0.03
    """Where a sleeve is looked for below the hem, as a height."""

    min_distance_below_hem: float = 0.4
    """Least distance of such a sleeve from the axis, as a width."""

    flank_row: float = 0.3
    """Row at which the hidden flank is taken from the outline, as a height."""

    flank_fraction: float = 0.66
    """Half width of the hidden flank, of the outline's at that row."""

    usual_armhole: float = 1.05
    """Usual height of an armhole, in half chest widths."""

    max_armhole: float = 1.6
    """Height above which an armhole is too high and its armpit is raised, in half chest widths."""

    usual_hidden_armhole: float = 0.9
    """Usual height of an armhole behind a sleeve that touches the torso, in half chest widths."""

    max_cuff_armhole_ratio: float = 1.28
    """Largest height of that armhole if the cuff's corner is seen, in usual heights."""

    max_seam_leap: float = 0.06
    """Largest step outwards of the torso's edge along a seam, in usual half widths: a larger one is
    a sleeve that touches the torso again."""


@dataclass(frozen=True, kw_only=True)
class BareArmpitOptions:
    """Where an armhole without a sleeve ends.

    Rows are fractions of the garment's height.
    """

    search_rows: tuple[float, float] = (0.12, 0.6)
    """First and last row in which the half width is measured."""

    width_percentile: float = 85.0
    """Percentile of the half widths there that is the torso's."""

    min_width: float = 0.97
    """Half width from which on the outline has stopped widening, of the torso's."""

    row_range: tuple[float, float] = (0.2, 0.5)
    """Highest and lowest row of the armpit."""


@dataclass(frozen=True, kw_only=True)
class ArmpitRaiseOptions:
    """How an armpit is raised to the usual height of an armhole, in half chest widths."""

    shoulder_inset: float = 0.05
    """Column above which the shoulder's row is taken, from the armpit towards the axis."""

    outset: float = 0.02
    """How far outwards of the found armpit the raised one lies."""


@dataclass(frozen=True, kw_only=True)
class SleeveOptions:
    """When a half has a sleeve that its own outline does not show."""

    max_row_difference: float = 0.12
    """Difference of the two armpits' rows above which the higher one counts for both, as a
    fraction of the garment's height."""

    width_beside_chest: float = 1.12
    """Reach of the garment beside the chest from which on a sleeve may be there, in half chest
    widths."""

    max_prior_distance: float = 0.45
    """Distance of the outline's armpit from the predicted one up to which it counts, in half chest
    widths."""

    shoulder_columns: tuple[float, float] = (0.7, 1.0)
    """Distances from the axis between which the shoulder's fall is measured, in half chest
    widths."""

    max_shoulder_fall: float = 0.28
    """Largest fall of a shoulder that can carry a sleeve, in half chest widths."""

    rows_above_armpit: float = 0.5
    """Height above the armpit in which garment beside the chest is searched, in half chest
    widths."""


@dataclass(frozen=True, kw_only=True)
class HemSleeveOptions:
    """When sleeves hang against the torso down to its hem.

    Widths are half widths of the outline.
    """

    first_row: float = 0.06
    """Row from which on the outline is measured, as a fraction of the garment's height."""

    min_widest_row: float = 0.6
    """Least row of the widest place, as a fraction of the garment's height."""

    min_width: float = 0.38
    """Least width there, as a fraction of the garment's height."""

    min_widening: float = 1.12
    """Least width there, in widths at the flank's row."""

    max_armhole_hollow: float = 0.02
    """Depth below the convex hull from which on there is a bare armhole, in widths at the cuff."""


ARMPIT_OPTIONS: Final = ArmpitOptions()

SLEEVE_OPTIONS: Final = SleeveOptions()

BARE_ARMPIT_OPTIONS: Final = BareArmpitOptions()

ARMPIT_RAISE_OPTIONS: Final = ArmpitRaiseOptions()

HEM_SLEEVE_OPTIONS: Final = HemSleeveOptions()


@dataclass(frozen=True)
class Armpit:
    """Where a sleeve leaves the torso, or the lower end of a bare armhole."""

    position: Points
    """The armpit."""

    has_sleeve: bool
    """Whether there is a sleeve."""

    seam_columns: Ints
    """H, the column that separates sleeve and torso in each row."""


def find_armpit(profiles: SilhouetteProfiles, options: ArmpitOptions = ARMPIT_OPTIONS) -> Armpit:
    """Find the armpit at a gap of background beside the torso, else at the outline's step inwards.

    A long sleeve against the torso shows neither at the armpit, but it ends: below its cuff the
    outline steps inwards, or the sleeve hangs below the hem. From there a seam is drawn up.
    """
    tall = profiles.hem_row - profiles.first_row
    rows = np.arange(profiles.first_row + int(options.search_start * tall), profiles.hem_row + 1)
    torso = profiles.axis_x - profiles.inner_columns[rows]
    usual = float(np.percentile(torso, options.usual_width_percentile))
    beside_gap = _armpit_at_gap(profiles, rows, usual, options)
    if beside_gap is not None:
        return _raise_to_armhole(profiles, beside_gap, options.usual_armhole, options.max_armhole)
    at_step = _armpit_at_step(profiles, rows, usual, options)
    if at_step is not None:
        return _raise_to_armhole(profiles, at_step, options.usual_armhole, options.max_armhole)
    seam = profiles.inner_columns
    hidden = options.usual_hidden_armhole
    corner = _cuff_corner(profiles, rows[: int(options.step_rows * len(rows))], usual, options)
    if corner is not None:
        armpit = Armpit(corner, has_sleeve=True, seam_columns=seam)
        most = options.max_cuff_armhole_ratio * hidden
        return _raise_to_armhole(profiles, armpit, hidden, most)
    below_row = profiles.hem_row + max(int(options.below_hem * tall), 2)
    below = profiles.mask[min(below_row, len(profiles.mask) - 1), : profiles.axis_x]
    if below.any():
        column = int(np.flatnonzero(below)[-1])
        if profiles.axis_x - column > options.min_distance_below_hem * usual:
            armpit = Armpit(point(column, profiles.hem_row), has_sleeve=True, seam_columns=seam)
            return _raise_to_armhole(profiles, armpit, options.usual_armhole, options.max_armhole)
    if _sleeves_end_at_hem(profiles, options):
        row = profiles.first_row + int(options.flank_row * tall)
        reach = profiles.axis_x - profiles.outer_columns[row]
        flank = int(profiles.axis_x - options.flank_fraction * reach)
        hidden_seam = seam.copy()
        hidden_seam[row:] = flank
        position = point(float(flank), float(profiles.hem_row))
        armpit = Armpit(position, has_sleeve=True, seam_columns=hidden_seam)
        return _raise_to_armhole(profiles, armpit, hidden, options.max_armhole)
    return Armpit(_find_bare_armpit(profiles), has_sleeve=False, seam_columns=seam)


def _armpit_at_gap(
    profiles: SilhouetteProfiles, rows: Ints, usual: float, options: ArmpitOptions
) -> Armpit | None:
    """Return the armpit at the upper end of a gap of background between sleeve and torso."""
    torso = profiles.axis_x - profiles.inner_columns[rows]
    reach = profiles.axis_x - profiles.outer_columns[rows]
    is_gap = reach - torso > options.min_gap * usual
    gap = is_gap & (torso > options.min_torso_beside_gap * usual)
    tall = profiles.hem_row - profiles.first_row
    if not gap.sum() > options.min_gap_height * tall:
        return None
    start = int(rows[int(gap.argmax())])
    return Armpit(
        point(float(profiles.inner_columns[start]), start),
        has_sleeve=True,
        seam_columns=_bridge_seam(profiles, rows, gap, options),
    )


def _armpit_at_step(
    profiles: SilhouetteProfiles, rows: Ints, usual: float, options: ArmpitOptions
) -> Armpit | None:
    """Return the armpit below the step inwards that the outline has under a short sleeve."""
    reach = profiles.axis_x - profiles.outer_columns[rows]
    tall = profiles.hem_row - profiles.first_row
    step = max(int(options.step_height * tall), 3)
    drop = reach[:-step] - reach[step:]
    place = int(drop[: int(options.step_rows * len(drop))].argmax())
    last = len(reach) - 1
    after = reach[min(place + step, last)] - reach[min(place + 2 * step, last)]
    if not (drop[place] > options.min_step * usual and after < options.max_after_step * usual):
        return None
    outer = profiles.outer_columns
    row = int(rows[place + step])
    while row < profiles.hem_row - 2 and outer[row + 2] > outer[row] + 1:
        row += 1
    position = point(float(outer[row]), row)
    return Armpit(position, has_sleeve=True, seam_columns=profiles.inner_columns)


def _cuff_corner(
    profiles: SilhouetteProfiles, rows: Ints, usual: float, options: ArmpitOptions
) -> Points | None:
    """Return where the cuff of a sleeve against the torso ends on it, or None if not seen.

    Below the cuff the outline turns back from the convex hull more steeply than any waist.
    """
    reach = (profiles.axis_x - profiles.outer_columns[rows]).astype(np.float64)
    outline = np.stack([reach, rows.astype(np.float64)], axis=1)
    best, deepest = None, options.cuff_hollow * usual
    for start, stop in pairwise(upper_convex_hull(reach)):
        chord = unit_vector(outline[stop] - outline[start])
        away = outline[start : stop + 1] - outline[start]
        inwards = away[:, 1] * chord[0] - away[:, 0] * chord[1]
        turn = int(inwards.argmax())
        back, down = -away[turn]
        is_step = back > options.cuff_step * usual and back > options.cuff_slope * -down
        if inwards[turn] > deepest and is_step:
            best, deepest = start + turn, float(inwards[turn])
    if best is None:
        return None
    return point(float(profiles.outer_columns[rows[best]]), float(rows[best]))


def _sleeves_end_at_hem(
    profiles: SilhouetteProfiles,
    armpits: ArmpitOptions,
    options: HemSleeveOptions = HEM_SLEEVE_OPTIONS,
) -> bool:
    """Whether sleeves hang against the torso and end at its hem, so that there is no step.

    The outline then widens from the shoulder to the cuff without the hollow of a bare armhole.
    """
    tall = profiles.hem_row - profiles.first_row
    outer = profiles.outer_columns[profiles.first_row : profiles.hem_row + 1]
    reach = (profiles.axis_x - outer).astype(np.float64)
    start, stop = int(options.first_row * tall), int(reach.argmax())
    if (
        stop < options.min_widest_row * tall
        or reach[stop] < options.min_width * tall
        or reach[stop] < options.min_widening * reach[int(armpits.flank_row * tall)]
    ):
        return False
    outline = reach[start : stop + 1]
    hull = upper_convex_hull(outline)
    hollow = np.interp(np.arange(len(outline)), hull, outline[hull]) - outline
    return bool(hollow.max() < options.max_armhole_hollow * reach[stop])


def _bridge_seam(
    profiles: SilhouetteProfiles, rows: Ints, gap: Bool, options: ArmpitOptions
) -> Ints:
    """Return the seam (H) carried through rows in which the sleeve touches the torso again."""
    seam = profiles.inner_columns
    usual = np.interp(rows, rows[gap], seam[rows[gap]])
    torso = profiles.axis_x - seam[rows]
    leap = options.max_seam_leap * float(np.median(torso[gap]))
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


def _find_bare_armpit(
    profiles: SilhouetteProfiles, options: BareArmpitOptions = BARE_ARMPIT_OPTIONS
) -> Points:
    """Return the lower end of an armhole without a sleeve: there the outline stops widening."""
    tall, first = profiles.hem_row - profiles.first_row, profiles.first_row
    start, stop = (first + int(fraction * tall) for fraction in options.search_rows)
    rows = np.arange(start, stop)
    reach = (profiles.axis_x - profiles.outer_columns[rows]).astype(np.float64)
    base = float(np.percentile(reach, options.width_percentile))
    wide = np.flatnonzero(reach >= options.min_width * base)
    widest = int(rows[wide[0]]) if len(wide) else int(rows[len(rows) // 2])
    highest, lowest = (first + fraction * tall for fraction in options.row_range)
    row = int(np.clip(widest, highest, lowest))
    return point(float(profiles.outer_columns[row]), row)


def _raise_to_armhole(
    profiles: SilhouetteProfiles,
    found: Armpit,
    usual: float,
    most: float,
    options: ArmpitRaiseOptions = ARMPIT_RAISE_OPTIONS,
) -> Armpit:
    """Move an armpit that lies too low for an armhole up along the seam of a touching sleeve.

    ``usual`` and ``most`` are the usual and the largest height of an armhole, in half chest widths.
    """
    x, y = found.position
    half = profiles.axis_x - x
    inset = x + options.shoulder_inset * half
    shoulder = int(np.clip(inset, 0, len(profiles.top_rows) - 1))
    tip = float(profiles.top_rows[shoulder])
    if half <= 0 or y - tip <= most * half:
        return found
    row = int(tip + usual * half)
    column = x - options.outset * half
    seam = found.seam_columns.copy()
    span = np.arange(row, int(y) + 1)
    seam[span] = np.interp(span, [row, y], [column, x]).astype(np.int64)
    return Armpit(point(float(column), row), has_sleeve=True, seam_columns=seam)


def mirror_missing_sleeve(
    left: Armpit,
    right: Armpit,
    left_profiles: SilhouetteProfiles,
    right_profiles: SilhouetteProfiles,
    options: SleeveOptions = SLEEVE_OPTIONS,
) -> tuple[Armpit, Armpit]:
    """Give a half the mirrored sleeve of the other one if only that one shows its sleeve clearly.

    Return the armpits of the left and the right half, each in its own frame.
    """
    left_half = left_profiles.axis_x - left.position[0]
    right_half = right_profiles.axis_x - right.position[0]
    if left.has_sleeve != right.has_sleeve:
        if left.has_sleeve and _is_wide_beside_chest(right_profiles, left_half, left, options):
            return left, _mirror_armpit(left, left_profiles, right_profiles)
        if right.has_sleeve and _is_wide_beside_chest(left_profiles, right_half, right, options):
            return _mirror_armpit(right, right_profiles, left_profiles), right
        return left, right
    tall = left_profiles.hem_row - left_profiles.first_row
    apart = abs(left.position[1] - right.position[1])
    if left.has_sleeve and apart > options.max_row_difference * tall:
        if left.position[1] < right.position[1]:
            return left, _mirror_armpit(left, left_profiles, right_profiles)
        return _mirror_armpit(right, right_profiles, left_profiles), right
    return left, right


def _mirror_armpit(
    clear: Armpit, profiles: SilhouetteProfiles, other: SilhouetteProfiles
) -> Armpit:
    """Return the armpit of the ``other`` half that is the mirror image of a clear one."""
    half = profiles.axis_x - clear.position[0]
    x, y = other.axis_x - half, int(clear.position[1])
    mirrored = other.axis_x - (profiles.axis_x - clear.seam_columns)
    seam = other.inner_columns.copy()
    span = np.arange(y, other.hem_row + 1)
    own = other.inner_columns[span]
    touching = own < mirrored[span] - 2
    seam[span] = np.where(touching, np.maximum(mirrored[span], 0), own)
    return Armpit(point(x, y), has_sleeve=True, seam_columns=seam)


def reconcile_with_prior(
    profiles: SilhouetteProfiles,
    found: Armpit,
    prior: SidePrior,
    options: SleeveOptions = SLEEVE_OPTIONS,
) -> Armpit:
    """Return the outline's armpit, or the predicted one if they are far apart.

    The outline is exact if it is right; the network finds hidden armpits and false gaps. If the
    outline shows no sleeve at all, the prediction counts only if a sleeve is forced: on photos of
    halters and flared tops it was wrong.
    """
    at = prior.points.get("armpit")
    if not prior.sleeve_length or at is None or not (found.has_sleeve or prior.sleeve_forced):
        return found
    row = int(np.clip(at[1], profiles.first_row + 1, profiles.hem_row - 3))
    predicted = point(float(at[0]), row)
    if prior.sleeve_length == "none":
        bare = point(float(profiles.outer_columns[row]), row)
        return Armpit(bare, has_sleeve=False, seam_columns=profiles.inner_columns)
    reach = options.max_prior_distance * (profiles.axis_x - predicted[0])
    if found.has_sleeve and prior.is_near("armpit", found.position, reach):
        return found
    seam = trace_sleeve_torso_boundary(profiles, prior, predicted)
    return Armpit(predicted, has_sleeve=True, seam_columns=seam)


def can_carry_sleeve(
    profiles: SilhouetteProfiles, prior: SidePrior, options: SleeveOptions = SLEEVE_OPTIONS
) -> bool:
    """Whether the shoulder can carry a sleeve: a halter falls too steeply from the neck."""
    if "armpit" not in prior.points:
        return False
    half = profiles.axis_x - float(prior.points["armpit"][0])
    near, far = (
        profiles.top_rows[max(int(profiles.axis_x - fraction * half), 0)]
        for fraction in options.shoulder_columns
    )
    return bool(far - near < options.max_shoulder_fall * half)


def _is_wide_beside_chest(
    profiles: SilhouetteProfiles, half: float, armpit: Armpit, options: SleeveOptions
) -> bool:
    """Whether there is garment beside the chest at the height of the other half's armpit."""
    row = armpit.position[1]
    rows = slice(max(int(row - options.rows_above_armpit * half), 0), int(row) + 1)
    reach = profiles.axis_x - profiles.outer_columns[rows].min()
    return bool(reach > options.width_beside_chest * half)
