"""The edge of a front neckline: how clear it is, and where exactly it runs."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.garment.colour_clusters import cluster_colours, squared_distance_to_nearest
from services.viton.garment.neckline_photo import NecklinePhoto
from services.viton.geometry import EPSILON, Points

Floats: TypeAlias = NDArray[np.float64]

_CHANNEL_WEIGHTS: Final = (0.8, 1.0, 1.0)
"""Weights of L, a and b in a colour's distance: light counts less than hue."""


@dataclass(frozen=True, kw_only=True)
class NecklineEdgeOptions:
    """How the edge of a neckline is measured. Colour distances are CIELAB units."""

    front_colours: int = 5
    """Clusters of the colours of chest and shoulders."""

    min_colour_fraction: float = 0.06
    """Fraction of the pixels above which a cluster is a main colour."""

    min_front_pixels: int = 16
    """Samples of the front below which nothing is compared with them."""

    max_distance: float = 40.0
    """Largest distance to the front's colours."""

    noise_percentile: float = 60.0
    """Percentile of the chest's own distances that is their noise."""

    max_scored_distance: float = 14.0
    """Distance to the front's colours above which more counts nothing in a score."""

    edge_gap: float = 0.03
    """From the edge to the samples beside it, in half chest widths."""

    min_edge_gap_px: float = 3.0
    """Least such distance, in pixels of the photo."""

    front_reach: float = 0.16
    """Depth of the strip of the front below an edge, in half chest widths."""

    max_step: float = 25.0
    """Difference across an edge above which more counts nothing."""

    step_percentile: float = 15.0
    """Percentile of the differences along an edge: it must be sharp nearly everywhere."""

    step_weight: float = 0.8
    """What an edge's sharpness counts beside the contrast of its two sides."""

    max_step_alone: float = 9.0
    """What an edge's sharpness counts at most where both sides have the front's colours."""

    noise_weight: float = 0.5
    """What the noise of the front's colours costs a score."""

    snap_reach: float = 0.11
    """How far a curve is moved along its normals to the edge, in half chest widths."""

    snap_steps: int = 11
    """Steps in which it is moved, in each direction."""

    snap_gap: float = 0.02
    """From the curve to the samples on both sides of it, in half chest widths."""

    min_snap_gap_px: float = 2.5
    """Least such distance, in pixels of the photo."""

    snap_cost: float = 0.25
    """What a step away from the curve costs."""

    snap_jump_cost: float = 1.5
    """What a difference of one step between neighbouring points costs; larger ones cost more."""

    snap_jump_exponent: float = 1.5
    """Exponent of the difference's cost."""

    snap_smoothing: float = 2.0
    """Sigma of the Gaussian that smooths the moves along the curve, in points of the curve."""


@dataclass(frozen=True, kw_only=True)
class TrimOptions:
    """What a band along a neckline is. Lengths are in neck widths."""

    heights: tuple[float, float, float] = (0.03, 0.14, 0.005)
    """Least and largest height of a band, and the step between the heights that are tried."""

    end_points: int = 6
    """Points of the curve at either end beside which no band is looked for."""

    above_end_points: int = 10
    """Further points at either end above which the garment's height is not measured."""

    edge_run: float = 0.02
    """Length over which the band's upper edge is a step in colour."""

    min_inside_fraction: float = 0.8
    """Fraction of the curve's points above which there is garment at a height."""

    min_step: float = 10.0
    """Least difference across the band's upper edge, in CIELAB units."""

    max_unevenness: float = 0.45
    """Largest median difference within a band, of the difference across its upper edge."""

    min_garment_above: float = 2.2
    """Least height of the garment above the curve's middle, in heights of the band."""

    fade: float = 4.0
    """How much faster than linearly the move fades in from the curve's ends."""


NECKLINE_EDGE_OPTIONS: Final = NecklineEdgeOptions()

TRIM_OPTIONS: Final = TrimOptions()


