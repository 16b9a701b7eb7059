"""Turn the network's coarse probabilities into a clean garment mask. Pure functions.

The network's answer is certain for most garments. Fine prints and blocks of different colours leave
doubts: it runs again on a crop of the garment, and what it still misses is found by its difference
from a plain background.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.kit.raster.components import label_components, locate_components
from services.kit.raster.guided_filter import Plane, filter_by_colour, prepare_colour_guide
from services.kit.raster.morphology import close_mask, dilate, erode, open_mask
from services.kit.raster.pixel_box import PixelBox
from services.kit.types import Image, Mask

Flags = NDArray[np.bool_]
"""H x W booleans."""

DOUBTFUL_RANGE: Final = (0.1, 0.9)
"""Probabilities between these two are doubtful."""

MAX_DOUBTFUL_SHARE: Final = 0.3
"""Doubtful pixels, as a share of the garment's, above which the network runs again.

A soft outline alone gives fewer.
"""

MIN_TRACE_PROBABILITY: Final = 0.02
"""Probability above which a pixel may be a garment that the network overlooked."""

MIN_GARMENT_SHARE: Final = 0.004
"""Area of a garment at least, as a share of the picture."""

MIN_PART_SHARE: Final = 0.02
"""Area of a garment's part, as a share of its largest, from which on it is no speck."""

NO_GARMENT: Final = (
    "No garment was found in the garment's photo; send a photo of one garment, laid flat "
    "or on a hanger, against a plain background."
)
"""Message of NoGarment."""

RADIUS_PX: Final = 6
"""Half the window of the guided filter, in pixels of the garment's photo."""

EDGE_NOISE_VARIANCE: Final = 5e-5
"""Colour variance that the guided filter takes for noise, of full scale squared."""

MIN_ATTACHED_SHARE: Final = 0.0005
"""Area of a part near the main one at least, as a share of the largest part."""

MAX_SPECK_SHARE: Final = 2e-5
"""Area of a hole that is closed whatever it shows, as a share of the photo."""

MIN_HOLE_LAB: Final = 12.0
"""Sum of the differences of L, a and b from the background above which a hole is garment."""

MIN_UNLIKE_LAB: Final = 8.0
"""Difference in CIE Lab from a plain background above which a pixel is no background."""

PLAIN_SPREAD_PERCENTILE: Final = 90
"""Percentile of the Lab differences along the frame that is the background's spread."""

MAX_PLAIN_SPREAD_LAB: Final = 4.0
"""Spread of a plain background at most."""

MIN_UNLIKE_SPREADS: Final = 3
"""Difference from a plain background, in its spreads, above which a pixel is no background."""

SIDE_PER_FRAME_RIM: Final = 64
"""Shorter side of the photo over the width of the rim along the frame."""

SIDE_PER_ATTACHED_REACH: Final = 50
"""Longer side of the photo over the distance from the main part at which small parts are kept."""

BACKGROUND_REDUCTION: Final = 16
"""Sides of the photo over those of the picture on which the background's colour is spread."""

SIDE_PER_BACKGROUND_SIGMA: Final = 12
"""Longer side of that picture over the standard deviation by which the colour is spread."""

MIN_OVERLOOKED_PROBABILITY: Final = 0.3
"""Probability above which a pixel ties a part unlike the background to the garment."""

MIN_OVERLOOKED_SHARE: Final = 0.1
"""Share of such pixels above which the whole part is added to the garment."""

GAP_REDUCTION: Final = 4
"""Sides of the photo over those of the picture on which gaps are looked for."""

CERTAIN_PROBABILITY: Final = 0.98
"""Probability above which the network's word holds whatever the colour is."""

MAX_BACKGROUND_COLOURED_SHARE: Final = 0.01
"""Share of the certain garment of the background's colour at most; with more none is a gap."""


def resize_probability(probability: Plane, height: int, width: int) -> Plane:
    """Scale a probability map to ``height`` x ``width``."""
    scaled = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


def count_doubtful(probability: Plane) -> int:
    """Return how many pixels the network is in doubt about."""
    doubtful = (probability > DOUBTFUL_RANGE[0]) & (probability < DOUBTFUL_RANGE[1])
    return int(np.count_nonzero(doubtful))


def needs_second_look(probability: Plane) -> bool:
    """Return whether so many pixels are doubtful that the network should run again."""
    garment = np.count_nonzero(probability > 0.5)
    traced = np.count_nonzero(probability > MIN_TRACE_PROBABILITY)
    return bool(
        traced > MIN_GARMENT_SHARE * probability.size
        and count_doubtful(probability) > MAX_DOUBTFUL_SHARE * garment
    )


