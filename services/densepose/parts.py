"""The ids of DensePose's 24 parts, and their colours.

The numbering is that of DensePose's charts (Guler et al. 2018, https://arxiv.org/abs/1802.00434;
detectron2's DensePose project). Left and right are the person's own. Of an arm seen hanging from
the front, the outside is the strip away from the body.
"""

from enum import IntEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.label_fill import fill_from_nearest

U8 = NDArray[np.uint8]
"""An array of bytes."""


class Part(IntEnum):
    """One chart of the body's surface."""

    BACKGROUND = 0
    TORSO_BACK = 1
    TORSO_FRONT = 2
    RIGHT_HAND = 3
    LEFT_HAND = 4
    LEFT_FOOT = 5
    RIGHT_FOOT = 6
    RIGHT_UPPER_LEG_BACK = 7
    LEFT_UPPER_LEG_BACK = 8
    RIGHT_UPPER_LEG_FRONT = 9
    LEFT_UPPER_LEG_FRONT = 10
    RIGHT_LOWER_LEG_BACK = 11
    LEFT_LOWER_LEG_BACK = 12
    RIGHT_LOWER_LEG_FRONT = 13
    LEFT_LOWER_LEG_FRONT = 14
    LEFT_UPPER_ARM_INSIDE = 15
    RIGHT_UPPER_ARM_INSIDE = 16
    LEFT_UPPER_ARM_OUTSIDE = 17
    RIGHT_UPPER_ARM_OUTSIDE = 18
    LEFT_LOWER_ARM_INSIDE = 19
    RIGHT_LOWER_ARM_INSIDE = 20
    LEFT_LOWER_ARM_OUTSIDE = 21
    RIGHT_LOWER_ARM_OUTSIDE = 22
    HEAD_RIGHT = 23
    HEAD_LEFT = 24


OTHER_PART: Final = np.array(
    [0, 1, 2, 4, 3, 6, 5, *(part + (1 if part % 2 else -1) for part in range(7, 25))], np.uint8
)
"""The parts of the other side of the body."""

PALETTE: Final = (
    (0, 0, 0),
    (37, 60, 163),
    (20, 80, 194),
    (4, 97, 223),
    (8, 110, 221),
    (14, 122, 216),
    (20, 132, 212),
    (15, 144, 208),
    (11, 156, 203),
    (6, 166, 198),
    (22, 173, 185),
    (38, 179, 172),
    (55, 185, 159),
    (86, 187, 144),
    (114, 189, 130),
    (145, 191, 116),
    (170, 189, 105),
    (192, 188, 96),
    (216, 186, 86),
    (228, 192, 74),
    (240, 199, 60),
    (252, 206, 46),
    (251, 220, 36),
    (250, 235, 25),
    (249, 251, 14),
)
"""RGB of each part: detectron2 takes 255 p / 24 of OpenCV's Parula map; background is black."""


MAX_COLOUR_DISTANCE: Final = 40.0
"""Distance in RGB from the palette's nearest colour above which a pixel is a blend of two."""
MAX_BLENDED_SHARE: Final = 0.1
"""Share of blended pixels in a part picture at most; JPEGs of DensePose's have about 0.01."""
MIN_PART_WIDTH_PX: Final = 5
"""Side of the window that must show one part; a JPEG smears two pixels on each side of an edge."""


def draw_parts(parts: U8) -> U8:
    """Colour an H x W map of ids 0 to 24: H x W x 3, DensePose's colours on black."""
    colours = np.zeros((256, 1, 3), np.uint8)
    colours[: len(PALETTE), 0] = PALETTE
    return np.asarray(cv2.LUT(cv2.merge((parts, parts, parts)), colours), np.uint8)


def read_parts(picture: U8) -> U8 | None:
    """Find the ids, H x W, in an H x W x 3 picture in DensePose's colours; None if it is not one.

    A JPEG blends colours at the edges, and a blend of two parts can have the colour of a third. So
    only pixels whose whole surroundings show one part count, and the rest goes to the nearest of
    them; parts narrower than ``MIN_PART_WIDTH_PX`` are lost. A lossless picture is read exactly.
    """
    parts = np.zeros(picture.shape[:2], np.uint8)
    nearest = np.full(parts.shape, np.inf, np.float32)
    for part, colour in enumerate(PALETTE):
        away = np.square(picture.astype(np.float32) - np.array(colour, np.float32)).sum(axis=2)
        closer = away < nearest
        parts[closer], nearest[closer] = part, away[closer]
    if not nearest.any():
        return parts
    near = nearest <= MAX_COLOUR_DISTANCE**2
    if float(near.mean()) < 1 - MAX_BLENDED_SHARE:
        return None
    around = np.ones((MIN_PART_WIDTH_PX, MIN_PART_WIDTH_PX), np.uint8)
    sure = near & (cv2.erode(parts, around) == cv2.dilate(parts, around))
    if not sure.any():
        return None
    return fill_from_nearest(parts, sure)
