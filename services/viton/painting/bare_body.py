"""The bare body where clothes hid it: neck, shoulders and trunk; and which skin is an arm."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components
from services.kit.raster.easing import smoothstep
from services.viton.geometry import Points
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoulders import trace_shoulder_outline
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_ARM_STEPS: Final = 100
"""Samples along an arm."""

_MIN_BARE_STEPS: Final = 14
"""Samples of an arm that have to be bare for its edges to be read."""

_HEM_STEPS: Final = 4
"""How many of these samples lie near the hem of the sleeve."""

_SHOULDER_STEP: Final = 8
"""Sample of the shoulder's tip."""

_HAND_STEP: Final = 94
"""Sample at which the hand begins."""

_MIN_BARE_FRACTION: Final = 0.97
"""Fraction of skin in a bare sample."""

_MAX_EDGE_OUTSIDE: Final = 0.1
"""How far outside the measured arm a seen edge may lie, in widths of the arm."""

_MAX_EDGE_INSIDE: Final = 0.55
"""How far inside the measured arm a seen edge may lie, in widths of the arm."""

_MIN_ARM_WIDTH: Final = 0.35
"""Least distance of the two seen edges, in widths of the arm."""

_EDGE_TOLERANCE: Final = 0.03
"""Distance from the seen edge from which on skin is beside the arm, in widths of the arm."""


def join_bare_shoulders(
    chest: Floats, arms: list[Floats], parts: PersonSegmentation, body: Body
) -> Floats:
    """Join trunk and bare arms above the armpits, within what the person's outline was."""
    whole = np.maximum(chest, np.maximum(arms[0], arms[1])) > 0.5
    reach = max(int(0.1 * body.shoulder_width), 1)
    joined = erode(dilate(whole, reach), reach) & (
        parts.upper_garment | parts.torso_skin | parts.arms
    )
    rows = np.arange(chest.shape[0])[:, None]
    columns = np.arange(chest.shape[1])[None, :]
    joined &= rows > body.shoulder_line_y[None, :] + 0.04 * body.shoulder_width
    for side in body.sides:
        joined &= (rows < side.armpit[1]) | (columns * side.sign < body.neck_base[0] * side.sign)
    outline = parts.person | (chest > 0.5) & dilate(parts.person, 1)
    outline &= (
        rows
        >= trace_shoulder_outline(parts, body.neck_base, body.shoulder_width).bare_outline_y[
            None, :
        ]
    )
    chest = chest * antialias(outline, 0.7)
    joined &= outline & ~dilate(parts.head, 1)
    return np.maximum(chest, gaussian_blur(joined.astype(np.float32), 0.8))


def bare_trunk_alpha(parts: PersonSegmentation, body: Body) -> Floats:
    """Return the bare neck, its slope to the shoulders, and the trunk down to the waist."""
    shape = parts.upper_garment.shape
    last = shape[0] - 1
    rows = np.linspace(0, 1, 12)
    ring = []
    for b, order in ((body.left, -1), (body.right, 1)):
        ys = b.armpit[1] + rows * (min(body.existing_hem_row, last) - b.armpit[1])
        x = b.flank_x[np.clip(ys, 0, last).astype(int)]
        flank = np.stack([x - b.sign * 0.01 * body.shoulder_width, ys], axis=1)
        ring.append(np.concatenate([_bare_shoulder_outline(parts, body, b), flank])[::order])
    return rasterise_polygon((shape[0], shape[1]), np.concatenate(ring))


def _bare_shoulder_outline(parts: PersonSegmentation, body: Body, side: BodySide) -> Points:
    """Return the bare outline from beside the chin to the tip: a hollow curve, without a collar."""
    scale = body.shoulder_width
    wide = measure_neck_half_width(parts, body, side.sign)
    x = body.neck_base[0] + side.sign * wide
    span = max(float((side.shoulder_tip[0] - x) * side.sign), 0.1 * scale)
    xs = x + side.sign * span * np.linspace(0.55, 1.0, 10)
    line = np.interp(xs, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y)
    foot = np.array([xs[0], line[0]])
    level = float(np.interp(x, np.arange(len(body.shoulder_line_y)), body.shoulder_line_y))
    start = np.array([x, level - 0.10 * scale])
    corner = np.array([x + side.sign * 0.05 * scale, level + 0.02 * scale])
    turn = np.linspace(0, 1, 12)[:, None]
    bend = (1 - turn) ** 2 * start + 2 * turn * (1 - turn) * corner + turn**2 * foot
    chin = np.array([[x, body.neck_base[1] - 0.45 * scale]])
    tip = np.stack([xs, line], axis=1)[1:]
    return np.asarray(np.concatenate([chin, bend, tip]) + np.array([0.0, 1.0]))


def measure_neck_half_width(parts: PersonSegmentation, body: Body, sign: int) -> float:
    """Return how far the neck reaches to one side where it is narrowest, in pixels."""
    low, high = (int(body.neck_base[1] - share * body.shoulder_width) for share in (0.34, 0.14))
    band = parts.torso_skin[max(low, 0) : max(high, 1)]
    reach = [
        float(((np.flatnonzero(row) - body.neck_base[0]) * sign).max()) for row in band if row.any()
    ]
    usual = 0.155 * body.shoulder_width
    found = float(np.percentile(reach, 25)) if len(reach) > 3 else usual
    return float(np.clip(found, 0.75 * usual, 1.15 * usual))


