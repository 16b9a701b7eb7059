"""The waistband of existing bottoms over a top that is tucked in."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from services.viton.person.body import Body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import bounding_window
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ShadowInsensitiveColoursOptions:
    """Colours that change little in a shadow."""

    dark_level: float = 30.0
    """Level that is added to a pixel's mean, so that hues of dark pixels are not exaggerated."""
    hue_gain: float = 160.0
    """Size of the two hue channels, in levels for a difference as large as the mean."""
    light_gain: float = 0.4
    """Size of the light channel, in levels for each level of the mean."""


SHADOW_INSENSITIVE_COLOURS_OPTIONS: Final = ShadowInsensitiveColoursOptions()


@dataclass(frozen=True, kw_only=True)
class WaistbandShiftOptions:
    """How the colours move the label map's edge of a waistband.

    Colours are those of ``_shadow_insensitive_colours``, in levels.
    """

    window_ratio: int = 3
    """How far from the existing garment colours are read, in largest shifts of the edge."""
    distance_offset: float = 8.0
    """Addend to the colours' difference that keeps likeness low where they are much alike."""
    min_difference: float = 15
    """Difference of the colours above and below up to which they say nothing; they say all at twice
    that."""
    row_blur_px: int = 5
    """Width of the box blur of the likeness along rows, in pixels of the canvas."""
    min_gain: float = 1.0
    """Likeness, summed over rows, that a shift has to gain beyond the largest one to be sure."""
    probe_rise_px: int = 6
    """Height above the edge at which the existing garment has to lie, in pixels of the canvas."""
    median_px: int = 21
    """Width of the median filter along the shifts, in pixels of the canvas."""
    sigma_px: float = 2.0
    """Standard deviation of the blur along the shifts, in pixels of the canvas."""
    colours: ShadowInsensitiveColoursOptions = SHADOW_INSENSITIVE_COLOURS_OPTIONS
    """Colours in which the garments are compared."""


WAISTBAND_SHIFT_OPTIONS: Final = WaistbandShiftOptions()


@dataclass(frozen=True, kw_only=True)
class WaistbandOptions:
    """How the upper edge of trousers or a skirt is found."""

    search_px: int = 10
    """How far the label map's upper edge of a waistband may be moved, in canvas pixels."""
    overlap_px: float = 5.0
    """How far the garment may cover a waistband from above, in canvas pixels."""
    search_above: float = 0.4
    """Height above the existing hem from which the labels are read, in shoulder widths."""
    search_below: float = 0.9
    """Depth below the existing hem down to which the labels are read, in shoulder widths."""
    median_px: int = 9
    """Width of the median filter along the label map's edge, in canvas pixels."""
    edge_sigma_px: float = 1.5
    """Standard deviation of the blur along the edge, in canvas pixels."""
    slope_sigma: float = 0.012
    """Standard deviation of the blur along the edge whose slope is taken, in shoulder widths."""
    max_slope: float = 0.7
    """Steepest slope of a waistband; where it is steeper, the waistband ends."""
    min_width: float = 0.3
    """Width that a waistband has to exceed to be kept, in shoulder widths."""
    beyond_slope: float = 0.5
    """Rise of the edge beyond the waistband's ends, in rows per column."""
    beyond_width: float = 0.05
    """Width beyond either end over which the edge rises, in shoulder widths."""
    rim_height_px: int = 24
    """Height of the strip along the upper edge that is drawn over the garment, in canvas pixels."""
    shift: WaistbandShiftOptions = WAISTBAND_SHIFT_OPTIONS
    """How the colours move the label map's edge."""


WAISTBAND_OPTIONS: Final = WaistbandOptions()


@dataclass(frozen=True, kw_only=True)
class WaistbandRimOptions:
    """The upper rim of a waistband, which takes its colours from below."""

    height_px: int = 3
    """Height of the rim, in pixels of the canvas."""
    margin_px: int = 4
    """Width around the waistband in which colours are read, in pixels of the canvas."""
    min_coverage: float = 0.95
    """Coverage above which a pixel shows the waistband alone, 0 to 1."""
    blur_px: float = 0.7
    """Standard deviation of the rim's own edge, in pixels of the canvas."""
    shadow: float = 0.2
    """Fraction of the light that the waistband takes from the torso beside it."""
    shadow_sigma_px: float = 4.0
    """Standard deviation of that shadow, in pixels of the canvas."""


WAISTBAND_RIM_OPTIONS: Final = WaistbandRimOptions()


