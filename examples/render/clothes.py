"""Make garments: an offset patch of the body's surface, loosened and settled by simulation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

from examples.render import meshes, scene
from examples.render.body import SIDES, Body, Flags, Floats, Ints

TRUNK = ("spine", "clavicle", "shoulder", "upperarm", "lowerarm", "wrist", "pelvis", "upperleg",
         "root", "neck01", "breast")  # fmt: skip
"""Bones of the area that a top may cover."""

ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
"""Bones of the arms."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A top's pattern.

    The neckline is an ellipse 35 mm above the neck's first joint.
    """

    front: float = 0.10
    """Depth of the neckline at the front, in metres."""
    back: float = 0.045
    """Depth of the neckline at the back, in metres."""
    width: float = 0.076
    """Half the width of the neckline, in metres."""
    hem: float = -0.02
    """Height of the hem above the hip joint, in metres."""
    sleeve: float = 0.62
    """End of the sleeve along the arm: 0 shoulder, 1 elbow, 2 wrist."""
    ease: float = 0.016
    """Air between skin and cloth, in metres."""
    slope: float = 0.12
    """Largest decrease of the cloth's radius around the trunk, in metres per metre of height."""
    surplus: float = 0.02
    """Extra length of the threads, as a fraction."""
    evening: int = 8
    """Rounds of smoothing that remove what is finer than a real fold."""


def arm_place(body: Body) -> Floats:
    """Return each vertex's position on the arm: 0 shoulder, 1 elbow, 2 wrist, else -1, (N,)."""
    place = np.full(len(body.vertices), -1.0)
    for side in SIDES:
        shoulder, elbow, wrist = (
            body.joint(f"{n}.{side}") for n in ("upperarm01", "lowerarm01", "wrist")
        )
        chosen = body.weight(*ARM, "shoulder01", side=side) > 0.5
        upper, lower = elbow - shoulder, wrist - elbow
        first = (body.vertices - shoulder) @ upper / (upper @ upper)
        second = 1 + (body.vertices - elbow) @ lower / (lower @ lower)
        along = np.where(first < 1, first, np.maximum(second, 1))
        place[chosen] = along[chosen]
    return place


def top_region(body: Body, cut: Cut) -> Flags:
    """Return the vertices of the body that the top covers, (N,)."""
    x, y, z = body.vertices.T
    neck = body.joint("neck01")
    above = neck[2] + 0.035
    depth = np.where(y < neck[1] + 0.01, cut.front, cut.back)
    outside = ((x / cut.width) ** 2 + ((z - above) / depth) ** 2 > 1) & (z < above + 0.02)
    low = body.joint("upperleg01.L")[2] + cut.hem
    chosen: Flags = (
        (body.weight(*TRUNK) > 0.5) & outside & (z > low) & (arm_place(body) < cut.sleeve)
    )
    return chosen


def jeans_region(body: Body, top: float) -> Flags:
    """Return the vertices that trousers reaching `top` metres above the hip joint cover, (N,)."""
    legs = body.weight("upperleg", "lowerleg", "pelvis", "spine", "root") > 0.5
    high = body.joint("upperleg01.L")[2] + top
    chosen: Flags = legs & (body.vertices[:, 2] < high) & (arm_place(body) < 0)
    return chosen


def print_corners(body: Body, vertices: Floats, faces: Ints, size: float) -> Floats:
    """Return texture coordinates of a square of `size` metres on the chest, (M, 3, 2)."""
    neck = body.joint("neck01")
    low = np.array([-size / 2, neck[2] - 0.18 - size / 2])
    flat = (vertices[:, [0, 2]] - low) / size
    flat[vertices[:, 1] > neck[1]] = -5
    corners: Floats = flat[faces]
    return corners


def stripe_corners(body: Body, vertices: Floats, faces: Ints) -> Floats:
    """Return coordinates, the second down the trunk and each sleeve, in metres, (M, 3, 2)."""
    height = vertices[:, 2].copy()
    place = arm_place(body)[meshes.nearest(body.vertices, vertices, 1)[1][:, 0]]
    for side, sign in zip(SIDES, (1, -1), strict=True):
        shoulder, elbow, wrist = (
            body.joint(f"{n}.{side}") for n in ("upperarm01", "lowerarm01", "wrist")
        )
        upper, lower = elbow - shoulder, wrist - elbow
        length = np.linalg.norm(upper)
        first = (vertices - shoulder) @ upper / length
        second = length + (vertices - elbow) @ lower / np.linalg.norm(lower)
        # Directions blend over 12 cm on either side of the elbow, and over the shoulder.
        bent = np.clip((first - length) / 0.24 + 0.5, 0, 1)
        along = shoulder[2] - (first * (1 - bent) + second * bent)
        sleeve = np.clip(first / 0.12, 0, 1) * ((place > -1) & (vertices[:, 0] * sign > 0))
        height += sleeve * (along - height)
    corners: Floats = np.stack([np.zeros_like(height), height], axis=1)[faces]
    return corners