@dataclass(frozen=True)
class BareArmEdges:
    """Where a bare arm lies across its surface, and what is no arm; all H x W."""

    outer_across: Floats
    """Position of the outer edge across the surface."""
    inner_across: Floats
    """Position of the inner edge across the surface."""
    hem_residue: Bool
    """Labelled as skin at the existing garment's end, but the inside of its hem or its shadow."""
    reference_skin: Bool
    """Bare skin next below that end, from which the hidden part takes its light."""


def find_bare_arm_edges(strip: RuledWarp, parts: PersonSegmentation) -> BareArmEdges:
    """Return a bare arm's edges: below the existing garment's end they are where they are visible.

    Above it they go over smoothly from there to the shoulder's, 0 and 1, so that the arm has no
    step where the garment ended.
    """
    step = np.clip(np.rint(strip.along * _ARM_STEPS), 0, _ARM_STEPS).astype(np.int64)
    skin = strip.covered & parts.arms
    flat = np.zeros(strip.along.shape, np.float32)
    start = _first_bare_step(strip, parts, step)
    if start is None:
        return BareArmEdges(flat, flat + 1, np.zeros(flat.shape, bool), skin)
    near = skin & (np.abs(strip.across - 0.5) < 1)
    steps = np.arange(_ARM_STEPS + 1)
    share = smoothstep((steps - _SHOULDER_STEP) / max(start - _SHOULDER_STEP, 1.0))
    # Farther down the arm is seen, and nothing of it is made.
    share = share * np.clip((start + 2 * _MIN_BARE_STEPS - steps) / _MIN_BARE_STEPS, 0, 1)
    # The hem's slant and the shadow below it say nothing of the arm's outline.
    told = np.arange(start + _HEM_STEPS, start + _MIN_BARE_STEPS)
    ends = np.array([_skin_extent(strip.across[near & (step == k)]) for k in told])
    first, last = (
        np.polyval(np.polyfit(told, column, 1), np.clip(steps, start, told[-1]))
        for column in ends.T
    )
    low = np.clip(first, -_MAX_EDGE_OUTSIDE, _MAX_EDGE_INSIDE) * share
    high = np.maximum(
        1 + np.clip(last - 1, -_MAX_EDGE_INSIDE, _MAX_EDGE_OUTSIDE) * share, low + _MIN_ARM_WIDTH
    )
    outer, inner = (
        np.interp(strip.along * _ARM_STEPS, steps, edge).astype(np.float32) for edge in (low, high)
    )
    beside = (strip.across < outer - _EDGE_TOLERANCE) | (strip.across > inner + _EDGE_TOLERANCE)
    rest = skin & beside & (step < start + _HEM_STEPS)
    return BareArmEdges(
        outer,
        inner,
        rest,
        skin & (step >= start + _HEM_STEPS) & (step < start + _HEM_STEPS + _MIN_BARE_STEPS),
    )


def _skin_extent(across: Floats) -> tuple[float, float]:
    if not len(across):
        return 0.0, 1.0
    first, last = np.percentile(across, (1, 99))
    return float(first), float(last)


def _first_bare_step(
    strip: RuledWarp, parts: PersonSegmentation, step: NDArray[np.int64]
) -> int | None:
    """Return the step from which on an arm is bare, None where it is so from above or never.

    Where the trunk hides the whole arm's width, a part of it does that no cloth borders outside.
    """
    middle = strip.covered & (np.abs(strip.across - 0.5) < 0.4)
    outer = strip.covered & (np.abs(strip.across - 0.1) < 0.4)

    def count(mask: Bool) -> NDArray[np.int64]:
        return np.bincount(step[mask], minlength=_ARM_STEPS + 1)

    whole = np.maximum(count(middle), 1)
    above_hand = np.arange(_ARM_STEPS + 1) < _HAND_STEP
    part = (count(middle & parts.arms) > 0.3 * whole) & (
        count(outer & parts.upper_garment) < 0.03 * whole
    )
    for seen in (count(middle & parts.arms) > _MIN_BARE_FRACTION * whole, part):
        run = np.convolve(seen & above_hand, np.ones(_MIN_BARE_STEPS), "valid") >= _MIN_BARE_STEPS
        if run.any():
            start = int(run.argmax())
            return start if start >= _SHOULDER_STEP else None
    return None


def select_own_arms(
    parts: PersonSegmentation, strips: tuple[RuledWarp, RuledWarp], body: Body
) -> Bool:
    """Return the pieces of ``parts.arms`` that are arms: not the bare waist under a short top."""
    near = np.zeros(parts.arms.shape, bool)
    for strip, side in zip(strips, body.sides, strict=True):
        near |= strip.covered & (np.abs(strip.across - 0.5) < 0.65)
        near |= _disc(near.shape, side, 0.3 * body.shoulder_width)
    pieces = label_components(parts.arms)
    within = np.bincount(pieces.labels[near], minlength=pieces.count)
    return pieces.select(within > 0.5 * pieces.areas)


def _disc(shape: tuple[int, ...], side: BodySide, radius: float) -> Bool:
    disc = np.zeros(shape[:2], np.uint8)
    x, y = np.clip(side.arm.wrist, -4096, 4096)
    cv2.circle(disc, (int(x), int(y)), max(int(radius), 1), 1, -1)
    return disc > 0
