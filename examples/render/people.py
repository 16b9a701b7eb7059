"""Render people with exact labels: `python -m examples.render.people OUT_DIR [--only NAME ...]`.

For each NAME.jpg there is a NAME.npz: `labels` (CIHP ids, H x W) and `keypoints` (25 x 3, BODY_25:
the bones' own joints). `python bench/people.py OUT_DIR` measures the human parse on them.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
import PIL.Image

from examples.render import bodies, clothes, materials, meshes, scene
from examples.render.body import Body, Flags, Floats, Ints, Turn, build
from examples.render.hair import HairStyle, Head, brows, grow_hair, lashes
from examples.render.labels import BONES
from examples.render.materials import Colour
from examples.render.pictures import MAN, WALL, WOMAN, Person, arms, paint
from services.kit.labels import Label

SEED: Final = 4
"""Seed of hair and cloth."""

FINE: Final = 3
"""Places looked at along each side of a pixel for its label."""

BLACK: Final = (0.006, 0.006, 0.007)
"""Linear RGB, 0 to 1."""

NAVY: Final = (0.012, 0.016, 0.035)
"""Linear RGB, 0 to 1."""

WHITE: Final = (0.62, 0.61, 0.58)
"""Linear RGB, 0 to 1."""

RED: Final = (0.28, 0.03, 0.035)
"""Linear RGB, 0 to 1."""

SAND: Final = (0.42, 0.31, 0.20)
"""Linear RGB, 0 to 1."""

DENIM: Final = (0.060, 0.090, 0.165)
"""Linear RGB, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A garment and what is needed of its cut."""

    label: int
    """CIHP id."""
    colour: Colour
    """Linear RGB of the cloth, 0 to 1."""
    cut: clothes.Cut = field(default_factory=clothes.Cut)
    """Pattern of a top."""
    reach: float = 1.97
    """End of trousers along the leg (1 knee, 2 ankle), or of a skirt in metres below the hip
    joint."""
    flare: float = 0.1
    """Widening of a skirt, in metres per metre of height."""
    opening: float = 0.0
    """Half the width of an open front below the neck, in metres; 0 is closed."""
    striped: bool = False
    """Whether a top has stripes."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A person in an outfit, and what the camera sees."""

    person: Person
    """The person."""
    pose: list[Turn]
    """Rotations of the bones."""
    pieces: tuple[Piece, ...]
    """The garments."""
    low: float = 0.95
    """Lower edge of the picture, in metres below the crown of the head."""
    high: float = -0.09
    """Upper edge of the picture, in metres below the crown of the head."""
    hair: float | None = None
    """Distance of the hair's ends below the eyes, in metres; None leaves the person's own."""
    wall: Colour = WALL
    """Linear RGB of the wall, 0 to 1."""


def hip_hand() -> list[Turn]:
    """Return a pose with one hand on the hip, the other arm hanging."""
    hanging = [turn for turn in arms(24, 20) if not turn.bone.endswith("arm01.L")]
    return [
        *hanging,
        Turn("upperarm01.L", "y", -2),
        Turn("upperarm01.L", "z", -8),
        Turn("lowerarm01.L", "y", 92),
        Turn("wrist.L", "y", -35),
    ]


def crossed() -> list[Turn]:
    """Return a pose with both forearms across the chest, the left in front of the right."""
    turns = [turn for turn in arms(24, 20) if "arm" not in turn.bone]
    for side, sign, ahead, inward in (("L", 1, -42, 108), ("R", -1, -30, 92)):
        turns += [
            Turn(f"upperarm01.{side}", "y", sign * 32),
            Turn(f"upperarm01.{side}", "x", ahead),
            Turn(f"lowerarm01.{side}", "y", sign * inward),
            Turn(f"lowerarm01.{side}", "z", sign * -35),
        ]
    return turns


TEE: Final = clothes.Cut(evening=12)
"""Cut of a tee."""

LONG: Final = clothes.Cut(sleeve=1.93, ease=0.014)
"""Cut of a top with long sleeves."""

JACKET: Final = clothes.Cut(sleeve=1.96, ease=0.030, hem=-0.05, front=0.12, slope=0.05)
"""Cut of an open jacket."""

STRAPS: Final = clothes.Cut(sleeve=0.10, front=0.13, width=0.10, ease=0.010)
"""Cut of a top on straps."""

TROUSERS: Final = Piece(label=Label.PANTS, colour=DENIM)
"""Blue trousers."""

