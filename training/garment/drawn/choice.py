"""Choose random garments; all kinds are about equally likely."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.garment.drawn.spec import (
    ARM,
    CAP,
    MOUNTS,
    NECKS,
    PATTERNS,
    POSES,
    ROUND,
    SHOULDER,
    SLEEVES,
    TONES,
    Spec,
    second,
    tones,
)

NECK_WIDTHS: Final = {
    "crew": (7.5, 10.5),
    "v": (7.5, 10),
    "scoop": (9, 12.5),
    "wide": (12, 15.5),
    "square": (9, 13),
    "collar": (7, 8.5),
    "stand": (6, 8),
    "hood": (7.5, 9.5),
    "off shoulder": (16, 18),
    "strapless": (16, 18),
    "straps": (8, 12),
    "one shoulder": (8, 11),
}
"""Least and greatest half width of each neckline, in the drawing's centimetres."""

DROPS: Final = {
    "crew": (0.22, 0.56),
    "v": (0.7, 1.3),
    "scoop": (0.55, 0.95),
    "wide": (0.13, 0.42),
    "square": (0.5, 0.9),
    "collar": (0.3, 0.8),
    "stand": (0.1, 0.3),
    "hood": (0.3, 0.6),
    "off shoulder": (0.03, 0.16),
    "strapless": (0.0, 0.14),
    "straps": (0.5, 1.0),
    "one shoulder": (0.5, 0.8),
}
"""How deep the front neckline is, in neck widths."""

ROUNDNESS: Final = {
    "v": (1.0, 1.25),
    "collar": (1.0, 1.4),
    "square": (6.0, 12.0),
    "straps": (2.2, 4.5),
    "off shoulder": (2.5, 5.0),
    "strapless": (2.5, 5.0),
}
"""Least and greatest exponent of a front neckline: 1 is a V, large ones are square."""

ROUND_NECK: Final = (1.9, 3.2)
"""The power of a front neckline's form, of those not named: 1 is a straight V, 2 a parabola."""

LONG: Final = ("three_quarter", "long")
"""Sleeves that have an elbow."""

BARE: Final = ("strapless", "straps")
"""Necklines that no sleeve goes with."""


def choose(rng: np.random.Generator, category: str = "upper") -> Spec:
    """Choose a garment of a category."""
    if category == "lower":
        return Spec(**(_cloth(rng) | _lower(rng)))
    return Spec(**(_cloth(rng) | _upper(rng, category)))


