"""What a drawn garment is like: its cut in centimetres, its cloth and how it is photographed."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

Colour: TypeAlias = tuple[float, float, float]
"""RGB, 0 to 255."""

ARM: Final = 60.0
"""From the tip of the shoulder to the wrist, in centimetres."""

SLEEVES: Final = {
    "none": (0.0, 0.0),
    "short": (0.2, 0.54),
    "three_quarter": (0.68, 0.82),
    "long": (0.94, 1.06),
}
"""Sleeve classes by the share of the arm that they cover; nothing lies between two classes.

The elbow is at 0.56: half sleeves end above it and count as short, as shops call them;
three-quarter sleeves end on the forearm.
"""

CAP: Final = (0.1, 0.18)
"""The share of the arm under a cap sleeve, which counts as short."""

SHOULDER: Final = 19.0
"""Half the width of the wearer's shoulders: a sleeve set in further out is the shorter for it."""

ROUND: Final = 0.72
"""Width of cloth seen around a mannequin, as a share of its width laid flat."""

CATEGORIES: Final = ("upper", "lower", "dress")
"""Categories of garments."""

NECKS: Final = (
    "crew",
    "v",
    "scoop",
    "wide",
    "square",
    "collar",
    "stand",
    "hood",
    "off shoulder",
    "strapless",
    "straps",
    "one shoulder",
)
"""Necklines that can be drawn."""

POSES: Final = ("touching", "angled", "spread", "folded")
"""How the sleeves lie."""

MOUNTS: Final = ("flat", "mannequin")
"""What carries the garment."""

PATTERNS: Final = (
    "plain",
    "plain",
    "stripes across",
    "stripes along",
    "fine stripes",
    "checks",
    "blocks",
    "print",
    "lettering",
    "logo",
    "speckled",
)
"""Patterns of the cloth."""

TONES: Final = ("coloured", "low contrast", "white on white", "dark")
"""How cloth and ground differ."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A garment; lengths in centimetres, angles in radians.

    ``half_*`` are half widths. ``drop``: the front neckline's depth in its widths, ``roundness``:
    the power of its form. ``overlap``: how far a touching sleeve lies on the torso. ``bend``:
    how far the forearm of a sleeve turns towards the torso. ``puff``: how far a full sleeve stands
    out; ``swell`` is 1 where it does so half-way, less nearer the shoulder, more nearer the cuff.
    ``inside``: the inside of the back shows. ``opening``: ``none``, ``buttons``, ``zip`` or
    ``open``, ``gap`` the half widths of an open one at its top and at the hem. ``bare``: -1 or 1,
    the side without a shoulder, else 0.
    ``style``: the kind of lower garment or of a dress's skirt. A lower garment has its waist in
    ``half_neck``, its hips in ``half_chest``, its crotch in ``armpit`` and its legs in ``reach``,
    ``cuff`` and ``angle``.
    """

    category: str
    style: str
    sleeves: str
    mount: str
    neck: str
    pose: str
    fit: str
    pattern: str
    tone: str
    opening: str
    hem: str
    half_neck: float
    half_shoulder: float
    slope: float
    half_chest: float
    armpit: float
    waist: float
    waist_row: float
    flare: float
    length: float
    drop: float
    roundness: float
    reach: float
    cuff: float
    angle: float
    uneven: float
    bend: float
    bow: float
    puff: float
    swell: float
    overlap: float
    lift: float
    bare: int
    gap: tuple[float, float]
    cloth: Colour
    second: Colour
    ground: Colour
    inside: bool
    label: bool
    pockets: bool
    belt: bool
    folds: float
    texture: float
    shadow: float
    turn: float
    tilt: tuple[float, float]
    quality: int


def tones(rng: np.random.Generator, tone: str) -> tuple[Colour, Colour]:
    """Return the colours of cloth and ground."""
    grounds = ((255, 255, 255), (250, 250, 250), (240, 240, 243), (226, 224, 220), (238, 230, 214))
    ground = np.array(grounds[int(rng.integers(len(grounds)))], float)
    if tone == "white on white":
        ground = np.array(grounds[int(rng.integers(3))], float)
        cloth = np.clip(rng.uniform(232, 250) + rng.normal(0, 2.5, 3), 0, 250)
    elif tone == "dark":
        cloth = rng.uniform(12, 42) + rng.normal(0, 4, 3)
    elif tone == "low contrast":
        cloth = ground * rng.uniform(0.8, 0.9) + rng.normal(0, 6, 3)
    else:
        cloth = rng.uniform(25, 225, 3)
        if np.abs(cloth - ground).max() < 60:
            cloth = cloth * 0.6
    return _colour(cloth), _colour(ground)


def second(rng: np.random.Generator, cloth: Colour, *, faint: bool) -> Colour:
    """Return the colour of stripes and prints on the cloth."""
    other = np.array(cloth) + rng.normal(0, 10, 3) - 14 if faint else rng.uniform(10, 250, 3)
    if not faint and np.abs(other - np.array(cloth)).max() < 50:
        other = 255 - np.array(cloth)
    return _colour(other)


def _colour(values: np.typing.NDArray[np.float64]) -> Colour:
    red, green, blue = (float(v) for v in np.clip(values, 0, 255))
    return red, green, blue
