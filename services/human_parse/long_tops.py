"""Tell dresses and suits from tops that cover the thighs."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.coarse_classes import DRESS, LOWER, SKIN, UPPER
from services.human_parse.colour_histograms import (
    HISTOGRAM_OPTIONS,
    count_colours,
    find_colour_cells,
    histogram_overlap,
    lower_log_odds_by_colour,
)
from services.human_parse.parse_frame import CHEST_END, Flags, ParseFrame, height_along_trunk
from services.kit.joints import Joint
from services.kit.raster.guided_filter import Plane
from services.kit.types import Image


@dataclass(frozen=True, kw_only=True)
class LongTopOptions:
    """When a top that covers the thighs is a dress or a suit.

    Heights are along the trunk (0 neck, 1 hip joints), areas in squared shoulder widths.
    """

    jacket_end: float = 1.15
    """Height of a jacket's hem."""
    thigh_range: tuple[float, float] = (1.25, 1.75)
    """Heights of the upper thighs."""
    min_dress_share: float = 0.05
    """Share of a dress that must lie below a jacket's hem; else the dress is a top."""
    min_thigh_area: float = 0.05
    """Least area of a top on the thighs that covers them."""
    min_skin_area: float = 0.03
    """Area of skin from the thighs down above which the legs may be bare."""
    below_joint: float = 0.25
    """Distance below knees and ankles at which skin is looked for as well, in shoulder widths."""
    frame_rows_px: int = 3
    """Rows at the lower side of the picture in which a top may reach it, in pixels of the photo."""
    min_frame_share: float = 0.3
    """Columns of a top in those rows above which the top reaches the frame, as a share of its
    columns on the thighs."""


LONG_TOP_OPTIONS: Final = LongTopOptions()


def resolve_long_tops(
    image: Image,
    coarse: NDArray[np.uint8],
    frame: ParseFrame,
    options: LongTopOptions = LONG_TOP_OPTIONS,
) -> NDArray[np.uint8]:
    """Turn a top that covers the thighs into a dress over bare legs, or a suit at the frame.

    ``image`` is H x W x 3, ``coarse`` H x W, ``frame`` in pixels of the photo. The clothes network
    takes a suit of one colour for one long jacket. A coat whose hem is seen above trousers is left
    alone. A dress that does not reach below the hips is a top.
    """
    upper = coarse == UPPER
    along = height_along_trunk(coarse.shape, frame)
    dress = coarse == DRESS
    long_part = np.count_nonzero(dress & (along > options.jacket_end))
    if dress.any() and long_part < options.min_dress_share * np.count_nonzero(dress):
        return np.where(dress, np.uint8(UPPER), coarse)
    thighs_start, thighs_end = options.thigh_range
    thighs = (along > thighs_start) & (along < thighs_end)
    if np.count_nonzero(upper & thighs) <= np.count_nonzero((coarse == LOWER) & thighs):
        return coarse
    if np.count_nonzero(upper & thighs) < options.min_thigh_area * frame.shoulder_width**2:
        return coarse
    skin_area = np.count_nonzero((coarse == SKIN) & (along > thighs_start))
    has_skin = skin_area > options.min_skin_area * frame.shoulder_width**2
    if has_skin and _are_legs_bare(coarse, frame, options):
        return np.where(upper | (coarse == LOWER), np.uint8(DRESS), coarse)
    last = np.count_nonzero(upper[-options.frame_rows_px :].any(axis=0))
    across_thighs = np.count_nonzero(upper[thighs.any(axis=1)].any(axis=0))
    if last > options.min_frame_share * across_thighs:
        trousers = _find_trousers(image, upper, along, frame, options)
        return np.where(upper & trousers, np.uint8(LOWER), coarse)
    return coarse


def _find_trousers(
    image: Image, upper: Flags, along: Plane, frame: ParseFrame, options: LongTopOptions
) -> Flags:
    """Mark the part of a top that is trousers, H x W: by its colours, else below a jacket."""
    lab = cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    cells = find_colour_cells(np.asarray(lab, np.float32))
    chest = upper & (along > 0) & (along < CHEST_END)
    thighs = upper & (along > options.thigh_range[0])
    first, second = count_colours(cells, chest), count_colours(cells, thighs)
    if histogram_overlap(first, second) > HISTOGRAM_OPTIONS.min_overlap:
        return np.asarray(along > options.jacket_end, np.bool_)
    below = lower_log_odds_by_colour(cells, first, second, upper, frame) > 0
    return np.asarray(below & (along > CHEST_END), np.bool_)


def _are_legs_bare(coarse: NDArray[np.uint8], frame: ParseFrame, options: LongTopOptions) -> bool:
    """Return whether there is skin at knees or ankles; elsewhere it may be that of hands."""
    below = np.array((0, options.below_joint * frame.shoulder_width), np.float32)
    places = [
        frame.points[joint] + shift
        for joint in (Joint.LEFT_KNEE, Joint.RIGHT_KNEE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE)
        if frame.seen[joint]
        for shift in (0, below)
    ]
    height, width = coarse.shape
    inside = [(round(x), round(y)) for x, y in places if 0 <= x < width and 0 <= y < height]
    return any(coarse[min(y, height - 1), min(x, width - 1)] == SKIN for x, y in inside)
