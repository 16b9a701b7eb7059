"""DensePose's published networks: their input, and their answer as parts of the photo.

Guler et al., "DensePose: Dense Human Pose Estimation In The Wild" (CVPR 2018);
https://github.com/facebookresearch/detectron2, projects/DensePose, whose sequence this is. One
network finds the people and reads the surface of one. Coordinates are pixels, x to the right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import PIL.Image

from services.densepose.core import INSIDE, Surface, empty_surface
from services.densepose.inputs import F32
from services.kit.types import Image, Mask

INPUTS: Final = ("picture", "size", "person")
"""Names of the network's inputs."""
OUTPUTS: Final = ("box", "score", "coarse", "fine", "u", "v")
"""Names of the network's outputs."""
MEAN: Final = (103.530, 116.280, 123.675)
"""Mean of the training pictures per channel, BGR, 0 to 255."""
SIZE_MULTIPLE_PX: Final = 32
"""The input's height and width are multiples of this many pixels."""
SHORTEST_SIDE_PX: Final = 800
"""Shorter side of the network's picture, in pixels."""
LONGEST_SIDE_PX: Final = 1333
"""Longer side of the network's picture at most, in pixels; the shorter side gives way."""
MIN_SCORE: Final = 0.05
"""Score above which a person is there."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A person as the network answers."""

    box: F32
    """4: left, top, right, bottom in pixels of the network's picture."""
    score: float
    """Probability of a person, 0 to 1."""
    coarse: F32
    """2 x S x S logits in the box: background, person."""
    fine: F32
    """25 x S x S logits in the box: background and parts."""
    u: F32
    """25 x S x S: U on each part, 0 to 1."""
    v: F32
    """25 x S x S: V on each part, 0 to 1."""


Run = Callable[[F32, F32, F32], Detection]
"""One inference on a picture 1 x 3 x H x W, its size without the margin (2), a person's box
(1 x 4)."""


def estimate(image: Image, silhouette: Mask, run: Run) -> Surface:
    """Map the pixels of the person nearest to the outline to body parts.

    ``image`` is H x W x 3 RGB, ``silhouette`` H x W; an empty one means the largest person. If
    nobody is found, everything is background.
    """
    height, width = image.shape[:2]
    picture = scale_to_sides(image, SHORTEST_SIDE_PX, LONGEST_SIDE_PX)
    seen = np.array([picture.shape[1], picture.shape[0]], np.float32)
    scale: F32 = np.tile(seen / np.array([width, height], np.float32), 2)
    person: F32 = np.asarray(_outline_box(silhouette) * scale, np.float32)
    found = run(network_input(picture), seen, person[None])
    if found.score <= MIN_SCORE:
        return empty_surface((height, width))
    back = np.tile(np.array([width, height], np.float32) / seen, 2)
    limits = np.array([width, height, width, height], np.float32)
    return _surface_of(found, np.clip(found.box * back, 0, limits), (height, width))


def scale_to_sides(image: Image, shortest: int, longest: int) -> Image:
    """Scale a picture so that its shorter side is ``shortest``, its longer at most ``longest``."""
    height, width = image.shape[:2]
    scale = shortest / min(height, width)
    scale *= min(longest / (scale * max(height, width)), 1)
    size = (int(width * scale + 0.5), int(height * scale + 0.5))
    scaled = PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BILINEAR)
    return np.asarray(scaled, np.uint8)


def network_input(picture: Image) -> F32:
    """Make the network's input of an RGB picture: 1 x 3 x H x W, the margin 0."""
    height, width = picture.shape[:2]
    planes = np.zeros(
        (
            1,
            3,
            -(-height // SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX,
            -(-width // SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX,
        )
    )
    planes[0, :, :height, :width] = (picture[..., ::-1] - np.array(MEAN)).transpose(2, 0, 1)
    return planes.astype(np.float32)


def _outline_box(silhouette: Mask) -> F32:
    """Return the outline's left, top, right and bottom; the whole picture's if it is empty."""
    person = silhouette >= INSIDE
    if not person.any():
        person = np.ones_like(person)
    rows, columns = np.flatnonzero(person.any(axis=1)), np.flatnonzero(person.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _surface_of(found: Detection, box: F32, shape: tuple[int, int]) -> Surface:
    """Enlarge a detection to its box of the photo, whole pixels; the rest is background.

    ``shape`` is the photo's height and width.
    """
    left, top = (int(corner) for corner in box[:2])
    width, height = (max(int(side), 1) for side in box[2:] - box[:2])
    window = (slice(top, top + height), slice(left, left + width))
    coarse = _resize_planes(found.coarse, height, width)
    parts = _resize_planes(found.fine, height, width).argmax(axis=2)
    parts[coarse[..., 1] <= coarse[..., 0]] = 0
    surface = empty_surface(shape)
    surface.parts[window] = parts
    for part in np.unique(parts[parts > 0]):
        own = parts == part
        for chart, target in ((found.u, surface.u), (found.v, surface.v)):
            values = _resize_planes(chart[part, None], height, width)[own]
            # Cut off, as DensePose's own pictures are.
            target[window][own] = (np.clip(values, 0, 1) * 255).astype(np.uint8)
    return surface


def _resize_planes(planes: F32, height: int, width: int) -> F32:
    """Enlarge C x S x S to height x width x C; of one plane, to height x width."""
    stacked = np.ascontiguousarray(planes.transpose(1, 2, 0))
    return np.asarray(cv2.resize(stacked, (width, height), interpolation=cv2.INTER_LINEAR))
