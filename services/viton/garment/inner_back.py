"""The inside of the back that a garment's photo shows above the front neckline, by its colours."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components
from services.kit.raster.morphology import Footprint, close_mask, open_mask
from services.viton.garment.colour_clusters import cluster_colours, squared_distance_to_nearest
from services.viton.garment.landmarks import Neckline
from services.viton.garment.neckline_curve import CURVE_POINTS, EXPONENTS, curve_rows
from services.viton.garment.neckline_edge import downward_normals
from services.viton.garment.neckline_photo import NecklinePhoto
from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class InnerBackOptions:
    """How the inside of the back is found. Lengths are in neck widths if not said otherwise."""

    margin_beside: float = 0.2
    """How far beyond the neck points it may reach."""

    reach_below_armpits: float = 0.2
    """How far below the armpits it may reach, in half chest widths."""

    half_seed_width: float = 0.27
    """Half the width of the seed, around the middle of the neck."""

    upper_seed: tuple[float, float] = (0.025, 0.09)
    """First depth and last depth of the first seed below the garment's upper edge."""

    lower_seed: tuple[float, float] = (0.09, 0.17)
    """First depth and last depth of the second seed: below a trim and a label."""

    min_seed_pixels: int = 24
    """Pixels of a seed below which nothing is looked for."""

    edge_height: float = 0.03
    """Height of the strip along the upper edge that is always part of the inside."""

    min_patch_pixels: int = 16
    """Samples of a part of the front below which its colours are not known."""

    front_colours: int = 4
    """Clusters of the colours of each part of the front."""

    min_front_fraction: float = 0.08
    """Least fraction of the pixels that makes a cluster a colour of the front."""

    inner_colours: int = 3
    """Clusters of the colours of the seed."""

    min_seed_depth_px: int = 6
    """Least depth down to which a seed reaches, in pixels of the photo."""

    min_window_px: int = 16
    """Least height and width of the part of the photo that is searched, in pixels of the photo."""

    min_inner_fraction: float = 0.2
    """Least fraction of the pixels that makes a cluster a colour of the seed."""

    min_colour_difference: float = 5.0
    """Distance to the front's colours above which a colour is the inside's, in CIELAB units."""

    median_size: float = 0.012
    """Half the size of the median filter of the inside's mask."""

    closing_size: float = 0.03
    """Half the size of the closing of the inside's mask."""

    area: tuple[float, float] = (0.03, 1.3)
    """Least and largest area of the inside, in squares of the neck width."""

    widths: tuple[float, ...] = (0.7, 0.78, 0.86, 0.93, 1.0, 1.07, 1.14, 1.21)
    """Widths of the curves that are tried."""

    depths: tuple[float, float, int] = (0.06, 1.9, 70)
    """Least and largest depth of the curves that are tried, and how many depths."""

    narrow_cost: float = 0.4
    """What a curve loses in overlap for every neck width that it is narrower than the neck."""

    min_overlap: float = 0.62
    """Least intersection over union of the area above the curve with the inside's mask."""

    min_overlap_lower_seed: float = 0.7
    """The same with the second seed."""

    score_per_overlap: float = 20.0
    """Edge score of a curve whose overlap is 1."""

    margin_below: float = 0.014
    """How far below the inside's mask the front's edge lies."""


INNER_BACK_OPTIONS: Final = InnerBackOptions()


@dataclass(frozen=True, kw_only=True)
class _Window:
    """The part of the photo in which the inside of the back may lie."""

    first_row: int
    """First row, in pixels of the photo."""

    first_column: int
    """First column, in pixels of the photo."""

    lab: NDArray[np.float32]
    """h x w x 3, CIELAB."""

    mask: Bool
    """h x w, the garment."""

    top_rows: NDArray[np.int64]
    """w, the garment's first row in each column, in pixels of the photo."""

    @property
    def columns(self) -> NDArray[np.int64]:
        """w, the columns in pixels of the photo."""
        return np.arange(self.first_column, self.first_column + self.mask.shape[1])

    @property
    def depth(self) -> NDArray[np.int64]:
        """H x w, pixels below the garment's upper edge."""
        rows = np.arange(self.first_row, self.first_row + self.mask.shape[0])[:, None]
        return np.asarray(rows - self.top_rows[None, :], np.int64)


