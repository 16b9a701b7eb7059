"""Model clothes and hair over a body as labelled points, as in a parse of the person.

The clothes are a thickness over the skin with random ends, and hanging skirts and hair. Labels are
CIHP's. Lengths are in metres. The axes are those of `examples.render.body`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from examples.render.body import Flags, Floats, Ints
from services.kit.labels import Label
from training.densepose.surface import LIMBS, Surface

_SKIRT_POINTS: Final = 24_000
"""Points on a skirt, as dense as those on the body."""

_STRANDS: Final = 500
"""Strands of hair."""

_KNOTS: Final = 24
"""Points on a strand of hair."""


@dataclass(frozen=True)
class Cloud:
    """Labelled points."""

    places: Floats
    """N x 3: places, in metres."""
    labels: Ints
    """N: CIHP ids."""


def dress(surface: Surface, places: Floats, normals: Floats, rng: np.random.Generator) -> Cloud:
    """Dress a body whose surface lies at ``places`` (N, 3) with unit ``normals`` (N, 3)."""
    x, y, z = surface.places.T
    labels = _skin(surface)
    thick = np.zeros(len(labels))
    limb = {name: surface.limb == number for number, name in enumerate(LIMBS)}
    trunk = limb["torso"]
    kind = rng.choice(["top", "dress"], p=[0.85, 0.15])

    waist = rng.uniform(0.06, 0.2)
    lower = trunk & (z < waist) | limb["thigh"] | limb["shin"]
    reach = rng.choice([0.3, 0.9, 1.6, 1.95], p=[0.12, 0.08, 0.1, 0.7]) + rng.uniform(-0.1, 0.1)
    length = np.where(limb["thigh"], surface.along, np.where(limb["shin"], 1 + surface.along, 0))
    skirt = kind == "top" and rng.random() < 0.2
    clouds: list[Cloud] = []
    if kind == "top" and not skirt:
        trousers = lower & (length < reach)
        labels[trousers] = Label.PANTS
        loose = rng.choice([0.004, 0.012, 0.03], p=[0.45, 0.35, 0.2])
        thick[trousers] = loose * (0.4 + 0.6 * np.minimum(length[trousers], 1))
    sleeve = rng.choice([-0.1, 0.35, 0.55, 1.3, 1.97], p=[0.15, 0.2, 0.25, 0.1, 0.3])
    sleeve += rng.uniform(-0.08, 0.08)
    arm = np.where(
        limb["upper arm"], surface.along, np.where(limb["forearm"], 1 + surface.along, 9)
    )
    hem = rng.uniform(-0.16, 0.18)
    top = (trunk | limb["thigh"]) & (z > hem) | (arm < sleeve)
    wide, deep = (
        rng.uniform(0.06, 0.13),
        rng.uniform(0.44, 0.53) - rng.choice([0, 0.1], p=[0.7, 0.3]),
    )
    open_ = trunk & (np.abs(x) < wide * np.sqrt(np.clip((z - deep) / 0.12, 0, 1))) & (y < 0.02)
    if sleeve < 0:
        open_ |= trunk & (np.abs(x) > rng.uniform(0.09, 0.16)) & (z > 0.42)
    top &= ~open_
    named = Label.UPPER if kind == "top" else Label.DRESS
    labels[top] = named
    loose = rng.choice([0.004, 0.012, 0.03], p=[0.45, 0.4, 0.15])
    folds = 0.4 + 0.6 * np.sin(rng.uniform(5, 15) * z + rng.uniform(0, 6)) ** 2
    thick[top] = loose * folds[top] * np.where(trunk[top], 1.0, 0.8)
    shoes = limb["foot"] & (rng.random() < 0.8)
    labels[shoes] = np.where(surface.left, Label.LEFT_SHOE, Label.RIGHT_SHOE)[shoes]
    thick[shoes] = 0.008
    hair = limb["head"] & _scalp(surface)
    labels[hair] = Label.HAIR
    thick[hair] = rng.uniform(0.005, 0.035)
    if kind == "dress" or skirt:
        clouds.append(_skirt(surface, places, waist, Label.SKIRT if skirt else Label.DRESS, rng))
    if rng.random() < 0.55:
        clouds.append(_long_hair(surface, places, normals, hair, rng))
    over = places + normals * thick[:, None]
    return Cloud(
        np.concatenate([over, *(cloud.places for cloud in clouds)]),
        np.concatenate([labels, *(cloud.labels for cloud in clouds)]),
    )


def _skin(surface: Surface) -> Ints:
    arms = {LIMBS.index(name) for name in ("upper arm", "forearm", "hand")}
    legs = {LIMBS.index(name) for name in ("thigh", "shin", "foot")}
    of_arm, of_leg = np.isin(surface.limb, list(arms)), np.isin(surface.limb, list(legs))
    labels = np.full(len(surface.limb), int(Label.TORSO_SKIN))
    labels[of_arm] = np.where(surface.left, Label.LEFT_ARM, Label.RIGHT_ARM)[of_arm]
    labels[of_leg] = np.where(surface.left, Label.LEFT_LEG, Label.RIGHT_LEG)[of_leg]
    head = surface.limb == LIMBS.index("head")
    nose = surface.face_points[0]
    chin = surface.places[nose, 2] - 0.085
    # The jaw rises from the chin to the ears.
    rise = 0.5 * (surface.places[:, 1] - surface.places[nose, 1] - 0.03).clip(0)
    labels[head & (surface.places[:, 2] > chin + rise)] = Label.FACE
    return labels


def _scalp(surface: Surface) -> Flags:
    nose, right, _ = surface.face_points
    tip, ear = surface.places[nose], surface.places[right]
    _, y, z = surface.places.T
    behind = (y > ear[1] + 0.01) & (z > ear[2] - 0.06)
    above = z > tip[2] + 0.085 - 0.35 * (y - tip[1])
    return np.asarray(behind | above)


def _skirt(
    surface: Surface, places: Floats, waist: float, label: Label, rng: np.random.Generator
) -> Cloud:
    """Return a cone from the waist, with the body's width there."""
    belt = (surface.limb == LIMBS.index("torso")) & (np.abs(surface.places[:, 2] - waist) < 0.02)
    middle = places[belt].mean(axis=0)
    wide, deep = np.ptp(places[belt][:, :2], axis=0) / 2
    hips = (np.abs(surface.places[:, 2]) < 0.03) & (surface.limb != LIMBS.index("hand"))
    hips &= np.isin(surface.limb, [LIMBS.index("torso"), LIMBS.index("thigh")])
    broad, thick = np.ptp(places[hips][:, :2], axis=0) / 2 + 0.01
    fall = rng.uniform(0.3, 1.0)
    flare = rng.uniform(0.0, 0.35)
    down, turn = rng.random(_SKIRT_POINTS) * fall, rng.uniform(0, 2 * np.pi, _SKIRT_POINTS)
    to_hips = np.clip(down / 0.18, 0, 1)
    more = np.clip(down - 0.18, 0, None) * flare
    folds = 1 + 0.06 * np.sin(rng.integers(4, 12) * turn) * np.clip(down / 0.5, 0, 1)
    across = (wide + (broad - wide) * to_hips + more) * np.cos(turn) * folds
    depth = (deep + (thick - deep) * to_hips + more) * np.sin(turn) * folds
    cone = middle + np.stack([across, depth, -down], axis=1)
    return Cloud(cone, np.full(_SKIRT_POINTS, int(label)))


