"""Find what stands out from a plain background, so that the network sees little else.

The network sees it at fewer pixels than the whole photo. Where that leaves doubt, and where the
background is not plain, it sees the whole photo. Pure functions.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.cloth_mask.core import (
    MIN_GARMENT_SHARE,
    count_doubtful,
    measure_distance,
    resize_probability,
    to_lab,
)
from services.kit.raster.components import label_components
from services.kit.raster.guided_filter import Plane
from services.kit.raster.pixel_box import PixelBox
from services.kit.types import Image

Floats = NDArray[np.float32]

REDUCED_SIDE_PX: Final = 128
"""Longer side of the picture whose colours are compared; bounds the time."""

MIN_REDUCED_SIDE_PX: Final = 8
"""Shorter side of that picture at least; slimmer photos are not cropped."""

RIM_PX: Final = 2
"""Width of the rim along the frame that shows the background, in pixels of that picture."""

MAX_RIM_LAB: Final = 12.0
"""Difference in CIE Lab from the rim's median above which a pixel of the rim is a subject's."""

MIN_PLAIN_RIM: Final = 0.85
"""Share of the rim that must be background.

Rooms have less. Garments that end at the frame leave more.
"""

SIDE_PER_RIM_SIGMA: Final = 6
"""Longer side of that picture over the standard deviation by which the rim's colour is spread."""

SPREAD_PERCENTILE: Final = 90
"""Percentile of the rim's Lab differences that is the background's spread."""

MAX_SPREAD_LAB: Final = 2.5
"""Spread of a plain background at most; studio backgrounds have 0 to 1.5, walls and floors 3."""

MIN_SUBJECT_LAB: Final = 4.0
"""Difference in CIE Lab from the background above which a pixel is the subject's."""

MIN_SUBJECT_SPREADS: Final = 3
"""The same difference in spreads of the background."""

MIN_COMPONENT_PX: Final = 3
"""Pixels of a part of the subject at least, in that picture; fewer are dust."""

MIN_BOX_SHARE: Final = 0.25
"""Share of the box at least that stands out.

A print on a garment of the background's colour has less, and the box would cut the garment.
"""

MARGIN: Final = 0.06
"""Background that is left around the subject, as a share of its longer side."""

MAX_ASPECT: Final = 1.4
"""Longer side of the box over its shorter at most.

The network sees a square. It was in doubt about half of the longer boxes, a quarter of the others.
"""

CLOSE_SIDE_PX: Final = 384
"""Side of the network's input for the subject's box, a multiple of 32.

At 352 the network is in doubt about garments that it finds at 384.
"""

MAX_DOUBTFUL_SHARE: Final = 0.2
"""Doubtful pixels, as a share of the garment's, above which the box's look does not count.

With less, garments' masks have an IoU of 0.98 and more with those of the whole photo's look; with
more, as little as 0.
"""

CUT_RIM_PX: Final = 4
"""Width of the rim inside the box on which no garment may lie, in pixels of the photo."""

MIN_SUBJECT_GARMENT: Final = 0.3
"""Share of the subject at least that must be garment; less may be an overlooked garment."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What stands out from a photo's plain background."""

    box: PixelBox
    """The rectangle around it, with a margin, in pixels of the photo."""
    area_share: float
    """Its area as a share of the photo's, 0 to 1."""


def find_subject(image: Image) -> Subject | None:
    """Return what stands out from a plain background.

    ``image`` is H x W x 3 uint8 RGB. Returns None where the background is not plain, and where
    what stands out is nothing, longer than ``MAX_ASPECT`` or a print.
    """
    height, width = image.shape[:2]
    scale = min(1.0, REDUCED_SIDE_PX / max(height, width))
    rows, columns = round(height * scale), round(width * scale)
    if min(rows, columns) < MIN_REDUCED_SIDE_PX:
        return None
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    subject = _find_subject_pixels(to_lab(np.asarray(small, np.uint8)))
    if subject is None or not subject.any():
        return None
    box = _box_around(subject, height, width)
    if max(box.width, box.height) > MAX_ASPECT * min(box.width, box.height):
        return None
    area_share = float(subject.mean())
    if area_share * height * width < MIN_BOX_SHARE * box.width * box.height:
        return None
    return Subject(box=box, area_share=area_share)


def _find_subject_pixels(lab: Floats) -> NDArray[np.bool_] | None:
    """Return where a small picture differs from the background along its frame."""
    rim = np.ones(lab.shape[:2], np.bool_)
    rim[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = False
    background = rim & (measure_distance(lab, np.median(lab[rim], axis=0)) < MAX_RIM_LAB)
    if np.count_nonzero(background) < MIN_PLAIN_RIM * np.count_nonzero(rim):
        return None
    distance = measure_distance(lab, _spread_rim(lab, background))
    spread = float(np.percentile(distance[background], SPREAD_PERCENTILE))
    if spread > MAX_SPREAD_LAB:
        return None
    parts = label_components(distance > max(MIN_SUBJECT_LAB, MIN_SUBJECT_SPREADS * spread))
    return parts.select(parts.areas >= MIN_COMPONENT_PX)


def _spread_rim(lab: Floats, background: NDArray[np.bool_]) -> Floats:
    """Continue the background's colours smoothly over the whole of a small picture."""
    sigma = max(background.shape) / SIDE_PER_RIM_SIGMA
    weight = cv2.GaussianBlur(background.astype(np.float32), (0, 0), sigma) + np.float32(1e-6)
    colour = cv2.GaussianBlur(lab * background[..., None], (0, 0), sigma)
    return np.asarray(colour / weight[..., None], np.float32)


def _box_around(subject: NDArray[np.bool_], height: int, width: int) -> PixelBox:
    """Return the rectangle around all pixels of a small picture, in pixels of the photo."""
    ends = []
    for axis, length in enumerate((height, width)):
        scale = length / subject.shape[axis]
        places = np.flatnonzero(subject.any(axis=1 - axis))
        ends.append((float(places[0]) * scale, float(places[-1] + 1) * scale))
    (top, bottom), (left, right) = ends
    margin = MARGIN * max(bottom - top, right - left)
    return PixelBox(
        left=max(0, math.floor(left - margin)),
        top=max(0, math.floor(top - margin)),
        right=min(width, math.ceil(right + margin)),
        bottom=min(height, math.ceil(bottom + margin)),
    )


def place_in_photo(probability: Plane, box: PixelBox, height: int, width: int) -> Plane:
    """Return a box's probability, of any size, in a photo of ``height`` x ``width``; 0 around."""
    placed = np.zeros((height, width), np.float32)
    placed[box.window] = resize_probability(probability, box.height, box.width)
    return placed


def is_look_sufficient(probability: Plane, subject: Subject) -> bool:
    """Return whether the box's probability, H x W of the photo, leaves no doubt about the garment.

    It does where many pixels are doubtful, where garment lies on a side that cuts the photo, and
    where garment is little of the subject.
    """
    box = subject.box
    height, width = probability.shape
    garment = probability > 0.5
    area = np.count_nonzero(garment)
    least = max(MIN_GARMENT_SHARE, MIN_SUBJECT_GARMENT * subject.area_share)
    if area < least * probability.size or count_doubtful(probability) > MAX_DOUBTFUL_SHARE * area:
        return False
    inside = garment[box.window]
    cut = (
        (box.left > 0, inside[:, :CUT_RIM_PX]),
        (box.top > 0, inside[:CUT_RIM_PX]),
        (box.right < width, inside[:, -CUT_RIM_PX:]),
        (box.bottom < height, inside[-CUT_RIM_PX:]),
    )
    return not any(inner and rim.any() for inner, rim in cut)
