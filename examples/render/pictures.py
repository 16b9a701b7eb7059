"""The example pictures: people, clothes, poses and backgrounds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from examples.render import clothes, materials, meshes, scene
from examples.render.artwork import mountains
from examples.render.body import SIDES, Body, Flags, Floats, Turn, build
from examples.render.hair import HairStyle, Head, brows, grow_hair, lashes
from examples.render.materials import Colour

SEED: Final = 4
"""Seed of hair and cloth."""

DENIM: Final = (0.060, 0.090, 0.165)
"""Linear RGB of the jeans, 0 to 1."""

WALL: Final = (0.70, 0.66, 0.605)
"""Linear RGB of the wall, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person's looks; colours are linear RGB, 0 to 1."""

    phenotype: dict[str, float]
    """Shape parameters of the body, 0 to 1, by name."""
    hair: HairStyle
    """How the hair grows."""
    tone: Colour
    """Colour of the skin."""
    flush: Colour
    """Colour of flushed cheeks and ears."""
    lip: Colour
    """Colour of the lips."""
    scalp: Colour
    """Colour of the hair's roots on the scalp."""
    tee: Colour
    """Colour of the tee."""
    cut: clothes.Cut = field(default_factory=lambda: clothes.Cut(evening=12))
    """Pattern of the tee."""
    iris: Colour = (0.10, 0.05, 0.022)
    """Colour of the irises."""


WOMAN: Final = Person(
    phenotype={"gender": 1.0, "age": 0.62, "muscle": 0.5, "weight": 0.45, "height": 0.6,
               "proportions": 0.8},
    hair=HairStyle(long=True, melanin=0.82, redness=0.45),
    tone=(0.68, 0.345, 0.205), flush=(0.62, 0.20, 0.14), lip=(0.47, 0.135, 0.115),
    scalp=(0.035, 0.020, 0.012), tee=(0.19, 0.245, 0.33),
)  # fmt: skip
"""The person of person.jpg."""

MAN: Final = Person(
    phenotype={"gender": 0.0, "age": 0.60, "muscle": 0.6, "weight": 0.45, "height": 0.5,
               "proportions": 0.75, "african": 0.7, "caucasian": 0.3, "asian": 0.0},
    hair=HairStyle(long=False, melanin=0.97, redness=0.2),
    tone=(0.255, 0.115, 0.062), flush=(0.25, 0.085, 0.05), lip=(0.21, 0.075, 0.06),
    scalp=(0.012, 0.009, 0.007), tee=(0.24, 0.31, 0.21), iris=(0.06, 0.03, 0.015),
)  # fmt: skip
"""The person of person-2.jpg."""

DUMMY: Final = {"gender": 0.55, "age": 0.6, "muscle": 0.45, "weight": 0.5, "height": 0.6,
                "proportions": 0.8}  # fmt: skip
"""Shape of the invisible mannequin."""


def arms(out: float, bend: float) -> list[Turn]:
    """Return a pose: arms `out` degrees below Anny's rest pose, elbows bent, feet together."""
    turns = []
    for side, sign in zip(SIDES, (1, -1), strict=True):
        # Two degrees of difference keep the figure from mirroring itself.
        turns.append(Turn(f"upperarm01.{side}", "y", sign * out + 1.5))
        turns.append(Turn(f"lowerarm01.{side}", "x", bend))
        turns.append(Turn(f"finger1-1.{side}", "z", sign * 30))
        turns.append(Turn(f"upperleg01.{side}", "y", sign * -4))
    return turns


def cheeks(body: Body, head: Head) -> Floats:
    """Return the flush of each vertex, (N,) in 0..1: cheeks and the tip of the nose."""
    flushed = np.zeros(len(body.vertices))
    for x, below, size, amount in (
        (0.042, 0.036, 0.020, 0.50), (-0.042, 0.036, 0.020, 0.50), (0, 0.040, 0.012, 0.30),
    ):  # fmt: skip
        place = np.array([x, head.eye_height - below])
        far = ((body.vertices[:, [0, 2]] - place) ** 2).sum(axis=1) / size**2
        flushed += amount * np.exp(-far) * (body.vertices[:, 1] < head.centre[1])
    return flushed


def add_body(body: Body) -> Any:
    """Return the body's mesh, which cloth collides with."""
    placed = scene.add_mesh("body", body.vertices, body.faces, body.texture[body.texture_faces])
    placed.modifiers.new("collision", "COLLISION")
    placed.collision.thickness_outer = 0.002
    placed.collision.cloth_friction = 6
    return placed


