"""Measure the difference of colour between the garment's photo and the result."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from skimage.color import deltaE_ciede2000

from bench.measures.regions import Bool, Floats, TryOnImages, dilate_or_erode, lab
from services.kit.types import Image

SAMPLES: Final = 500
"""Number of sampled colours of a region."""


LIT: Final = 70.0
"""Per cent of a garment's pixels that are darker than the lit part."""
FOLDS: Final = 0.03
"""Scale of light, as a share of a garment's size; faster changes are pattern."""
DEEPEST: Final = 10.0
"""Largest difference in L* of shade from the lit part; larger ones are another colour."""


def colour_difference(images: TryOnImages) -> float | None:
    """Return the median CIEDE2000 difference of the garment's photo and the result; 0 is equal.

    Both regions are sampled. Slow changes of lightness are flattened to the level of the lit part.
    The samples are paired by the least sum of differences (optimal transport), so that stripes and
    prints need no correspondence, and a pattern's colours must keep their shares. A difference of
    about 1 is just visible side by side, 3 is hardly noticed. Sharma, Wu, Dalal: The CIEDE2000
    color-difference formula (2005). None if the result has no garment.
    """
    first = _samples(images.garment, dilate_or_erode(images.garment_photo_region, -5))
    second = _samples(images.picture, dilate_or_erode(images.garment_region, -5))
    if min(len(first), len(second)) < 50:
        return None
    cost = ciede2000(first[:, None], second[None, :])
    rows, columns = linear_sum_assignment(cost)
    return float(np.median(cost[rows, columns]))


def ciede2000(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the CIEDE2000 differences of colours in L*a*b*, ... x 3 each, broadcast."""
    return np.asarray(deltaE_ciede2000(first, second), np.float64)  # type: ignore[no-untyped-call]


def _samples(picture: Image, where: Bool) -> NDArray[np.float32]:
    """Sample up to ``SAMPLES`` colours evenly over a region, N x 3 L*a*b*."""
    tones = _flattened(lab(picture), where)[where]
    step = max(len(tones) / SAMPLES, 1.0)
    at = np.arange(0.5 * step, len(tones), step).astype(np.int64)
    return np.asarray(tones[at], np.float32)


def _flattened(tones: Floats, where: Bool) -> Floats:
    if not where.any():
        return tones
    sigma = FOLDS * float(np.sqrt(np.count_nonzero(where)))
    weight = cv2.GaussianBlur(where.astype(np.float32), (0, 0), sigma)
    light = cv2.GaussianBlur(np.where(where, tones[..., 0], 0).astype(np.float32), (0, 0), sigma)
    slow = light / np.maximum(weight, 1e-3)
    shade = np.clip(slow - np.percentile(slow[where], LIT), -DEEPEST, DEEPEST)
    flat = tones.copy()
    flat[..., 0] -= shade
    return flat