LOOKS: Final[Mapping[str, Look]] = {
    "black-skirt": Look(
        person=WOMAN,
        pose=arms(24, 30),
        pieces=(
            Piece(label=Label.UPPER, colour=BLACK, cut=TEE),
            Piece(label=Label.SKIRT, colour=BLACK, reach=0.36),
        ),
        low=1.88,
    ),
    "dress": Look(
        person=WOMAN,
        pose=arms(20, 20),
        pieces=(Piece(label=Label.DRESS, colour=RED, cut=STRAPS, reach=0.40, flare=0.2),),
        low=1.88,
    ),
    "jacket": Look(
        person=MAN,
        pose=arms(26, 20),
        pieces=(
            Piece(label=Label.UPPER, colour=WHITE, cut=TEE),
            Piece(label=Label.UPPER, colour=NAVY, cut=JACKET, opening=0.03),
            Piece(label=Label.PANTS, colour=NAVY),
        ),
        low=1.2,
    ),
    "long-hair": Look(
        person=WOMAN,
        pose=arms(24, 25),
        pieces=(Piece(label=Label.UPPER, colour=(0.05, 0.03, 0.025), cut=LONG), TROUSERS),
        hair=0.36,
    ),
    "hand-on-hip": Look(
        person=WOMAN,
        pose=hip_hand(),
        pieces=(
            Piece(label=Label.UPPER, colour=SAND, cut=STRAPS),
            Piece(label=Label.PANTS, colour=BLACK),
        ),
        low=1.1,
    ),
    "crossed-arms": Look(
        person=MAN,
        pose=crossed(),
        pieces=(Piece(label=Label.UPPER, colour=SAND, cut=TEE), TROUSERS),
    ),
    "cropped": Look(
        person=WOMAN,
        pose=arms(24, 30),
        pieces=(
            Piece(label=Label.UPPER, colour=WHITE, cut=LONG, striped=True),
            Piece(label=Label.PANTS, colour=BLACK),
        ),
        high=0.17,
        low=1.0,
    ),
    "bust": Look(
        person=MAN,
        pose=arms(26, 20),
        pieces=(
            Piece(label=Label.UPPER, colour=WHITE, cut=TEE),
            Piece(label=Label.UPPER, colour=BLACK, cut=JACKET, opening=0.035),
            TROUSERS,
        ),
        low=0.52,
    ),
    "shorts": Look(
        person=MAN,
        pose=arms(24, 30),
        pieces=(
            Piece(label=Label.UPPER, colour=WHITE, cut=TEE),
            Piece(label=Label.PANTS, colour=SAND, reach=0.7),
        ),
        low=1.88,
    ),
}
"""What each person wears, and how they stand."""


class Lens:
    """Where the camera of ``scene.photograph`` sees a point; stands in for ``bodies.Camera``."""

    def __init__(self, centre: float, height: float, size: tuple[int, int]) -> None:
        self.centre, self.size = centre, size
        self.scale = size[1] / height

    def project(self, places: Floats) -> Floats:
        """Return pixels (..., 2) of points (..., 3) in metres."""
        scale = self.scale * 4.2 / (4.2 + places[..., 1])
        x = self.size[0] / 2 + places[..., 0] * scale
        y = self.size[1] / 2 - (places[..., 2] - self.centre) * scale
        return np.stack([x, y], axis=-1)


def leg_place(body: Body) -> Floats:
    """Return each vertex's position on the leg: 0 hip, 1 knee, 2 ankle, negative above."""
    hip, knee, ankle = (body.joint(f"{bone}.L")[2] for bone in ("upperleg01", "lowerleg01", "foot"))
    z = body.vertices[:, 2]
    place: Floats = np.interp(-z, (-hip - 1, -hip, -knee, -ankle), (-2.0, 0, 1, 2))
    return place


def skirt(body: Body, piece: Piece, top: float) -> clothes.Pattern:
    """Return a tube around hips and legs from ``top`` metres above the hip joint to its hem."""
    hip = float(body.joint("upperleg01.L")[2])
    inside = body.weight("upperleg", "lowerleg", "pelvis", "spine", "root", "foot") > 0.5
    own = body.vertices[inside]
    turns, levels = 144, 60
    heights = np.linspace(hip + top, hip - piece.reach, levels)
    angle = np.linspace(0, 2 * np.pi, turns, endpoint=False)
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    middle = own[np.abs(own[:, 2] - hip) < 0.05, :2].mean(axis=0)
    outline = np.zeros((levels, turns))
    for level, z in enumerate(heights):
        near = own[np.abs(own[:, 2] - z) < 0.012, :2] - middle
        outline[level] = (near @ ways.T).max(axis=0) if len(near) else 0
    # Below the widest point a thread does not get shorter.
    low = np.maximum.accumulate(np.where(heights[:, None] < hip + 0.02, outline, 0), axis=0)
    outline = np.maximum(outline, low) + 0.008
    drop = np.clip(hip + 0.05 - heights, 0, None)[:, None]
    folds = 1 + 0.25 * np.sin(9 * angle + 1)[None] + 0.15 * np.sin(17 * angle)[None]
    outline = outline + piece.flare * drop * folds
    ring = middle + outline[..., None] * ways
    rows = np.broadcast_to(heights[:, None, None], (levels, turns, 1))
    vertices = np.concatenate([ring, rows], axis=2).reshape(-1, 3)
    here = np.arange(levels - 1)[:, None] * turns + np.arange(turns)
    beside = np.arange(levels - 1)[:, None] * turns + (np.arange(turns) + 1) % turns
    faces = np.concatenate(
        [
            np.stack([here, here + turns, beside], axis=-1).reshape(-1, 3),
            np.stack([beside, here + turns, beside + turns], axis=-1).reshape(-1, 3),
        ]
    )
    rim = np.concatenate([vertices[:turns], vertices[-turns:]])
    return clothes.Pattern(vertices, faces, meshes.nearest(rim, vertices, 1)[0][:, 0])