def measure_waistband_coverages(
    image: Floats,
    segmentation: PersonSegmentation,
    body: Body,
    options: WaistbandOptions = WAISTBAND_OPTIONS,
) -> tuple[Floats, Floats] | None:
    """Return where trousers or a skirt begin under a tucked-in garment; None where none is seen.

    The label's edge is moved to where the colours change from the existing garment's to those
    below, by up to ``WaistbandOptions.search_px`` pixels. Returns two H x W coverages, 0 to 1: of
    what may be covered by the garment from above, and of trousers or skirt along their upper edge.
    """
    scale = body.shoulder_width
    height, width = segmentation.lower_body.shape
    columns = np.arange(width)
    near = slice(
        max(int(body.existing_hem_row - options.search_above * scale), 0),
        int(body.existing_hem_row + options.search_below * scale),
    )
    band = segmentation.lower_body[near]
    found = band.any(axis=0)
    if not found.any():
        return None
    top = near.start + band.argmax(axis=0)
    line = np.interp(columns, columns[found], top[found].astype(np.float64))
    line = median_filter(line, options.median_px)
    line = line + _waistband_shift(image, segmentation, line, options)
    line = gaussian_filter1d(line, options.edge_sigma_px)
    middle = int(np.clip(body.midline_x[int(min(body.existing_hem_row, height - 1))], 0, width - 1))
    slope = np.abs(np.gradient(gaussian_filter1d(line, options.slope_sigma * scale)))
    ends = np.flatnonzero(~found | (slope > options.max_slope))
    first = int(ends[ends < middle].max(initial=-1)) + 1
    last = int(ends[ends > middle].min(initial=width)) - 1
    seen = np.zeros(width, np.float32)
    if last - first > options.min_width * scale:
        seen[first : last + 1] = 1
        beyond = np.maximum(np.maximum(first - columns, columns - last), 0)
        rim = line[np.clip(columns, first, last)] - options.beyond_slope * np.minimum(
            beyond, options.beyond_width * scale
        )
        line = np.where(beyond > 0, rim, line)
    rows = np.arange(height)[:, None]
    above = np.clip(line[None, :] + options.overlap_px - rows, 0, 1)
    below = np.clip(rows - line[None, :] + 0.5, 0, 1)
    below = below * np.clip(line[None, :] + options.rim_height_px - rows, 0, 1)
    lower = below * seen * dilate(segmentation.lower_body, options.search_px)
    return above.astype(np.float32), lower.astype(np.float32)


def _waistband_shift(
    image: Floats,
    segmentation: PersonSegmentation,
    line: NDArray[np.float64],
    waistband: WaistbandOptions,
) -> NDArray[np.float64]:
    """Return how far below ``line`` the colours change, per column; 0 where that is unclear."""
    options, search = waistband.shift, waistband.search_px
    width = segmentation.lower_body.shape[1]
    margin = options.window_ratio * search
    window = bounding_window(
        segmentation.lower_body & dilate(segmentation.upper_garment, margin), margin
    )
    if window is None:
        return np.zeros(width)
    rows, columns = window
    photo = _shadow_insensitive_colours(image[window], options.colours)
    old = pull_push(photo, erode(segmentation.upper_garment[window], search))
    new = pull_push(photo, erode(segmentation.lower_body[window], search))
    to_old = np.linalg.norm(photo - old, axis=-1)
    to_new = np.linalg.norm(photo - new, axis=-1)
    span = np.linalg.norm(new - old, axis=-1)
    like_old = np.clip((to_new - to_old) / (span + options.distance_offset), -1, 1)
    like_old = like_old * np.clip(span / options.min_difference - 1, 0, 1)
    like_old = cv2.blur(like_old.astype(np.float32), (options.row_blur_px, 1))
    steps = np.arange(-search, search + 1)
    at = np.rint(line[columns][None, :] + steps[:, None]).astype(int) - rows.start
    inside = np.clip(at, 0, like_old.shape[0] - 1)
    gain = np.cumsum(like_old[inside, np.arange(inside.shape[1])[None, :]], axis=0)
    shift = np.zeros(width)
    # Ahead of the first step lies nothing: the line may also stay at the window's start.
    best = steps[gain.argmax(axis=0)] + 1.0
    best = np.where(gain.max(axis=0) > 0.0, best, -float(search))
    sure = gain.max(axis=0) - gain[-1] > options.min_gain
    over_it = np.rint(line).astype(int) - options.probe_rise_px
    over_it = np.clip(over_it, 0, segmentation.upper_garment.shape[0] - 1)
    sure &= segmentation.upper_garment[over_it, np.arange(width)][columns][: len(sure)]
    shift[columns] = np.where(sure, best, 0.0)[: shift[columns].shape[0]]
    return np.asarray(gaussian_filter1d(median_filter(shift, options.median_px), options.sigma_px))


def _shadow_insensitive_colours(image: Floats, options: ShadowInsensitiveColoursOptions) -> Floats:
    """Return colours in which a shadow is little change: two of hue and saturation, one of light.

    All three are of the size of levels (0 to 255).
    """
    mean = image.mean(axis=-1, keepdims=True)
    hue = (image[..., ::2] - image[..., 1:2]) / (mean + options.dark_level) * options.hue_gain
    return np.asarray(np.concatenate([hue, options.light_gain * mean], axis=-1), np.float32)


def take_rim_colours_from_below(
    image: Floats, lower: Floats, options: WaistbandRimOptions = WAISTBAND_RIM_OPTIONS
) -> Floats:
    """Return the image with the colours along the upper rim of ``lower`` taken from below it."""
    height = options.height_px
    window = bounding_window(lower > 0, options.margin_px)
    if window is None:
        return image
    part = lower[window]
    deep = np.zeros(part.shape, bool)
    deep[height:] = part[:-height] > options.min_coverage
    inside = deep & (part > options.min_coverage)
    close = pull_push(image[window], inside, 1)
    result = image.copy()
    rim = (part > 0) & ~deep
    result[window] = alpha_blend(
        image[window], close, np.minimum(antialias(rim, options.blur_px), dilate(rim, 1))
    )
    return result
