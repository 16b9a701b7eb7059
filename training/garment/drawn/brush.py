"""Drawing primitives: coverage of outlines, soft lines, smooth noise."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from training.garment.drawn.shape import Points

Floats: TypeAlias = NDArray[np.float32]
FINE: Final = 0.1
"""Centimetres: a pixel of a photo in which a garment fills the frame."""


def cover(shape: tuple[int, int], outline: Points) -> Floats:
    """Return the coverage, 0 to 1, of a polygon in pixels."""
    canvas = np.zeros(shape, np.uint8)
    points = np.round(outline * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, 4)
    return np.asarray(canvas / 255, np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Floats:
    """Return smooth noise of deviation 1; ``grain`` is the size of its blobs in pixels."""
    small = (max(int(shape[0] / grain), 2), max(int(shape[1] / grain), 2))
    coarse = rng.normal(0, 1, small).astype(np.float32)
    full = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(full / max(float(full.std()), 1e-6), np.float32)


def line(shape: tuple[int, int], path: Points, width: float) -> Floats:
    """Return a soft line along a path."""
    canvas = np.zeros(shape, np.uint8)
    points = np.round(path * 16).astype(np.int32)
    cv2.polylines(
        canvas, [points], isClosed=False, color=255, thickness=1, lineType=cv2.LINE_AA, shift=4
    )
    # A line thinner than a pixel is fainter in proportion.
    sigma = max(width, 0.5)
    blurred = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), sigma)
    return np.asarray(blurred * (2.5 * min(sigma, width * width / sigma)), np.float32)


def over(below: Floats, above: Floats, coverage: Floats) -> Floats:
    """Blend a picture or a colour over another by coverage."""
    return np.asarray(below + (above - below) * coverage[..., None], np.float32)


def shade(picture: Floats, where: Floats, strength: float) -> None:
    """Darken a picture in place."""
    picture *= (1 - strength * np.clip(where, 0, 1))[..., None]
