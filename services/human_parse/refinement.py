"""Turn probabilities into one coarse class a pixel, without specks and holes."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.coarse_classes import BACKGROUND, DRESS, LOWER, OTHERS, UPPER
from services.human_parse.parse_frame import Flags, ParseFrame
from services.human_parse.regions import dilate, fill_from_nearest
from services.kit.joints import Joint
from services.kit.raster.components import label_components, remove_small_components
from services.kit.raster.guided_filter import Plane, filter_by_colour, prepare_colour_guide
from services.kit.types import Image

RADIUS_PX: Final = 8
"""Half the window of the guided filter, in pixels of the photo."""

EDGE_NOISE_VARIANCE: Final = 1e-4
"""Colour variance that the guided filter takes for noise, of full scale squared."""

OUTLINE_BLUR_PX: Final = 0.7
"""Sigma of the blur that keeps outlines from following the photo's grain, in pixels."""

MIN_GAP_LAB: Final = 18.0
"""Difference in CIE Lab between a real gap and its surroundings."""

MIN_PROBABILITY: Final = 0.3
"""Greatest probability of a class below which it is left out."""


def refine_to_classes(image: Image, planes: dict[int, Plane]) -> NDArray[np.uint8]:
    """Return the likeliest class of every pixel, H x W, with edges snapped to the photo's."""
    height, width = image.shape[:2]
    photo = prepare_colour_guide(image, RADIUS_PX, EDGE_NOISE_VARIANCE)
    best = np.zeros((height, width), np.float32)
    winner = np.zeros((height, width), np.uint8)
    for coarse_class, plane in planes.items():
        if plane.max() < MIN_PROBABILITY:
            continue
        sharp = filter_by_colour(np.asarray(cv2.resize(plane, (width, height)), np.float32), photo)
        sharp = np.asarray(cv2.GaussianBlur(sharp, (0, 0), OUTLINE_BLUR_PX), np.float32)
        better = sharp > best
        winner[better] = coarse_class
        best[better] = sharp[better]
    return winner


def remove_specks(coarse: NDArray[np.uint8], frame: ParseFrame) -> NDArray[np.uint8]:
    """Replace specks by the class around them."""
    least = max(12, round(0.0012 * frame.shoulder_width**2))
    keep = np.zeros(coarse.shape, np.bool_)
    for coarse_class in range(8):
        # Real gaps between arm and trunk are larger than the holes that prints leave.
        wanted = 4 * least if coarse_class in (OTHERS, BACKGROUND) else least
        keep |= remove_small_components(coarse == coarse_class, wanted, connectivity=4)
    return _absorb(fill_from_nearest(coarse, keep))


def fill_trunk_holes(
    image: Image, coarse: NDArray[np.uint8], frame: ParseFrame
) -> NDArray[np.uint8]:
    """Fill background between shoulders and hips with the nearest clothes.

    Both networks leave a hole where clothes have the background's colour. A hole beside the trunk's
    middle whose colour differs from its rim is a gap between arm and trunk; it stays.
    """
    corners = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP)
    if not all(frame.seen[joint] for joint in corners):
        return coarse
    trunk = np.zeros(coarse.shape, np.uint8)
    outline = frame.points[list(corners)].round().astype(np.int32)
    cv2.fillConvexPoly(trunk, cv2.convexHull(outline), 1)
    holes = (coarse == BACKGROUND) & (trunk > 0)
    if not holes.any():
        return coarse
    parts = label_components(holes)
    middle = (float(frame.neck[0]) + float(frame.hip[0])) / 2
    closed = holes.copy()
    clothes = np.isin(coarse, (UPPER, LOWER, DRESS))
    for part in range(1, parts.count):
        if abs(float(parts.centroids[part][0]) - middle) < 0.2 * frame.shoulder_width:
            continue
        left, top, wide, high = (int(v) for v in parts.boxes[part])
        window = np.s_[max(0, top - 8) : top + high + 8, max(0, left - 8) : left + wide + 8]
        where = parts.labels[window] == part
        rim = dilate(where, 7) & clothes[window]
        if rim.any() and _unlike(image[window], where, rim):
            closed[window] &= ~where
    # What both networks overlook before a wall is cloth of its colour, hardly ever skin.
    return np.where(closed, fill_from_nearest(coarse, clothes), coarse)


def _unlike(image: Image, first: Flags, second: Flags) -> bool:
    """Whether two regions have colours that nobody would mix up."""
    colours = np.array([[np.median(image[where], axis=0) for where in (first, second)]])
    lab = cv2.cvtColor(colours.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    return float(np.linalg.norm(lab[0, 0] - lab[0, 1])) > MIN_GAP_LAB


def _absorb(coarse: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give patches of upper clothes amid lower ones to the lower, and the reverse."""
    settled = coarse
    for coarse_class, other in ((UPPER, LOWER), (LOWER, UPPER)):
        flags = coarse == coarse_class
        parts = label_components(flags, connectivity=4)
        total = int(np.count_nonzero(flags))
        for part in range(1, parts.count):
            if int(parts.areas[part]) > 0.1 * total:
                continue
            left, top, wide, high = (int(v) for v in parts.boxes[part])
            window = np.s_[max(0, top - 2) : top + high + 2, max(0, left - 2) : left + wide + 2]
            where = parts.labels[window] == part
            rim = dilate(where, 2) & ~where
            if np.count_nonzero(coarse[window][rim] == other) > 0.5 * np.count_nonzero(rim):
                settled = settled if settled is not coarse else coarse.copy()
                settled[window][where] = other
    return settled
