"""Draw random shapes and poses of standing people, as bodies of Anny.

Axes are those of `examples.render.body`: x to the person's left, y to the back, z up, in metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import anny
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from examples.render.body import BODY_25_BONES, Floats

BATCH: Final = 16
"""Number of bodies that are computed together."""

SIDES: Final = (("L", 1.0), ("R", -1.0))
"""A bone's suffix and the sign of x on its side of the body."""

JOINTS: Final = BODY_25_BONES | {15: "eye.R", 16: "eye.L"}
"""The bones that begin at joints of BODY_25."""


@dataclass(frozen=True)
class People:
    """B posed bodies."""

    vertices: Floats
    """B x V x 3: places of the vertices, in metres."""
    joints: Floats
    """B x 25 x 3: places of BODY_25's joints, in metres; 0 where no bone begins."""


def draw(model: anny.Anny, rest: Mapping[str, Floats], rng: np.random.Generator) -> People:
    """Draw ``BATCH`` people. ``rest`` holds the places of the bones of the body at rest."""
    labels = list(model.bone_labels)
    turns = np.tile(np.eye(4, dtype=np.float32), (BATCH, len(labels), 1, 1))
    for person in range(BATCH):
        for bone, turn in _pose(rest, rng).items():
            turns[person, labels.index(bone), :3, :3] = turn
    shape = {name: torch.from_numpy(values) for name, values in _shapes(rng).items()}
    with torch.no_grad():
        made = model(pose_parameters=torch.from_numpy(turns), phenotype_kwargs=shape)
    joints = np.zeros((BATCH, 25, 3))
    places = made["bone_poses"][:, :, :3, 3].numpy()
    for joint, bone in JOINTS.items():
        joints[:, joint] = places[:, labels.index(bone)]
    return People(made["vertices"].numpy(), joints)


def _shapes(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw adults of all shapes, most of them slim to average."""
    low_high = {
        "age": (0.5, 0.85),
        "muscle": (0.3, 0.8),
        "weight": (0.2, 0.75),
        "height": (0.3, 0.75),
        "proportions": (0.3, 1.0),
        "cupsize": (0.2, 0.8),
        "firmness": (0.3, 0.8),
    }
    shape = {name: rng.uniform(*ends, BATCH) for name, ends in low_high.items()}
    shape["gender"] = np.where(rng.random(BATCH) < 0.5, 0.0, 1.0) + rng.uniform(-0.2, 0.2, BATCH)
    return {name: values.clip(0, 1).astype(np.float32) for name, values in shape.items()}


def _pose(rest: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Return rotations of bones from the rest pose, (3, 3) each."""
    turns: dict[str, Floats] = {}
    kind = rng.choice(
        ["stand", "hips", "bend", "raise", "front", "behind"],
        p=[0.55, 0.13, 0.15, 0.04, 0.08, 0.05],
    )
    lean = Rotation.from_euler("xyz", rng.normal(0, (5, 4, 5)), degrees=True)
    for bone in ("spine04", "spine02"):
        turns[bone] = lean.as_matrix()
    trunk = lean * lean
    tilt = rng.normal(0, (7, 7, 14))
    for bone in ("neck02", "head"):
        turns[bone] = Rotation.from_euler("xyz", tilt / 2, degrees=True).as_matrix()
    both = rng.random() < 0.6
    odd = rng.integers(2)
    for place, (side, sign) in enumerate(SIDES):
        own = kind if both or place == odd else "stand"
        upper, fore = _arm(own, rng)
        mirror = np.array([sign, 1.0, 1.0])
        turns |= _turn_arm(
            rest, side, trunk=trunk, upper=upper * mirror, fore=fore * mirror, rng=rng
        )
    turns |= _legs(rng)
    return turns


def _arm(kind: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the directions of upper arm and forearm of a left arm."""
    means = {
        "stand": ((0.17, 0.06, -1.0), (0.08, -0.16, -1.0), 0.1, 0.12),
        "hips": ((0.75, 0.3, -0.8), (-0.75, -0.4, -0.55), 0.15, 0.15),
        "bend": ((0.3, 0.0, -1.0), (0.0, -0.6, -0.3), 0.25, 0.55),
        "raise": ((1.0, -0.1, 0.2), (0.3, -0.2, 0.8), 0.4, 0.5),
        "front": ((0.2, -0.15, -1.0), (-0.65, -0.5, -0.35), 0.12, 0.3),
        "behind": ((0.25, 0.3, -1.0), (-0.3, 0.35, -0.9), 0.1, 0.15),
    }
    upper, fore, loose, looser = means[kind]
    return _near(upper, loose, rng), _near(fore, looser, rng)


def _near(way: tuple[float, float, float], loose: float, rng: np.random.Generator) -> Floats:
    found = np.array(way) / np.linalg.norm(way) + rng.normal(0, loose, 3)
    return np.asarray(found / np.linalg.norm(found))


def _turn_arm(
    rest: Mapping[str, Floats],
    side: str,
    *,
    trunk: Rotation,
    upper: Floats,
    fore: Floats,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Rotate an arm to two directions, with the elbow as a hinge as at rest."""
    shoulder, elbow, wrist = (
        rest[f"{bone}.{side}"] for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    at_rest, fore_at_rest = elbow - shoulder, wrist - elbow
    swing = _between(at_rest, upper)
    hinge = np.cross(at_rest, fore_at_rest)
    wanted = np.cross(upper, fore)
    bend = np.linalg.norm(wanted)
    if bend > 1e-3:
        # A nearly straight arm has no plane.
        sure = min(float(bend) / 0.5, 1.0) ** 2
        held = swing.apply(hinge / np.linalg.norm(hinge))
        aim = wanted / bend
        angle = np.arctan2(np.cross(held, aim) @ upper, held @ aim)
        swing = Rotation.from_rotvec(upper * angle * sure) * swing
    local = trunk.inv() * swing
    forearm = _between(fore_at_rest, (swing.inv()).apply(fore))
    turned = Rotation.from_rotvec(
        fore_at_rest / np.linalg.norm(fore_at_rest) * np.radians(rng.normal(0, 20))
    )
    hand = Rotation.from_euler("xyz", rng.normal(0, 10, 3), degrees=True)
    return {
        f"upperarm01.{side}": local.as_matrix(),
        f"lowerarm01.{side}": forearm.as_matrix(),
        f"lowerarm02.{side}": turned.as_matrix(),
        f"wrist.{side}": hand.as_matrix(),
    }


def _legs(rng: np.random.Generator) -> dict[str, Floats]:
    turns: dict[str, Floats] = {}
    walking = rng.random() < 0.3
    stride = rng.normal(0, 16 if walking else 4)
    for side, sign in SIDES:
        ahead = sign * stride + rng.normal(0, 3)
        aside = sign * rng.normal(0, 4)
        knee = abs(rng.normal(0, 14 if walking else 6))
        turns[f"upperleg01.{side}"] = Rotation.from_euler(
            "xyz", (-ahead - knee / 2, -aside, sign * rng.normal(4, 8)), degrees=True
        ).as_matrix()
        turns[f"lowerleg01.{side}"] = Rotation.from_euler("x", knee, degrees=True).as_matrix()
    return turns


def _between(start: Floats, end: Floats) -> Rotation:
    """Return the shortest rotation of one direction into another."""
    first, last = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(first, last)
    sine, cosine = np.linalg.norm(axis), first @ last
    if sine < 1e-9:
        return Rotation.identity()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine))
