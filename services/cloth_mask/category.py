"""Choose between upper garment, lower garment and dress. Pure functions.

The network's classes and the proportions of the mask decide. The network recognises lower garments
reliably. It confuses blouses and dresses; there the length in chest widths decides.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.categories import AUTO, DRESS, LOWER, UPPER
from services.kit.types import Mask

MIN_CERTAIN_DRESS_LENGTH: Final = 2.75
"""Length, in chest widths, above which a garment is a dress whatever the network says.

Photographed dresses have 2.9 to 4.5.
"""

MIN_DRESS_LENGTH: Final = 2.0
"""Length, in chest widths, below which a garment is a top whatever the network says.

Photographed tops have 0.7 to 2.4.
"""

MIN_FULL_BODY_SHARE: Final = 0.5
"""Share of a garment of length between the two that the network must take for a dress."""

MIN_WAISTBAND_WIDTH: Final = 0.3
"""Width of a lower garment's upper end at least, as a share of its largest width.

A waistband has 0.5 and more, a halter top 0.2.
"""

UPPER_END: Final = 0.06
"""Height of a garment's upper end, as a share of its height."""

CHEST_ROWS: Final = (0.22, 0.42)
"""Rows of the chest, as shares of the garment's height from its upper end."""


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
    if lower > upper + full and top_width_fraction(mask) > MIN_WAISTBAND_WIDTH:
        return LOWER
    long = length_in_chest_widths(mask)
    if long > MIN_CERTAIN_DRESS_LENGTH:
        return DRESS
    return DRESS if long > MIN_DRESS_LENGTH and full > MIN_FULL_BODY_SHARE else UPPER


def top_width_fraction(mask: Mask) -> float:
    """Return the garment's width at its upper end as a share of its largest, 0 to 1."""
    widths = (mask > 127).sum(axis=1)
    rows = np.flatnonzero(widths)
    if not len(rows):
        return 0.0
    end = rows[0] + int(UPPER_END * (rows[-1] - rows[0])) + 1
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
    for row in range(rows[0] + int(CHEST_ROWS[0] * tall), rows[0] + int(CHEST_ROWS[1] * tall) + 1):
        if garment[row, axis]:
            closed = np.flatnonzero(~garment[row])
            left, right = closed[closed < axis], closed[closed > axis]
            first = int(left[-1]) + 1 if len(left) else 0
            widths.append((int(right[0]) if len(right) else garment.shape[1]) - first)
    widths = widths or [int(garment.sum(axis=1).max())]
    return tall / float(np.median(widths))
