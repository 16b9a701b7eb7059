"""An arm as a strip with two edges, from the shoulder's tip to the wrist."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import (
    EPSILON,
    Floats,
    Points,
    distance,
    point,
    resample_polyline,
    unit_vector,
)
from services.viton.person.joints import Joints
from services.viton.person.segmentation import PersonSegmentation

ARM_SAMPLES: Final = 101
_RADII: Final = ((0.0, 0.155), (0.25, 0.145), (0.5, 0.115), (0.7, 0.105), (1.0, 0.07))
_ROUND_START: Final = -0.03
_ROUND_END: Final = 0.1
_JOINED: Final = 0.15
_CROOK: Final = 0.85
_NARROWER: Final = 0.35


@dataclass(frozen=True)
class Arm:
    """An arm as two edges, sample by sample at the same distance from the shoulder.

    ``outer`` begins at the shoulder's tip, ``inner`` at the armpit; both end at the wrist.
    ``start`` is the first sample below the armpit, ``radius`` half the width at each sample.
    """

    shoulder: Points
    elbow: Points
    wrist: Points
    centreline: Points
    normal: Points
    half_width: Floats
    outer_edge: Points
    inner_edge: Points
    armpit_sample: int


def measure_arm(
    parts: PersonSegmentation, joints: Joints, side: int, line: Floats, armpit: Points
) -> Arm:
    """Measure an arm where its outline is seen; bends ``line``, the shoulder's, into its edge."""
    sign = (-1, 1)[side]
    scale = joints.shoulder_width
    shoulder, elbow, wrist = joints.shoulders[side], joints.elbows[side], joints.wrists[side]
    progress = np.linspace(0, 1, ARM_SAMPLES)
    bent = np.array([shoulder, elbow, wrist])
    middle = np.stack([np.interp(progress, (0, 0.5, 1), bent[:, i]) for i in (0, 1)], axis=1)
    middle = gaussian_filter1d(middle, 5.0, axis=0, mode="nearest")
    middle[0], middle[-1] = shoulder, wrist
    tangent = np.gradient(middle, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), EPSILON)[:, None]
    normal = sign * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    radius = np.interp(progress, *np.array(_RADII).T) * scale
    outwards = _measured(parts, middle, normal, radius)
    inwards = _measured(parts, middle, -normal, radius)
    shift = np.clip((outwards - inwards) / 2, -0.35 * radius, 0.35 * radius)
    middle = middle + normal * shift[:, None]
    radius = np.clip((outwards + inwards) / 2, 0.75 * radius, 1.35 * radius)
    outer = middle + normal * radius[:, None]
    _rounded_shoulder(outer, line, shoulder, sign, scale)
    inner, start = _inner(middle, normal, radius, (shoulder, elbow, armpit))
    return Arm(shoulder, elbow, wrist, middle, normal, radius, outer, inner, start)


def reattach_at_armpit(arm: Arm, armpit: Points) -> Arm:
    """Return the arm with its inner edge beginning at another armpit, and hardly narrower."""
    inner, start = _inner(
        arm.centreline, arm.normal, arm.half_width, (arm.shoulder, arm.elbow, armpit)
    )
    at = min(start + 1, ARM_SAMPLES - 1)
    beside = arm.centreline[at] - arm.normal[at] * arm.half_width[at]
    narrower = float((armpit - beside) @ arm.normal[at]) - _NARROWER * float(arm.half_width[at])
    ends = arm.shoulder, arm.elbow, armpit - max(narrower, 0.0) * arm.normal[at]
    inner, start = _inner(arm.centreline, arm.normal, arm.half_width, ends)
    return replace(arm, inner_edge=inner, armpit_sample=start)


def _inner(
    middle: Points, normal: Points, radius: Floats, ends: tuple[Points, Points, Points]
) -> tuple[Points, int]:
    """Return the inner edge and its first sample below the armpit; ``ends``: joints and armpit."""
    shoulder, elbow, armpit = ends
    inner = middle - normal * np.minimum(radius, crook_limit(middle, normal))[:, None]
    along = unit_vector(elbow - shoulder)
    reach = max(distance(shoulder, elbow), 1.0)
    start = int(np.clip(0.5 * float((armpit - shoulder) @ along) / reach, 0.03, 0.4) * ARM_SAMPLES)
    run = min(max(int(_JOINED * ARM_SAMPLES), 2), ARM_SAMPLES - 2 - start)
    fade = (np.cos(np.linspace(0, np.pi, run))[:, None] + 1) / 2
    inner[start + 1 : start + 1 + run] += fade * (armpit - inner[start + 1])
    inner[: start + 1] = armpit
    return inner, start


