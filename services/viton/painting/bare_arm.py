"""Coverage of a bare arm, from the shoulder down to the hand that is seen."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, unit_vector
from services.viton.painting.bare_arm_edges import BareArmEdges
from services.viton.person.arm import ARM_SAMPLES, Arm
from services.viton.person.body import Body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import dilate
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.ruled_warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class CuffSearchOptions:
    """How the line between an existing sleeve and the hand is looked for."""

    forearm_start: int = 62
    """Sample of the arm at which the forearm begins that a sleeve has to cover."""
    forearm_end: int = 94
    """Sample of the arm at which that forearm ends."""
    min_covered: float = 0.6
    """Fraction of the forearm's samples that lie on the existing garment."""
    reach: float = 0.45
    """Farthest place of the line from the wrist joint, in shoulder widths."""
    reach_back: float = 0.35
    """How far before the wrist joint the line may lie along the arm, in shoulder widths."""
    touch_px: int = 4
    """Farthest pixel of the hand from the sleeve that is on the line, in pixels of the canvas."""
    min_px: int = 12
    """Least canvas pixels of a line."""
    corner_percentiles: tuple[int, int] = (3, 97)
    """Percentiles of the place across the arm at which the line's corners lie."""
    min_length: float = 0.7
    """Shortest line, in half widths of the arm at the wrist."""
    max_length: float = 3.6
    """Longest line, in half widths of the arm at the wrist."""


CUFF_SEARCH_OPTIONS: Final = CuffSearchOptions()


@dataclass(frozen=True, kw_only=True)
class BareArmShapeOptions:
    """How a bare arm's coverage ends at its edges, on the shoulder and at the hand."""

    edge_half_width: float = 0.09
    """Half width of an arm that sets how steep its edges are, in shoulder widths."""
    min_edge_half_width_px: float = 4.0
    """Least such half width, in pixels of the canvas."""
    edge_steepness: float = 0.7
    """Fall of the coverage at an edge, per pixel of that half width."""
    joint_fraction: float = 0.35
    """Fraction of the arm over which its inner side leaves the trunk."""
    joint_steepness: float = 1.5
    """Fall of the coverage on the inner side at the shoulder, per half width of the arm."""
    hand_overlap_px: float = 16.0
    """How far a new arm reaches over the seen hand, in pixels of the canvas."""
    taper_sample: int = 78
    """Sample of the arm from which it tapers towards the seen hand."""
    max_taper_run: float = 1.2
    """Place along the taper beyond which its width stays the same, in lengths of the taper."""
    taper_steepness: float = 40.0
    """Growth of the taper's fraction as it takes over from the surface, per arm length."""
    cuff_search: CuffSearchOptions = CUFF_SEARCH_OPTIONS
    """How the line between an existing sleeve and the hand is looked for."""


BARE_ARM_SHAPE_OPTIONS: Final = BareArmShapeOptions()


_WRIST_SAMPLES: Final = 12
"""Last samples of an arm's middle that give the direction of the hand."""


def map_bare_arm(
    surface: RuledWarp,
    arm: Arm,
    segmentation: PersonSegmentation,
    body: Body,
    edges: BareArmEdges,
    options: BareArmShapeOptions = BARE_ARM_SHAPE_OPTIONS,
) -> tuple[Floats, Floats]:
    """Return the arm's coverage down to the hand, and how far a pixel is from its middle.

    The distance is -1 on the outer edge and 1 on the inner one. Both are H x W.
    """
    width = edges.inner_across - edges.outer_across
    across = (surface.across - edges.outer_across) / width * 2 - 1
    cover = _cover_between_edges(surface, across, body.shoulder_width, options)
    cuff = _find_cuff_on_hand(arm, segmentation, body.shoulder_width, options.cuff_search)
    if cuff is None:
        return cover.astype(np.float32), across.astype(np.float32)
    taper_cover, taper_across = _taper_to_cuff(
        arm, cuff, segmentation.upper_garment.shape[:2], options
    )
    # The taper takes the place of the surface's last part.
    past_start = surface.along - options.taper_sample / (ARM_SAMPLES - 1)
    tail = np.clip(past_start * options.taper_steepness, 0, 1) * surface.covered
    cover_before_taper = cover * (1 - tail)
    joined_across = np.where(taper_cover > cover_before_taper, taper_across, across)
    joined_cover = np.maximum(cover_before_taper, taper_cover)
    return joined_cover.astype(np.float32), joined_across.astype(np.float32)


