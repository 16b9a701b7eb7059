"""Main colours of a patch of a photo, and distances to them."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

_ITERATIONS: Final = 12
"""Largest number of iterations of k-means."""

_CONVERGENCE: Final = 1.0
"""Movement of the centres at which k-means ends, in units of the pixels' values."""


def cluster_colours(pixels: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Cluster pixels (N x 3) by k-means, always in the same way.

    Return the centres (``count`` x 3) and the number of pixels of each.
    """
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, _ITERATIONS, _CONVERGENCE)
    start = np.zeros((len(pixels), 1), np.int32)
    samples = np.ascontiguousarray(pixels, np.float32)
    _, labels, centres = cv2.kmeans(samples, count, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres, np.float32), np.bincount(labels.ravel(), minlength=count)


def squared_distance_to_nearest(image: Floats, colours: Floats) -> Floats:
    """Return each pixel's (H x W x 3) squared distance to the nearest of the colours (K x 3)."""
    planes = cv2.split(image)
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    for colour in colours:
        away = sum((plane - value) ** 2 for plane, value in zip(planes, colour, strict=True))
        nearest = np.asarray(np.minimum(nearest, away), np.float32)
    return nearest