@dataclass(frozen=True)
class Pattern:
    """A garment before it is worn."""

    vertices: Floats
    """N x 3: places of the vertices, in metres."""
    faces: Ints
    """M x 3: indices of each face's vertices."""
    rim: Floats
    """N: distance of each vertex from a rim, in metres."""


def ripple(vertices: Floats) -> Floats:
    """Return millimetres of unevenness, (n, 3), because a symmetric body gives mirrored folds.

    The waves run across the front and, rotated, across the back.
    """
    x, y, z = vertices.T
    wave = np.sin(41 * x + 9 * z + 1) + np.sin(23 * z - 57 * x + 2) + np.sin(67 * x + 31 * y)
    return np.stack([0 * x, np.where(y < np.median(y), -0.0015, 0.0015) * wave, 0 * z], axis=1)


def sew(body: Body, region: Flags, ease: float, rounds: int, slope: float | None) -> Pattern:
    """Offset the region from the body, loosened below the chest unless `slope` is None."""
    numbers, faces = meshes.largest_part(region, body.faces)
    vertices = meshes.shell(body.vertices[numbers], faces, ease, rounds)
    if slope is not None:
        vertices = meshes.drape(vertices, arm_place(body)[numbers] < 0.05, slope)
        links = meshes.neighbours(len(vertices), meshes.edges(faces))
        inner = np.ones((len(vertices), 1), bool)
        inner[np.unique(meshes.border_edges(faces))] = False
        for _ in range(4):
            vertices = np.where(inner, meshes.smooth(vertices, links, 0.5), vertices)
    vertices, faces = meshes.subdivide(vertices, faces)
    vertices = vertices + ripple(vertices) * (slope is not None)
    rim = vertices[np.unique(meshes.border_edges(faces))]
    return Pattern(vertices, faces, meshes.nearest(rim, vertices, 1)[0][:, 0])


def dress(
    pattern: Pattern, material: Any, corners: Floats | None = None, thickness: float = 0.0016
) -> Any:
    """Add the garment to the scene."""
    garment = scene.add_mesh("garment", pattern.vertices, pattern.faces, corners)
    scene.add_values(garment, "rim", pattern.rim)
    garment.data.materials.append(material)
    solid = garment.modifiers.new("thickness", "SOLIDIFY")
    solid.thickness = thickness
    solid.offset = 1
    fine = garment.modifiers.new("fine", "SUBSURF")
    fine.levels = fine.render_levels = 1
    return garment


class Crease(NamedTuple):
    """A fold on the front of a top."""

    start: tuple[float, float]
    """(x, z) of one end, in metres."""
    end: tuple[float, float]
    """(x, z) of the other end, in metres."""
    width: float
    """Width of the fold, in metres."""
    height: float
    """Depth of the fold, in metres."""


def creases(body: Body, cut: Cut, rng: np.random.Generator) -> list[Crease]:
    """Return the folds of a top: from the armpits, at the waist's sides and down to the hem."""
    hip = float(body.joint("upperleg01.L")[2])
    pit_x = float(body.joint("upperarm01.L")[0]) * 0.93
    pit_z = float(body.joint("upperarm01.L")[2]) - 0.095
    found = []
    for sign in (1, -1):
        for reach, drop in ((0.050, 0.030), (0.055, 0.075)):
            far = sign * (pit_x - reach * rng.uniform(0.8, 1.2))
            end = (far, pit_z - drop * rng.uniform(0.7, 1.3))
            found.append(Crease((sign * pit_x, pit_z), end, 0.008, rng.uniform(0.0025, 0.0040)))
        for level in np.arange(hip + cut.hem + 0.09, pit_z - 0.13, 0.05):
            z = level + rng.uniform(-0.012, 0.012)
            near = sign * rng.uniform(0.02, 0.07)
            end = (near, z - rng.uniform(-0.02, 0.05))
            start = (sign * rng.uniform(0.13, 0.16), z)
            found.append(Crease(start, end, rng.uniform(0.009, 0.014), rng.uniform(0.003, 0.005)))
    for x in np.linspace(-0.13, 0.13, 5):
        top = hip + cut.hem + rng.uniform(0.09, 0.16)
        low = (x + rng.uniform(-0.02, 0.02), hip + cut.hem - 0.05)
        found.append(Crease((x, top), low, 0.013, rng.uniform(0.003, 0.005)))
    return found