def _long_hair(
    surface: Surface, places: Floats, normals: Floats, hair: Flags, rng: np.random.Generator
) -> Cloud:
    """Return strands that hang from the sides and the back of the head."""
    nose, right, _ = surface.face_points
    low = hair & (surface.places[:, 2] < surface.places[nose, 2] + 0.08)
    low &= surface.places[:, 1] > surface.places[right, 1] - rng.uniform(0.0, 0.05)
    roots = rng.choice(np.flatnonzero(low), _STRANDS)
    fall = rng.uniform(0.05, 0.45) * rng.uniform(0.8, 1.0, (_STRANDS, 1, 1))
    way = np.linspace(0, 1, _KNOTS)[None, :, None]
    out = normals[roots][:, None] * rng.uniform(0.01, 0.05)
    forward = np.array([0.0, -1.0, 0.0]) * rng.choice([0.0, 0.06, 0.14]) * np.sqrt(way)
    side = np.sign(surface.places[roots, 0])[:, None, None] * np.array([1.0, 0, 0])
    strands = (
        places[roots][:, None]
        + out * (1 + way)
        + forward
        + side * rng.uniform(-0.02, 0.06) * way
        - np.array([0, 0, 1.0]) * fall * way
    )
    count = _STRANDS * _KNOTS
    return Cloud(strands.reshape(count, 3), np.full(count, int(Label.HAIR)))
