"""The inside of a sleeve that its opening shows. On a person an arm is in its place."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import locate_components
from services.viton.garment.landmarks import SLEEVE_SAMPLES, Sleeve
from services.viton.geometry import distance, points_at_fractions, resample_polyline

_ACROSS: Final = np.linspace(0.0, 1.0, 48)
"""Where a sleeve is sampled across, from its outer edge 0 to its inner edge 1."""

_ALONG: Final = np.linspace(-1.0, 0.5, 96)
"""Where its end is sampled, in cuff widths past the end."""

_FABRIC: Final = np.linspace(0.3, 0.75, 96)
"""The part of a sleeve's length that surely shows its outside, from the shoulder 0 to the end 1."""


@dataclass(frozen=True, kw_only=True)
class CuffOptions:
    """What the inside of a cuff is. Lengths are in cuff widths."""

    min_cuff_px: float = 12.0
    """Width of a cuff below which nothing is looked for, in pixels of the photo."""

    min_length: float = 1.5
    """Length of a sleeve below which nothing is looked for."""

    dark_percentile: float = 2.0
    """Percentile of the sleeve's lightness that is its darkest shade."""

    min_difference: float = 12.0
    """How much darker than that shade an inside is, in levels 0 to 255."""

    min_width: float = 0.4
    """Least width of an inside."""

    height_range: tuple[float, float] = (0.08, 0.7)
    """Least and largest height of an inside."""

    max_distance: float = 0.9
    """Largest distance of an inside from the sleeve's end."""

    min_side_rim: float = 0.05
    """Least width of the rim on both sides of an inside."""

    front_rim: float = 0.02
    """Width of the rim that is left above an inside."""


CUFF_OPTIONS: Final = CuffOptions()


def trim_cuff_inside(
    lightness: NDArray[np.uint8], sleeve: Sleeve, options: CuffOptions = CUFF_OPTIONS
) -> Sleeve:
    """Return the sleeve up to the front rim of its opening.

    ``lightness`` is the garment photo's, H x W, 0 to 255. An inside is a piece that is darker than
    all of the sleeve's fabric and leaves a rim on both sides; a cuff of a darker fabric leaves
    none. Without an inside the sleeve is returned as it is.
    """
    cuff = distance(sleeve.outer_edge[-1], sleeve.inner_edge[-1])
    long = sleeve.length
    if cuff < options.min_cuff_px or long < options.min_length * cuff:
        return sleeve
    end = _straighten_sleeve(lightness, sleeve, 1 + _ALONG * cuff / long)
    fabric = _straighten_sleeve(lightness, sleeve, _FABRIC)
    darkest = np.percentile(fabric[:, 2:-2], options.dark_percentile)
    rim = _find_front_rim(end < darkest - options.min_difference, options)
    if rim is None:
        return sleeve
    outer, inner = (
        resample_polyline(edge, SLEEVE_SAMPLES, min(1 + at * cuff / long, 1.0))
        for edge, at in zip((sleeve.outer_edge, sleeve.inner_edge), rim, strict=True)
    )
    return replace(sleeve, outer_edge=outer, inner_edge=inner)


def _find_front_rim(dark: NDArray[np.bool_], options: CuffOptions) -> tuple[float, float] | None:
    """Return where the front rim meets the outer and the inner edge, in cuff widths past the end.

    ``dark``: a row for each of _ALONG, a column for each of _ACROSS. None without an inside.
    """
    pieces = locate_components(dark)
    for piece in sorted(range(1, pieces.count), key=lambda piece: -int(pieces.areas[piece])):
        left, _, wide, tall = pieces.boxes[piece]
        columns = np.arange(left, left + wide)
        across = _ACROSS[columns]
        has_rims = across[0] >= options.min_side_rim and across[-1] <= 1 - options.min_side_rim
        if not has_rims or across[-1] - across[0] < options.min_width:
            continue
        above = _ALONG[(pieces.labels[:, columns] == piece).argmax(axis=0)] - options.front_rim
        slant, level = np.polyfit(across, above, 1)
        level += (above - slant * across - level).min()
        least, most = options.height_range
        is_opening = least < tall * (_ALONG[1] - _ALONG[0]) < most
        if is_opening and level + slant / 2 > -options.max_distance:
            return float(level), float(level + slant)
    return None


def _straighten_sleeve(
    image: NDArray[np.uint8], sleeve: Sleeve, positions: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return a sleeve laid straight: a row for each position along it, a column for each across."""
    ends = [points_at_fractions(edge, positions) for edge in (sleeve.outer_edge, sleeve.inner_edge)]
    across = _ACROSS[None, :, None]
    places = (ends[0][:, None] * (1 - across) + ends[1][:, None] * across).astype(np.float32)
    border = cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=border),
        np.uint8,
    )
