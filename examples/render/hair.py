"""Grow hair, brows and lashes as polylines (strands, points, 3) on a head."""

from dataclasses import dataclass

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from examples.render.body import SIDES, Body, Flags, Floats
from examples.render.meshes import nearest, push_out


@dataclass(frozen=True, kw_only=True)
class HairStyle:
    """How the hair of the head grows."""

    long: bool
    """Whether the hair hangs from a parting; else it is short and combed forward."""
    melanin: float
    """Darkness, 0 (white) to 1 (black)."""
    redness: float
    """Redness of the pigment, 0 to 1."""
    guides: int = 1500
    """Number of strands that are grown."""
    strands: int = 34000
    """Number of strands that are drawn; they follow the grown ones."""
    reach: float = 0.135
    """Distance of long hair's ends below the eyes, in metres."""


class Head:
    """A body's head with what growing hair asks of it: landmarks and nearest points of the skin."""

    def __init__(self, body: Body, rng: np.random.Generator) -> None:
        self.body = body
        self.rng = rng
        self.surface = BVHTree.FromPolygons(body.vertices.tolist(), body.faces.tolist())
        self.eyes: dict[str, Floats] = {}
        self.eye_radius = 0.0
        for side in SIDES:
            ball = body.vertices[body.weight(f"eye.{side}") > 0.9]
            self.eyes[side] = (ball.min(axis=0) + ball.max(axis=0)) / 2
            self.eye_radius = float(np.ptp(ball, axis=0).max() / 2)
        self.eye_height = float(self.eyes["L"][2])
        skull = body.vertices[body.weight("head") > 0.9]
        middle = (skull[:, 1].min() + skull[:, 1].max()) / 2 + 0.01
        self.centre = np.array([0.0, middle, skull[:, 2].max() - 0.10])

    def scalp(self) -> Flags:
        """Return the vertices of the scalp, (N,)."""
        x, y, z = self.body.vertices.T
        forward = self.centre[1] - y
        hairline = self.eye_height + 0.062 - 0.9 * np.maximum(np.abs(x) - 0.035, 0)
        top = (z > hairline) & (forward > 0)
        back = (forward <= 0.012) & (z > self.eye_height - 0.055)
        temple = (forward > 0) & (forward < 0.035) & (z > self.eye_height)
        away = np.linalg.norm(self.body.vertices - self.centre, axis=1) > 0.068
        skull = (self.body.weight("head") > 0.5) & (z > self.eye_height + 0.04)
        wide = np.abs(x[skull]).max() - np.where(z < self.eye_height, 0.016, 0.002)
        ear = (np.abs(x) > wide) & (z < self.eye_height + 0.015)
        chosen: Flags = (self.body.weight("head") > 0.5) & (top | back | temple) & away & ~ear
        return chosen

    def roots(self, count: int) -> tuple[Floats, Floats]:
        """Sample points on the scalp with normals, two arrays (count, 3)."""
        faces = self.body.faces[self.scalp()[self.body.faces].all(axis=1)]
        corner = self.body.vertices[faces]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area = np.linalg.norm(normal, axis=1)
        pick = self.rng.choice(len(faces), count, p=area / area.sum())
        cut = np.sort(self.rng.random((count, 2)), axis=1)
        share = np.stack([cut[:, 0], cut[:, 1] - cut[:, 0], 1 - cut[:, 1]], axis=1)
        points: Floats = (corner[pick] * share[..., None]).sum(axis=1)
        return points, (normal / area[:, None])[pick]

    def project(self, x: Floats, z: Floats) -> Floats:
        """Return the points of the face seen from the front at these x and z, (n, 3)."""
        hits = [
            self.surface.ray_cast(Vector((a, -1, b)), Vector((0, 1, 0)))
            for a, b in zip(x, z, strict=True)
        ]
        return np.array([tuple(hit[0]) for hit in hits])


def unit(vectors: Floats) -> Floats:
    """Return the vectors, (n, 3), scaled to length one."""
    scaled: Floats = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
    return scaled


def keep_off_face(head: Head, points: Floats, start: Floats, curtain: Floats) -> Floats:
    """Return points (n, 3) moved beside the cheeks and behind the plane of the eyes."""
    points = points.copy()
    low = np.clip((head.eye_height + 0.07 - points[:, 2]) / 0.06, 0, 1)
    side = np.where(start[:, 0] > 0, 1, -1)
    clear = curtain * low * (points[:, 1] < head.centre[1] + 0.02)
    points[:, 0] = side * np.maximum(side * points[:, 0], clear)
    behind = np.maximum(points[:, 1], head.centre[1] - 0.055)
    points[:, 1] = np.where(low > 0, behind, points[:, 1])
    return points


@dataclass(frozen=True)
class Hang:
    """Parameters of hanging strands."""

    gravity: float
    """How much each step turns down, 0 to 1."""
    clearance: Floats
    """Distance from the head (n,), in metres."""
    curtain: Floats | None
    """Distance of long hair from the middle of the face (n,), in metres; None for short hair."""


def fall(
    head: Head,
    roots: Floats,
    start: Floats,
    length: Floats,
    hang: Hang,
) -> Floats:
    """Grow sagging strands of `length` (n,) metres from `roots` along `start`, (n, 26, 3)."""
    gravity, clearance, curtain = hang.gravity, hang.clearance, hang.curtain
    points = 26
    strands = np.zeros((len(roots), points, 3))
    strands[:, 0] = roots
    heading = start
    step = (length / (points - 1))[:, None]
    for k in range(1, points):
        heading = unit(heading * (1 - gravity) + np.array([0, 0, -gravity]))
        tip = strands[:, k - 1] + heading * step
        tip = push_out(head.surface, tip, clearance)
        if curtain is not None:
            tip = keep_off_face(head, tip, start, curtain)
        heading = unit(tip - strands[:, k - 1])
        strands[:, k] = tip
    return strands


