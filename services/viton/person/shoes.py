"""Where trousers end and shoes begin."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from services.viton.person.legs import LowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import dilate
from services.viton.raster.smoothing import gaussian_blur

_HISTOGRAM_BINS: Final = 12
_HEM_REACH: Final = 0.14
_TOUCHING_REACH: Final = 0.05
_MIN_SHOE_PIECE: Final = 0.15
_MAX_STRAP_RADIUS: Final = 0.02
_MIN_HEM_ODDS: Final = 0.5


def reassign_trouser_hems(
    image: NDArray[np.uint8], worn: PersonSegmentation, body: LowerBody
) -> PersonSegmentation:
    """Return the outfit with shoes that look like the trousers just above given back to them.

    ``image`` is H x W x 3 RGB. The parse parts trousers from shoes at the ankle, where wide ones
    go on. Each pixel near that line goes to the likelier of both colour histograms.
    """
    if not worn.shoes.any() or not worn.bottoms.any():
        return worn
    near = dilate(worn.bottoms, int(_HEM_REACH * body.torso_length)) & worn.shoes
    if not near.any():
        return worn
    beside = dilate(worn.shoes, int(3 * _HEM_REACH * body.torso_length)) & worn.bottoms
    clear = worn.shoes & ~dilate(worn.bottoms, int(_HEM_REACH * body.torso_length))
    if clear.sum() < 50 or beside.sum() < 50:
        return worn
    cloth, leather = (_colour_histogram(image, where) for where in (beside, clear))
    index = (image // (256 // _HISTOGRAM_BINS + 1)).astype(np.int64)
    a = cloth[index[..., 0], index[..., 1], index[..., 2]]
    b = leather[index[..., 0], index[..., 1], index[..., 2]]
    seen = (worn.shoes | worn.bottoms).astype(np.float32)
    odds = gaussian_blur(
        seen * (a / np.maximum(a + b, 1e-6)).astype(np.float32), 0.022 * body.torso_length
    ) / np.maximum(gaussian_blur(seen, 0.022 * body.torso_length), 1e-3)
    hem = near & (odds > _MIN_HEM_ODDS)
    size = 2 * max(int(0.012 * body.torso_length), 1) + 1
    joined = cv2.morphologyEx(hem.astype(np.uint8), cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    count, pieces = cv2.connectedComponents((joined > 0).astype(np.uint8))
    rim = dilate(worn.bottoms, max(int(_TOUCHING_REACH * body.torso_length), 2))
    touching = np.unique(pieces[rim & (joined > 0)])
    hem = np.isin(pieces, touching[touching > 0]) if count > 1 else np.zeros_like(hem)
    hem |= near & ~_remove_specks(worn.shoes & ~hem)
    return replace(worn, bottoms=worn.bottoms | hem, shoes=worn.shoes & ~hem)


def _remove_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without its specks."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas > _MIN_SHOE_PIECE * areas[1:].max(initial=1)
    return np.asarray(keep[pieces] & mask)


def select_shoes_over_hem(worn: PersonSegmentation, body: LowerBody) -> NDArray[np.bool_]:
    """Return the shoes that lie over a long hem: no straps and laces, which it covers."""
    size = 2 * max(int(_MAX_STRAP_RADIUS * body.torso_length), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = cv2.morphologyEx(worn.shoes.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
    return np.asarray(worn.shoes & dilate(core, 2))


def _colour_histogram(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    index = (image[where] // (256 // _HISTOGRAM_BINS + 1)).astype(np.int64)
    counts = np.zeros((_HISTOGRAM_BINS, _HISTOGRAM_BINS, _HISTOGRAM_BINS), np.float32)
    np.add.at(counts, (index[:, 0], index[:, 1], index[:, 2]), 1.0)
    for axis in range(3):
        counts = correlate1d(counts, np.array([0.25, 0.5, 0.25]), axis=axis, mode="nearest")
    return np.asarray(counts / counts.sum(), np.float32)