def second_look_box(image: Image, probability: Plane, margin: float = 0.04) -> PixelBox:
    """Return the rectangle of the second run: all that may be garment, and a margin.

    ``probability`` is H x W like ``image``; ``margin`` is a share of the rectangle's sides.
    """
    height, width = probability.shape
    candidate = probability > MIN_TRACE_PROBABILITY
    candidate |= _unlike_background(image, probability)
    rows = np.flatnonzero(candidate.any(axis=1))
    columns = np.flatnonzero(candidate.any(axis=0))
    if not rows.size:
        return PixelBox(0, 0, width, height)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    pad_x, pad_y = round(margin * (right - left)), round(margin * (bottom - top))
    return PixelBox(
        max(0, left - pad_x),
        max(0, top - pad_y),
        min(width, right + pad_x),
        min(height, bottom + pad_y),
    )


def combine_looks(image: Image, first: Plane, second: Plane, box: PixelBox) -> Plane:
    """Join the probabilities of two runs, and add what both missed on a plain background.

    ``first`` is H x W like ``image``; ``second``, of any size, covers ``box``. The network misses
    parts and invents none, so the larger probability holds.
    """
    joined = first.copy()
    inside = joined[box.window]
    np.maximum(inside, resize_probability(second, *inside.shape), out=inside)
    return _add_overlooked_parts(image, joined)


