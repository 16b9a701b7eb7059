"""Render bodies without clothes and with exact part labels.

`python -m examples.render.bodies OUT_DIR` writes files with `parts` (1024 x 768, DensePose ids),
`keypoints` (25 x 3, BODY_25: the bones' own joints, hidden ones 0) and `name`. `python
bench/bodies.py OUT_DIR` measures DensePose's engine.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import PIL.ImageDraw

from examples.render.body import BODY_25_BONES, Body, Floats, Ints, Turn, build
from examples.render.labels import part_labels

WIDTH: Final = 768
"""Width of a picture, in pixels."""

HEIGHT: Final = 1024
"""Height of a picture, in pixels."""

FILLED: Final = 0.9
"""Height of the body as a fraction of the picture's."""

DISTANCE: Final = 4.0
"""Distance of the camera from the middle of the body, in metres."""

YAWS: Final = (0, 30, -60, 90, -90, 150, 180)
"""Degrees that the body is turned to the picture's right."""
PEOPLE: Final = {
    "man": {"gender": 0.9, "age": 0.6, "muscle": 0.5, "weight": 0.5},
    "woman": {"gender": 0.1, "age": 0.65, "muscle": 0.6, "weight": 0.6},
}
"""Shape parameters of each body."""

LIFTED: Final = {"spread": 0.0, "hanging": 30.0, "raised": -20.0}
"""Degrees that the arms are let down from the rest pose."""


class Camera:
    """A camera at a body turned by `yaw` degrees to the picture's right, which fills the height."""

    def __init__(self, body: Body, yaw: float) -> None:
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        self.turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        seen = body.vertices @ self.turn.T
        self.middle = (seen.max(axis=0) + seen.min(axis=0)) / 2
        self.scale = FILLED * HEIGHT / float(np.ptp(seen[:, 2]))

    def depth(self, places: Floats) -> Floats:
        """Return the depth of points behind the body's middle, in metres."""
        away: Floats = (places @ self.turn.T)[..., 1] - self.middle[1]
        return away

    def project(self, places: Floats) -> Floats:
        """Project points (..., 3) to pixels (..., 2)."""
        seen = places @ self.turn.T - self.middle
        scale = self.scale * DISTANCE / (DISTANCE + seen[..., 1])
        return np.stack(
            [WIDTH / 2 + seen[..., 0] * scale, HEIGHT / 2 - seen[..., 2] * scale], axis=-1
        )


def draw_labels(body: Body, labels: Ints, camera: Camera) -> np.ndarray:
    """Paint the faces from the farthest to the nearest, 1024 x 768 ids."""
    picture = PIL.Image.new("L", (WIDTH, HEIGHT), 0)
    pen = PIL.ImageDraw.Draw(picture)
    corners = camera.project(body.vertices)
    order = np.argsort(-camera.depth(body.vertices)[body.faces].mean(axis=1))
    for face in body.faces[order]:
        pen.polygon([(x, y) for x, y in corners[face]], fill=int(np.median(labels[face])))
    return np.asarray(picture)


def joints(body: Body, camera: Camera, yaw: float) -> np.ndarray:
    """Return joints 25 x 3; eyes, nose and ears only if they face the camera."""
    found = np.zeros((25, 3), np.float32)
    for joint, bone in BODY_25_BONES.items():
        found[joint] = *camera.project(body.joint(bone)), 1.0
    found[1] = (found[2] + found[5]) / 2
    found[8] = (found[9] + found[12]) / 2
    right, left = body.joint("eye.R"), body.joint("eye.L")
    middle, level = (right[0] + left[0]) / 2, right[2] - 0.02
    near = np.abs(body.vertices - [middle, right[1], level]) < [0.12, 0.3, 0.02]
    head = body.vertices[near.all(axis=1)]
    nose = head[head[:, 1].argmin()]
    half = np.abs(head[:, 0] - middle).max()
    between = (head[:, 1].min() + head[:, 1].max()) / 2 + 0.01
    ahead, aside = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    for joint, place, seen in (
        (0, nose, ahead > -0.3),
        (15, right, ahead > -0.1 and aside > -0.8),
        (16, left, ahead > -0.1 and aside < 0.8),
        (17, np.array([middle - half, between, level]), aside > -0.5),
        (18, np.array([middle + half, between, level]), aside < 0.5),
    ):
        if seen:
            found[joint] = *camera.project(place), 1.0
    return found


def main() -> None:
    """Read the command line and render every person, pose and view."""
    parser = argparse.ArgumentParser(prog="python -m examples.render.bodies", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    out_dir: Path = parser.parse_args().out_dir
    out_dir.mkdir(parents=True, exist_ok=True)
    for person, phenotype in PEOPLE.items():
        labels = part_labels(build(phenotype, []))
        for pose, down in LIFTED.items():
            body = build(
                phenotype, [Turn("upperarm01.L", "y", down), Turn("upperarm01.R", "y", -down)]
            )
            for yaw in YAWS:
                camera = Camera(body, yaw)
                np.savez_compressed(
                    out_dir / f"{person}-{pose}-{yaw}.npz",
                    parts=draw_labels(body, labels, camera),
                    keypoints=joints(body, camera, yaw),
                    name=np.array(f"{yaw:+d} degrees"),
                )


if __name__ == "__main__":
    main()
