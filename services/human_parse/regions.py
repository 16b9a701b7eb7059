"""Growing, filling and counting regions of pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import Flags
from services.kit.raster import morphology


def dilate(flags: Flags, radius: float) -> Flags:
    """Widen what is flagged, H x W, by ``radius`` pixels, one at least."""
    return morphology.dilate(flags, max(1, round(radius)))


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