def fill(head: Head, guides: Floats, count: int, loose: float) -> Floats:
    """Grow `count` strands along the nearest guides on the same side of the parting."""
    roots, _ = head.roots(count)
    along = np.linspace(0, 1, guides.shape[1])[None, :, None]
    rng = head.rng
    filled = []
    for side in (True, False):
        guide = guides[(guides[:, -1, 0] > guides[:, 0, 0]) == side]
        root = roots[(roots[:, 0] > PARTING + rng.normal(0, 0.004, count)) == side]
        distance, index = nearest(guide[:, 0], root, 3)
        share = 1 / (distance + 0.003)
        share /= share.sum(axis=1, keepdims=True)
        mean = (guide[index] * share[..., None, None]).sum(axis=1)
        leader = guide[index[:, 0]]
        clump = rng.uniform(0.2, 0.75, (len(root), 1, 1)) * along
        shift = (leader[:, 0] - root)[:, None] * along
        strand = (mean - mean[:, :1]) * (1 - clump) + (leader - leader[:, :1] + shift) * clump
        phase = rng.uniform(0, 6, (len(root), 1, 1))
        wave = np.sin(along * rng.uniform(5, 12, (len(root), 1, 1)) + phase)
        stray = rng.normal(0, 1.8, (len(root), 1, 3)) + rng.normal(0, 1, (len(root), 1, 3)) * wave
        filled.append(root[:, None] + strand + stray * along * loose)
    return np.vstack(filled)


PARTING = 0.018
"""The parting's x, in metres from the middle."""


def grow_hair(head: Head, style: HairStyle) -> Floats:
    """Return the hair of the head, parted on the left if long, combed forward if short."""
    rng = head.rng
    roots, normal = head.roots(style.guides)
    forward = np.clip((head.centre[1] - roots[:, 1]) / 0.09, -1, 1)
    high = np.clip((roots[:, 2] - head.centre[2]) / 0.1, -1, 1)
    side = np.where(roots[:, 0] > PARTING, 1.0, -1.0)
    if style.long:
        sweep = np.stack([side, 0.30 + 0.45 * np.clip(forward, 0, 1), 0 * side], axis=1)
        lift, gravity = 0.10, 0.26
        ends = head.eye_height - style.reach + rng.normal(0, 0.014, style.guides)
        length = (roots[:, 2] - ends) * 1.02 + 0.055 * np.clip(high, 0, 1) + 0.02
        near_part = np.clip(np.abs(roots[:, 0] - PARTING) / 0.04, 0.25, 1)
        clearance = rng.uniform(0.003, 0.013, style.guides) * (1 + 0.3 * high) * near_part
        loose = 0.0012
        curtain = 0.079 + 0.012 * rng.random(style.guides)
    else:
        sweep = np.stack([0.35 * side, -0.9 * np.ones_like(side), -0.4 * (high < 0.3)], axis=1)
        lift, gravity = 0.30, 0.04
        length = 0.008 + 0.014 * np.clip(high, 0, 1) ** 1.5 + rng.uniform(0, 0.004, style.guides)
        clearance = rng.uniform(0.001, 0.004, style.guides) * (1 + np.clip(high, 0, 1))
        loose = 0.0009
        curtain = None
    flat = unit(sweep - normal * (sweep * normal).sum(axis=1, keepdims=True))
    guides = fall(
        head,
        roots,
        unit(flat + lift * normal),
        length,
        Hang(gravity=gravity, clearance=clearance, curtain=curtain),
    )
    return fill(head, guides, style.strands, loose)


def brows(head: Head) -> Floats:
    """Return both eyebrows."""
    rng, count, drawn = head.rng, 420, []
    for side in (1, -1):
        t = rng.beta(1.1, 1.3, count)
        arch = 0.0215 + 0.0065 * np.sin(2.3 * t) - 0.006 * t**3
        thick = (1 - 0.75 * t) * np.clip(0.35 + 4 * t, 0, 1)
        height = head.eye_height + arch + rng.uniform(-1, 1, count) * 0.0040 * thick
        root = head.project(side * (0.013 + 0.036 * t), height)
        ahead = np.stack([side * (0.35 + 0.65 * t), np.full(count, -0.25), 0.9 - 1.02 * t], axis=1)
        length = rng.uniform(0.005, 0.009, count)[:, None, None]
        along = np.linspace(0, 1, 5)[None, :, None]
        strand = root[:, None] + unit(ahead)[:, None] * length * along
        strand[..., 1] += 0.0014 * along[..., 0] ** 2
        drawn.append(strand)
    return np.vstack(drawn)


def lashes(head: Head) -> Floats:
    """Return the upper lashes of both eyes."""
    drawn = []
    for side in SIDES:
        angle = np.linspace(0.15, np.pi - 0.15, 90) + head.rng.normal(0, 0.02, 90)
        eye = head.eyes[side]
        root = head.project(eye[0] + np.cos(angle) * 0.0145, eye[2] + np.sin(angle) * 0.0055)
        ahead = np.stack([0.5 * np.cos(angle), -np.ones(90), 0.25 + 0.35 * np.sin(angle)], axis=1)
        along = np.linspace(0, 1, 5)[None, :, None]
        strand = root[:, None] + unit(ahead)[:, None] * 0.0065 * along
        strand[..., 2] += 0.0022 * along[..., 0] ** 2
        drawn.append(strand)
    return np.vstack(drawn)
