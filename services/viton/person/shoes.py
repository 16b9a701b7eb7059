"""Where trousers end and shoes begin."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from services.kit.raster.components import label_components
from services.kit.raster.morphology import Footprint, open_mask
from services.viton.person.legs import LowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import dilate
from services.viton.raster.smoothing import gaussian_blur

_HISTOGRAM_BINS: Final = 12
"""Bins of each channel in a colour histogram."""

_HISTOGRAM_KERNEL: Final = (0.25, 0.5, 0.25)
"""Binomial kernel that smooths a colour histogram along each channel, in bins."""

_MIN_PROBABILITY: Final = 1e-6
"""Least sum of a colour's two probabilities that is divided by."""

_MIN_WEIGHT: Final = 1e-3
"""Least weight of the probabilities' smoothing that is divided by."""

_HEM_REACH: Final = 0.14
"""Distance from the bottoms within which a shoe's pixel may be a hem, in torso lengths."""

_TOUCHING_REACH: Final = 0.05
"""Distance from the bottoms within which a hem must begin, in torso lengths."""

_MIN_SHOE_PIECE: Final = 0.15
"""Area that a piece of a shoe must exceed, of the largest piece's."""

_MAX_STRAP_RADIUS: Final = 0.02
"""Half the width of the widest strap or lace, in torso lengths."""

_MIN_HEM_ODDS: Final = 0.5
"""Probability that a pixel's colour is the bottoms', which it must exceed to be a hem."""

_MIN_HEM_RADIUS: Final = 0.012
"""Half the width of the thinnest hem, in torso lengths."""

_ODDS_SIGMA: Final = 0.022
"""Standard deviation of the probabilities' smoothing, in torso lengths."""

_MIN_SAMPLE_PX: Final = 50
"""Least area that a colour histogram is taken from, in canvas pixels."""


def reassign_trouser_hems(
    image: NDArray[np.uint8], segmentation: PersonSegmentation, lower_body: LowerBody
) -> PersonSegmentation:
    """Return the segmentation with shoes that look like the trousers just above given back to them.

    ``image`` is H x W x 3 RGB. The parse parts trousers from shoes at the ankle, where wide ones
    go on. Each pixel near that line goes to the likelier of both colour histograms.
    """
    if not segmentation.shoes.any() or not segmentation.bottoms.any():
        return segmentation
    near = (
        dilate(segmentation.bottoms, int(_HEM_REACH * lower_body.torso_length)) & segmentation.shoes
    )
    if not near.any():
        return segmentation
    beside = (
        dilate(segmentation.shoes, int(3 * _HEM_REACH * lower_body.torso_length))
        & segmentation.bottoms
    )
    clear = segmentation.shoes & ~dilate(
        segmentation.bottoms, int(_HEM_REACH * lower_body.torso_length)
    )
    if clear.sum() < _MIN_SAMPLE_PX or beside.sum() < _MIN_SAMPLE_PX:
        return segmentation
    trouser_colours, shoe_colours = (_colour_histogram(image, where) for where in (beside, clear))
    index = _colour_bins(image)
    a = trouser_colours[index[..., 0], index[..., 1], index[..., 2]]
    b = shoe_colours[index[..., 0], index[..., 1], index[..., 2]]
    seen = (segmentation.shoes | segmentation.bottoms).astype(np.float32)
    likelihood = (a / np.maximum(a + b, _MIN_PROBABILITY)).astype(np.float32)
    sigma = _ODDS_SIGMA * lower_body.torso_length
    weight = np.maximum(gaussian_blur(seen, sigma), _MIN_WEIGHT)
    odds = gaussian_blur(seen * likelihood, sigma) / weight
    likely = near & (odds > _MIN_HEM_ODDS)
    joined = open_mask(
        likely, max(int(_MIN_HEM_RADIUS * lower_body.torso_length), 1), Footprint.SQUARE
    )
    rim = dilate(segmentation.bottoms, max(int(_TOUCHING_REACH * lower_body.torso_length), 2))
    pieces = label_components(joined)
    touching = np.bincount(pieces.labels[rim & joined], minlength=pieces.count) > 0
    attached = pieces.select(touching)
    hem = attached | (near & ~_remove_specks(segmentation.shoes & ~attached))
    return replace(
        segmentation, bottoms=segmentation.bottoms | hem, shoes=segmentation.shoes & ~hem
    )


def _remove_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without its small pieces."""
    pieces = label_components(mask)
    return pieces.select(pieces.areas > _MIN_SHOE_PIECE * pieces.areas[1:].max(initial=1))


def select_shoes_over_hem(
    segmentation: PersonSegmentation, lower_body: LowerBody
) -> NDArray[np.bool_]:
    """Return the shoes that lie over a long hem: no straps and laces, which it covers."""
    core = open_mask(segmentation.shoes, max(int(_MAX_STRAP_RADIUS * lower_body.torso_length), 1))
    return np.asarray(segmentation.shoes & dilate(core, 2))


def _colour_bins(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the bin of each channel of RGB colours (... x 3)."""
    return (colours // (256 // _HISTOGRAM_BINS + 1)).astype(np.int64)


def _colour_histogram(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    index = _colour_bins(image[where])
    counts = np.zeros((_HISTOGRAM_BINS, _HISTOGRAM_BINS, _HISTOGRAM_BINS), np.float32)
    np.add.at(counts, (index[:, 0], index[:, 1], index[:, 2]), 1.0)
    for axis in range(3):
        counts = correlate1d(counts, np.array(_HISTOGRAM_KERNEL), axis=axis, mode="nearest")
    return np.asarray(counts / counts.sum(), np.float32)
