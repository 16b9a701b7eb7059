"""Simulate the errors of a mask network in an exact mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def spoil(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return a mask (H x W, 0 or 255) with an uneven outline, bites, filled gaps or additions.

    A third stays exact. Sizes are shares of the mask's own height and width.
    """
    if rng.random() < 0.33:
        return mask
    side = max(mask.shape)
    spoilt = mask
    if rng.random() < 0.3:
        spoilt = _morphed(spoilt, cv2.MORPH_CLOSE, rng.uniform(0.005, 0.03) * side)
    if rng.random() < 0.12:
        spoilt = _morphed(spoilt, cv2.MORPH_OPEN, rng.uniform(0.004, 0.016) * side)
    if rng.random() < 0.7:
        spoilt = _frayed(spoilt, rng, side)
    if rng.random() < 0.25:
        spoilt = _dabbed(spoilt, rng, side, value=0)
    if rng.random() < 0.15:
        spoilt = _dabbed(spoilt, rng, side, value=255)
    return spoilt if np.count_nonzero(spoilt) > 0.5 * np.count_nonzero(mask) else mask


def _morphed(mask: Mask, operation: int, radius: float) -> Mask:
    size = 2 * max(int(radius), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(mask, operation, kernel), np.uint8)


def _frayed(mask: Mask, rng: np.random.Generator, side: int) -> Mask:
    """Move the outline in and out by smooth noise."""
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 3)
    grain = int(rng.uniform(6, 24))
    coarse = rng.normal(0, 1, (grain, grain)).astype(np.float32)
    wave = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    shift = rng.normal(0, 0.004) * side + wave * (rng.uniform(0, 0.007) * side)
    return np.where(inside - outside + shift > 0, 255, 0).astype(np.uint8)


def _dabbed(mask: Mask, rng: np.random.Generator, side: int, *, value: int) -> Mask:
    """Add or remove blobs on the outline, such as hair, hands, a hanger or a lost logo."""
    rim = np.argwhere(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0)
    dabbed = mask.copy()
    for _ in range(int(rng.integers(1, 4))):
        row, column = rim[int(rng.integers(len(rim)))]
        axes = tuple(int(v) for v in rng.uniform(0.01, 0.07, 2) * side)
        cv2.ellipse(dabbed, (int(column), int(row)), axes, rng.uniform(0, 180), 0, 360, value, -1)
    return dabbed
