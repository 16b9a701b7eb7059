"""Specify a drawn garment: cut in centimetres, fabric, conditions of the photo."""

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

    A lower garment has its waist in ``half_neck``, its hips in ``half_chest``, its crotch in
    ``armpit`` and its legs in ``reach``, ``cuff`` and ``angle``.
    """

    category: str
    """``upper``, ``lower`` or ``dress``."""
    style: str
    """Kind of lower garment, or of a dress's skirt; ``top`` of a top."""
    sleeves: str
    """A key of ``SLEEVES``."""
    mount: str
    """One of ``MOUNTS``."""
    neck: str
    """One of ``NECKS``."""
    pose: str
    """One of ``POSES``; ``none`` without sleeves."""
    fit: str
    """``slim``, ``regular`` or ``loose``."""
    pattern: str
    """One of ``PATTERNS``."""
    tone: str
    """One of ``TONES``."""
    opening: str
    """``none``, ``buttons``, ``zip`` or ``open``."""
    hem: str
    """``straight``, ``curved`` or ``shirt tail``."""
    half_neck: float
    """Half the width of the neckline."""
    half_shoulder: float
    """Half the distance between the shoulder tips."""
    slope: float
    """Fall of the shoulder, per centimetre outwards."""
    half_chest: float
    """Half the width of the chest."""
    armpit: float
    """Depth of the armpits below the neckline's ends."""
    waist: float
    """Width of the waist, in widths of the chest."""
    waist_row: float
    """Depth of the waist below the neckline's ends."""
    flare: float
    """Width of the hem, in widths of the chest."""
    length: float
    """Depth of the hem below the neckline's ends."""
    drop: float
    """Depth of the front neckline, in its widths."""
    roundness: float
    """Exponent of the front neckline: 1 is a V, 2 a parabola, large ones are square."""
    reach: float
    """Length of the sleeve from the shoulder tip."""
    cuff: float
    """Width of the cuff."""
    angle: float
    """Angle of the sleeves from straight down."""
    uneven: float
    """Standard deviation of the angle between both sides."""
    bend: float
    """Turn of the forearm of a sleeve towards the torso."""
    bow: float
    """How far a sleeve bows outwards."""
    puff: float
    """How far a full sleeve stands out."""
    swell: float
    """1 where a full sleeve stands out most half-way, less nearer the shoulder, more nearer the
    cuff."""
    overlap: float
    """How far a touching sleeve lies on the torso."""
    lift: float
    """How far the back neckline, stand or hood rises."""
    bare: int
    """The side without a shoulder, -1 left or 1 right; 0 if both have one."""
    gap: tuple[float, float]
    """Half the widths of an open front, at its top and at the hem."""
    cloth: Colour
    """Colour of the cloth."""
    second: Colour
    """Second colour of the pattern."""
    ground: Colour
    """Colour of the ground."""
    inside: bool
    """Whether the inside of the back shows."""
    label: bool
    """Whether a label shows inside the back."""
    pockets: bool
    """Whether there are pockets."""
    belt: bool
    """Whether a dress has a belt."""
    folds: float
    """Strength of the folds, 0 to 1."""
    texture: float
    """Strength of the weave, 0 to 1."""
    shadow: float
    """Strength of the shadow on the ground, 0 to 1."""
    turn: float
    """Rotation of the camera in the picture's plane."""
    tilt: tuple[float, float]
    """Perspective tilt of the camera about both axes, per size of the picture."""
    quality: int
    """Quality of the JPEG file, 0 to 100."""


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
