"""The landmarks of a dress: a top, and a skirt from the waist down."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.raster.components import largest_component
from services.viton.garment.bottoms_landmarks import BottomsLandmarks, detect_bottoms_landmarks
from services.viton.garment.landmarks import SleeveLength, TopLandmarks
from services.viton.garment.top_landmarks import detect_top_landmarks

Bool: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DressOptions:
    """How a dress is divided."""

    chest_rows: tuple[float, float] = (0.12, 0.42)
    """Rows from which the chest's width is taken, as fractions of the dress's height."""

    chest_percentile: float = 40.0
    """Percentile of the widths in those rows that is the chest's width."""

    rough_top_height: float = 1.5
    """Height of the top in which the chest is first measured, in chest widths."""

    usual_waist: float = 0.88
    """Usual height from the shoulder tips to the waist, in chest widths."""

    lowest_waist: float = 0.6
    """Largest height to the usual waist, as a fraction of the height to the hem."""

    waist_range: tuple[float, float] = (0.6, 1.4)
    """Heights between which the narrowest row is searched, in chest widths."""

    min_waist_rows: int = 8
    """Rows in which a waist may be below which the usual one is taken, in pixels of the photo."""

    waist_blur: float = 0.03
    """Sigma by which the widths are smoothed, in chest widths."""

    max_waist_width: float = 0.95
    """Width of the narrowest row below which it is the waist, of the width above it."""

    range_margin: float = 0.04
    """Part of the searched rows at each end in which a narrowest row is none."""

    hips: float = 1.35
    """Height from the shoulder tips to the hips, in heights to the waist."""

    hem_rows: float = 0.94
    """Part of the skirt's rows, from the waist, above its wavy hem."""

    max_upward_widening: float = 0.12
    """Largest widening of a skirt upwards, in columns per row: a cuff beside it is a step."""


DRESS_OPTIONS: Final = DressOptions()


@dataclass(frozen=True, kw_only=True)
class DressLandmarks:
    """The landmarks of a dress, in pixels of its photo."""

    top: TopLandmarks
    """The upper part, as a top that ends at the hips."""

    skirt: BottomsLandmarks
    """The lower part, as a skirt that begins at the waist."""

    body_mask: Bool
    """H x W, the dress without sleeves."""

    waist_row: float
    """Row of the waist."""

    hip_row: float
    """Row of the hips, at which the top ends."""


def detect_dress_landmarks(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    attributes: GarmentAttributes = NO_ATTRIBUTES,
    options: DressOptions = DRESS_OPTIONS,
) -> DressLandmarks:
    """Detect the landmarks of a dress, in pixels of its photo.

    ``image``: H x W x 3, RGB. ``mask``: H x W, 255 on the dress. ``attributes``: the network's.
    Raises ``NoGarment`` if there is none.
    """
    whole = largest_component(mask > 127)
    if not whole.any():
        detect_top_landmarks(image, mask)
    trunk = _run_through_middle(whole)
    rows = np.flatnonzero(whole.any(axis=1))
    widths = trunk.sum(axis=1).astype(np.float64)
    first, last = int(rows[0]), int(rows[-1])
    start, stop = (first + int(fraction * (last - first)) for fraction in options.chest_rows)
    upper = widths[start:stop]
    chest = float(widths.max())
    if len(upper):
        chest = float(np.percentile(upper, options.chest_percentile))
    rough_hem = first + options.rough_top_height * chest
    rough = detect_top_landmarks(image, _end_trunk_at(whole, trunk, rough_hem), attributes)
    tip = float((rough.left.shoulder_tip[1] + rough.right.shoulder_tip[1]) / 2)
    waist = _find_waist(widths, tip, 2 * rough.half_chest_width, last, options)
    hips = float(tip + options.hips * (waist - tip))
    top = detect_top_landmarks(image, _end_trunk_at(whole, trunk, hips), attributes)
    body = _without_sleeves(trunk, top, int(waist), options)
    skirt_mask = np.where(body, np.uint8(255), np.uint8(0))
    return DressLandmarks(
        top=top,
        skirt=detect_bottoms_landmarks(skirt_mask, waist, is_skirt=True),
        body_mask=body,
        waist_row=waist,
        hip_row=hips,
    )


