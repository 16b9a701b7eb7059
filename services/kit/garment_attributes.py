"""The attributes that the network reads from a garment's photo, and their possible values.

Left and right are those of the photo, not of the wearer.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.types import Landmarks

SLEEVES: Final = ("none", "short", "three_quarter", "long")
"""Sleeve lengths, shortest first; ``none`` also on a lower garment."""

OPENINGS: Final = ("closed", "fastened", "open")
"""Front openings; ``fastened`` is closed with buttons or a zip."""

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
    "high_neck",
    "hood",
)
"""Necklines. ``none``: a lower garment. ``square``: straight and narrow. ``boat``: straight and
wide. ``high_neck``: a stand collar such as a turtleneck's."""

COLLARS: Final = ("collar", "high_neck", "hood")
"""Necklines with a part that stands or lies around the neck."""

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
"""Landmarks that exist on the left and on the right. ``curve``: half-way between the neckline's
middle and its end. ``elbow_*``: middle of a sleeve's edge. ``waist``: side of the body or of a
waistband."""

LANDMARKS: Final = (
    "neck_bottom",
    "crotch",
    *(f"left_{name}" for name in SIDED),
    *(f"right_{name}" for name in SIDED),
)
"""The rows of a ``Landmarks`` array."""


@dataclass(frozen=True, kw_only=True)
class GarmentAttributes:
    """What a garment's photo shows; every confidence is 0 if no network read the garment."""

    landmarks: Landmarks
    """24 x 3, in the order of ``LANDMARKS``, in pixels of the photo."""

    category: str
    """One of ``GARMENT_CATEGORIES``; empty if no network read the garment."""

    category_confidence: float
    """Probability of ``category``, 0 to 1."""

    left_sleeve: str
    """One of ``SLEEVES``, on the photo's left; empty if no network read the garment."""

    left_sleeve_confidence: float
    """Probability of ``left_sleeve``, 0 to 1."""

    right_sleeve: str
    """One of ``SLEEVES``, on the photo's right; empty if no network read the garment."""

    right_sleeve_confidence: float
    """Probability of ``right_sleeve``, 0 to 1."""

    neckline: str
    """One of ``NECKLINES``; empty if no network read the garment."""

    neckline_confidence: float
    """Probability of ``neckline``, 0 to 1."""

    opening: str
    """One of ``OPENINGS``; empty if no network read the garment."""

    opening_confidence: float
    """Probability of ``opening``, 0 to 1."""

    collar: bool
    """Whether the neckline is one of ``COLLARS``."""

    left_sleeve_arm_fraction: float
    """Fraction of the arm that the left sleeve covers: 0 at the shoulder, 1 at the wrist."""

    right_sleeve_arm_fraction: float
    """Fraction of the arm that the right sleeve covers: 0 at the shoulder, 1 at the wrist."""


def _no_landmarks() -> Landmarks:
    """Make a landmark array of zeros, read-only."""
    points = np.zeros((len(LANDMARKS), 3), np.float32)
    points.flags.writeable = False
    return points


NO_ATTRIBUTES: Final = GarmentAttributes(
    landmarks=_no_landmarks(),
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
    left_sleeve_arm_fraction=0.0,
    right_sleeve_arm_fraction=0.0,
)
"""The attributes of a garment that no network read."""