def _cover_between_edges(
    surface: RuledWarp, across: Floats, scale: float, options: BareArmShapeOptions
) -> Floats:
    """Return the coverage of an arm that has no cuff on its hand, H x W, 0 to 1.

    ``across``: H x W, -1 on the outer edge and 1 on the inner one.
    """
    half_width = max(options.edge_half_width * scale, options.min_edge_half_width_px)
    # On the shoulder the arm's inner side goes over into the trunk.
    joint = np.clip(1 - surface.along / options.joint_fraction, 0, 1) * (across > 0)
    steep = half_width * options.edge_steepness + joint * (
        options.joint_steepness - half_width * options.edge_steepness
    )
    edge = np.clip((1.0 - np.abs(across)) * steep + 0.5 * (1 - joint), 0, 1)
    return np.asarray(edge * surface.covered)


def _taper_to_cuff(
    arm: Arm, cuff: tuple[Points, Points], shape: tuple[int, int], options: BareArmShapeOptions
) -> tuple[Floats, Floats]:
    """Return the coverage of the arm's end, H x W, and the place across it, -1 to 1.

    It tapers to the width of the hand. ``cuff``: the outer and the inner corner of an existing
    sleeve on the hand.
    """
    outer, inner = cuff
    overlap = options.hand_overlap_px * _hand_direction(arm)
    start = options.taper_sample
    ring = np.stack([arm.outer_edge[start], outer, outer + overlap, inner + overlap, inner])
    closed_ring = np.concatenate([ring, arm.inner_edge[start : start + 1]])
    height, width = shape
    cover = rasterise_polygon((height, width), closed_ring)
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    first = (arm.outer_edge[start] + arm.inner_edge[start]) / 2
    run = (outer + inner) / 2 - first
    along_run = (xs - first[0]) * run[0] + (ys - first[1]) * run[1]
    fraction = np.clip(along_run / max(float(run @ run), 1.0), 0, options.max_taper_run).astype(
        np.float32
    )
    halves = [(i - o) / 2 for o, i in ((arm.outer_edge[start], arm.inner_edge[start]), cuff)]
    side = halves[0] / max(float(np.hypot(*halves[0])), 1.0)
    wide = [float(np.hypot(*half)) for half in halves]
    radius = np.maximum(wide[0] + fraction * (wide[1] - wide[0]), 1.0)
    off_x, off_y = xs - first[0] - fraction * run[0], ys - first[1] - fraction * run[1]
    return cover, np.asarray((off_x * side[0] + off_y * side[1]) / radius)


def _hand_direction(arm: Arm) -> Points:
    """Return the unit vector along the end of the arm, towards the hand."""
    return unit_vector(arm.centreline[-1] - arm.centreline[-_WRIST_SAMPLES])


def _find_cuff_on_hand(
    arm: Arm, segmentation: PersonSegmentation, scale: float, search: CuffSearchOptions
) -> tuple[Points, Points] | None:
    """Return the outer and the inner corner of an existing sleeve on the hand; None without one.

    They lie on the line between hand and sleeve near the wrist, wherever the joint is.
    """
    height, width = segmentation.upper_garment.shape
    forearm = np.rint(arm.centreline[search.forearm_start : search.forearm_end]).astype(int)
    at = np.clip(forearm[:, 1], 0, height - 1), np.clip(forearm[:, 0], 0, width - 1)
    if segmentation.upper_garment[at].mean() < search.min_covered:
        return None
    reach = search.reach * scale
    x, y = arm.wrist
    rows = slice(max(int(y - reach), 0), max(int(y + reach), 1))
    columns = slice(max(int(x - reach), 0), max(int(x + reach), 1))
    near = segmentation.arms[rows, columns] & dilate(
        segmentation.upper_garment[rows, columns], search.touch_px
    )
    ys, xs = np.nonzero(near)
    if len(ys) < search.min_px:
        return None
    spots = np.stack([xs + columns.start, ys + rows.start], axis=1).astype(np.float64)
    off = spots - arm.wrist
    ahead = _hand_direction(arm)
    normal = arm.normal[-1]
    radius = float(arm.half_width[-1])
    keep = (np.hypot(off[:, 0], off[:, 1]) < reach) & (off @ ahead > -search.reach_back * scale)
    if keep.sum() < search.min_px:
        return None
    spots, lane = spots[keep], (off @ normal)[keep]
    low, high = np.percentile(lane, search.corner_percentiles)
    if not search.min_length * radius < high - low < search.max_length * radius:
        return None
    return spots[lane >= high].mean(axis=0), spots[lane <= low].mean(axis=0)
