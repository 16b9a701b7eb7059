"""The garment as it is cut out of its photo: colours without the background, and soft masks."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.body import polygon
from services.viton.fill import dilated, eroded, guided, pull_push, soft
from services.viton.garment import Garment, largest
from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float32]

_SEAM = 14
_OVERLAP = 4


@dataclass(frozen=True)
class Cut:
    """H x W x 4 float32 pictures: RGB 0 to 255 and coverage 0 to 255."""

    torso: Floats
    left: Floats
    right: Floats


def cut(image: NDArray[np.uint8], mask: NDArray[np.uint8], garment: Garment) -> Cut:
    """Cuts torso and sleeves out of the photo, with some cloth beyond each seam to overlap.

    Colours are continued outwards from well inside the mask, so that no edge picks up background.
    """
    hard = mask > 127
    bled, coverage = cloth(image, hard)
    opening = _opening(garment, hard.shape)
    front = coverage * (1 - opening)
    sleeves = [
        np.zeros(hard.shape, bool) if s.sleeve is None else s.sleeve.mask for s in garment.sides
    ]
    torso = np.maximum(
        front * soft(dilated(garment.torso, _OVERLAP), 0.7), _gussets(garment, hard.shape)
    )
    whole = largest(torso > 0.5)
    parts = [_layer(bled, torso * dilated(whole, 2))]
    for s in sleeves:
        near = soft(dilated(s, _SEAM), 1.0) if s.any() else np.zeros_like(front)
        parts.append(_layer(bled, front * near))
    return Cut(parts[0], parts[1], parts[2])


def cloth(image: NDArray[np.uint8], hard: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the photo's colours continued outwards from the mask, and a soft mask, 0 to 1."""
    colours = image.astype(np.float32)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / 255, np.float32)
    refined = guided(grey, soft(hard, 1.0), 4, 1e-3)
    coverage = np.clip((refined - 0.25) / 0.6, 0, 1) * dilated(hard, 3)
    safe = eroded(hard, 3)
    coverage = np.maximum(coverage, safe)
    bled = np.where(safe[..., None], colours, pull_push(colours, safe.astype(np.float32), 1))
    return bled.astype(np.float32), coverage.astype(np.float32)


def _opening(garment: Garment, shape: tuple[int, int]) -> Floats:
    """Coverage of what lies above the front neckline: the inside of the back, its label."""
    curve = garment.neckline.curve
    ends = np.array([[curve[-1, 0], -8.0], [curve[0, 0], -8.0]])
    ring: Points = np.concatenate([curve, ends])
    cover = polygon((shape[0], shape[1]), ring)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), np.float32)


def _gussets(garment: Garment, shape: tuple[int, ...]) -> Floats:
    """Cloth added to the torso below each sleeve's armpit, where arm and flank part on the body."""
    cover = np.zeros((shape[0], shape[1]), np.float32)
    for side in garment.sides:
        if side.sleeve is None:
            continue
        outwards = np.sign(side.armpit[0] - garment.axis)
        wide, tall = 0.16 * garment.half, 0.45 * garment.half
        below = side.edge[side.edge[:, 1] < side.armpit[1] + tall]
        share = 1 - (below[:, 1] - side.armpit[1]) / tall
        rim = below + np.stack([outwards * wide * share, np.zeros(len(below))], axis=1)
        inner = below - np.stack(
            [outwards * np.full(len(below), 6.0), np.zeros(len(below))], axis=1
        )
        top = np.array([side.armpit + np.array([outwards * wide, -0.5 * wide])])
        start = np.array([side.armpit + np.array([-outwards * 6.0, -0.5 * wide])])
        cover = np.maximum(
            cover, polygon((shape[0], shape[1]), np.concatenate([start, top, rim, inner[::-1]]))
        )
    return cover


def _layer(colours: Floats, coverage: Floats) -> Floats:
    return np.concatenate([colours, 255 * coverage[..., None]], axis=-1).astype(np.float32)
