"""A collar that stands around the neck, such as a turtleneck's or a mock neck's."""

from typing import Final

import numpy as np

from services.kit.garment_attributes import GarmentAttributes
from services.viton.garment.landmarks import Neckline
from services.viton.garment.priors import MIN_CLASS_PROBABILITY, predicted_neckline
from services.viton.garment.silhouette import Bool, Ints
from services.viton.geometry import Points

_FRONT_FRACTION: Final = 0.8
"""Part of its height, from below, that is its front: above is the inside of its back."""

_MIN_HEIGHT: Final = 0.13
"""Least height above the neckline's ends, in neck widths."""

_MIN_PREDICTED_HEIGHT: Final = 0.35
"""Least height above the predicted neckline's ends, in neck widths: the collar of a polo shirt,
which the network may mistake, is lower."""

_OVERLAP: Final = 0.04
"""How far it reaches below the neckline, in neck widths, so that no seam opens."""


def find_stand_collar(
    whole: Bool, top_rows: Ints, neckline: Neckline, attributes: GarmentAttributes
) -> Bool | None:
    """Return the mask (H x W) of a stand collar above the neckline if the network is sure of one.

    ``top_rows`` (W) is the first row of the mask ``whole`` in every column.
    """
    predicted = predicted_neckline(attributes)
    is_sure = attributes.neckline_confidence >= MIN_CLASS_PROBABILITY
    if attributes.neckline != "high_neck" or not is_sure or predicted is None:
        return None
    curve = neckline.curve
    height = _height_above_line(top_rows, curve[0], curve[-1])
    predicted_height = _height_above_line(top_rows, predicted.left_end, predicted.right_end)
    if height < _MIN_HEIGHT or predicted_height < _MIN_PREDICTED_HEIGHT:
        return None
    columns = np.arange(whole.shape[1])
    base = np.interp(columns, curve[:, 0], curve[:, 1])
    between = (columns > curve[0, 0]) & (columns < curve[-1, 0])
    rows = np.arange(whole.shape[0])[:, None]
    first = base - _FRONT_FRACTION * (base - top_rows)
    end = base + _OVERLAP * predicted.width
    return np.asarray(whole & (rows > first) & (rows < end) & between)


def _height_above_line(top_rows: Ints, left: Points, right: Points) -> float:
    """Return the median height of the mask above the line between two ends, in its lengths."""
    columns = np.arange(int(left[0]) + 1, max(int(right[0]), int(left[0]) + 2))
    inside = np.clip(columns, 0, len(top_rows) - 1)
    line = np.interp(inside, [left[0], right[0]], [left[1], right[1]])
    return float(np.median(line - top_rows[inside]) / max(right[0] - left[0], 1.0))
