"""A hood as it is spread out in the garment's photo, parted from what it hangs on."""

from typing import Final

import numpy as np

from services.kit.garment_attributes import LANDMARKS, GarmentAttributes
from services.kit.raster.components import largest_component
from services.viton.garment.landmarks import BackNeckPiece
from services.viton.garment.priors import MIN_CLASS_PROBABILITY, MIN_LANDMARK_CONFIDENCE
from services.viton.garment.silhouette import Bool

_LEAST: Final = 0.15
"""The least height of a hood, in widths of the neck."""


def split_off_hood(whole: Bool, attributes: GarmentAttributes) -> tuple[Bool, BackNeckPiece | None]:
    """Part a mask (H x W) at the neck's ends, where a network surely saw a hood above them.

    Spread out a hood is wider than the neck and as high as the chest is wide: its outline would be
    taken for shoulders, its opening for a neckline.
    """
    rows = [LANDMARKS.index(name) for name in ("left_neck", "right_neck")]
    left, right = attributes.landmarks[rows].astype(np.float64)
    seen = attributes.neckline == "hood" and attributes.neckline_confidence >= MIN_CLASS_PROBABILITY
    if not seen or min(left[2], right[2]) < MIN_LANDMARK_CONFIDENCE or right[0] - left[0] < 8:
        return whole, None
    height, width = whole.shape
    ends = np.interp(np.arange(width), [left[0], right[0]], [left[1], right[1]])
    above = whole & (np.arange(height)[:, None] < ends[None, :])
    hood = BackNeckPiece(above, left[:2], right[:2], is_hood=True)
    return largest_component(whole & ~above), hood if hood.height > _LEAST * hood.width else None