def wear(body: Body, piece: Piece) -> tuple[list[Any], Flags]:
    """Add a garment to the scene; return the vertices of the body that it hides."""
    cloth = materials.plain(piece.colour)
    hidden = np.zeros(len(body.vertices), np.bool_)
    worn = []
    if piece.label in (Label.UPPER, Label.DRESS):
        region = clothes.top_region(body, piece.cut)
        if piece.opening:
            x, y, z = body.vertices.T
            down = np.clip(body.joint("neck01")[2] - z, 0, None)
            open_part = (np.abs(x) < piece.opening + 0.12 * down) & (y < body.joint("neck01")[1])
            region = region & ~open_part
        pattern = clothes.sew(body, region, piece.cut.ease, 9, piece.cut.slope)
        corners = None
        if piece.striped:
            cloth = materials.striped(piece.colour, NAVY, 0.034, 0.012)
            corners = clothes.stripe_corners(body, pattern.vertices, pattern.faces)
        top = clothes.dress(pattern, cloth, corners)
        if not piece.opening:
            rng = np.random.default_rng(SEED)
            front = float(body.joint("neck01")[1])
            clothes.fold(top, front, clothes.creases(body, piece.cut, rng))
        worn.append(top)
        hidden |= region
    if piece.label == Label.PANTS:
        region = clothes.jeans_region(body, 0.08) & (leg_place(body) < piece.reach)
        loose = 0.006 if piece.reach > 1 else 0.014
        worn.append(clothes.dress(clothes.sew(body, region, loose, 4, None), cloth))
        hidden |= region
    if piece.label in (Label.SKIRT, Label.DRESS):
        top_edge = 0.10 if piece.label == Label.SKIRT else 0.12
        worn.append(clothes.dress(skirt(body, piece, top_edge), cloth))
    for thing in worn:
        thing["label"] = piece.label
    return worn, hidden


def shoes(body: Body) -> list[Any]:
    """Return dark low shoes."""
    worn = []
    for side, label in (("L", Label.LEFT_SHOE), ("R", Label.RIGHT_SHOE)):
        low = body.vertices[:, 2] < body.joint(f"foot.{side}")[2] + 0.01
        region = (body.weight("foot", "toe", side=f".{side}") > 0.4) & low
        shoe = clothes.dress(clothes.sew(body, region, 0.007, 6, None), materials.plain(BLACK))
        shoe["label"] = label
        worn.append(shoe)
    return worn


def skin_labels(body: Body, head: Head) -> Ints:
    """Return the CIHP ids of the body's vertices, (N,)."""
    names = {
        Label.FACE: body.weight(*[bone for bone in BONES["head"] if bone != "neck"]),
        Label.LEFT_ARM: body.weight(*clothes.ARM, side=".L"),
        Label.RIGHT_ARM: body.weight(*clothes.ARM, side=".R"),
        Label.LEFT_LEG: body.weight("upperleg", "lowerleg", "foot", "toe", side=".L"),
        Label.RIGHT_LEG: body.weight("upperleg", "lowerleg", "foot", "toe", side=".R"),
    }
    shares = np.stack(list(names.values()), axis=1)
    rest = 1 - shares.sum(axis=1, keepdims=True)
    ids = np.array([*names, Label.TORSO_SKIN])
    found: Ints = ids[np.concatenate([shares, rest], axis=1).argmax(axis=1)]
    found[head.scalp() & (found == Label.FACE)] = Label.HAIR
    return found


