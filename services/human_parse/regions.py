"""Growing, filling and counting regions of pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import Flags


def _ellipse(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def dilate(flags: Flags, radius: float) -> Flags:
    """Widen what is flagged, H x W, by ``radius`` pixels, one at least."""
    return cv2.dilate(flags.astype(np.uint8), _ellipse(radius)) > 0


def fill_from_nearest(labels: NDArray[np.uint8], keep: Flags) -> NDArray[np.uint8]:
    """Replace what is not kept by the nearest label that is."""
    if keep.all() or not keep.any():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        (~keep).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(nearest.max()) + 1, np.uint8)
    lookup[nearest[keep]] = labels[keep]
    return np.where(keep, labels, lookup[nearest])
