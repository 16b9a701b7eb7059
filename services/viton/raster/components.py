"""Connected components of masks."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Bool: TypeAlias = NDArray[np.bool_]


def largest_component(mask: Bool) -> Bool:
    """Return the largest connected piece of a mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def remove_small_components(mask: Bool, least: int) -> Bool:
    """Return the mask without its pieces of fewer than ``least`` pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[pieces])