def _cloth(rng: np.random.Generator) -> dict[str, Any]:
    """Choose the fabric and the conditions of the photo."""
    tone = str(rng.choice(TONES))
    cloth, ground = tones(rng, tone)
    return {
        "pattern": str(rng.choice(PATTERNS)),
        "tone": tone,
        "cloth": cloth,
        "ground": ground,
        "second": second(rng, cloth, faint=tone == "low contrast"),
        "label": bool(rng.random() < 0.5),
        "pockets": bool(rng.random() < 0.25),
        "belt": bool(rng.random() < 0.3),
        "folds": float(rng.uniform(0.3, 1.0)),
        "texture": float(rng.uniform(0.0, 1.0)),
        "shadow": float(rng.uniform(0.0, 1.0)),
        "turn": float(np.radians(rng.normal(0, 1.5 if rng.random() < 0.8 else 5.0))),
        "tilt": (float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        "quality": int(rng.integers(60, 97)),
    }


@dataclass(frozen=True, kw_only=True)
class _Size:
    """The body of an upper garment; lengths in centimetres."""

    fit: str
    """``slim``, ``regular`` or ``loose``."""
    mount: str
    """One of ``MOUNTS``."""
    pose: str
    """One of ``POSES``; ``none`` without sleeves."""
    half_chest: float
    """Half the width of the chest."""
    half_neck: float
    """Half the width of the neckline."""
    half_shoulder: float
    """Half the distance between the shoulder tips."""
    slope: float
    """Fall of the shoulder, per centimetre outwards."""
    depth: float
    """Height of the armhole below the shoulder tip."""
    angle: float
    """Angle of the sleeves from straight down, in radians."""
    thick: float
    """Width of a sleeve, as a fraction of its width laid flat."""


def _upper(rng: np.random.Generator, category: str) -> dict[str, Any]:
    neck = str(rng.choice(NECKS))
    sleeves = "none" if neck in BARE else str(rng.choice(tuple(SLEEVES)))
    if neck == "off shoulder" and sleeves == "none":
        sleeves = "short"
    size = _size(rng, category, neck, sleeves)
    arms = _arms(rng, neck, sleeves, size)
    cut = _dress(rng) if category == "dress" else _top(rng)
    return (
        cut
        | arms
        | {
            "category": category,
            "sleeves": sleeves,
            "mount": size.mount,
            "neck": neck,
            "fit": size.fit,
            "opening": _opening(rng, neck),
            "half_neck": size.half_neck,
            "half_shoulder": size.half_shoulder,
            "slope": size.slope,
            "half_chest": size.half_chest,
            "armpit": (size.half_shoulder - size.half_neck) * size.slope + size.depth,
            "drop": float(rng.uniform(*DROPS[neck])),
            "roundness": float(rng.uniform(*ROUNDNESS.get(neck, ROUND_NECK))),
            "uneven": float(rng.choice((0.03, 0.25, 0.5), p=(0.7, 0.2, 0.1))),
            "bow": float(rng.uniform(-1.5, 3.0) if sleeves in LONG else rng.uniform(-0.5, 0.8)),
            "puff": float(rng.uniform(1.5, 7.0)) if rng.random() < 0.18 else 0.0,
            "swell": float(rng.uniform(0.6, 2.2)),
            "overlap": float(rng.uniform(0.3, 3.0)),
            "lift": float(rng.uniform(0.5, 5.0 if neck == "stand" else 2.0)),
            "bare": int(rng.choice((-1, 1))) if neck == "one shoulder" else 0,
            "gap": (float(rng.uniform(0.5, 5.0)), float(rng.uniform(0.5, 12.0))),
            "inside": bool(rng.random() < 0.85),
        }
    )


def _size(rng: np.random.Generator, category: str, neck: str, sleeves: str) -> _Size:
    def among(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    fit = str(rng.choice(("slim", "regular", "loose")))
    half_chest = among(*{"slim": (21.5, 24), "regular": (24, 26.5), "loose": (26.5, 30)}[fit])
    if category == "dress":
        half_chest = among(20.5, 26)
    half_neck = among(*NECK_WIDTHS[neck])
    if sleeves == "none":
        half_shoulder = max(half_chest * among(0.55, 0.85), half_neck + 3.0)
    else:
        half_shoulder = max(half_chest * among(0.8, 0.93), half_neck + 4.0)
    slope = float(np.tan(np.radians(among(11, 25))))
    depth = among(17.5, 20.5) + 0.35 * (half_chest - 21.5)
    mount = str(rng.choice(MOUNTS))
    flat = mount == "flat"
    pose = "none" if sleeves == "none" else str(rng.choice(POSES[:3] if flat else POSES[:2]))
    angle = float(np.radians(among(18, 42) if pose == "angled" else among(48, 80)))
    if not flat:
        half_chest *= ROUND
        half_neck = min(half_neck, 12.5)
        half_shoulder = min(half_shoulder, half_chest - 1.0)
        if sleeves != "none":
            half_shoulder = max(among(0.95, 1.06) * half_chest, half_neck + 3.0)
        else:
            half_neck = min(half_neck, half_shoulder - 3.0)
        angle *= 0.6
    if neck in ("off shoulder", "strapless"):
        half_shoulder = half_chest * (among(0.95, 1.04) if sleeves != "none" else among(0.86, 0.97))
        half_neck, slope = half_shoulder - among(0.8, 2.5), slope * 0.5
        depth = among(7, 13) if sleeves != "none" else among(2, 7)
    elif neck == "straps":
        if rng.random() < 0.3:
            half_neck = among(3.5, 6.5)
        half_shoulder = half_neck + among(0.8, 2.4)
        depth = among(18, 27)
    thick = 1.0 if flat else ROUND + 0.1
    return _Size(
        fit=fit,
        mount=mount,
        pose=pose,
        half_chest=half_chest,
        half_neck=half_neck,
        half_shoulder=half_shoulder,
        slope=slope,
        depth=depth,
        angle=angle,
        thick=thick,
    )


def _arms(rng: np.random.Generator, neck: str, sleeves: str, size: _Size) -> dict[str, Any]:
    def among(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    share = among(*SLEEVES[sleeves])
    if sleeves == "short" and rng.random() < 0.2 and neck != "off shoulder":
        share = among(*CAP)
    cuffs = {
        "none": (0.0, 0.0),
        "short": (14, 20),
        "three_quarter": (10.5, 16),
        "long": (8.5, 12.5),
    }[sleeves]
    cuff = size.thick * among(*cuffs) * (among(1.2, 2.4) if rng.random() < 0.18 else 1.0)
    reach = share * ARM - (size.half_shoulder - SHOULDER) if sleeves != "none" else 0.0
    if neck == "off shoulder":
        reach = share * ARM - size.depth * 0.5
    pose, angle, bend = size.pose, size.angle, 0.0
    if sleeves in LONG and pose in ("angled", "spread") and rng.random() < 0.4:
        bend = among(-0.3, 0.9)
    if sleeves == "long" and size.mount == "flat" and rng.random() < 0.12:
        pose, angle, bend = "folded", float(np.radians(among(15, 40))), among(1.2, 2.3)
    return {
        "pose": pose,
        "reach": max(reach, 3.0) if sleeves != "none" else 0.0,
        "cuff": cuff,
        "angle": angle,
        "bend": bend,
    }


def _opening(rng: np.random.Generator, neck: str) -> str:
    if neck in ("strapless", "one shoulder"):
        return "none"
    chance = float(rng.random())
    if neck == "collar" and chance < 0.6:
        return "buttons"
    if chance > (0.75 if neck in ("collar", "hood") else 0.9):
        return "open"
    if neck in ("hood", "stand") and chance < 0.3:
        return "zip"
    return "buttons" if chance < 0.06 else ("zip" if chance < 0.12 else "none")


def _top(rng: np.random.Generator) -> dict[str, Any]:
    lengths = ((42, 50), (56, 70), (56, 70), (70, 78))[int(rng.integers(4))]
    length = float(rng.uniform(*lengths))
    waist, flare = float(rng.uniform(0.86, 1.0)), float(rng.uniform(0.92, 1.14))
    if rng.random() < 0.15:
        flare = float(rng.uniform(1.14, 1.7))
        waist *= (1 + flare) / 2
    return {
        "style": "top",
        "length": length,
        "waist": waist,
        "waist_row": min(0.62 * length, 42.0),
        "flare": flare,
        "hem": str(rng.choice(("straight", "straight", "curved", "shirt tail"))),
    }


def _dress(rng: np.random.Generator) -> dict[str, Any]:
    style = str(rng.choice(("straight", "a-line", "full")))
    length = float(rng.uniform(*((86, 98), (98, 115), (115, 145))[int(rng.integers(3))]))
    flare = {"straight": (0.8, 1.15), "a-line": (1.2, 1.75), "full": (1.7, 2.4)}[style]
    return {
        "style": style,
        "length": length,
        "waist": float(rng.uniform(0.72, 1.0)),
        "waist_row": float(rng.uniform(34, 44)),
        "flare": float(rng.uniform(*flare)),
        "hem": str(rng.choice(("straight", "curved"))),
    }


def _lower(rng: np.random.Generator) -> dict[str, Any]:
    def among(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    style = str(rng.choice(("trousers", "trousers", "shorts", "skirt", "skirt")))
    half_waist = among(16, 22)
    half_hip = half_waist * among(1.08, 1.35)
    rise = among(23, 33)
    leg, wide = 0.0, 0.0
    length = among(*((34, 48), (50, 72), (75, 100))[int(rng.integers(3))])
    kind = int(rng.integers(3))
    flare = (among(0.85, 1.1), among(1.1, 1.7), among(1.7, 2.4))[kind]
    if style != "skirt":
        leg = among(58, 82) if style == "trousers" else among(6, 30)
        wide = half_hip * (among(0.38, 0.5), among(0.5, 0.72), among(0.72, 1.1))[kind]
        if style == "shorts":
            wide = half_hip * among(0.85, 1.25)
        length = rise + leg
    return {
        "category": "lower",
        "style": style,
        "sleeves": "none",
        "mount": str(rng.choice(MOUNTS)),
        "neck": "waist",
        "pose": str(rng.choice(("touching", "angled", "spread"))),
        "fit": ("slim", "regular", "loose")[kind],
        "opening": "none",
        "hem": str(rng.choice(("straight", "curved"))),
        "half_neck": half_waist,
        "half_shoulder": half_waist,
        "slope": 0.0,
        "half_chest": half_hip,
        "armpit": rise,
        "waist": 1.0,
        "waist_row": 0.0,
        "flare": flare,
        "length": length,
        "drop": among(0.0, 0.06),
        "roundness": 2.0,
        "reach": leg,
        "cuff": wide,
        "angle": float(np.radians(among(1, 14))),
        "uneven": 0.03,
        "bend": 0.0,
        "bow": among(-1.0, 1.0),
        "puff": 0.0,
        "swell": 1.0,
        "overlap": among(0.0, 2.0),
        "lift": among(0.0, 2.5),
        "bare": 0,
        "gap": (0.0, 0.0),
        "inside": bool(rng.random() < 0.6),
    }