def _without_sleeves(trunk: Bool, top: TopLandmarks, waist: int, options: DressOptions) -> Bool:
    """Return the trunk's mask without sleeves, and without cuffs that lie on the skirt."""
    body = trunk.copy()
    for half in top.halves:
        if half.sleeve is not None:
            body &= ~half.sleeve.mask
    if top.sleeve_length in (SleeveLength.THREE_QUARTER, SleeveLength.LONG):
        return largest_component(_without_cuffs(body, waist, options))
    return largest_component(body)


def _run_through_middle(whole: Bool) -> Bool:
    """Return the mask without what hangs beside its middle: in every row the run through that."""
    columns = np.arange(whole.shape[1])
    rows = np.flatnonzero(whole.any(axis=1))
    axis_x = int(np.median(np.nonzero(whole[rows[len(rows) // 2] :])[1]))
    trunk = np.zeros_like(whole)
    for row in rows:
        filled = whole[row]
        if not filled[axis_x]:
            trunk[row] = filled
            continue
        closed = np.flatnonzero(~filled)
        left, right = closed[closed < axis_x], closed[closed > axis_x]
        first = int(left[-1]) + 1 if len(left) else 0
        end = int(right[0]) if len(right) else len(columns)
        trunk[row, first:end] = True
    return trunk


def _end_trunk_at(whole: Bool, trunk: Bool, row: float) -> NDArray[np.uint8]:
    """Return the mask, 0 or 255, without the trunk below ``row``; sleeves stay."""
    rows = np.arange(len(whole))[:, None]
    kept = largest_component(whole & ~(trunk & (rows > row)))
    return np.where(kept, np.uint8(255), np.uint8(0))


def _without_cuffs(body: Bool, waist: int, options: DressOptions) -> Bool:
    """Return the mask without sleeves that lie on the skirt: from the hem up it may only narrow.

    A skirt's outline widens upwards by little; a cuff beside it is a step.
    """
    filled = np.flatnonzero(body.any(axis=1))
    skirt = filled[filled >= waist]
    # Hems are wavy: from where the skirt has its width.
    upwards = skirt[: max(int(options.hem_rows * len(skirt)), 2)][::-1]
    width = body.shape[1]
    left = body.argmax(axis=1).astype(np.float64)
    right = (width - 1 - body[:, ::-1].argmax(axis=1)).astype(np.float64)
    kept = body.copy()
    columns = np.arange(width)
    for below, row in pairwise(upwards):
        left[row] = max(left[row], left[below] - options.max_upward_widening)
        right[row] = min(right[row], right[below] + options.max_upward_widening)
        kept[row] &= (columns >= left[row]) & (columns <= right[row])
    return kept


def _find_waist(
    widths: Floats, tip: float, chest: float, last: int, options: DressOptions
) -> float:
    """Return the narrowest row in which a waist may be, or the usual one if none is narrow.

    ``widths``: H, the trunk's. ``tip``: row of the shoulder tips. ``last``: row of the hem.
    """
    usual = min(tip + options.usual_waist * chest, tip + options.lowest_waist * (last - tip))
    start, stop = (int(min(tip + fraction * chest, last - 2)) for fraction in options.waist_range)
    if stop - start < options.min_waist_rows:
        return usual
    profile = gaussian_filter1d(widths, max(options.waist_blur * chest, 1.0))[start:stop]
    place = int(profile.argmin())
    margin = options.range_margin
    is_inside = margin * len(profile) < place < (1 - margin) * len(profile)
    widest = options.max_waist_width * max(chest, float(profile[0]))
    if is_inside and profile[place] < widest:
        return float(start + place)
    return usual
