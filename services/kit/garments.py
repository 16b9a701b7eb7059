"""What is read of a garment's photo: which kinds there are, and the reading that services pass on.

Left and right are the picture's, not the wearer's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.types import Landmarks

CATEGORIES: Final = ("upper", "lower", "dress")
SLEEVES: Final = ("none", "short", "mid", "long")
OPENINGS: Final = ("closed", "fastened", "open")
NECKLINES: Final = (
    "none",
    "round",
    "v",
    "square",
    "boat",
    "off_shoulder",
    "strapless",
    "one_shoulder",
    "collar",
    "high",
    "hood",
)
"""``none`` on a lower garment; ``square`` and ``boat`` are straight, narrow and wide; ``high`` is a
collar that stands, such as a turtleneck's."""

COLLARS: Final = ("collar", "high", "hood")
"""Necklines around which something stands or lies."""

SIDED: Final = (
    "neck",
    "curve",
    "shoulder",
    "armpit",
    "elbow_outer",
    "elbow_inner",
    "cuff_outer",
    "cuff_inner",
    "waist",
    "hem",
    "leg_inner",
)
LANDMARKS: Final = (
    "neck_bottom",
    "crotch",
    *(f"left_{name}" for name in SIDED),
    *(f"right_{name}" for name in SIDED),
)
"""The rows of a ``Landmarks`` array. ``curve`` is half-way from the neckline's middle to its end,
``elbow`` the middle of a sleeve's edge, ``waist`` the side of the body or of a waistband."""


@dataclass(frozen=True)
class GarmentReading:
    """What a garment's photo shows; every class goes with its probability, 0 where nothing read it.

    ``left_reach`` and ``right_reach``: the share of an arm that the sleeve covers.
    """

    landmarks: Landmarks
    category: str
    category_confidence: float
    left_sleeve: str
    left_sleeve_confidence: float
    right_sleeve: str
    right_sleeve_confidence: float
    neckline: str
    neckline_confidence: float
    opening: str
    opening_confidence: float
    collar: bool
    left_reach: float
    right_reach: float


def _nothing() -> Landmarks:
    points = np.zeros((len(LANDMARKS), 3), np.float32)
    points.flags.writeable = False
    return points


UNREAD: Final = GarmentReading(
    landmarks=_nothing(),
    category="",
    category_confidence=0.0,
    left_sleeve="",
    left_sleeve_confidence=0.0,
    right_sleeve="",
    right_sleeve_confidence=0.0,
    neckline="",
    neckline_confidence=0.0,
    opening="",
    opening_confidence=0.0,
    collar=False,
    left_reach=0.0,
    right_reach=0.0,
)
"""The reading of a garment that nobody read."""
