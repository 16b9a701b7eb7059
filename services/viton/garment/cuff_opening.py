"""The inside of a sleeve that its opening shows: on a person an arm is in its place."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components
from services.viton.garment.landmarks import SLEEVE_SAMPLES, Sleeve
from services.viton.geometry import distance, points_at_fractions, resample_polyline

_ACROSS: Final = np.linspace(0.0, 1.0, 48)
_ALONG: Final = np.linspace(-1.0, 0.5, 96)
"""Where a sleeve is looked at: across it, and before and past its end in widths of the cuff."""

_OWN: Final = np.linspace(0.3, 0.75, 96)
"""The part of a sleeve's length whose tones are the cloth's own."""

_DARKEST: Final = 2.0
_DARKER: Final = 12.0
"""Per cent of the sleeve that is darker than its darkest tone, and how much darker an inside is."""

_WIDE: Final = 0.4
_TALL: Final = (0.08, 0.7)
_NEAR: Final = 0.9
"""Least width of an inside, its height and its distance from the end, in widths of the cuff."""

_EDGE: Final = 0.05
_RIM: Final = 0.02
"""What is left beside and above it, likewise."""


def trim_cuff_inside(lightness: NDArray[np.uint8], sleeve: Sleeve) -> Sleeve:
    """Return a sleeve that ends at the front rim of its opening.

    ``lightness`` is the garment photo's, H x W. An inside is a piece darker than all of the
    sleeve's cloth that leaves a rim on both sides; a cuff of a darker cloth leaves none.
    """
    cuff = distance(sleeve.outer_edge[-1], sleeve.inner_edge[-1])
    long = sleeve.length
    if cuff < 12 or long < 1.5 * cuff:
        return sleeve
    near = _straighten_sleeve(lightness, sleeve, 1 + _ALONG * cuff / long)
    own = _straighten_sleeve(lightness, sleeve, _OWN)
    rim = _find_front_rim(near < np.percentile(own[:, 2:-2], _DARKEST) - _DARKER)
    if rim is None:
        return sleeve
    outer, inner = (
        resample_polyline(edge, SLEEVE_SAMPLES, min(1 + at * cuff / long, 1.0))
        for edge, at in zip((sleeve.outer_edge, sleeve.inner_edge), rim, strict=True)
    )
    return replace(sleeve, outer_edge=outer, inner_edge=inner)


def _find_front_rim(dark: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return where the front rim is at the outer and the inner edge, in cuff widths past the end.

    ``dark``: a row for each of _ALONG, a column for each of _ACROSS. None without an inside.
    """
    pieces = label_components(dark)
    for piece in sorted(range(1, pieces.count), key=lambda piece: -int(pieces.areas[piece])):
        left, _, wide, tall = pieces.boxes[piece]
        columns = np.arange(left, left + wide)
        across = _ACROSS[columns]
        if across[0] < _EDGE or across[-1] > 1 - _EDGE or across[-1] - across[0] < _WIDE:
            continue
        above = _ALONG[(pieces.labels[:, columns] == piece).argmax(axis=0)] - _RIM
        slant, level = np.polyfit(across, above, 1)
        level += (above - slant * across - level).min()
        if _TALL[0] < tall * (_ALONG[1] - _ALONG[0]) < _TALL[1] and level + slant / 2 > -_NEAR:
            return float(level), float(level + slant)
    return None


def _straighten_sleeve(
    picture: NDArray[np.uint8], sleeve: Sleeve, shares: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return a picture of a sleeve laid straight: a row for each share of its length."""
    ends = [points_at_fractions(edge, shares) for edge in (sleeve.outer_edge, sleeve.inner_edge)]
    across = _ACROSS[None, :, None]
    where = (ends[0][:, None] * (1 - across) + ends[1][:, None] * across).astype(np.float32)
    border = cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.remap(picture, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=border),
        np.uint8,
    )
