"""An arm as a strip with two edges, from the shoulder's tip to the wrist, on the canvas."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import (
    EPSILON,
    Bool,
    Floats,
    Points,
    distance,
    point,
    resample_polyline,
    unit_vector,
)
from services.viton.person.joints import Joints
from services.viton.person.limb import (
    LimbAxis,
    interpolate_profile,
    sample_across,
    trace_limb_axis,
)
from services.viton.person.segmentation import PersonSegmentation
from services.viton.side import PictureSide

ARM_SAMPLES: Final = 101
"""Samples along an arm; the elbow is the middle one."""

ARM_HALF_WIDTHS: Final = ((0.0, 0.155), (0.25, 0.145), (0.5, 0.115), (0.7, 0.105), (1.0, 0.07))
"""(Position from shoulder 0 to wrist 1, half width in shoulder widths) if no outline is seen."""


@dataclass(frozen=True, kw_only=True)
class ArmOptions:
    """How far an arm may differ from the usual one, and how its edges run."""

    max_shift: float = 0.35
    """Largest shift of the axis towards the middle between both seen edges, in half widths."""
    min_width_ratio: float = 0.75
    """Narrowest arm, in usual widths."""
    max_width_ratio: float = 1.35
    """Widest arm or sleeve, in usual widths."""
    max_seen_ratio: float = 1.6
    """Distance from the axis up to which an edge is looked for, in usual half widths."""
    seen_step: float = 0.05
    """Step of that search, in usual half widths."""
    min_seen_ratio: float = 0.5
    """Distance from the axis from which an edge may be the arm's, in usual half widths."""
    sleeve_ease: float = 0.9
    """Width of an arm in widths of the sleeve that is seen on it."""
    shoulder_fraction: float = 0.12
    """Fraction of the arm at the shoulder whose outline is the trunk's."""
    min_edge_samples: int = 6
    """Samples with a seen edge that half an arm must exceed to have a measured width."""
    crook_margin: float = 0.85
    """Fraction of the radius of curvature that an inner edge may lie inwards of a bent axis."""
    armpit_range: tuple[float, float] = (0.03, 0.4)
    """Nearest and farthest place of the armpit along the arm, from shoulder 0 to wrist 1."""
    width_sigma: float = 8.0
    """Standard deviation of the smoothing of the half width along the arm, in samples."""
    joining_fraction: float = 0.15
    """Fraction of the arm's length over which its inner edge leaves the armpit."""
    min_reattached_width: float = 0.35
    """Least distance of a new armpit from the inner edge below it, in half widths."""


ARM_OPTIONS: Final = ArmOptions()


@dataclass(frozen=True, kw_only=True)
class ShoulderRoundingOptions:
    """How the shoulder's line turns into the outer edge of the arm; lengths in shoulder widths."""

    start: float = 0.03
    """Distance outwards of the joint at which the line begins to turn."""
    end_fraction: float = 0.1
    """Fraction of the arm's length over which its outer edge still turns."""
    tangent_span: float = 0.08
    """Span inwards of the start over which the line's slope is taken."""
    min_crossing: float = 0.15
    """Sine of the angle between both tangents below which they count as parallel."""
    min_corner: float = 0.2
    """Nearest corner of the parabola to its start, of the distance between its ends."""
    max_corner: float = 0.8
    """Farthest corner of the parabola from its start, of the distance between its ends."""
    outer_slope: float = 1.2
    """Fall of the line beyond the tip, in pixels a column."""


SHOULDER_ROUNDING_OPTIONS: Final = ShoulderRoundingOptions()

_PARABOLA_SAMPLES: Final = 60
"""Samples of the parabola between the shoulder's line and the arm's outer edge."""

_TIP_SAMPLE: Final = 24
"""The sample of the parabola that is the shoulder's tip: above it the line, below it the arm."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """An arm on the canvas, N samples at the same distance from the shoulder on both edges."""

    shoulder: Points
    """The shoulder joint, (x, y) in canvas pixels."""
    elbow: Points
    """The elbow joint, (x, y) in canvas pixels."""
    wrist: Points
    """The wrist joint, (x, y) in canvas pixels."""
    centreline: Points
    """N x 2, in canvas pixels, from the shoulder to the wrist."""
    normal: Points
    """N x 2 unit vectors across the arm, away from the body."""
    half_width: Floats
    """N, in canvas pixels."""
    outer_edge: Points
    """N x 2, in canvas pixels, from the shoulder's tip to the wrist."""
    inner_edge: Points
    """N x 2, in canvas pixels, from the armpit to the wrist."""
    armpit_sample: int
    """The first sample below the armpit."""


