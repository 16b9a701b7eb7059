"""Divide clothes into upper garment, lower garment and dress."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.human_parse.colour_histograms import (
    HISTOGRAM_OPTIONS,
    count_colours,
    find_colour_cells,
    histogram_overlap,
    lower_log_odds_by_colour,
)
from services.human_parse.parse_frame import CHEST_END, Flags, ParseFrame, height_along_trunk
from services.kit.raster.guided_filter import Plane


@dataclass(frozen=True, kw_only=True)
class OutfitOptions:
    """When clothes are a dress, and how the rest is divided.

    Heights are along the trunk (0 neck, 1 hip joints).
    """

    trousers_start: float = 0.55
    """Height above which lower garments are hardly likely."""
    trousers_start_spread: float = 0.05
    """Height over which the likelihood of a lower garment rises there, the logistic's scale."""
    min_open_share: float = 0.02
    """Share of the clothes below which what the network left open is not divided."""
    min_seed_share: float = 0.003
    """Share of the clothes that the seeds on either side of the waist must exceed."""
    min_dress_share: float = 0.6
    """Share of the clothes that the network must call full-body for a dress."""
    max_overlap: float = 0.9
    """Overlap of both sides' colours up to which they divide the clothes."""
    certainty_gain: float = 1.25
    """Certainty of the network's division, in probabilities of an upper or lower garment; 1 at
    most."""


OUTFIT_OPTIONS: Final = OutfitOptions()


@dataclass(frozen=True, kw_only=True)
class FullBodySkirtOptions:
    """When what the network calls full-body is a skirt."""

    min_top: float = 0.3
    """Least area of the top, in areas of the full-body garment."""
    min_chest_share: float = 0.2
    """Least share of the top that lies on the chest."""
    max_chest_share: float = 0.03
    """Share of a full-body garment on the chest from which on it is no skirt."""


FULL_BODY_SKIRT_OPTIONS: Final = FullBodySkirtOptions()


@dataclass(frozen=True, kw_only=True)
class WaistOptions:
    """How likely a garment belongs below the waist at a height along the trunk."""

    height: float = 0.78
    """Height at which both are equally likely (0 neck, 1 hip joints)."""
    scale: float = 0.07
    """Height over which the log-odds rise by 1."""
    min_log_odds: float = -14.0
    """Least log-odds, far above the waist."""
    max_log_odds: float = 8.0
    """Largest log-odds, far below the waist."""


WAIST_OPTIONS: Final = WaistOptions()


@dataclass(frozen=True, kw_only=True)
class SeedOptions:
    """Which clothes surely lie above or below the waist.

    Heights are along the trunk (0 neck, 1 hip joints).
    """

    upper_range: tuple[float, float] = (0.15, 0.5)
    """Heights of clothes above the waist."""
    upper_half_width: float = 0.6
    """Distance from the neck's column up to which clothes are above the waist, in shoulder
    widths."""
    lower_range: tuple[float, float] = (1.1, 1.8)
    """Heights of clothes below the waist."""
    sure: float = 0.8
    """Probability above which the network is sure of a garment."""
    min_sure_share: float = 0.03
    """Share of the clothes above which only the pixels that the network is sure of count."""


SEED_OPTIONS: Final = SeedOptions()

_EPSILON: Final = 1e-3
"""Least probability of an upper or lower garment by which the lower one's is divided."""

_MAX_EXPONENT: Final = 30
"""Largest absolute log-odds that the logistic function is given: beyond it is 0 or 1."""


@dataclass(frozen=True)
class OutfitClasses:
    """Clothes divided into upper garment, lower garment and dress, H x W float32 each."""

    clothes: Plane
    """Probability of any garment."""
    lower: Plane
    """Probability that a garment belongs below the waist."""
    dress: Plane
    """1 where one garment covers both halves, else 0."""