def fold(garment: Any, front: float, folds: Sequence[Crease]) -> None:
    """Raise folds from the fabric in front of y = `front`, each steeper on the lower side."""
    mesh = garment.data
    place = np.zeros((len(mesh.vertices), 3))
    outward = np.zeros((len(mesh.vertices), 3))
    mesh.vertices.foreach_get("co", place.reshape(-1))
    mesh.vertices.foreach_get("normal", outward.reshape(-1))
    lift = np.zeros(len(place))
    for crease in folds:
        start, along = np.array(crease.start), np.subtract(crease.end, crease.start)
        length = float(np.hypot(*along))
        offset = place[:, [0, 2]] - start
        t = offset @ along / length**2
        across = offset @ np.array([-along[1], along[0]]) / length
        across = (across * np.sign(along[0] or 1)) + 0.10 * length * np.sin(np.pi * t)
        width = np.where(across < 0, 0.6, 1.3) * crease.width
        taper = np.sin(np.pi * np.clip(t, 0, 1)) ** 0.7
        lift += crease.height * taper * np.exp(-((across / width) ** 2))
    lift[place[:, 1] > front] = 0
    place += outward * lift[:, None]
    mesh.vertices.foreach_set("co", place.reshape(-1))
    mesh.update()


def settle(garment: Any, pattern: Pattern, body: Body, cut: Cut, under: Pattern | None) -> None:
    """Simulate the fall of the fabric onto the body, fixed at the neckline, for 1.5 seconds.

    Afterwards the fabric is outside the skin and outside the garment `under`.
    """
    frames = 36
    place = np.zeros((len(garment.data.vertices), 3), np.float32)
    garment.data.vertices.foreach_get("co", place.reshape(-1))
    high = body.joint("neck01")[2] - 0.075
    held = np.flatnonzero((place[:, 2] > high) & (np.abs(place[:, 0]) < 0.12))
    group = garment.vertex_groups.new(name="held")
    group.add(held.tolist(), 1, "ADD")
    cloth = garment.modifiers.new("cloth", "CLOTH")
    garment.modifiers.move(len(garment.modifiers) - 1, 0)
    threads = cloth.settings
    threads.quality = 7
    threads.mass = 0.25
    threads.tension_stiffness = threads.compression_stiffness = 12
    threads.shear_stiffness = 5
    threads.bending_stiffness = 0.06
    threads.air_damping = 2
    threads.vertex_group_mass = "held"
    threads.shrink_min = threads.shrink_max = -cut.surplus
    cloth.collision_settings.distance_min = 0.003
    cloth.collision_settings.collision_quality = 3
    cloth.collision_settings.use_self_collision = False
    cloth.point_cache.frame_start, cloth.point_cache.frame_end = 1, frames
    later = [m for m in garment.modifiers if m.name != "cloth"]
    for modifier in later:
        modifier.show_viewport = False
    for frame in range(1, frames + 1):
        bpy.context.scene.frame_set(frame)
    fallen = garment.evaluated_get(bpy.context.evaluated_depsgraph_get())
    fallen.data.vertices.foreach_get("co", place.reshape(-1))
    garment.modifiers.remove(cloth)
    links = meshes.neighbours(len(place), meshes.edges(pattern.faces))
    rim = pattern.rim[:, None] < 1e-6
    for _ in range(cut.evening):
        place[:] = np.where(rim, place, meshes.smooth(place.astype(np.float64), links, 0.5))
    place[:] = meshes.push_out(
        BVHTree.FromPolygons(body.vertices.tolist(), body.faces.tolist()),
        place.astype(np.float64),
        np.full(len(place), 0.006),
    )
    if under is not None:
        depth = under.vertices[:, 2].max() - place[:, 2]
        low = np.flatnonzero(depth > -0.005)
        clearance = 0.008 * np.clip((depth[low] + 0.005) / 0.015, 0, 1)
        surface = BVHTree.FromPolygons(under.vertices.tolist(), under.faces.tolist())
        place[low] = meshes.push_out(surface, place[low].astype(np.float64), clearance)
    garment.data.vertices.foreach_set("co", place.reshape(-1))
    garment.data.update()
    for modifier in later:
        modifier.show_viewport = True
