"""A hood as it is spread out in the garment's photo, split from the garment."""

from typing import Final

import numpy as np

from services.kit.garment_attributes import LANDMARKS, GarmentAttributes
from services.kit.raster.components import largest_component
from services.viton.garment.landmarks import BackNeckPiece
from services.viton.garment.priors import MIN_CLASS_PROBABILITY, MIN_LANDMARK_CONFIDENCE
from services.viton.garment.silhouette import Bool

_MIN_HEIGHT: Final = 0.15
"""Least height of a hood, in neck widths."""

_MIN_NECK_WIDTH_PX: Final = 8
"""Least width of the neck, in pixels of the photo."""


def split_off_hood(whole: Bool, attributes: GarmentAttributes) -> tuple[Bool, BackNeckPiece | None]:
    """Split a mask (H x W) at the line between the neck's ends if the network is sure of a hood.

    Return the garment below the line and the hood above it, or None if it is too low. Spread out, a
    hood is wider than the neck and as high as the chest is wide: its outline would be taken for
    shoulders, its opening for a neckline.
    """
    rows = [LANDMARKS.index(name) for name in ("left_neck", "right_neck")]
    left, right = attributes.landmarks[rows].astype(np.float64)
    is_predicted = (
        attributes.neckline == "hood" and attributes.neckline_confidence >= MIN_CLASS_PROBABILITY
    )
    has_ends = min(left[2], right[2]) >= MIN_LANDMARK_CONFIDENCE
    if not is_predicted or not has_ends or right[0] - left[0] < _MIN_NECK_WIDTH_PX:
        return whole, None
    height, width = whole.shape
    ends = np.interp(np.arange(width), [left[0], right[0]], [left[1], right[1]])
    above = whole & (np.arange(height)[:, None] < ends[None, :])
    hood = BackNeckPiece(above, left[:2], right[:2], is_hood=True)
    is_high = hood.height > _MIN_HEIGHT * hood.width
    return largest_component(whole & ~above), hood if is_high else None
