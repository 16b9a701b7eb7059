"""Whether a garment is worn on the upper body, on the legs or on both. Pure functions.

Told from the classes of the network and from the proportions of the mask. The network tells lower
garments reliably; between blouses and dresses it wavers, and there the length in widths of the
chest decides.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.categories import AUTO, DRESS, LOWER, UPPER
from services.kit.types import Mask

SURE_LENGTH: Final = 2.75
LEAST_LENGTH: Final = 2.0
"""Length of the garment in widths of its chest: photographed tops have .7 to 2.4, dresses 2.9 to
4.5. Above the first it is a dress, below the second a top, whatever the network says."""

FULL: Final = 0.5
"""Share of the garment that the network takes for a dress, between the two."""

NARROW: Final = 0.3
"""Width at the upper end, as a share of the largest: a waistband has .5 and more, a halter .2."""


def resolve_category(category: str, probabilities: NDArray[np.float32], mask: Mask) -> str:
    """Return ``upper``, ``lower`` or ``dress``: what was asked for, or what the photo shows.

    ``probabilities``: h x w x 4, background, upper, lower and full-body garments, of the whole
    photo; ``mask``: H x W, 255 on the garment.
    """
    if category != AUTO:
        return category
    small = (probabilities.shape[1], probabilities.shape[0])
    inside = cv2.resize(mask, small, interpolation=cv2.INTER_NEAREST) > 127
    if not inside.any():
        return UPPER
    _, upper, lower, full = (float(share) for share in probabilities[inside].mean(axis=0))
    if lower > upper + full and top_width_fraction(mask) > NARROW:
        return LOWER
    long = length_in_chest_widths(mask)
    if long > SURE_LENGTH:
        return DRESS
    return DRESS if long > LEAST_LENGTH and full > FULL else UPPER


def top_width_fraction(mask: Mask) -> float:
    """Return the garment's width at its upper end as a share of its largest, 0 to 1."""
    widths = (mask > 127).sum(axis=1)
    rows = np.flatnonzero(widths)
    if not len(rows):
        return 0.0
    end = rows[0] + int(0.06 * (rows[-1] - rows[0])) + 1
    return float(widths[rows[0] : end].max() / widths.max())


def length_in_chest_widths(mask: Mask) -> float:
    """Return the garment's height in widths of its trunk at the chest, without sleeves."""
    garment = mask > 127
    rows = np.flatnonzero(garment.any(axis=1))
    if not len(rows):
        return 0.0
    tall = int(rows[-1] - rows[0]) + 1
    axis = int(np.median(np.nonzero(garment)[1]))
    widths = []
    for row in range(rows[0] + int(0.22 * tall), rows[0] + int(0.42 * tall) + 1):
        if garment[row, axis]:
            closed = np.flatnonzero(~garment[row])
            left, right = closed[closed < axis], closed[closed > axis]
            first = int(left[-1]) + 1 if len(left) else 0
            widths.append((int(right[0]) if len(right) else garment.shape[1]) - first)
    widths = widths or [int(garment.sum(axis=1).max())]
    return tall / float(np.median(widths))
