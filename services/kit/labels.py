"""CIHP label ids and their usual colours."""

from enum import IntEnum
from typing import Final

import numpy as np

from services.kit.types import Image, LabelMap


class Label(IntEnum):
    """CIHP ids (Gong et al., "Instance-level Human Parsing", ECCV 2018); sides are the person's."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    GLOVE = 3
    SUNGLASSES = 4
    UPPER = 5
    DRESS = 6
    COAT = 7
    SOCKS = 8
    PANTS = 9
    TORSO_SKIN = 10
    SCARF = 11
    SKIRT = 12
    FACE = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    LEFT_LEG = 16
    RIGHT_LEG = 17
    LEFT_SHOE = 18
    RIGHT_SHOE = 19


PALETTE: Final = (
    (0, 0, 0),
    (128, 0, 0),
    (255, 0, 0),
    (0, 85, 0),
    (170, 0, 51),
    (255, 85, 0),
    (0, 0, 85),
    (0, 119, 221),
    (85, 85, 0),
    (0, 85, 85),
    (85, 51, 0),
    (52, 86, 128),
    (0, 128, 0),
    (0, 0, 255),
    (51, 170, 221),
    (0, 255, 255),
    (85, 255, 170),
    (170, 255, 85),
    (255, 255, 0),
    (255, 170, 0),
)
"""RGB, 0 to 255, by id, as the usual tools draw label maps."""


def colourise(labels: LabelMap) -> Image:
    """Return a label map in its usual colours, H x W x 3 RGB, for people.

    Other tools read the ids themselves.
    """
    return np.array(PALETTE, np.uint8)[labels]


BOTTOMS_LABELS: Final = (Label.PANTS, Label.SKIRT)
"""Garments of the lower body."""

ARM_LABELS: Final = (Label.GLOVE, Label.LEFT_ARM, Label.RIGHT_ARM)
"""Bare arms and hands, with gloves."""