def paint(placed: Any, body: Body, head: Head, person: Person) -> None:
    """Assign skin and eyes to the body."""
    scalp = head.scalp().astype(np.float64)
    links = meshes.neighbours(len(scalp), meshes.edges(body.faces))
    for _ in range(2):
        scalp = meshes.smooth(scalp[:, None], links, 0.5)[:, 0]
    scene.add_values(placed, "scalp", scalp * 0.92)
    scene.add_values(placed, "blush", cheeks(body, head))
    placed.data.materials.append(
        materials.skin(person.tone, person.flush, person.lip, person.scalp)
    )
    slots = np.zeros(len(body.faces), np.int32)
    for i, side in enumerate(SIDES):
        placed.data.materials.append(materials.eye(head.eyes[side], head.eye_radius, person.iris))
        slots[(body.weight(f"eye.{side}") > 0.9)[body.faces].all(axis=1)] = i + 1
    placed.data.polygons.foreach_set("material_index", slots)
    fine = placed.modifiers.new("fine", "SUBSURF")
    fine.levels = fine.render_levels = 1


def add_hair(head: Head, style: HairStyle) -> None:
    """Add hair, brows and lashes."""
    scene.add_strands("hair", grow_hair(head, style), 0.00007,
                      materials.hair(style.melanin, style.redness))  # fmt: skip
    scene.add_strands("brows", brows(head), 0.00008, materials.hair(0.86, 0.3))
    scene.add_strands("lashes", lashes(head), 0.00007, materials.hair(1.0, 0.0))


def person_picture(person: Person) -> Callable[[Path, float], None]:
    """Return the recipe of a photo of this person in a plain tee and jeans."""

    def take(path: Path, scale: float) -> None:
        rng = np.random.default_rng(SEED)
        body = build(person.phenotype, arms(24, 30))
        head = Head(body, rng)
        placed = add_body(body)
        region = clothes.top_region(body, person.cut)
        tee = clothes.sew(body, region, person.cut.ease, 9, person.cut.slope)
        worn = clothes.dress(tee, materials.plain(person.tee))
        legs = clothes.jeans_region(body, person.cut.hem + 0.10)
        jeans = clothes.sew(body, legs, 0.006, 4, None)
        clothes.dress(jeans, materials.plain(DENIM, spread=0.3, scale=300))
        clothes.settle(worn, tee, body, person.cut, jeans)
        clothes.fold(worn, float(body.joint("neck01")[1]), clothes.creases(body, person.cut, rng))
        hide_under(placed, body, region, clothes.jeans_region(body, person.cut.hem + 0.08))
        paint(placed, body, head, person)
        add_hair(head, person.hair)
        scene.add_wall(0.75, materials.matt(WALL))
        scene.add_lights(0.35, 0.72, 0.5)
        top = float(body.vertices[:, 2].max())
        scene.photograph(path, top + 0.09 - 0.63, 1.26, scale, 14)

    return take


def hide_under(placed: Any, body: Body, top: Flags, legs: Flags) -> None:
    """Hide skin well inside the clothes, where it could only show through."""
    inside = meshes.grow(top, body.faces, -3) | meshes.grow(legs, body.faces, -1)
    scene.hide_vertices(placed, np.flatnonzero(inside))


def garment_picture(
    cut: clothes.Cut, pose: list[Turn], centre: float, height: float, *, stripes: bool
) -> Callable[[Path, float], None]:
    """Return the recipe of a product photo: the garment on a dummy that the camera does not see."""

    def take(path: Path, scale: float) -> None:
        body = build(DUMMY, pose)
        placed = add_body(body)
        top = clothes.sew(body, clothes.top_region(body, cut), cut.ease, 10, cut.slope)
        if stripes:
            corners = clothes.stripe_corners(body, top.vertices, top.faces)
            cloth = materials.striped((0.72, 0.69, 0.62), (0.012, 0.020, 0.055), 0.034, 0.012)
        else:
            corners = clothes.print_corners(body, top.vertices, top.faces, 0.21)
            cloth = materials.printed((0.028, 0.105, 0.075), mountains())
        worn = clothes.dress(top, cloth, corners)
        clothes.settle(worn, top, body, cut, None)
        folds = clothes.creases(body, cut, np.random.default_rng(SEED))
        clothes.fold(worn, float(body.joint("neck01")[1]), folds)
        placed.hide_render = True
        scene.add_wall(0.9, materials.backdrop(4.0))
        scene.add_lights(0.3, 0.85, 0.5)
        scene.photograph(path, centre, height, scale, 16)

    return take


PICTURES: Final = {
    "person.jpg": person_picture(WOMAN),
    "garment.jpg": garment_picture(
        clothes.Cut(front=0.105, hem=0.0, sleeve=0.66, ease=0.016),
        arms(10, 20), 0.29, 0.96, stripes=False,
    ),
    "garment-striped.jpg": garment_picture(
        clothes.Cut(front=0.08, width=0.085, hem=0.0, sleeve=1.93, ease=0.014),
        arms(25, 10), 0.29, 1.02, stripes=True,
    ),
    "person-2.jpg": person_picture(MAN),
}  # fmt: skip
"""Recipe of each file."""


def draw(name: str, path: Path, scale: float) -> None:
    """Render the picture called `name` to `path`, 900x1200 pixels times `scale`."""
    scene.reset()
    PICTURES[name](path, scale)
