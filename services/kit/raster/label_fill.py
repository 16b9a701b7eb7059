"""Fill gaps of label maps."""

import cv2
import numpy as np
from numpy.typing import NDArray


def fill_from_nearest(labels: NDArray[np.uint8], keep: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return H x W labels whose pixels that are not in ``keep`` have the nearest label that is.

    The labels come back as they are if none or all are kept. Distances are OpenCV's approximation
    of the Euclidean one with a mask of 5 x 5.
    """
    if keep.all() or not keep.any():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        (~keep).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label_at = np.zeros(int(nearest.max()) + 1, np.uint8)
    label_at[nearest[keep]] = labels[keep]
    return np.where(keep, labels, label_at[nearest])
