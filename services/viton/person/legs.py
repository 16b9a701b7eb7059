"""The lower body: legs and hips, in canvas pixels.

Sides are the picture's. Lengths are measured in torso lengths, from the shoulders to the hip
joints. Proportions are those of adults (Drillis and Contini, 1966, in BODY_25's joints).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter1d

from services.kit.errors import LegsNotShown
from services.kit.joints import Joint
from services.kit.skeleton import PROPORTIONS
from services.viton.geometry import Bool, Floats, Points, point
from services.viton.person.arm_masks import draw_sleeved_forearm_mask
from services.viton.person.flank import TrunkAxis, measure_hip_flank
from services.viton.person.joints import Joints, read_joints
from services.viton.person.limb import (
    LimbAxis,
    interpolate_profile,
    sample_across,
    trace_limb_axis,
)
from services.viton.person.segmentation import (
    PersonSegmentation,
    segment_person,
    split_dress_at_waist,
)
from services.viton.side import PictureSide

LEG_SAMPLES: Final = 121
"""Samples along a leg, from the hip to the ankle."""

KNEE: Final = 60
"""The sample of the knee."""

LEG_HALF_WIDTHS: Final = (
    (0.0, 0.185),
    (0.12, 0.18),
    (0.3, 0.15),
    (0.5, 0.108),
    (0.64, 0.112),
    (0.8, 0.085),
    (1.0, 0.062),
)
"""(Position from hip 0 to ankle 1, half width in torso lengths) if no outline is seen."""

MIN_SHOWN_BELOW_HIPS: Final = 0.28
"""Least length that the photo must show below the hips, in torso lengths."""

NO_LEGS: Final = (
    "The photo does not show the legs, and trousers, skirts and dresses need them; send one that "
    "shows you standing, at least down to the knees."
)
"""Message of ``LegsNotShown`` if too little of the legs is in the photo."""

NOT_STANDING: Final = (
    "The legs are bent or lifted in the photo, and trousers, skirts and dresses need them "
    "straight; send one that shows you standing."
)
"""Message of ``LegsNotShown`` if a leg is bent or lifted."""


_HIPS_ABOVE_CROTCH: Final = 0.06
"""Distance above the crotch at which the hips are measured, in torso lengths."""


@dataclass(frozen=True, kw_only=True)
class LowerBodyOptions:
    """Proportions of the lower body in torso lengths, and how its outline is measured."""

    min_torso_length: float = 0.8
    """Least torso length, in shoulder widths."""
    gap_position: float = 0.2
    """Place along the legs, from hip 0 to ankle 1, midway between which the gap is looked for."""
    thigh_spread: float = 0.02
    """Distance outwards of a knee that was not seen from its hip."""
    min_standing_bone: float = 0.35
    """Least height of a thigh or a shin of somebody who stands."""
    narrowest_row: float = 0.66
    """Narrowest row of the waist, from the shoulders down."""
    waistband_row: float = 0.80
    """Row where trousers usually end, from the shoulders down."""
    crotch_row: float = 0.17
    """Row of the crotch, from the hips down, if no gap is seen between the legs."""
    first_gap_row: float = 0.08
    """First row below the hips in which a gap between the legs may begin."""
    last_gap_row: float = 0.26
    """Last row below the hips in which a gap between the legs may begin."""
    gap_half_width: float = 0.06
    """Half the width of the strip between the legs in which the gap is looked for."""


LOWER_BODY_OPTIONS: Final = LowerBodyOptions()


@dataclass(frozen=True, kw_only=True)
class LegOptions:
    """How a leg's width is measured; ratios are to its usual half width."""

    max_seen_ratio: float = 2.0
    """Distance from the axis up to which an edge is looked for."""
    seen_step: float = 0.04
    """Step of that search."""
    min_bare_ratio: float = 0.4
    """Narrowest run of bare skin that may be the leg."""
    max_bare_ratio: float = 1.7
    """Widest run of bare skin that may be the leg."""
    max_bare_offset: float = 2.0
    """Largest distance of such a run's middle from the axis."""
    hem_samples: int = 4
    """Samples beside a hem, which hides one side of the leg first, that measure nothing."""
    min_bare_samples: int = 5
    """Samples of bare leg that must be exceeded to measure its width."""
    measure_reach: float = 0.3
    """Fraction of the leg's length over which a measured width fades to the usual one."""
    min_usual_ratio: float = 0.85
    """Least ratio that the median of what is seen may give to the hidden rest."""
    max_usual_ratio: float = 1.15
    """Largest ratio that the median of what is seen may give to the hidden rest."""
    min_ratio: float = 0.5
    """Narrowest leg."""
    max_ratio: float = 1.5
    """Widest leg."""
    min_covered_ratio: float = 0.7
    """Narrowest leg under clothes that are seen to be narrower than a usual leg."""