def measure_arm(
    segmentation: PersonSegmentation,
    joints: Joints,
    side: PictureSide,
    shoulder_line_y: Floats,
    armpit: Points,
    *,
    options: ArmOptions = ARM_OPTIONS,
) -> tuple[Arm, Floats]:
    """Measure an arm from its outline as far as that is seen.

    ``shoulder_line_y``: the y of the shoulder for every column, in canvas pixels. Returns the arm,
    and the line as it bends into the arm's outer edge.
    """
    shoulder, elbow, wrist = joints.shoulders[side], joints.elbows[side], joints.wrists[side]
    axis = trace_limb_axis((shoulder, elbow, wrist), side, ARM_SAMPLES)
    usual = interpolate_profile(ARM_HALF_WIDTHS, ARM_SAMPLES) * joints.shoulder_width
    outwards = _measure_half_width(segmentation, axis, usual, options)
    inwards = _measure_half_width(
        segmentation, LimbAxis(axis.centreline, -axis.normal), usual, options
    )
    limit = options.max_shift
    shift = np.clip((outwards - inwards) / 2, -limit * usual, limit * usual)
    centreline = axis.centreline + axis.normal * shift[:, None]
    half_width = np.clip(
        (outwards + inwards) / 2,
        options.min_width_ratio * usual,
        options.max_width_ratio * usual,
    )
    straight = centreline + axis.normal * half_width[:, None]
    outer_edge, line = round_shoulder(
        straight, shoulder_line_y, shoulder, side, joints.shoulder_width
    )
    moved = LimbAxis(centreline, axis.normal)
    inner_edge, armpit_sample = _trace_inner_edge(
        moved, half_width, (shoulder, elbow, armpit), options
    )
    arm = Arm(
        shoulder=shoulder,
        elbow=elbow,
        wrist=wrist,
        centreline=centreline,
        normal=axis.normal,
        half_width=half_width,
        outer_edge=outer_edge,
        inner_edge=inner_edge,
        armpit_sample=armpit_sample,
    )
    return arm, line


def reattach_at_armpit(arm: Arm, armpit: Points, options: ArmOptions = ARM_OPTIONS) -> Arm:
    """Return the arm with its inner edge beginning at another armpit, and hardly narrower."""
    axis = LimbAxis(arm.centreline, arm.normal)
    ends = arm.shoulder, arm.elbow, armpit
    _, first = _trace_inner_edge(axis, arm.half_width, ends, options)
    at = min(first + 1, ARM_SAMPLES - 1)
    beside = arm.centreline[at] - arm.normal[at] * arm.half_width[at]
    least = options.min_reattached_width * float(arm.half_width[at])
    narrower = float((armpit - beside) @ arm.normal[at]) - least
    moved = armpit - max(narrower, 0.0) * arm.normal[at]
    ends = arm.shoulder, arm.elbow, moved
    inner_edge, armpit_sample = _trace_inner_edge(axis, arm.half_width, ends, options)
    return replace(arm, inner_edge=inner_edge, armpit_sample=armpit_sample)


def _trace_inner_edge(
    axis: LimbAxis, half_width: Floats, ends: tuple[Points, Points, Points], options: ArmOptions
) -> tuple[Points, int]:
    """Return the inner edge and its first sample below the armpit.

    ``ends``: shoulder joint, elbow joint and armpit.
    """
    shoulder, elbow, armpit = ends
    limit = crook_limit(axis.centreline, axis.normal, options)
    inner = axis.centreline - axis.normal * np.minimum(half_width, limit)[:, None]
    along = unit_vector(elbow - shoulder)
    reach = max(distance(shoulder, elbow), 1.0)
    place = 0.5 * float((armpit - shoulder) @ along) / reach
    start = int(np.clip(place, *options.armpit_range) * ARM_SAMPLES)
    run = min(max(int(options.joining_fraction * ARM_SAMPLES), 2), ARM_SAMPLES - 2 - start)
    fade = (np.cos(np.linspace(0, np.pi, run))[:, None] + 1) / 2
    inner[start + 1 : start + 1 + run] += fade * (armpit - inner[start + 1])
    inner[: start + 1] = armpit
    return inner, start


