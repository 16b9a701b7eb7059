"""Edges of a bare arm: seen below the existing sleeve, and continued above its end."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.ruled_warp import RuledWarp

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


@dataclass(frozen=True, kw_only=True)
class BareArmSearchOptions:
    """Which samples of an arm are bare.

    Places and widths across an arm are widths of the arm; the outer edge lies at 0.
    """

    middle_half_width: float = 0.4
    """Half width of the strip along the middle of an arm that is read."""
    outer_place: float = 0.1
    """Middle of the strip along the outer edge that is read."""
    outer_half_width: float = 0.4
    """Half width of that surface."""
    min_part_bare: float = 0.3
    """Least fraction of skin in a sample of an arm that the trunk hides in part."""
    max_garment_outside: float = 0.03
    """Most garment along the outer edge of such a sample, as a fraction of its middle."""
    extent_percentiles: tuple[float, float] = (1, 99)
    """Percentiles of the places of a sample's skin that are its two edges."""


BARE_ARM_SEARCH_OPTIONS: Final = BareArmSearchOptions()


@dataclass(frozen=True)
class BareArmEdges:
    """Where a bare arm lies across its surface, and what is no arm; all H x W."""

    outer_across: Floats
    """Position of the outer edge across the surface."""
    inner_across: Floats
    """Position of the inner edge across the surface."""
    mislabelled_hem: Bool
    """Labelled as skin at the existing garment's end, but the inside of its hem or its shadow."""
    light_reference_skin: Bool
    """Bare skin next below that end, from which the hidden part takes its light."""


def trace_bare_arm_edges(
    surface: RuledWarp,
    segmentation: PersonSegmentation,
    options: BareArmSearchOptions = BARE_ARM_SEARCH_OPTIONS,
) -> BareArmEdges:
    """Return a bare arm's edges: below the existing garment's end they are where they are visible.

    Above it they go over smoothly from there to the shoulder's, 0 and 1, so that the arm has no
    step where the garment ended.
    """
    window = surface.window
    along = surface.along[window] * _ARM_STEPS
    step = np.zeros(surface.along.shape, np.int64)
    step[window] = np.clip(np.rint(along), 0, _ARM_STEPS)
    skin = surface.covered & segmentation.arms
    flat = np.zeros(surface.along.shape, np.float32)
    start = _first_bare_step(surface, segmentation, step, options)
    if start is None:
        return BareArmEdges(flat, flat + 1, np.zeros(flat.shape, bool), skin)
    across = surface.across[window]
    near = skin[window] & (np.abs(across - 0.5) < 1)
    steps = np.arange(_ARM_STEPS + 1)
    fraction = smoothstep((steps - _SHOULDER_STEP) / max(start - _SHOULDER_STEP, 1.0))
    # Farther down the arm is seen, and nothing of it is made.
    fraction = fraction * np.clip((start + 2 * _MIN_BARE_STEPS - steps) / _MIN_BARE_STEPS, 0, 1)
    # The hem's slant and the shadow below it say nothing of the arm's outline.
    outline_steps = np.arange(start + _HEM_STEPS, start + _MIN_BARE_STEPS)
    ends = np.array(
        [_skin_extent(across[near & (step[window] == k)], options) for k in outline_steps]
    )
    first, last = (
        np.polyval(np.polyfit(outline_steps, column, 1), np.clip(steps, start, outline_steps[-1]))
        for column in ends.T
    )
    low = np.clip(first, -_MAX_EDGE_OUTSIDE, _MAX_EDGE_INSIDE) * fraction
    high = np.maximum(
        1 + np.clip(last - 1, -_MAX_EDGE_INSIDE, _MAX_EDGE_OUTSIDE) * fraction, low + _MIN_ARM_WIDTH
    )
    # Outside its window a surface is at its beginning.
    outer, inner = (np.full_like(flat, edge[0]) for edge in (low, high))
    outer[window], inner[window] = (np.interp(along, steps, edge) for edge in (low, high))
    beside = (surface.across < outer - _EDGE_TOLERANCE) | (surface.across > inner + _EDGE_TOLERANCE)
    rest = skin & beside & (step < start + _HEM_STEPS)
    return BareArmEdges(
        outer,
        inner,
        rest,
        skin & (step >= start + _HEM_STEPS) & (step < start + _HEM_STEPS + _MIN_BARE_STEPS),
    )


def _skin_extent(across: Floats, options: BareArmSearchOptions) -> tuple[float, float]:
    if not len(across):
        return 0.0, 1.0
    first, last = np.percentile(across, options.extent_percentiles)
    return float(first), float(last)


def _first_bare_step(
    surface: RuledWarp,
    segmentation: PersonSegmentation,
    step: NDArray[np.int64],
    options: BareArmSearchOptions,
) -> int | None:
    """Return the step from which on an arm is bare, None where it is so from above or never.

    Where the trunk hides the whole arm's width, a part of it does that no garment borders outside.
    """
    off_middle = np.abs(surface.across - 0.5)
    middle = surface.covered & (off_middle < options.middle_half_width)
    off_outer = np.abs(surface.across - options.outer_place)
    outer = surface.covered & (off_outer < options.outer_half_width)

    def count(mask: Bool) -> NDArray[np.int64]:
        return np.bincount(step[mask], minlength=_ARM_STEPS + 1)

    whole = np.maximum(count(middle), 1)
    above_hand = np.arange(_ARM_STEPS + 1) < _HAND_STEP
    part = (count(middle & segmentation.arms) > options.min_part_bare * whole) & (
        count(outer & segmentation.upper_garment) < options.max_garment_outside * whole
    )
    for seen in (count(middle & segmentation.arms) > _MIN_BARE_FRACTION * whole, part):
        run = np.convolve(seen & above_hand, np.ones(_MIN_BARE_STEPS), "valid") >= _MIN_BARE_STEPS
        if run.any():
            start = int(run.argmax())
            return start if start >= _SHOULDER_STEP else None
    return None