def trace_inner_back(
    photo: NecklinePhoto, options: InnerBackOptions = INNER_BACK_OPTIONS
) -> Neckline | None:
    """Trace the inside of the back from its upper edge and fit a curve of the family around it.

    If the inside is shown at all, it is shown just below the middle of the upper edge. Its colours
    are separated from the front's by the nearest sample, so that a faint but even difference is
    enough. Returns None if there is no such region of a plausible size and shape.
    """
    window = _crop(photo, options)
    if window is None:
        return None
    width = photo.width
    near = np.abs(window.columns - photo.midline_x)[None, :] < options.half_seed_width * width
    depth = window.depth
    rim = near & (depth <= max(3, options.edge_height * width))
    front = _front_colours(photo, options)
    # Above the inside may be a trim and a label, and it may reach beyond the neck points.
    chest_only = front[:1]
    for (above, below), colours, least in (
        (options.upper_seed, front, options.min_overlap),
        (options.lower_seed, chest_only, options.min_overlap_lower_seed),
    ):
        seed = window.mask & near & (depth > max(3, above * width))
        seed &= depth < max(options.min_seed_depth_px, below * width)
        if seed.sum() < options.min_seed_pixels or not colours:
            return None
        inside = _inner_colours(window.lab[seed], np.concatenate(colours), options)
        if inside is None:
            continue
        closer = _closer_to_inside(window, inside, np.concatenate(colours))
        region = _segment_inner_back(closer, window.mask & rim, seed, width, options)
        if region is None:
            continue
        found = _fit_curve(region, window, photo, options)
        if found is not None and found.edge_score > options.score_per_overlap * least:
            return found
    return None


def _crop(photo: NecklinePhoto, options: InnerBackOptions) -> _Window | None:
    """Return the part of the photo to look in, or None if it is too small."""
    beside = options.margin_beside * photo.width
    limits = photo.column_limits
    first = max(int(max(photo.left[0] - beside, limits[0])), 0)
    last = min(int(min(photo.right[0] + beside, limits[1])) + 1, photo.mask.shape[1])
    tops = np.minimum(photo.top_rows[first:last], photo.mask.shape[0] - 1)
    start = max(int(tops.min()), 0)
    below = photo.armpit_row + options.reach_below_armpits * photo.half_chest_width
    stop = int(np.clip(below, start, photo.mask.shape[0]))
    if min(last - first, stop - start) < options.min_window_px:
        return None
    return _Window(
        first_row=start,
        first_column=first,
        lab=photo.lab[start:stop, first:last],
        mask=photo.mask[start:stop, first:last],
        top_rows=tops,
    )


def _front_colours(photo: NecklinePhoto, options: InnerBackOptions) -> list[NDArray[np.float32]]:
    """Return the main colours of the chest, then of both shoulders, each K x 3."""
    return [
        _main_colours(patch.pixels, options.front_colours, options.min_front_fraction)
        for patch in photo.front_patches
        if patch.in_photo and len(patch.pixels) >= options.min_patch_pixels
    ]


def _inner_colours(
    seed: NDArray[np.float32], front: NDArray[np.float32], options: InnerBackOptions
) -> NDArray[np.float32] | None:
    """Return the seed's main colours (K x 3) that the front has not, or None."""
    colours = _main_colours(seed, options.inner_colours, options.min_inner_fraction)
    distinct = [
        colour
        for colour in colours
        if np.sqrt(((front - colour) ** 2).sum(-1)).min() > options.min_colour_difference
    ]
    return np.array(distinct) if distinct else None