def crook_limit(middle: Points, normal: Points) -> Floats:
    """How far an edge may lie against the normal before it would fold in the crook of the arm."""
    step = np.maximum(np.hypot(*np.gradient(middle, axis=0).T), EPSILON)
    turn = (np.gradient(normal, axis=0) * np.gradient(middle, axis=0)).sum(axis=1) / step**2
    bend = gaussian_filter1d(turn, 3.0, mode="nearest")
    return np.asarray(_CROOK / np.maximum(bend, EPSILON))


def _rounded_shoulder(
    outer: Points, line: Floats, shoulder: Points, sign: int, scale: float
) -> None:
    """Bend the shoulder's line into the arm's outer edge, in place: no corner at the tip.

    ``line`` and ``outer`` are joined by a parabola with both of their tangents; the tip is where it
    has turned half way. ``line`` follows it from the joint outwards.
    """
    end = max(int(_ROUND_END * ARM_SAMPLES), 2)
    last = len(line) - 1
    x = float(np.clip(shoulder[0] - sign * _ROUND_START * scale, 0, last))
    start = point(x, float(np.interp(x, np.arange(last + 1), line)))
    back = float(np.clip(x - sign * 0.08 * scale, 0, last))
    rise = float(np.interp(back, np.arange(last + 1), line)) - start[1]
    ahead = unit_vector(point(sign * max(abs(x - back), 1.0), -rise))
    stop, up = outer[end].copy(), unit_vector(outer[end] - outer[min(end + 4, ARM_SAMPLES - 1)])
    across = ahead[0] * up[1] - ahead[1] * up[0]
    gap = stop - start
    run = (gap[0] * up[1] - gap[1] * up[0]) / across if abs(across) > 0.15 else -1.0
    reach = distance(start, stop)
    corner = start + float(np.clip(run, 0.2 * reach, 0.8 * reach)) * ahead
    turn = np.linspace(0, 1, 60)[:, None]
    bend = (1 - turn) ** 2 * start + 2 * turn * (1 - turn) * corner + turn**2 * stop
    half = 24
    outer[: end + 1] = resample_polyline(bend[half:], end + 1)
    xs = np.arange(last + 1)
    order = np.argsort(bend[: half + 1, 0])
    near = bend[: half + 1][order]
    inside = (xs >= near[0, 0]) & (xs <= near[-1, 0])
    line[inside] = np.interp(xs[inside], near[:, 0], near[:, 1])
    beyond = (xs - near[-1, 0]) > 0 if sign > 0 else (near[0, 0] - xs) > 0
    line[beyond] = bend[half, 1] + 1.2 * np.abs(xs[beyond] - bend[half, 0])


def _measured(parts: PersonSegmentation, middle: Points, normal: Points, radius: Floats) -> Floats:
    """Half widths towards one side: where the arm's or the sleeve's outline is seen, smoothed."""
    height, width = parts.arms.shape
    steps = np.arange(0.0, 1.6, 0.05)
    path = middle[:, None] + normal[:, None] * (steps[None, :, None] * radius[:, None, None])
    xs = np.clip(path[..., 0], 0, width - 1).astype(int)
    ys = np.clip(path[..., 1], 0, height - 1).astype(int)
    skin = parts.arms[ys, xs]
    cloth = parts.upper_garment[ys, xs]
    bare = skin[:, :3].any(axis=1)
    inside = np.where(bare[:, None], skin, cloth)
    leaves = (~inside).argmax(axis=1)
    ends = ~inside.all(axis=1) & (leaves > 0)
    found = np.where(bare, 1.0, 0.9) * steps[leaves]
    valid = ends & (found > 0.5)
    progress = np.arange(len(radius))
    ratio = np.ones(len(radius))
    for part in (progress < 0.5 * len(radius), progress >= 0.5 * len(radius)):
        use = valid & part & (progress > 0.12 * len(radius))
        if use.sum() > 6:
            ratio[part] = np.median(found[use])
    return radius * gaussian_filter1d(ratio, 8.0, mode="nearest")
