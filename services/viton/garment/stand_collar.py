"""A collar that stands around the neck: a turtleneck's, a mock neck's."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.garment_attributes import GarmentAttributes
from services.viton.garment.landmarks import Neckline
from services.viton.garment.priors import MIN_CLASS_PROBABILITY, predicted_neckline
from services.viton.garment.silhouette import Bool
from services.viton.geometry import Points

_FRONT: Final = 0.8
"""How much of its height is its front: above it the inside of its back is seen."""

_LEAST: Final = 0.13
_LEAST_SEEN: Final = 0.35
"""Its least height above the neckline's ends, and above those that the network sees, in widths of
the neck: the collar of a polo shirt, which the network may mistake, is lower.
"""

_SEAM: Final = 0.04
"""How far it reaches below the neckline, likewise, so that no seam opens."""


def find_stand_collar(
    whole: Bool, top: NDArray[np.int64], neckline: Neckline, attributes: GarmentAttributes
) -> Bool | None:
    """Return the mask (H x W) of a stand above the neckline, where a network surely saw one.

    ``top`` is the first row of the mask ``whole`` in every column.
    """
    seen = predicted_neckline(attributes)
    if (
        attributes.neckline != "high_neck"
        or attributes.neckline_confidence < MIN_CLASS_PROBABILITY
        or seen is None
    ):
        return None
    curve = neckline.curve
    low = _height_above_line(top, curve[0], curve[-1]) < _LEAST
    if low or _height_above_line(top, seen.left_end, seen.right_end) < _LEAST_SEEN:
        return None
    columns = np.arange(whole.shape[1])
    base = np.interp(columns, curve[:, 0], curve[:, 1])
    between = (columns > curve[0, 0]) & (columns < curve[-1, 0])
    rows = np.arange(whole.shape[0])[:, None]
    under = base + _SEAM * seen.width
    return np.asarray(whole & (rows > base - _FRONT * (base - top)) & (rows < under) & between)


def _height_above_line(top: NDArray[np.int64], left: Points, right: Points) -> float:
    """Return the median height of the mask above the line from end to end, in its lengths."""
    columns = np.arange(int(left[0]) + 1, max(int(right[0]), int(left[0]) + 2))
    columns = np.clip(columns, 0, len(top) - 1)
    line = np.interp(columns, [left[0], right[0]], [left[1], right[1]])
    return float(np.median(line - top[columns]) / max(right[0] - left[0], 1.0))
