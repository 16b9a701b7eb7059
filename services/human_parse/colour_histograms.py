"""Colour histograms of garments, and what they say of each pixel."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import Flags, ParseFrame
from services.kit.raster.guided_filter import Plane


@dataclass(frozen=True, kw_only=True)
class HistogramOptions:
    """How colours are counted and compared."""

    bins: tuple[int, int, int] = (12, 10, 10)
    """Cells along CIE Lab's lightness, a and b."""
    max_chroma: int = 60
    """Largest absolute a or b of the cells: fabric rarely exceeds it, the outer cells take the
    rest."""
    neighbour_weight: float = 0.25
    """Weight of each of two neighbours of a cell along an axis."""
    own_weight: float = 0.5
    """Weight of the cell itself along an axis."""
    min_overlap: float = 0.55
    """Overlap (Bhattacharyya) of two histograms above which they may be one garment's."""
    min_share: float = 1e-4
    """Share added to every cell of both histograms before their ratio is taken."""
    max_log_odds: float = 4.0
    """Largest log-odds of one colour."""
    window: float = 0.04
    """Half the window over which the log-odds are averaged, in shoulder widths."""
    colour_weight: float = 2.5
    """Weight of the averaged log-odds."""


HISTOGRAM_OPTIONS: Final = HistogramOptions()

_MAX_LIGHTNESS: Final = 100
"""Lightness of white in CIE Lab."""

_MIN_WEIGHT: Final = 1e-3
"""Least divisor for the share of garment in a window."""


def find_colour_cells(
    lab: NDArray[np.float32], options: HistogramOptions = HISTOGRAM_OPTIONS
) -> NDArray[np.int32]:
    """Return the cell of the colour histogram of each pixel, H x W.

    ``lab`` is the photo, H x W x 3 float32 CIE Lab.
    """
    lightness, a, b = (lab[..., c] for c in range(3))
    lightness_bins, a_bins, b_bins = options.bins
    limit = options.max_chroma
    scaled = lightness / _MAX_LIGHTNESS * lightness_bins
    cell = np.clip(scaled, 0, lightness_bins - 1).astype(np.int32)
    for channel, bins in ((a, a_bins), (b, b_bins)):
        index = np.clip((channel + limit) / (2 * limit) * bins, 0, bins - 1).astype(np.int32)
        cell = cell * bins + index
    return cell


def count_colours(
    cells: NDArray[np.int32], where: Flags, options: HistogramOptions = HISTOGRAM_OPTIONS
) -> NDArray[np.float32]:
    """Return the share of each colour cell among the flagged pixels, smoothed over its neighbours.

    ``cells`` and ``where`` are H x W. The shares are flat, their sum is 1, or 0 if nothing is
    flagged.
    """
    counts = np.bincount(cells[where], minlength=int(np.prod(options.bins))).astype(np.float32)
    cube = counts.reshape(options.bins)
    for axis in range(3):
        padded = np.pad(cube, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        size = cube.shape[axis]
        before, here, after = (np.take(padded, range(k, k + size), axis) for k in range(3))
        cube = (
            options.neighbour_weight * before
            + options.own_weight * here
            + options.neighbour_weight * after
        )
    return np.asarray((cube / max(float(cube.sum()), 1.0)).ravel(), np.float32)


def histogram_overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the overlap of two histograms, 0 to 1 (Bhattacharyya coefficient)."""
    return float(np.sqrt(first * second).sum())


def lower_log_odds_by_colour(
    cells: NDArray[np.int32],
    above: NDArray[np.float32],
    below: NDArray[np.float32],
    clothes_mask: Flags,
    frame: ParseFrame,
    options: HistogramOptions = HISTOGRAM_OPTIONS,
) -> Plane:
    """Return the log-odds of belonging below the waist, H x W, by the colours around each pixel.

    ``cells`` are H x W; ``above`` and ``below`` are histograms of the clothes on either side of the
    waist; ``clothes_mask`` marks clothes, H x W. ``frame`` is in pixels of ``clothes_mask``.
    """
    floor, limit = options.min_share, options.max_log_odds
    odds = np.clip(np.log((below + floor) / (above + floor)), -limit, limit)
    inside = clothes_mask.astype(np.float32)
    evidence = odds[cells].astype(np.float32) * inside
    size = 2 * max(1, round(options.window * frame.shoulder_width)) + 1
    gathered = cv2.boxFilter(evidence, cv2.CV_32F, (size, size))
    weight = cv2.boxFilter(inside, cv2.CV_32F, (size, size))
    return np.asarray(
        options.colour_weight * gathered / np.maximum(weight, _MIN_WEIGHT), np.float32
    )