def crook_limit(centreline: Points, normal: Points, options: ArmOptions = ARM_OPTIONS) -> Floats:
    """Return how far an edge may lie against the normal before it folds in the crook of the arm."""
    step = np.maximum(np.hypot(*np.gradient(centreline, axis=0).T), EPSILON)
    turn = (np.gradient(normal, axis=0) * np.gradient(centreline, axis=0)).sum(axis=1) / step**2
    bend = gaussian_filter1d(turn, 3.0, mode="nearest")
    return np.asarray(options.crook_margin / np.maximum(bend, EPSILON))


def round_shoulder(
    outer_edge: Points,
    shoulder_line_y: Floats,
    shoulder: Points,
    side: PictureSide,
    shoulder_width: float,
    *,
    options: ShoulderRoundingOptions = SHOULDER_ROUNDING_OPTIONS,
) -> tuple[Points, Floats]:
    """Return the arm's outer edge and the shoulder's line, joined without a corner at the tip.

    A parabola with the tangents of both joins them. The tip is the point at which it has turned
    half way. The line follows the parabola from the joint outwards.
    """
    sign = side.sign
    end = max(int(options.end_fraction * ARM_SAMPLES), 2)
    last = len(shoulder_line_y) - 1
    every = np.arange(last + 1)
    x = float(np.clip(shoulder[0] + sign * options.start * shoulder_width, 0, last))
    start = point(x, float(np.interp(x, every, shoulder_line_y)))
    back = float(np.clip(x - sign * options.tangent_span * shoulder_width, 0, last))
    rise = float(np.interp(back, every, shoulder_line_y)) - start[1]
    ahead = unit_vector(point(sign * max(abs(x - back), 1.0), -rise))
    stop = outer_edge[end].copy()
    up = unit_vector(outer_edge[end] - outer_edge[min(end + 4, ARM_SAMPLES - 1)])
    across = ahead[0] * up[1] - ahead[1] * up[0]
    gap = stop - start
    crossing = abs(across) > options.min_crossing
    run = (gap[0] * up[1] - gap[1] * up[0]) / across if crossing else -1.0
    reach = distance(start, stop)
    along = float(np.clip(run, options.min_corner * reach, options.max_corner * reach))
    corner = start + along * ahead
    turn = np.linspace(0, 1, _PARABOLA_SAMPLES)[:, None]
    bend = (1 - turn) ** 2 * start + 2 * turn * (1 - turn) * corner + turn**2 * stop
    tip = bend[_TIP_SAMPLE]
    edge = outer_edge.copy()
    edge[: end + 1] = resample_polyline(bend[_TIP_SAMPLE:], end + 1)
    order = np.argsort(bend[: _TIP_SAMPLE + 1, 0])
    near = bend[: _TIP_SAMPLE + 1][order]
    inside = (every >= near[0, 0]) & (every <= near[-1, 0])
    end_x = near[-1, 0] if side is PictureSide.RIGHT else near[0, 0]
    beyond = sign * (every - end_x) > 0
    line = shoulder_line_y.copy()
    line[inside] = np.interp(every[inside], near[:, 0], near[:, 1])
    line[beyond] = tip[1] + options.outer_slope * np.abs(every[beyond] - tip[0])
    return edge, line


def _measure_half_width(
    segmentation: PersonSegmentation, axis: LimbAxis, usual: Floats, options: ArmOptions
) -> Floats:
    """Return half widths towards one side, N, from the arm's or the sleeve's outline if seen."""
    steps = np.arange(0.0, options.max_seen_ratio, options.seen_step)
    skin = sample_across(segmentation.arms, axis, usual, steps)
    sleeve = sample_across(segmentation.upper_garment, axis, usual, steps)
    bare: Bool = np.asarray(skin[:, :3].any(axis=1))
    inside = np.where(bare[:, None], skin, sleeve)
    leaves = (~inside).argmax(axis=1)
    ends = ~inside.all(axis=1) & (leaves > 0)
    found = np.where(bare, 1.0, options.sleeve_ease) * steps[leaves]
    valid = ends & (found > options.min_seen_ratio)
    count = len(usual)
    sample = np.arange(count)
    ratio = np.ones(count)
    for half in (sample < 0.5 * count, sample >= 0.5 * count):
        use = valid & half & (sample > options.shoulder_fraction * count)
        if use.sum() > options.min_edge_samples:
            ratio[half] = np.median(found[use])
    return usual * gaussian_filter1d(ratio, options.width_sigma, mode="nearest")