LEG_OPTIONS: Final = LegOptions()


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A bare leg on the canvas, N samples from the hip to the ankle."""

    side: PictureSide
    """Its side in the picture."""
    centreline: Points
    """N x 2, in canvas pixels."""
    normal: Points
    """N x 2 unit vectors across the leg, away from the other one."""
    half_width: Floats
    """N, in canvas pixels."""

    @property
    def sign(self) -> int:
        """The direction of x away from the other leg."""
        return self.side.sign

    @property
    def outer_edge(self) -> Points:
        """The edge away from the other leg, N x 2."""
        return np.asarray(self.centreline + self.normal * self.half_width[:, None])

    @property
    def inner_edge(self) -> Points:
        """The edge beside the other leg, N x 2."""
        return np.asarray(self.centreline - self.normal * self.half_width[:, None])


@dataclass(frozen=True, kw_only=True)
class LowerBody:
    """Where a lower garment goes on the canvas; rows and lengths in canvas pixels."""

    left: Leg
    """The leg on the picture's left."""
    right: Leg
    """The leg on the picture's right."""
    flanks_x: tuple[Floats, Floats]
    """The body's left and right x for every row, from the waist down."""
    midline_x: Floats
    """The x of the body's axis for every row."""
    torso_length: float
    """From the shoulders to the hips."""
    shoulder_row: float
    """Mean row of the shoulder joints."""
    hip_row: float
    """Mean row of the hip joints."""
    narrowest_row: float
    """The narrowest row of the waist."""
    waistband_row: float
    """The row where trousers usually end."""
    crotch: Points
    """Where the legs part, (x, y)."""

    @property
    def legs(self) -> tuple[Leg, Leg]:
        """Left, then right."""
        return self.left, self.right

    @property
    def ankle_row(self) -> float:
        """The row of the lower ankle."""
        return float(max(leg.centreline[-1, 1] for leg in self.legs))

    @property
    def hip_width(self) -> float:
        """The width of the hips."""
        return self.width_at(self.crotch[1] - _HIPS_ABOVE_CROTCH * self.torso_length)

    def width_at(self, row: float) -> float:
        """Return the width from flank to flank in a row of the canvas."""
        at = int(np.clip(row, 0, len(self.midline_x) - 1))
        return float(self.flanks_x[1][at] - self.flanks_x[0][at])


def measure_lower_body(
    keypoints: NDArray[np.float32],
    labels: NDArray[np.uint8],
    min_shown_below_hips: float = MIN_SHOWN_BELOW_HIPS,
    options: LowerBodyOptions = LOWER_BODY_OPTIONS,
) -> tuple[LowerBody, PersonSegmentation]:
    """Measure the lower body from BODY_25 joints (25 x 3) and CIHP labels (H x W) of the canvas.

    ``min_shown_below_hips``: the length that must be seen below the hips, in torso lengths. Raises
    ``NoPerson`` if there is nobody, and ``LegsNotShown`` if less is seen or the person does not
    stand.
    """
    at = keypoints[:, :2].astype(np.float64)
    joints = read_joints(keypoints.astype(np.float64), labels)
    height = labels.shape[0]
    shoulder_row = float(joints.shoulders[0][1] + joints.shoulders[1][1]) / 2
    hip_row = float(joints.hips[0][1] + joints.hips[1][1]) / 2
    torso = max(hip_row - shoulder_row, options.min_torso_length * joints.shoulder_width)
    if height - hip_row < min_shown_below_hips * torso:
        raise LegsNotShown(NO_LEGS)
    narrowest_row = shoulder_row + options.narrowest_row * torso
    forearms = draw_sleeved_forearm_mask(labels, joints, torso)
    segmentation = segment_person(labels, split_dress_at_waist(labels, narrowest_row, forearms))
    if not segmentation.lower_body.any() and min_shown_below_hips > 0:
        raise LegsNotShown(NO_LEGS)
    left, right = (
        measure_leg(at, joints, segmentation, side, torso, options=options) for side in PictureSide
    )
    crotch = _find_crotch(segmentation, (left, right), hip_row, torso, options)
    midline_x = _trace_midline(joints, crotch, height)
    trunk = TrunkAxis(
        midline_x=midline_x,
        shoulder_row=shoulder_row,
        narrowest_row=narrowest_row,
        crotch_row=float(crotch[1]),
        torso_length=torso,
    )
    left_x, right_x = (
        measure_hip_flank(segmentation, leg.outer_edge, leg.side, trunk) for leg in (left, right)
    )
    body = LowerBody(
        left=left,
        right=right,
        flanks_x=(left_x, right_x),
        midline_x=midline_x,
        torso_length=torso,
        shoulder_row=shoulder_row,
        hip_row=hip_row,
        narrowest_row=narrowest_row,
        waistband_row=shoulder_row + options.waistband_row * torso,
        crotch=crotch,
    )
    return body, segmentation


