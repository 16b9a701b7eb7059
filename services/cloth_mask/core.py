"""From the network's coarse probabilities to a clean garment mask. Pure functions.

The network is sure of most garments. Where it is not (fine prints, blocks of different colours), it
is asked again with the garment larger, and what it still misses is taken from the colour of a plain
background.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.kit.raster.components import label_components
from services.kit.raster.guided_filter import Plane, filter_by_colour, prepare_colour_guide
from services.kit.raster.morphology import close_mask, dilate, erode, open_mask
from services.kit.types import Image, Mask

Flags = NDArray[np.bool_]
"""H x W booleans."""

SURE: Final = (0.1, 0.9)
"""Probabilities between these are doubtful."""

DOUBTFUL_SHARE: Final = 0.3
"""Doubtful pixels, as a share of the garment's, that a soft outline alone does not reach."""

TRACE: Final = 0.02
"""The probability that a garment leaves where the network overlooks it."""

LEAST_AREA: Final = 0.004
"""Share of the picture below which nothing counts as a garment."""

LARGE: Final = 0.02
"""Share of a garment's largest part from which on another part cannot be a speck."""

NO_GARMENT: Final = (
    "No garment was found in the garment's photo; send a photo of one garment, laid flat "
    "or on a hanger, against a plain background."
)

RADIUS: Final = 6
EDGE_NOISE: Final = 5e-5
"""Window in pixels and colour variance of the edge refinement."""

PLAIN: Final = 4.0
"""Spread in Lab units up to which a background counts as plain."""


@dataclass(frozen=True)
class PixelBox:
    """A rectangle of whole pixels; ``right`` and ``bottom`` lie just outside."""

    left: int
    top: int
    right: int
    bottom: int


def resize_probability(probability: Plane, height: int, width: int) -> Plane:
    """Scale a probability map to ``height`` x ``width``."""
    scaled = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


def needs_second_look(probability: Plane) -> bool:
    """Whether the network left so much open that it should look again."""
    open_area = np.count_nonzero((probability > SURE[0]) & (probability < SURE[1]))
    garment = np.count_nonzero(probability > 0.5)
    traced = np.count_nonzero(probability > TRACE)
    return bool(traced > LEAST_AREA * probability.size and open_area > DOUBTFUL_SHARE * garment)


def second_look_box(image: Image, probability: Plane, margin: float = 0.04) -> PixelBox:
    """Return the rectangle to look at again: all that may be garment, and a margin.

    ``probability`` is H x W like ``image``; ``margin`` is a share of the rectangle's sides.
    """
    height, width = probability.shape
    candidate = probability > TRACE
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
    """Join two looks, and add what both missed of a garment on a plain background.

    ``first`` is H x W like ``image``; ``second``, of any size, covers ``box``. The network misses
    parts and invents none, so the larger probability holds.
    """
    joined = first.copy()
    inside = joined[box.top : box.bottom, box.left : box.right]
    np.maximum(inside, resize_probability(second, *inside.shape), out=inside)
    return _add_overlooked_parts(image, joined)


def make_mask(image: Image, probability: Plane) -> Mask:
    """Return the garment's mask, 0 or 255, H x W like ``image``.

    ``image`` is H x W x 3 uint8 RGB, ``probability`` H x W float32 that a pixel is garment. Gaps
    that show the background stay open; other holes are closed; specks are dropped. Raises NoGarment
    if nothing large enough is left.
    """
    height, width = probability.shape
    edge = filter_by_colour(probability, prepare_colour_guide(image, RADIUS, EDGE_NOISE))
    garment = edge > 0.5
    # The filter sees one window; far from the outline the network knows better.
    garment |= erode(probability > 0.5, RADIUS)
    garment &= dilate(probability > 0.5, RADIUS)
    garment = drop_specks(garment)
    if np.count_nonzero(garment) < LEAST_AREA * height * width:
        raise NoGarment(NO_GARMENT, stage="cloth_mask")
    garment = _close_holes(image, garment)
    return np.where(garment, np.uint8(255), np.uint8(0))


def drop_specks(garment: Flags, least: float = LARGE) -> Flags:
    """Keep the main part, large parts, and small ones close by, such as straps and ties.

    Parts are large from ``least`` of the largest one's size on.
    """
    parts = label_components(garment)
    if parts.count <= 2:
        return garment
    largest = parts.areas[1:].max()
    main = 1 + int(parts.areas[1:].argmax())
    near = dilate(parts.labels == main, max(garment.shape) // 50)
    large = parts.areas >= least * largest
    touching = np.bincount(parts.labels[near], minlength=parts.count) > 0
    attached = (parts.areas >= 0.0005 * largest) & touching
    keep = large | attached
    keep[main] = True
    return parts.select(keep)


def _close_holes(image: Image, garment: Flags) -> Flags:
    """Close holes that do not show the background around the garment."""
    outside = ~garment
    parts = label_components(outside, connectivity=4)
    height, width = garment.shape
    speck = 2e-5 * height * width
    lab = _lab(image)
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
        if area <= speck or float(np.median(distance)) > 12.0:
            closed[window][hole] = True
    return closed


def _lab(image: Image) -> NDArray[np.float32]:
    """L 0 to 100, a and b about -127 to 127."""
    scaled = image.astype(np.float32)
    scaled /= 255.0
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)


def _local_background(lab: NDArray[np.float32], known: Flags) -> NDArray[np.float32]:
    """Spread the background's colour smoothly from where it is ``known`` over the picture."""
    height, width = known.shape
    small = (max(1, width // 16), max(1, height // 16))
    weight = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(lab * known[..., None], small, interpolation=cv2.INTER_AREA)
    sigma = max(small) / 12
    weight = cv2.GaussianBlur(weight, (0, 0), sigma) + np.float32(1e-6)
    colour = cv2.GaussianBlur(colour, (0, 0), sigma) / weight[..., None]
    return np.asarray(cv2.resize(colour, (width, height)), np.float32)


def _unlike_background(image: Image, probability: Plane) -> Flags:
    """Pixels that differ clearly from a plain background; none where the background is not plain.

    The background is what lies along the frame and is not garment.
    """
    height, width = probability.shape
    frame = np.ones((height, width), np.bool_)
    rim = max(2, min(height, width) // 64)
    frame[rim:-rim, rim:-rim] = False
    frame &= probability < SURE[0]
    nothing = np.zeros((height, width), np.bool_)
    if np.count_nonzero(frame) < 0.5 * rim * (height + width):
        return nothing
    lab = _lab(image)
    background = _local_background(lab, frame)
    distance = np.sqrt(np.square(lab - background).sum(axis=2))
    spread = float(np.percentile(distance[frame], 90))
    if spread > PLAIN:
        return nothing
    return open_mask(distance > max(8.0, 3 * spread), 2)


def _add_overlooked_parts(image: Image, probability: Plane) -> Plane:
    """Add to the garment what is joined to it and differs from a plain background."""
    unlike = _unlike_background(image, probability)
    if not unlike.any():
        return probability
    parts = label_components(close_mask(unlike | (probability > 0.5), 3))
    traced = np.bincount(parts.labels[probability > 0.3], minlength=parts.count)
    kept = parts.select(traced > 0.1 * parts.areas)
    return np.asarray(np.maximum(probability, kept), np.float32)
