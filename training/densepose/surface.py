"""Sample points evenly over the body, with part and chart coordinates."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from examples.render.body import Body, Flags, Floats, Ints
from examples.render.labels import (
    BONES,
    SEAM_BEHIND,
    SEAM_LOWER,
    SEAM_UPPER,
    labels_of,
    limbs,
    normals,
)
from services.densepose.charts import chart_coordinates
from services.densepose.parts import Part

POINTS: Final = 32_000
"""Number of points on about 2 square metres, more than one for each pixel of a frontal view."""
LIMBS: Final = (*BONES, "torso")
"""Names of the limbs; a limb's number is its index."""

_CHAINS: Final = {
    "upper arm": ("upperarm01", "lowerarm01"),
    "forearm": ("lowerarm01", "wrist"),
    "hand": ("wrist", "finger3-3"),
    "thigh": ("upperleg01", "lowerleg01"),
    "shin": ("lowerleg01", "foot"),
    "foot": ("foot", "toe1-1"),
}
"""First and last bone of each limb."""

_PALM: Final = 0.045
"""Half the width of a hand, in metres."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """N points on the body at rest."""

    spread: csr_array
    """N x V: weights of the body's vertices at each point."""
    faces_of: Ints
    """N: index of the face that the point lies on."""
    places: Floats
    """N x 3: places at rest, in metres."""
    limb: Ints
    """N: index in ``LIMBS``."""
    left: Flags
    """N: whether the point is on the person's left."""
    along: Floats
    """N: place down the limb, 0 to 1."""
    part: Ints
    """N: DensePose ids."""
    u: Floats
    """N: first coordinate on the part's chart, 0 to 1."""
    v: Floats
    """N: second coordinate on the part's chart, 0 to 1."""
    face_points: tuple[int, int, int]
    """Indices of the points at the nose, the right and the left ear."""


def spread_over(rest: Body, rng: np.random.Generator) -> Surface:
    """Sample the points on a body at rest."""
    a, b, c = (rest.vertices[rest.faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1)
    face = rng.choice(len(area), POINTS, p=area / area.sum())
    shares = rng.dirichlet((1.0, 1.0, 1.0), POINTS)
    columns = rest.faces[face]
    rows = np.repeat(np.arange(POINTS), 3)
    spread = csr_array(
        (shares.ravel(), (rows, columns.ravel())), shape=(POINTS, len(rest.vertices))
    )
    points = replace(rest, vertices=_at(spread, rest.vertices), weights=_at(spread, rest.weights))
    facing = _at(spread, normals(rest))
    part, limb = labels_of(points, facing), limbs(points)
    along, aside = _places(points, limb)
    u, v = np.zeros(POINTS), np.zeros(POINTS)
    for own in Part:
        if own:
            chosen = part == own
            u[chosen], v[chosen] = chart_coordinates(own, along[chosen], aside[chosen])
    return Surface(
        spread=spread,
        faces_of=face,
        places=points.vertices,
        limb=limb,
        left=points.vertices[:, 0] > 0,
        along=along,
        part=part,
        u=u.clip(0, 1),
        v=v.clip(0, 1),
        face_points=_face_points(points),
    )


def _at(spread: csr_array, values: Floats) -> Floats:
    found: Floats = spread @ values
    return found


def _places(body: Body, limb: Ints) -> tuple[Floats, Floats]:
    """Return ``along`` and ``aside`` of every point, as in ``services.densepose.charts``."""
    along, aside = np.zeros(len(limb)), np.zeros(len(limb))
    for name, (start, end) in _CHAINS.items():
        for side, sign in (("L", 1.0), ("R", -1.0)):
            chosen = (limb == LIMBS.index(name)) & (body.vertices[:, 0] * sign > 0)
            first, last = body.joint(f"{start}.{side}"), body.joint(f"{end}.{side}")
            step = last - first
            length = float(np.linalg.norm(step))
            axis = step / length
            outwards, forwards = (
                way - axis * (axis @ way) for way in (np.array([sign, 0, 0]), np.array([0, -1, 0]))
            )
            place = body.vertices[chosen] - first
            at = (place @ axis / length).clip(0, 1)
            out = place @ outwards / np.linalg.norm(outwards)
            ahead = place @ forwards / np.linalg.norm(forwards)
            along[chosen] = at
            if name in {"upper arm", "forearm"}:
                seam = np.interp(at, *(SEAM_UPPER if name == "upper arm" else SEAM_LOWER))
                behind = np.mod(seam - np.degrees(np.arctan2(ahead, out)), 360)
                wide = seam - SEAM_BEHIND
                inward = (360 - behind) / (360 - wide)
                aside[chosen] = np.where(behind <= wide, behind / wide, inward)
            elif name == "hand":
                aside[chosen] = (0.5 + out / (2 * _PALM)).clip(0, 1)
            else:
                around = np.hypot(out, ahead) + 1e-9
                aside[chosen] = (1 + out / around) / 2
    _trunk(body, limb, along, aside)
    return along, aside


def _trunk(body: Body, limb: Ints, along: Floats, aside: Floats) -> None:
    for name in ("torso", "head"):
        chosen = limb == LIMBS.index(name)
        x, y, z = body.vertices[chosen].T
        bottom, top = np.percentile(z, (0.5, 99.5))
        along[chosen] = ((top - z) / (top - bottom)).clip(0, 1)
        if name == "torso":
            half = np.percentile(np.abs(x), 95)
            aside[chosen] = (0.5 - x / (2 * half)).clip(0, 1)
        else:
            middle = (np.percentile(y, 2) + np.percentile(y, 98)) / 2
            angle = np.arctan2(np.abs(x), middle - y)
            seen = np.sin(angle) / 2
            aside[chosen] = np.where(angle <= np.pi / 2, seen, 1 - seen)


def _face_points(body: Body) -> tuple[int, int, int]:
    right, left = body.joint("eye.R"), body.joint("eye.L")
    level = np.array([(right[0] + left[0]) / 2, right[1], right[2] - 0.02])
    off = body.vertices - level
    near = (np.abs(off) < [0.12, 0.3, 0.012]).all(axis=1)
    nose = np.where(near, off[:, 1], np.inf).argmin()
    ears = [np.where(near, sign * off[:, 0], -np.inf).argmax() for sign in (-1.0, 1.0)]
    return int(nose), int(ears[0]), int(ears[1])