def measure_leg(
    at: Points,
    joints: Joints,
    segmentation: PersonSegmentation,
    side: PictureSide,
    torso: float,
    *,
    options: LowerBodyOptions = LOWER_BODY_OPTIONS,
) -> Leg:
    """Measure a leg from the clothes' outline and the bare skin.

    ``at``: 25 x 2 joints in canvas pixels; ``torso``: its length in canvas pixels. Raises
    ``LegsNotShown`` if the leg is bent or lifted.
    """
    bones = _place_leg_joints(at, joints.hips[side], side, torso, options)
    axis = trace_limb_axis(bones, side, LEG_SAMPLES)
    usual = interpolate_profile(LEG_HALF_WIDTHS, LEG_SAMPLES) * torso
    return _fit_width(segmentation, axis, usual, side)


def _place_leg_joints(
    at: Points, hip: Points, side: PictureSide, torso: float, options: LowerBodyOptions
) -> tuple[Points, Points, Points]:
    """Return hip, knee and ankle; those that were not seen are placed by proportion."""
    facing = at[Joint.RIGHT_SHOULDER, 0] <= at[Joint.LEFT_SHOULDER, 0]
    right = (side is PictureSide.LEFT) == facing
    names = (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE) if right else (Joint.LEFT_KNEE, Joint.LEFT_ANKLE)
    seen = [bool((at[name] > 0).any()) for name in names]
    thigh = torso * point(options.thigh_spread * side.sign, PROPORTIONS.try_on_thigh)
    knee = at[names[0]] if seen[0] else hip + thigh
    ankle = at[names[1]] if seen[1] else knee + torso * point(0.0, PROPORTIONS.try_on_shin)
    least = options.min_standing_bone * torso
    if (seen[0] and knee[1] - hip[1] < least) or (seen[1] and ankle[1] - knee[1] < least):
        raise LegsNotShown(NOT_STANDING)
    return hip, knee, ankle


def _fit_width(
    segmentation: PersonSegmentation,
    axis: LimbAxis,
    usual: Floats,
    side: PictureSide,
    options: LegOptions = LEG_OPTIONS,
) -> Leg:
    """Return the leg, as wide as its bare skin or the clothes on it are seen, else as usual."""
    clothes = _measure_clothes(segmentation.lower_body, axis, usual, options)
    centre, bare = _measure_bare_runs(segmentation.leg_skin, axis.centreline, usual, options)
    half = bare * np.abs(axis.normal[:, 0])
    known = binary_erosion(half > 0, iterations=options.hem_samples)
    measured, centreline = usual, axis.centreline
    if known.sum() > options.min_bare_samples:
        progress = np.linspace(0, 1, LEG_SAMPLES)
        seen_at = progress[known]
        nearest = np.abs(progress[:, None] - seen_at).argmin(axis=1)
        away = np.abs(progress - seen_at[nearest])
        width = gaussian_filter1d((half / usual)[known], 2.0)
        median = float(np.clip(np.median(width), options.min_usual_ratio, options.max_usual_ratio))
        near = np.clip(1 - away / options.measure_reach, 0, 1)
        ratio = near * width[nearest] + (1 - near) * median
        offset = gaussian_filter1d((centre - axis.centreline[:, 0])[known], 2.0)
        shift = near * offset[nearest]
        smooth = gaussian_filter1d(ratio, 2.0, mode="nearest")
        measured = usual * np.clip(smooth, options.min_ratio, options.max_ratio)
        sideways = np.stack([gaussian_filter1d(shift, 2.0), np.zeros(len(shift))], axis=1)
        centreline = axis.centreline + sideways
    covered = (clothes > 0) & (clothes < 1.0) & ~known
    tight = np.where(covered, np.maximum(clothes, options.min_covered_ratio), 1.0)
    return Leg(
        side=side,
        centreline=centreline,
        normal=axis.normal,
        half_width=gaussian_filter1d(measured * tight, 4.0, mode="nearest"),
    )


