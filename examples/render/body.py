"""Build the body under the clothes: vertices, skeleton and skinning weights of Anny.

Source: Anny, a parametric body model over MakeHuman's base mesh (naver/anny, Apache-2.0; its data
files come from MPFB2 and are CC0-1.0).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import anny
import anny.paths
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SIDES: Final = ("L", "R")
"""Suffixes of the bones on the left and on the right of the body."""

BODY_25_BONES: Final = {
    2: "upperarm01.R",
    3: "lowerarm01.R",
    4: "wrist.R",
    5: "upperarm01.L",
    6: "lowerarm01.L",
    7: "wrist.L",
    9: "upperleg01.R",
    10: "lowerleg01.R",
    11: "foot.R",
    12: "upperleg01.L",
    13: "lowerleg01.L",
    14: "foot.L",
    19: "toe1-1.L",
    22: "toe1-1.R",
}
"""The bones of trunk and limbs that begin at joints of BODY_25."""

SMILE: Final = {
    "mouthSmileLeft": 0.35,
    "mouthSmileRight": 0.35,
    "eyeSquintLeft": 0.1,
    "eyeSquintRight": 0.1,
}
"""Weights of the face units of the smile."""


class Turn(NamedTuple):
    """A rotation of one bone about an axis of the rest pose, in degrees."""

    bone: str
    """Name of the bone."""
    axis: str
    """``x``, ``y`` or ``z``."""
    degrees: float
    """Angle in degrees."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A posed body in metres: x to its left, y to its back, z up."""

    vertices: Floats
    """N x 3: places of the vertices."""
    faces: Ints
    """M x 3: indices of each face's vertices."""
    texture: Floats
    """T x 2: texture coordinates, 0 to 1."""
    texture_faces: Ints
    """M x 3: indices of each face's texture coordinates."""
    weights: Floats
    """N x B: weight of each bone at each vertex, 0 to 1."""
    joints: Floats
    """B x 3: where each bone begins."""
    labels: tuple[str, ...]
    """Names of the B bones."""

    def joint(self, bone: str) -> Floats:
        """Return the start of the bone, (3,) metres."""
        place: Floats = self.joints[self.labels.index(bone)]
        return place

    def weight(self, *prefixes: str, side: str = "") -> Floats:
        """Return each vertex's skinning weight of bones with these name prefixes, (N,) in 0..1."""
        chosen = [n.startswith(prefixes) and n.endswith(side) for n in self.labels]
        total: Floats = self.weights[:, chosen].sum(1)
        return total


def texture_path(name: str) -> Path:
    """Return the file of one of the CC0 masks that come with Anny's copy of MPFB2."""
    return Path(anny.paths.get_anny_root_dir()) / "data" / "mpfb2" / "textures" / f"mpfb_{name}.jpg"


def build(phenotype: Mapping[str, float], pose: Sequence[Turn]) -> Body:
    """Shape and pose a body.

    `phenotype` holds Anny's shape parameters, each in 0..1. Bones without a `pose` stay at rest.
    """
    model = anny.Anny(phenotypes="all", local_changes="default", facial_actions="all").float()
    labels = tuple(model.bone_labels)
    turns = np.tile(np.eye(4, dtype=np.float32), (1, len(labels), 1, 1))
    for bone, axis, degrees in pose:
        i = labels.index(bone)
        turned = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
        turns[0, i, :3, :3] = turned @ turns[0, i, :3, :3]
    out = model(
        pose_parameters=model.template_vertices.new_tensor(turns),
        phenotype_kwargs=dict(phenotype),
        facial_actions=SMILE,
    )
    vertices = out["vertices"][0].numpy().astype(np.float64)
    weights = np.zeros((len(vertices), len(labels)))
    rows = np.arange(len(vertices))[:, None]
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    return Body(
        vertices=vertices,
        faces=model.faces.numpy().astype(np.int64),
        texture=model.texture_coordinates.numpy().astype(np.float64),
        texture_faces=model.face_texture_coordinate_indices.numpy().astype(np.int64),
        weights=weights,
        joints=out["bone_poses"][0].numpy()[:, :3, 3].astype(np.float64),
        labels=labels,
    )