@dataclass(frozen=True)
class FrontDistance:
    """How far the photo's colours are from those of the garment's front, in CIELAB units."""

    distance: NDArray[np.float32]
    """H x W, distance to the nearest main colour of chest and shoulders."""

    noise: float
    """The distance that the chest's own pixels have."""


def measure_front_distance(
    photo: NecklinePhoto, options: NecklineEdgeOptions = NECKLINE_EDGE_OPTIONS
) -> FrontDistance:
    """Measure every pixel's distance to the main colours of chest and shoulders."""
    patches = [patch.pixels for patch in photo.front_patches]
    pixels = np.ascontiguousarray(np.concatenate(patches))
    if len(pixels) < options.min_front_pixels or not len(patches[0]):
        return FrontDistance(np.zeros(photo.lab.shape[:2], np.float32), 1.0)
    centres, counts = cluster_colours(pixels, options.front_colours)
    weight = np.array(_CHANNEL_WEIGHTS, np.float32)
    main = centres[counts > options.min_colour_fraction * counts.sum()]
    away = np.sqrt(squared_distance_to_nearest(photo.lab * weight, main * weight))
    distance = np.minimum(away, np.float32(options.max_distance))
    chest = distance[photo.chest_window][photo.mask[photo.chest_window]]
    return FrontDistance(distance, float(np.percentile(chest, options.noise_percentile)))


def score_edges(
    photo: NecklinePhoto,
    front: FrontDistance,
    *,
    rows: Floats,
    columns: NDArray[np.int64],
    options: NecklineEdgeOptions = NECKLINE_EDGE_OPTIONS,
) -> Floats:
    """Score candidates for the front's edge, in CIELAB units; the clearest edge has the most.

    ``rows``: D x P x C, the rows of D x P curves in each of the ``columns`` (C). An edge is clear
    if the colours above it are not the front's, and if it is sharp all along.
    """
    half = photo.half_chest_width
    last = photo.lab.shape[0] - 1
    gap = max(options.min_edge_gap_px, options.edge_gap * half)
    tops = np.minimum(photo.top_rows[columns], photo.mask.shape[0] - 1).astype(np.float64)

    def at(y: Floats) -> NDArray[np.int64]:
        return np.clip(y, 0, last).astype(np.int64)

    capped = np.minimum(front.distance[:, columns], options.max_scored_distance)
    total = np.concatenate([np.zeros((1, len(columns))), np.cumsum(capped, axis=0)])

    def mean(start: Floats, stop: Floats) -> Floats:
        a, b = at(start), at(stop)
        index = np.arange(len(columns))
        return np.asarray((total[b, index] - total[a, index]) / np.maximum(b - a, 1))

    shown = rows - tops > 2 * gap
    above = np.where(shown, mean(tops + gap, rows - gap), 0.0)
    below = mean(rows + gap, rows + gap + options.front_reach * half)
    across = photo.lab[at(rows - gap), columns] - photo.lab[at(rows + gap), columns]
    step = np.where(shown, np.sqrt((across**2).sum(-1)), 0.0)
    contrast = np.median(above - below, axis=-1)
    edge = np.percentile(np.minimum(step, options.max_step), options.step_percentile, axis=-1)
    edge = np.minimum(edge, options.max_step_alone + 2 * np.maximum(contrast, 0))
    hidden = (~shown).mean(axis=-1)
    score = (contrast + options.step_weight * edge) * (1 - hidden)
    return np.asarray(score - options.noise_weight * front.noise)