def open_gaps(image: Image, probability: Plane) -> Plane:
    """Take out of the garment what is doubtful, of the background's colour and open to it.

    A narrow gap between sleeve and body is doubtful where the network sees it small. Nothing
    changes where the background is not plain or the garment has its colour.
    """
    height, width = probability.shape
    size = (max(1, width // GAP_REDUCTION), max(1, height // GAP_REDUCTION))
    small = np.asarray(cv2.resize(probability, size, interpolation=cv2.INTER_AREA), np.float32)
    outside = small < DOUBTFUL_RANGE[0]
    certain = erode(small > CERTAIN_PROBABILITY, 2)
    if not outside.any() or not certain.any():
        return probability
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    distance, spread = _compare_to_background(to_lab(np.asarray(reduced, np.uint8)), outside)
    alike = distance < MIN_UNLIKE_LAB
    if spread > MAX_PLAIN_SPREAD_LAB:
        return probability
    if alike[certain].mean() > MAX_BACKGROUND_COLOURED_SHARE:
        return probability
    parts = label_components(alike & (small < CERTAIN_PROBABILITY), connectivity=4)
    open_parts = np.bincount(parts.labels[outside], minlength=parts.count) > 0
    # What is thinner is the blurred outline.
    gaps = open_mask(parts.select(open_parts) & (small > DOUBTFUL_RANGE[0]), 1)
    if not gaps.any():
        return probability
    shown = cv2.resize(gaps.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(probability * (1 - shown), np.float32)


def make_mask(image: Image, probability: Plane) -> Mask:
    """Return the garment's mask, 0 or 255, H x W like ``image``.

    ``image`` is H x W x 3 uint8 RGB, ``probability`` H x W float32 that a pixel is garment. Gaps
    that show the background stay open; other holes are closed; specks are dropped. Raises NoGarment
    if nothing large enough is left.
    """
    height, width = probability.shape
    edge = filter_by_colour(
        probability, prepare_colour_guide(image, RADIUS_PX, EDGE_NOISE_VARIANCE)
    )
    garment = edge > 0.5
    # The filter sees one window; far from the outline the network knows better.
    garment |= erode(probability > 0.5, RADIUS_PX)
    garment &= dilate(probability > 0.5, RADIUS_PX)
    garment = drop_specks(garment)
    if np.count_nonzero(garment) < MIN_GARMENT_SHARE * height * width:
        raise NoGarment(NO_GARMENT, stage="cloth_mask")
    garment = _close_holes(image, garment)
    return np.where(garment, np.uint8(255), np.uint8(0))


def to_lab(image: Image) -> NDArray[np.float32]:
    """Convert RGB to CIE Lab: L 0 to 100, a and b about -127 to 127."""
    scaled = image.astype(np.float32)
    scaled /= 255.0
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)


def measure_distance(lab: NDArray[np.float32], other: NDArray[np.floating]) -> Plane:
    """Return the difference of colours, H x W; ``other`` is one colour or H x W x 3 CIE Lab."""
    return np.asarray(np.sqrt(np.square(lab - other).sum(axis=2)), np.float32)


def drop_specks(garment: Flags, least: float = MIN_PART_SHARE) -> Flags:
    """Keep the main part, large parts, and small ones close by, such as straps and ties.

    Parts are large from ``least`` of the largest one's size on.
    """
    parts = label_components(garment)
    if parts.count <= 2:
        return garment
    largest = parts.areas[1:].max()
    main = 1 + int(parts.areas[1:].argmax())
    near = dilate(parts.labels == main, max(garment.shape) // SIDE_PER_ATTACHED_REACH)
    large = parts.areas >= least * largest
    touching = np.bincount(parts.labels[near], minlength=parts.count) > 0
    attached = (parts.areas >= MIN_ATTACHED_SHARE * largest) & touching
    keep = large | attached
    keep[main] = True
    return parts.select(keep)


def _close_holes(image: Image, garment: Flags) -> Flags:
    """Close holes that do not show the background around the garment."""
    outside = ~garment
    parts = locate_components(outside, connectivity=4)
    height, width = garment.shape
    speck = MAX_SPECK_SHARE * height * width
    lab = to_lab(image)
    background = _local_background(lab, outside & ~dilate(garment, 3))
    closed = garment.copy()
    for part in range(1, parts.count):
        left, top, wide, high = (int(v) for v in parts.boxes[part])
        area = int(parts.areas[part])
        at_frame = left == 0 or top == 0 or left + wide == width or top + high == height
        if at_frame and area > speck:
            continue
        hole = parts.labels[top : top + high, left : left + wide] == part
        window = np.s_[top : top + high, left : left + wide]
        distance = np.abs(lab[window][hole] - background[window][hole]).sum(axis=1)
        # The rim of a gap is blurred with the garment, so its better half decides.
        if area <= speck or float(np.median(distance)) > MIN_HOLE_LAB:
            closed[window][hole] = True
    return closed


def _local_background(lab: NDArray[np.float32], known: Flags) -> NDArray[np.float32]:
    """Spread the ``known`` pixels of the background smoothly over the picture."""
    height, width = known.shape
    small = (max(1, width // BACKGROUND_REDUCTION), max(1, height // BACKGROUND_REDUCTION))
    weight = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(lab * known[..., None], small, interpolation=cv2.INTER_AREA)
    sigma = max(small) / SIDE_PER_BACKGROUND_SIGMA
    weight = cv2.GaussianBlur(weight, (0, 0), sigma) + np.float32(1e-6)
    colour = cv2.GaussianBlur(colour, (0, 0), sigma) / weight[..., None]
    return np.asarray(cv2.resize(colour, (width, height)), np.float32)


def _compare_to_background(lab: NDArray[np.float32], known: Flags) -> tuple[Plane, float]:
    """Return every pixel's difference from the background, and the background's own spread.

    Both are in CIE Lab. ``known`` pixels are background.
    """
    distance = measure_distance(lab, _local_background(lab, known))
    return distance, float(np.percentile(distance[known], PLAIN_SPREAD_PERCENTILE))


def _unlike_background(image: Image, probability: Plane) -> Flags:
    """Return the pixels that differ clearly from a plain background; none if it is not plain.

    The background is what lies along the frame and is not garment.
    """
    height, width = probability.shape
    frame = np.ones((height, width), np.bool_)
    rim = max(2, min(height, width) // SIDE_PER_FRAME_RIM)
    frame[rim:-rim, rim:-rim] = False
    frame &= probability < DOUBTFUL_RANGE[0]
    nothing = np.zeros((height, width), np.bool_)
    if np.count_nonzero(frame) < 0.5 * rim * (height + width):
        return nothing
    distance, spread = _compare_to_background(to_lab(image), frame)
    if spread > MAX_PLAIN_SPREAD_LAB:
        return nothing
    return open_mask(distance > max(MIN_UNLIKE_LAB, MIN_UNLIKE_SPREADS * spread), 2)


def _add_overlooked_parts(image: Image, probability: Plane) -> Plane:
    """Add to the garment what is joined to it and differs from a plain background."""
    unlike = _unlike_background(image, probability)
    if not unlike.any():
        return probability
    parts = label_components(close_mask(unlike | (probability > 0.5), 3))
    garment = parts.labels[probability > MIN_OVERLOOKED_PROBABILITY]
    traced = np.bincount(garment, minlength=parts.count)
    kept = parts.select(traced > MIN_OVERLOOKED_SHARE * parts.areas)
    return np.asarray(np.maximum(probability, kept), np.float32)
