"""Label each vertex of a body with a part of DensePose's surface.

The cuts follow DensePose as far as its pictures show them: between limbs at the change of the
bones' weights, between front and back at the flank, between the inside and the outside of an arm
along two lines, which are given as angles around the arm. Ids are those of `services/densepose`.
"""

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from examples.render.body import Body, Floats, Ints

BONES: Final = {
    "upper arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": ("wrist", "finger", "metacarpal"),
    "thigh": ("upperleg",),
    "shin": ("lowerleg",),
    "foot": ("foot", "toe"),
    "head": (
        "head",
        "neck",
        "jaw",
        "eye",
        "tongue",
        "levator",
        "orbicularis",
        "oculi",
        "oris",
        "risorius",
        "temporalis",
        "special",
    ),
}
"""Bones of each limb, by the beginnings of their names."""

SEAM_UPPER: Final = ((0.0, 1.0), (50.0, 50.0))
"""Front seam of an upper arm: fractions of the length, and degrees from the outermost line."""

SEAM_LOWER: Final = ((0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0), (94, 103, 110, 116, 131, 163, 180))
"""Front seam of a forearm: fractions of the length, and degrees from the outermost line."""

SEAM_BEHIND: Final = -150.0
"""Rear seam of an arm, in degrees from the outermost line to the front."""

MOVED: Final = (
    ("torso", "thigh", 0.027),
    ("thigh", "shin", 0.055),
    ("head", "torso", 0.009),
    ("hand", "forearm", 0.014),
)
"""How far DensePose's cuts lie from where the weights change over, in metres: how much of the first
limb, nearest the second, is the second's. The mean of what its maps of five people show."""


def part_labels(rest: Body) -> Ints:
    """Label the vertices of a body in its rest pose, (N,), ids 1 to 24."""
    return labels_of(rest, normals(rest))


def limbs(rest: Body) -> Ints:
    """Return each vertex's limb, (N,): the index in ``BONES``, the torso after them."""
    weights = np.stack([rest.weight(*bones) for bones in BONES.values()], axis=1)
    torso = 1 - weights.sum(axis=1, keepdims=True)
    of: Ints = np.concatenate([weights, torso], axis=1).argmax(axis=1)
    names = [*BONES, "torso"]
    nearest = cKDTree(rest.vertices)
    moved = of.copy()
    for loser, winner, far in MOVED:
        own = np.flatnonzero(of == names.index(loser))
        step = np.array([0.0, 0.0, -1.0])
        if loser == "hand":
            arm = rest.joint("lowerarm02.L") - rest.joint("wrist.L")
            sides = np.where(rest.vertices[own, :1] > 0, 1.0, -1.0)
            step = arm / np.linalg.norm(arm) * np.hstack([sides, np.ones((len(own), 2))])
        _, there = nearest.query(rest.vertices[own] + far * step)
        moved[own[of[there] == names.index(winner)]] = names.index(winner)
    return moved


def labels_of(rest: Body, facing: Floats) -> Ints:
    """Label the points of a body in its rest pose whose normals are ``facing``, (N,)."""
    names = list(BONES)
    group = limbs(rest)
    left = rest.vertices[:, 0] > 0
    front = facing[:, 1] < 0
    by_group = {
        "hand": np.where(left, 4, 3),
        "thigh": np.where(front, 9, 7) + left,
        "shin": np.where(front, 13, 11) + left,
        "foot": np.where(left, 5, 6),
        "head": np.where(left, 24, 23),
        "upper arm": _arm(rest, ("upperarm01", "lowerarm01"), SEAM_UPPER, 18),
        "forearm": _arm(rest, ("lowerarm01", "wrist"), SEAM_LOWER, 22),
    }
    labels: Ints = np.where(front, 2, 1)
    for name, own in by_group.items():
        labels = np.where(group == names.index(name), own, labels)
    return labels


def normals(body: Body) -> Floats:
    """Sum the normals of the faces around each vertex, (N, 3)."""
    corners = [body.vertices[body.faces[:, i]] for i in range(3)]
    across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    total = np.zeros_like(body.vertices)
    for corner in range(body.faces.shape[1]):
        np.add.at(total, body.faces[:, corner], across)
    return total


def _arm(
    rest: Body,
    bones: tuple[str, str],
    seam: tuple[tuple[float, ...], tuple[float, ...]],
    right_outside: int,
) -> Ints:
    labels = np.zeros(len(rest.vertices), np.int64)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        start, end = (rest.joint(f"{bone}.{side}") for bone in bones)
        length = np.linalg.norm(end - start)
        axis = (end - start) / length
        outwards, forwards = (
            way - axis * (axis @ way) for way in (np.array([sign, 0, 0]), np.array([0, -1.0, 0]))
        )
        place = rest.vertices - start
        angle = np.degrees(
            np.arctan2(
                place @ forwards / np.linalg.norm(forwards),
                place @ outwards / np.linalg.norm(outwards),
            )
        )
        inside = (angle > np.interp(place @ axis / length, *seam)) | (angle < SEAM_BEHIND)
        own = np.where(inside, right_outside - 2, right_outside) - (side == "L")
        labels = np.where(rest.vertices[:, 0] * sign > 0, own, labels)
    return labels