def _closer_to_inside(
    window: _Window, inside: NDArray[np.float32], front: NDArray[np.float32]
) -> Bool:
    """Return the garment's pixels (h x w) whose colour is nearer to the inside than the front."""
    to_front = squared_distance_to_nearest(window.lab, front)
    to_inside = squared_distance_to_nearest(window.lab, inside)
    return np.asarray(window.mask & (to_inside < to_front))


def _segment_inner_back(
    closer: Bool, rim: Bool, seed: Bool, width: float, options: InnerBackOptions
) -> NDArray[np.uint8] | None:
    """Return the connected region (h x w) around ``seed``, or None without a plausible area.

    ``closer``: pixels of the inside's colours. ``rim``: the upper edge, part of the region.
    """
    size = 2 * max(int(options.median_size * width), 1) + 1
    like = np.asarray(cv2.medianBlur(closer.astype(np.uint8), size), np.uint8)
    joined = (like > 0) | rim
    labels = label_components(joined).labels
    mark = int(np.bincount(labels[seed & joined], minlength=1).argmax())
    if mark == 0:
        return None
    radius = max(int(options.closing_size * width), 1)
    closed = close_mask(labels == mark, radius, Footprint.SQUARE)
    smooth = open_mask(closed, 1, Footprint.SQUARE).astype(np.uint8)
    least, most = options.area
    if not least * width**2 < smooth.sum() < most * width**2 or smooth[-1].any():
        return None
    return smooth


def _fit_curve(
    region: NDArray[np.uint8],
    window: _Window,
    photo: NecklinePhoto,
    options: InnerBackOptions,
) -> Neckline | None:
    """Return the curve whose area above it overlaps the region best, or None if none does well."""
    width, middle = photo.width, photo.midline_x
    height, count = region.shape
    columns = window.columns.astype(np.float64)
    tops = window.top_rows.astype(np.float64)
    in_region, in_garment = (
        np.concatenate([np.zeros((1, count), np.int64), np.cumsum(part, axis=0)]).ravel()
        for part in (region, window.mask)
    )
    total = int(region.sum())
    best: tuple[float, Points, float] | None = None
    full = np.linspace(-1, 1, CURVE_POINTS)
    depths = np.linspace(*options.depths)
    for relative_width in options.widths:
        reach = relative_width * width / 2
        if relative_width > 1 and (middle - reach < columns[0] or middle + reach > columns[-1]):
            continue
        ends = np.interp([middle - reach, middle + reach], columns, tops)
        end_rows = (float(ends[0]), float(ends[1]))
        within = np.abs(columns - middle) < reach
        position = (columns[within] - middle) / reach
        drops = depths[:, None] * width
        for exponent in EXPONENTS:
            rows = curve_rows(end_rows, position, drop=drops, exponent=exponent)
            row = np.clip(rows - window.first_row, 0, height).astype(np.int64)
            at = row * count + np.flatnonzero(within)
            both = in_region[at].sum(axis=1)
            union = np.maximum(total + in_garment[at].sum(axis=1) - both, 1)
            overlaps = both / union - options.narrow_cost * max(1 - relative_width, 0.0)
            deepest = int(overlaps.argmax())
            if best is None or overlaps[deepest] > best[0]:
                depth = float(depths[deepest])
                ys = curve_rows(end_rows, full, drop=depth * width, exponent=exponent)
                curve = np.stack([middle + full * reach, ys], axis=1)
                best = (float(overlaps[deepest]), curve, depth)
    if best is None or best[0] < options.min_overlap:
        return None
    overlap, curve, depth = best
    return Neckline(
        curve=curve + options.margin_below * width * downward_normals(curve),
        has_collar=False,
        edge_score=options.score_per_overlap * overlap,
        depth=depth,
    )


def _main_colours(pixels: NDArray[np.float32], count: int, least: float) -> NDArray[np.float32]:
    """Return the main colours of pixels (N x 3): clusters of at least a fraction ``least``."""
    centres, counts = cluster_colours(pixels, count)
    return np.asarray(centres[counts >= least * counts.sum()], np.float32)