def split_upper_lower_dress(
    lab: NDArray[np.float32],
    garments: NDArray[np.float32],
    clothes: Plane,
    frame: ParseFrame,
    options: OutfitOptions = OUTFIT_OPTIONS,
) -> OutfitClasses:
    """Divide clothes into upper, lower and dress.

    ``lab`` is the photo, H x W x 3 float32 CIE Lab; ``garments`` H x W x 4 float32 probabilities of
    background, upper, lower and full-body garments; ``clothes`` H x W float32 from the person
    segmenter; ``frame`` is in their pixels. The networks overlook whole garments now and then. They
    call some outfits of two pieces one garment. What is neither "upper" nor "lower" to them is
    divided by colour and by height.
    """
    clothes_mask = clothes > 0.5
    total = max(1, int(np.count_nonzero(clothes_mask)))
    upper, lower, full = garments[..., 1], garments[..., 2], garments[..., 3]
    along = height_along_trunk(clothes.shape, frame)
    if _is_skirt(upper, full, along):
        lower, full = lower + full, np.zeros_like(full)
    explained = upper + lower
    open_pixels = clothes_mask & (explained < 0.5)
    is_full = np.count_nonzero(clothes_mask & (full > 0.5)) > options.min_dress_share * total
    ratio = lower / np.maximum(explained, _EPSILON)
    share = np.where(explained > _EPSILON, ratio, 0.5).astype(np.float32)
    share *= 1 / (1 + np.exp((options.trousers_start - along) / options.trousers_start_spread))
    dress = np.zeros_like(clothes)
    if np.count_nonzero(open_pixels) < options.min_open_share * total:
        return OutfitClasses(clothes, share, dress)
    above, below = _find_seeds(clothes_mask, upper, lower, frame)
    split = _lower_log_odds_by_height(along)
    enough = options.min_seed_share * total
    if np.count_nonzero(above) > enough and np.count_nonzero(below) > enough:
        cells = find_colour_cells(lab)
        first, second = count_colours(cells, above), count_colours(cells, below)
        alike = histogram_overlap(first, second)
        if is_full and alike > HISTOGRAM_OPTIONS.min_overlap:
            return OutfitClasses(clothes, np.zeros_like(clothes), clothes_mask.astype(np.float32))
        if alike < options.max_overlap:
            split = split + lower_log_odds_by_colour(cells, first, second, clothes_mask, frame)
    elif is_full:
        return OutfitClasses(clothes, np.zeros_like(clothes), clothes_mask.astype(np.float32))
    divided = 1 / (1 + np.exp(-np.clip(split, -_MAX_EXPONENT, _MAX_EXPONENT)))
    certainty = np.clip(explained * options.certainty_gain, 0, 1)
    lower_share = certainty * share + (1 - certainty) * divided
    return OutfitClasses(clothes, lower_share.astype(np.float32), dress)


def _is_skirt(
    upper: Plane,
    full: Plane,
    along: Plane,
    options: FullBodySkirtOptions = FULL_BODY_SKIRT_OPTIONS,
) -> bool:
    """Return whether what the network calls full-body is a skirt: a top covers the chest.

    All are H x W: probabilities of upper and full-body garments, and heights along the trunk.
    """
    top, rest = upper > 0.5, full > 0.5
    if np.count_nonzero(top) < options.min_top * np.count_nonzero(rest):
        return False
    chest = along < CHEST_END
    if np.count_nonzero(top & chest) < options.min_chest_share * np.count_nonzero(top):
        return False
    on_chest = np.count_nonzero(rest & chest)
    return bool(on_chest < options.max_chest_share * np.count_nonzero(rest))


def _lower_log_odds_by_height(along: Plane, options: WaistOptions = WAIST_OPTIONS) -> Plane:
    """Return the log-odds of belonging below the waist, H x W, by the height along the trunk."""
    odds = (along - options.height) / options.scale
    return np.asarray(np.clip(odds, options.min_log_odds, options.max_log_odds), np.float32)


def _find_seeds(
    clothes_mask: Flags,
    upper: Plane,
    lower: Plane,
    frame: ParseFrame,
    options: SeedOptions = SEED_OPTIONS,
) -> tuple[Flags, Flags]:
    """Mark clothes that surely lie above the waist, and below, H x W each.

    They are those that the network is sure of, else those within usual heights.
    """
    along = height_along_trunk(clothes_mask.shape, frame)
    centre = np.abs(np.arange(clothes_mask.shape[1], dtype=np.float32)[None, :] - frame.neck[0])
    (upper_start, upper_end), (lower_start, lower_end) = options.upper_range, options.lower_range
    central = centre < options.upper_half_width * frame.shoulder_width
    above = clothes_mask & (along > upper_start) & (along < upper_end) & central
    below = clothes_mask & (along > lower_start) & (along < lower_end)
    known_above = clothes_mask & (upper > options.sure)
    known_below = clothes_mask & (lower > options.sure)
    least = options.min_sure_share * np.count_nonzero(clothes_mask)
    if np.count_nonzero(known_above) > least:
        above = known_above
    if np.count_nonzero(known_below) > least:
        below = known_below
    return above, below
