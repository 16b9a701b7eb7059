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
    "short": (0.2, 0.46),
    "mid": (0.6, 0.78),
    "long": (0.93, 1.06),
}
"""Sleeve classes by the share of the arm that they cover; nothing lies between two classes."""

SHOULDER: Final = 19.0
"""Half the width of the wearer's shoulders: a sleeve set in further out is the shorter for it."""

ROUND: Final = 0.72
"""Width of cloth seen around a mannequin, as a share of its width laid flat."""

NECKS: Final = ("crew", "v", "scoop", "wide", "collar", "stand")
POSES: Final = ("touching", "angled", "spread")
MOUNTS: Final = ("flat", "mannequin")
PATTERNS: Final = (
    "plain",
    "stripes across",
    "stripes along",
    "print",
    "lettering",
    "logo",
    "speckled",
)
TONES: Final = ("coloured", "low contrast", "white on white", "dark")


@dataclass(frozen=True)
class Spec:
    """A garment; lengths in centimetres, angles in radians.

    ``half_*`` are half widths. ``overlap``: how far a touching sleeve lies on the
    torso. ``inside``: the inside of the back shows. ``opening``: ``none``, ``buttons`` or ``zip``.
    """

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
    flare: float
    length: float
    drop: float
    reach: float
    cuff: float
    angle: float
    bow: float
    overlap: float
    lift: float
    cloth: Colour
    second: Colour
    ground: Colour
    inside: bool
    label: bool
    folds: float
    texture: float
    shadow: float
    turn: float
    tilt: tuple[float, float]
    quality: int


def choose(rng: np.random.Generator) -> Spec:
    """Choose a garment at random; every kind of the tables above is about as likely."""

    def among(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def one(options: tuple[str, ...]) -> str:
        return str(rng.choice(options))

    sleeves = one(tuple(SLEEVES))
    neck = one(NECKS)
    fit = one(("slim", "regular", "loose"))
    half_chest = among(*{"slim": (21.5, 24), "regular": (24, 26.5), "loose": (26.5, 30)}[fit])
    half_neck = among(
        *{
            "crew": (7.5, 9.5),
            "v": (7.5, 10),
            "scoop": (9, 12.5),
            "wide": (12, 15.5),
            "collar": (7, 8.5),
            "stand": (6, 8),
        }[neck]
    )
    if sleeves == "none":
        half_shoulder = max(half_chest * among(0.55, 0.85), half_neck + 3.0)
    else:
        half_shoulder = max(half_chest * among(0.8, 0.93), half_neck + 4.0)
    slope = float(np.tan(np.radians(among(11, 25))))
    depth = among(17.5, 20.5) + 0.35 * (half_chest - 21.5)
    mount = one(MOUNTS)
    pose = "none" if sleeves == "none" else one(POSES if mount == "flat" else POSES[:2])
    angle = np.radians(among(18, 42) if pose == "angled" else among(48, 80))
    thick = 1.0
    if mount == "mannequin":
        half_chest *= ROUND
        thick = ROUND + 0.1
        half_neck = min(half_neck, 12.5)
        half_shoulder = min(half_shoulder, half_chest - 1.0)
        if sleeves != "none":
            half_shoulder = max(among(0.95, 1.06) * half_chest, half_neck + 3.0)
        else:
            half_neck = min(half_neck, half_shoulder - 3.0)
        angle *= 0.6
    tip = (half_shoulder - half_neck) * slope
    share = among(*SLEEVES[sleeves])
    cuffs = {"none": (0.0, 0.0), "short": (14, 20), "mid": (10.5, 16), "long": (8.5, 12.5)}[sleeves]
    tone = one(TONES)
    cloth, ground = _tones(rng, tone)
    lengths = ((42, 50), (56, 70), (56, 70), (72, 84))[int(rng.integers(4))]
    buttons = neck == "collar" and rng.random() < 0.7
    return Spec(
        sleeves=sleeves,
        mount=mount,
        neck=neck,
        pose=pose,
        fit=fit,
        pattern=one(PATTERNS),
        tone=tone,
        opening="buttons" if buttons else ("zip" if rng.random() < 0.08 else "none"),
        hem=one(("straight", "straight", "curved", "shirt tail")),
        half_neck=half_neck,
        half_shoulder=half_shoulder,
        slope=slope,
        half_chest=half_chest,
        armpit=tip + depth,
        waist=among(0.86, 1.0),
        flare=among(0.92, 1.14),
        length=among(*lengths),
        drop=_drop(rng, neck),
        reach=share * ARM - (half_shoulder - SHOULDER) if sleeves != "none" else 0.0,
        cuff=thick * among(*cuffs),
        angle=float(angle),
        bow=among(-1.5, 3.0) if sleeves in ("mid", "long") else among(-0.5, 0.8),
        overlap=among(0.3, 3.0),
        lift=among(0.5, 2.0),
        cloth=cloth,
        second=_second(rng, cloth, faint=tone == "low contrast"),
        ground=ground,
        inside=bool(rng.random() < 0.85),
        label=bool(rng.random() < 0.5),
        folds=among(0.3, 1.0),
        texture=among(0.0, 1.0),
        shadow=among(0.0, 1.0),
        turn=float(np.radians(rng.normal(0, 1.5))),
        tilt=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        quality=int(rng.integers(60, 97)),
    )


def _drop(rng: np.random.Generator, neck: str) -> float:
    """How deep the front neckline is, in neck widths."""
    low, high = {
        "crew": (0.38, 0.6),
        "v": (0.7, 1.3),
        "scoop": (0.55, 0.95),
        "wide": (0.2, 0.45),
        "collar": (0.3, 0.8),
        "stand": (0.1, 0.3),
    }[neck]
    return float(rng.uniform(low, high))


def _tones(rng: np.random.Generator, tone: str) -> tuple[Colour, Colour]:
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


def _second(rng: np.random.Generator, cloth: Colour, *, faint: bool) -> Colour:
    """Return the colour of stripes and prints on the cloth."""
    other = np.array(cloth) + rng.normal(0, 10, 3) - 14 if faint else rng.uniform(10, 250, 3)
    if not faint and np.abs(other - np.array(cloth)).max() < 50:
        other = 255 - np.array(cloth)
    return _colour(other)


def _colour(values: np.typing.NDArray[np.float64]) -> Colour:
    red, green, blue = (float(v) for v in np.clip(values, 0, 255))
    return red, green, blue