def _measure_bare_runs(
    skin: Bool, centreline: Points, usual: Floats, options: LegOptions
) -> tuple[Floats, Floats]:
    """Return centre and half width of the bare leg in each sample's row; 0 if it is not seen."""
    height, width = skin.shape
    centre, half = centreline[:, 0].copy(), np.zeros(len(centreline))
    for i, ((x, y), r) in enumerate(zip(centreline, usual, strict=True)):
        if not 0 <= y < height:
            continue
        filled = np.concatenate([[False], skin[int(y)], [False]])
        starts = np.flatnonzero(~filled[:-1] & filled[1:])
        stops = np.flatnonzero(filled[:-1] & ~filled[1:])
        wide = (stops - starts) / 2
        fits = (wide > options.min_bare_ratio * r) & (wide < options.max_bare_ratio * r)
        fits &= (starts > 0) & (stops < width)
        away = np.where(fits, np.abs((starts + stops) / 2 - x), np.inf)
        if len(away) and away.min() < options.max_bare_offset * r:
            best = int(away.argmin())
            centre[i], half[i] = (starts[best] + stops[best]) / 2, wide[best]
    return centre, half


def _measure_clothes(region: Bool, axis: LimbAxis, usual: Floats, options: LegOptions) -> Floats:
    """Return how far the region goes to one side, in usual half widths.

    0 in samples whose axis lies outside the region or below the frame.
    """
    steps = np.arange(0.0, options.max_seen_ratio, options.seen_step)
    inside = sample_across(region, axis, usual, steps)
    leaves = np.where(inside.all(axis=1), len(steps) - 1, (~inside).argmax(axis=1))
    shown = axis.centreline[:, 1] < region.shape[0] - 2
    return np.asarray(np.where(shown, steps[leaves], 0.0))


def _find_crotch(
    segmentation: PersonSegmentation,
    legs: tuple[Leg, Leg],
    hip_row: float,
    torso: float,
    options: LowerBodyOptions,
) -> Points:
    """Return where the legs part: the top of the gap between them, if it is where it may be."""
    left, right = legs
    sample = int(options.gap_position * LEG_SAMPLES)
    x = float(left.centreline[0, 0] + right.centreline[0, 0]) / 2
    low = float(left.centreline[sample, 0] + right.centreline[sample, 0]) / 2
    row = hip_row + options.crotch_row * torso
    height, width = segmentation.lower_body.shape
    last = min(hip_row + options.last_gap_row * torso, height)
    rows = np.arange(int(hip_row + options.first_gap_row * torso), int(last))
    beside = options.gap_half_width * torso
    columns = slice(max(int(low - beside), 0), min(int(low + beside) + 1, width))
    if len(rows) and not segmentation.bottoms[rows][:, columns].all():
        gap = (~segmentation.lower_body[rows][:, columns]).any(axis=1)
        if gap.any():
            row = float(rows[int(gap.argmax())])
    return point(0.5 * x + 0.5 * low, row)


def _trace_midline(joints: Joints, crotch: Points, height: int) -> Floats:
    """Return the x of the axis over shoulders, hips and crotch, for every row."""
    shoulder = (joints.shoulders[0] + joints.shoulders[1]) / 2
    hip = (joints.hips[0] + joints.hips[1]) / 2
    rows = np.arange(height, dtype=np.float64)
    ys = [shoulder[1], hip[1], max(crotch[1], hip[1] + 1.0)]
    return np.asarray(np.interp(rows, ys, [shoulder[0], hip[0], crotch[0]]))
