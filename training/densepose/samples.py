"""Draw training samples: the network's inputs and targets for a drawn person.

A random camera sees the person, in a picture that may cut the body. Joints, outline and parse have
simulated errors of the services.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from examples.render.body import Floats, Ints
from services.densepose import inputs
from services.densepose.parts import Part
from services.kit.joints import Joint
from training.densepose import errors
from training.densepose.dress import dress
from training.densepose.surface import Surface
from training.densepose.views import Camera, splat

U8 = NDArray[np.uint8]
"""Pixels of 8 bits."""

F32 = NDArray[np.float32]
"""Numbers of 32 bits."""

SHAPES: Final = {"whole": (256, 112), "upper": (160, 128)}
"""Height and width of the network's input, by the shape of the crop."""
_SHOULDERS: Final = 0.36
"""Width of a person's shoulders, in metres."""
_UNREAD: Final = 0.25
"""Fraction of samples without a parse."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A person as the network sees one, and what it should answer, in one h x w frame."""

    keypoints: F32
    """25 x 3: (x, y, confidence) in BODY_25, in pixels of the frame; 0 where unseen."""
    outline: U8
    """h x w: the person's mask, 0 to 255."""
    labels: U8
    """h x w: CIHP ids; all 0 if none are known."""
    parts: U8
    """h x w: DensePose ids, 0 to 24."""
    u: U8
    """h x w: first coordinate on the part's chart, 0 to 255 for 0 to 1."""
    v: U8
    """h x w: second coordinate on the part's chart, 0 to 255 for 0 to 1."""


@dataclass(frozen=True)
class Posed:
    """A posed body."""

    vertices: Floats
    """V x 3: places of the vertices, in metres."""
    faces: Ints
    """F x 3: indices of each face's vertices."""
    joints: Floats
    """25 x 3: places of BODY_25's joints, in metres; 0 where no bone begins."""


def make(surface: Surface, body: Posed, shape: str, rng: np.random.Generator) -> Sample:
    """Draw one sample of a dressed body, in a picture of this shape."""
    height, width = SHAPES[shape]
    places: Floats = surface.spread @ body.vertices
    normals = _normals(surface, body)
    joints = _complete(surface, places, body.joints)
    camera = _camera(joints, shape, rng)
    where, depth = camera.see(places)
    cloud = dress(surface, places, normals, rng)
    clothed, clothed_depth = camera.see(cloud.places)
    low, high = np.percentile(clothed, (0.1, 99.9), axis=0)
    unit = _SHOULDERS * camera.scale
    bottom = _cut(shape, joints, camera, high[1], rng)
    top = low[1] - rng.uniform(0.1, 0.5) * unit
    if rng.random() < 0.06:
        top = camera.see(joints[Joint.NOSE])[0][1] - rng.uniform(0.0, 0.5) * unit
    left, right = low[0] - 0.5 * unit, high[0] + 0.5 * unit
    if rng.random() < 0.15:
        left = low[0] + rng.uniform(-0.4, 0.25) * unit
    if rng.random() < 0.15:
        right = high[0] - rng.uniform(-0.4, 0.25) * unit
    h = int(np.clip(bottom - top, 24, height))
    w = int(np.clip(right - left, 24, width))
    corner = np.array([left + rng.random() * max(right - left - width, 0), top])
    points = splat(where - corner, depth, h, w)
    seen = splat(clothed - corner, clothed_depth, h, w)
    labels = np.where(seen >= 0, cloud.labels[seen], 0).astype(np.uint8)
    there = points >= 0
    outline = errors.outline((labels > 0) | there, rng)
    known = np.zeros_like(labels) if rng.random() < _UNREAD else errors.misread(labels, rng)
    keypoints = errors.keypoints(
        camera.see(joints)[0] - corner,
        (joints != 0).any(axis=1),
        -(normals[list(surface.face_points)] @ camera.turn.T)[:, 1],
        unit=unit,
        size=(h, w),
        rng=rng,
    )
    parts = _mittens(np.where(there, surface.part[points], 0).astype(np.uint8))
    u, v = (
        np.where(there, np.rint(255 * values[points]), 0).astype(np.uint8)
        for values in (surface.u, surface.v)
    )
    return Sample(keypoints=keypoints, outline=outline, labels=known, parts=parts, u=u, v=v)


def _mittens(parts: U8) -> U8:
    """Close the gaps between fingers, because DensePose predicts whole hands."""
    for hand in (Part.RIGHT_HAND, Part.LEFT_HAND):
        whole = cv2.morphologyEx((parts == hand).astype(np.uint8), cv2.MORPH_CLOSE, errors.disc(5))
        parts = np.where((whole > 0) & (parts == 0), np.uint8(hand), parts)
    return parts


def _normals(surface: Surface, body: Posed) -> Floats:
    a, b, c = (body.vertices[body.faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-12
    return np.asarray(across[surface.faces_of])


def _complete(surface: Surface, places: Floats, joints: Floats) -> Floats:
    """Add the joints that no bone begins at."""
    joints = joints.copy()
    joints[Joint.NECK] = (joints[Joint.RIGHT_SHOULDER] + joints[Joint.LEFT_SHOULDER]) / 2
    joints[Joint.MID_HIP] = (joints[Joint.RIGHT_HIP] + joints[Joint.LEFT_HIP]) / 2
    face = [Joint.NOSE, Joint.RIGHT_EAR, Joint.LEFT_EAR]
    joints[face] = places[list(surface.face_points)]
    return joints


def _camera(joints: Floats, shape: str, rng: np.random.Generator) -> Camera:
    kind = rng.choice(["front", "turned", "side", "back"], p=[0.52, 0.27, 0.1, 0.11])
    yaw = {
        "front": rng.normal(0, 10),
        "turned": rng.choice([-1, 1]) * rng.uniform(20, 75),
        "side": rng.choice([-1, 1]) * rng.uniform(75, 120),
        "back": 180 + rng.normal(0, 25),
    }[str(kind)]
    turn = Rotation.from_euler(
        "zxy", (yaw, rng.normal(0, 4), rng.normal(0, 3)), degrees=True
    ).as_matrix()
    middle = joints[Joint.NECK]
    plain = Camera(
        turn=turn,
        centre=middle,
        distance=float(rng.uniform(1.8, 5.0)),
        scale=100.0,
        middle=np.zeros(2),
    )
    keypoints = np.ones((25, 3), np.float32)
    keypoints[:, :2] = plain.see(joints)[0]
    width = inputs.measure_shoulder_width(keypoints) or 1.0
    size = inputs.SHOULDER_WIDTH_PX * rng.uniform(0.88, 1.1) * (0.92 if shape == "whole" else 1.0)
    scale = 100.0 * size / width
    return Camera(
        turn=turn, centre=middle, distance=plain.distance, scale=scale, middle=np.zeros(2)
    )


def _cut(
    shape: str,
    joints: Floats,
    camera: Camera,
    lowest: float,
    rng: np.random.Generator,
) -> float:
    """Return the row of the picture's lower edge."""
    if shape == "whole":
        return float(lowest + rng.uniform(0.05, 0.5) * _SHOULDERS * camera.scale)
    neck, hips, knees = (
        camera.see(joints[joint])[0][..., 1]
        for joint in (Joint.NECK, Joint.MID_HIP, [Joint.RIGHT_KNEE, Joint.LEFT_KNEE])
    )
    knee = float(knees.max())
    if rng.random() < 0.25:
        return float(rng.uniform(neck + 0.4 * (hips - neck), hips))
    return float(rng.uniform(hips, hips + 1.3 * (knee - hips)))
