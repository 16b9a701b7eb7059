"""Where a dress turns from a top into a skirt, in its photo."""

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

_TOP: Final = 1.5
_WAIST: Final = 0.88
_SEARCH: Final = (0.6, 1.4)
_NARROWER: Final = 0.95
_HIPS: Final = 1.35
_STEEPEST: Final = 0.12


@dataclass(frozen=True)
class DressLandmarks:
    """A dress: ``top`` is read as if it ended at the row ``hips``, ``skirt`` from ``waist`` down.

    ``body`` is the mask without sleeves. Rows are pixels of the photo.
    """

    top: TopLandmarks
    skirt: BottomsLandmarks
    body_mask: Bool
    waist_row: float
    hip_row: float


def detect_dress_landmarks(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], attributes: GarmentAttributes = NO_ATTRIBUTES
) -> DressLandmarks:
    """Read a dress (``image`` H x W x 3, ``mask`` H x W; ``attributes``: what a network read).

    Raises ``NoGarment``.
    """
    whole = largest_component(mask > 127)
    rows = np.flatnonzero(whole.any(axis=1))
    if not len(rows):
        detect_top_landmarks(image, mask)
    trunk = _trunk(whole)
    first, last = int(rows[0]), int(rows[-1])
    wide = trunk.sum(axis=1).astype(np.float64)
    tall = last - first
    upper = wide[first + int(0.12 * tall) : first + int(0.42 * tall)]
    chest = float(np.percentile(upper, 40)) if len(upper) else float(wide.max())
    rough = detect_top_landmarks(image, _cut(whole, trunk, first + _TOP * chest), attributes)
    tip = (rough.left.shoulder_tip[1] + rough.right.shoulder_tip[1]) / 2
    waist = _waist(wide, float(tip), 2 * rough.half_chest_width, last)
    hips = float(tip + _HIPS * (waist - tip))
    top = detect_top_landmarks(image, _cut(whole, trunk, hips), attributes)
    body = trunk.copy()
    for side in top.halves:
        if side.sleeve is not None:
            body &= ~side.sleeve.mask
    if top.sleeve_length in (SleeveLength.THREE_QUARTER, SleeveLength.LONG):
        body = _without_cuffs(body, int(waist))
    body = largest_component(body)
    skirt = detect_bottoms_landmarks(np.where(body, np.uint8(255), np.uint8(0)), waist, skirt=True)
    return DressLandmarks(top, skirt, body, waist, hips)


def _trunk(whole: Bool) -> Bool:
    """Return the mask without what hangs beside its middle: in every row the run through it."""
    columns = np.arange(whole.shape[1])
    rows = np.flatnonzero(whole.any(axis=1))
    axis = int(np.median(np.nonzero(whole[rows[len(rows) // 2] :])[1]))
    trunk = np.zeros_like(whole)
    for row in rows:
        filled = whole[row]
        if not filled[axis]:
            trunk[row] = filled
            continue
        closed = np.flatnonzero(~filled)
        left, right = closed[closed < axis], closed[closed > axis]
        first = int(left[-1]) + 1 if len(left) else 0
        end = int(right[0]) if len(right) else len(columns)
        trunk[row, first:end] = True
    return trunk


def _cut(whole: Bool, trunk: Bool, row: float) -> NDArray[np.uint8]:
    """Return the mask, 0 or 255, with the trunk cut off below ``row``; sleeves stay."""
    rows = np.arange(len(whole))[:, None]
    kept = largest_component(whole & ~(trunk & (rows > row)))
    return np.where(kept, np.uint8(255), np.uint8(0))


def _without_cuffs(body: Bool, waist: int) -> Bool:
    """Return the mask without sleeves that lie on the skirt: from the hem up it may only narrow.

    A skirt's outline widens upwards by little; a cuff beside it is a step.
    """
    rows = np.flatnonzero(body.any(axis=1))
    rows = rows[rows >= waist]
    # Hems are wavy: from where the skirt has its width.
    rows = rows[: max(int(0.94 * len(rows)), 2)][::-1]
    width = body.shape[1]
    left = body.argmax(axis=1).astype(np.float64)
    right = (width - 1 - body[:, ::-1].argmax(axis=1)).astype(np.float64)
    kept = body.copy()
    columns = np.arange(width)
    for below, row in pairwise(rows):
        left[row] = max(left[row], left[below] - _STEEPEST)
        right[row] = min(right[row], right[below] + _STEEPEST)
        kept[row] &= (columns >= left[row]) & (columns <= right[row])
    return kept


def _waist(wide: Floats, tip: float, chest: float, last: int) -> float:
    """Return the narrowest row where a waist may be, or the usual one where none is narrow."""
    usual = min(tip + _WAIST * chest, tip + 0.6 * (last - tip))
    start, stop = (int(min(tip + share * chest, last - 2)) for share in _SEARCH)
    if stop - start < 8:
        return usual
    profile = gaussian_filter1d(wide, max(0.03 * chest, 1.0))[start:stop]
    place = int(profile.argmin())
    inside = 0.04 * len(profile) < place < 0.96 * len(profile)
    if inside and profile[place] < _NARROWER * max(chest, float(profile[0])):
        return float(start + place)
    return usual