def glow(value: int) -> Any:
    """Return a material that renders as exactly this grey, 0 to 255."""
    made = bpy.data.materials.new("label")
    nodes = made.node_tree.nodes
    nodes.clear()
    light, out = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    light.inputs[0].default_value = (value / 255, value / 255, value / 255, 1)
    made.node_tree.links.new(light.outputs[0], out.inputs[0])
    return made


def label_pass(path: Path, body_object: Any, own: Ints, faces: Ints) -> Ints:
    """Render the ids at FINE x FINE subpixels of every pixel and take the most frequent."""
    things = [o for o in bpy.context.scene.objects if o.type in ("MESH", "CURVES")]
    of_face = np.sort(own[faces], axis=1)[:, 1]
    glows = [glow(12 * value) for value in range(20)]
    for thing in things:
        thing.data.materials.clear()
        if thing is body_object:
            for material in glows:
                thing.data.materials.append(material)
            thing.data.polygons.foreach_set("material_index", of_face.astype(np.int32))
        else:
            thing.data.materials.append(glows[int(thing.get("label", 0))])
            if thing.type == "MESH":
                zeros = np.zeros(len(thing.data.polygons), np.int32)
                thing.data.polygons.foreach_set("material_index", zeros)
    settings = bpy.context.scene
    settings.cycles.samples = 1
    settings.cycles.use_denoising = False
    settings.cycles.max_bounces = 0
    settings.cycles.filter_width = 0.01
    settings.view_settings.view_transform = "Raw"
    settings.view_settings.look = "None"
    settings.render.image_settings.file_format = "PNG"
    settings.render.resolution_percentage = 100 * FINE
    settings.render.filepath = str(path.with_suffix(".pass.png"))
    bpy.ops.render.render(write_still=True)
    seen = np.asarray(PIL.Image.open(settings.render.filepath).convert("L")).astype(np.int64)
    Path(settings.render.filepath).unlink()
    seen = (seen + 6) // 12
    votes = np.stack([seen[i::FINE, j::FINE] for i in range(FINE) for j in range(FINE)])
    labels: Ints = np.array([(votes == value).sum(axis=0) for value in range(20)]).argmax(axis=0)
    return labels


def render(name: str, path: Path, scale: float) -> None:
    """Render one look to ``path`` (a JPEG), and the exact labels to the same name in .npz."""
    look = LOOKS[name]
    scene.reset()
    rng = np.random.default_rng(SEED)
    body = build(look.person.phenotype, look.pose)
    head = Head(body, rng)
    own = skin_labels(body, head)
    placed = scene.add_mesh("body", body.vertices, body.faces, body.texture[body.texture_faces])
    hidden = np.zeros(len(body.vertices), np.bool_)
    for piece in look.pieces:
        hidden |= meshes.grow(wear(body, piece)[1], body.faces, -3)
    shoes(body)
    scene.hide_vertices(placed, np.flatnonzero(hidden))
    paint(placed, body, head, look.person)
    style = look.person.hair
    strands = [
        ("hair", grow_hair(head, longer(style, look.hair)), 0.00007, style.melanin, Label.HAIR),
        ("brows", brows(head), 0.00008, 0.86, Label.FACE),
        ("lashes", lashes(head), 0.00007, 1.0, Label.FACE),
    ]
    for kind, lines, radius, melanin, label in strands:
        scene.add_strands(kind, lines, radius, materials.hair(melanin, style.redness))
        bpy.context.scene.objects[kind]["label"] = label
    scene.add_wall(0.75, materials.matt(look.wall))
    crown = float(body.vertices[:, 2].max())
    scene.add_lights(crown - 0.4, 0.72, 0.5)
    centre, height = crown - (look.low + look.high) / 2, look.low - look.high
    scene.photograph(path, centre, height, scale, 8)
    size = (round(900 * scale), round(1200 * scale))
    keypoints = bodies.joints(body, Lens(centre, height, size), 0)  # type: ignore[arg-type]
    inside = (keypoints[:, :2] >= 0).all(axis=1) & (keypoints[:, :2] < size).all(axis=1)
    keypoints[~inside] = 0
    labels = label_pass(path, placed, own, body.faces)
    np.savez_compressed(
        path.with_suffix(".npz"), labels=labels.astype(np.uint8), keypoints=keypoints
    )


def longer(style: HairStyle, length: float | None) -> HairStyle:
    """Return the style with hair that ends ``length`` metres below the eyes."""
    return style if length is None else replace(style, reach=length)


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(prog="python -m examples.render.people", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(LOOKS), default=list(LOOKS))
    parser.add_argument("--scale", type=float, default=768 / 900, help="1 is 900x1200 pixels")
    options = parser.parse_args()
    options.out_dir.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        render(name, (options.out_dir / f"{name}.jpg").resolve(), options.scale)


if __name__ == "__main__":
    main()