def snap_to_edge(
    photo: NecklinePhoto,
    front: FrontDistance,
    curve: Points,
    options: NecklineEdgeOptions = NECKLINE_EDGE_OPTIONS,
) -> Points:
    """Move the curve along its normals to the edge near it, smoothly (dynamic programming)."""
    half = photo.half_chest_width
    normal = downward_normals(curve)
    gap = max(options.min_snap_gap_px, options.snap_gap * half)
    count = 2 * options.snap_steps + 1
    offsets = np.linspace(-options.snap_reach, options.snap_reach, count) * half

    def read(layer: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
        at = curve[:, None] + normal[:, None] * (offsets[None, :, None] + shift)
        x = np.clip(at[..., 0], 0, layer.shape[1] - 1).astype(int)
        y = np.clip(at[..., 1], 0, layer.shape[0] - 1).astype(int)
        return np.asarray(layer[y, x])

    most = options.max_step
    step = np.sqrt(((read(photo.lab, gap) - read(photo.lab, -gap)) ** 2).sum(axis=-1))
    turn = np.minimum(read(front.distance, -gap), most) - np.minimum(
        read(front.distance, gap), most
    )
    index = np.arange(count)
    moved = np.abs(np.arange(-options.snap_steps, options.snap_steps + 1))
    gain = np.minimum(step, most) + turn - options.snap_cost * moved[None, :]
    apart = np.abs(index[:, None] - index[None, :]).astype(np.float64)
    jump = options.snap_jump_cost * apart**options.snap_jump_exponent
    best = gain[0].astype(np.float64)
    back = []
    for row in gain[1:]:
        total = best[:, None] - jump
        back.append(total.argmax(axis=0))
        best = total.max(axis=0) + row
    path = [int(best.argmax())]
    for step_back in reversed(back):
        path.append(int(step_back[path[-1]]))
    found = offsets[np.array(path[::-1])]
    shift = gaussian_filter1d(0.5 * (found + found[::-1]), options.snap_smoothing, mode="nearest")
    return np.asarray(curve + normal * shift[:, None])


def downward_normals(curve: Points) -> Points:
    """Return the unit normals (N x 2) that point down from a curve from left to right."""
    gradient = np.gradient(curve, axis=0)
    size = np.maximum(np.hypot(gradient[:, 0], gradient[:, 1]), EPSILON)
    tangent = gradient / size[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def move_above_trim(
    photo: NecklinePhoto, curve: Points, options: TrimOptions = TRIM_OPTIONS
) -> Points:
    """Move the curve up past a ribbed or contrasting band, which belongs to the front.

    Such a band has one colour all along, a second edge above it, and more garment above that.
    """
    width = photo.width
    middle = curve[options.end_points : -options.end_points]
    lowest, highest, step_size = options.heights
    heights = np.arange(lowest, highest, step_size) * width
    xs = np.clip(middle[:, 0], 0, photo.lab.shape[1] - 1).astype(int)
    ys = np.clip(middle[:, 1, None] - heights[None, :], 0, photo.lab.shape[0] - 1).astype(int)
    colours = photo.lab[ys, xs[:, None]]
    run = max(int(options.edge_run * width / (step_size * width)), 2)
    across = colours[:, run:] - colours[:, :-run]
    step = np.median(np.sqrt((across**2).sum(axis=-1)), axis=0)
    tops = photo.top_rows[xs]
    inside = ((ys - tops[:, None]) > 3).mean(axis=0) > options.min_inside_fraction
    step = np.where(inside[run:], step, 0.0)
    best = int(step[2:].argmax()) + 2
    band = colours[:, : best + 1]
    centre = np.median(band.reshape(-1, 3), axis=0)
    uneven = float(np.median(np.sqrt(((band - centre) ** 2).sum(axis=-1))))
    if step[best] < options.min_step or uneven > options.max_unevenness * step[best]:
        return curve
    lift = float(heights[best + run // 2])
    central = slice(options.above_end_points, -options.above_end_points)
    above = middle[central, 1] - tops[central]
    if float(np.median(above)) < options.min_garment_above * lift:
        return curve
    fade = np.clip((1 - np.abs(np.linspace(-1, 1, len(curve)))) * options.fade, 0, 1)
    return np.asarray(curve - np.stack([np.zeros(len(curve)), lift * fade], axis=1))
