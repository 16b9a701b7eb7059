"""Measure the roughness of the garment's outline."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bench.measures.regions import TryOnImages, dilate_or_erode, lab
from services.kit.labels import Label

REACH: Final = 8.0
"""Distance from the parse's outline within which the edge is searched, in pixels of the canvas."""
STRONG: Final = 3.0
"""Least gradient of an edge, in L*a*b* units per pixel."""
WAVE: Final = 6.0
"""Length along the outline, in pixels, that separates the garment's cut from roughness."""
_STEP: Final = 0.5
"""Distance between samples across the outline, in pixels of the canvas."""

_FAR: Final = 4.0
"""Largest distance of a rough edge, in pixels of the canvas."""

_FRAME: Final = 12
"""Width of the omitted border, in pixels of the canvas."""


def roughness(images: TryOnImages) -> float | None:
    """Return the root mean square distance of the garment's edge from the smoothed edge, in pixels.

    The edge is the steepest change of colour across the parse's outline, to a fraction of a pixel.
    Below about 0.5 it looks smooth. A staircase of 3 pixels has more than 1. Outline at the frame
    and beside hair is omitted. None if no clear edge is long enough.
    """
    contours, _ = cv2.findContours(
        images.garment_region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    smooth = cv2.GaussianBlur(lab(images.picture), (0, 0), 0.7).astype(np.float32)
    hair = dilate_or_erode(np.isin(images.labels, (Label.HAIR, Label.HAT)), 10)
    squares = [_strays(smooth, contour[:, 0].astype(np.float64), hair) for contour in contours]
    strays = np.concatenate(squares) if squares else np.zeros(0)
    return float(np.sqrt(np.mean(strays**2))) if len(strays) > 100 else None


def _strays(
    tones: NDArray[np.float32], contour: NDArray[np.float64], hair: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the distance from the smoothed edge, for each contour point with a clear edge."""
    if len(contour) < 100:
        return np.zeros(0)
    height, width = hair.shape
    course = gaussian_filter1d(contour, 6.0, axis=0, mode="wrap")
    along = np.gradient(course, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    offsets = np.arange(-REACH, REACH + _STEP, _STEP)
    at = (course[:, None] + normal[:, None] * offsets[None, :, None]).astype(np.float32)
    read = cv2.remap(tones, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    steep = np.linalg.norm(np.diff(read, axis=1) / _STEP, axis=2)
    places = offsets[:-1] + _STEP / 2
    # The nearer of two edges is the garment's.
    best = (steep * np.exp(-((places / REACH) ** 2))).argmax(axis=1)
    near = np.abs(np.arange(len(places))[None] - best[:, None]) <= 3
    weight = np.where(near, steep**2, 0)
    edge = (weight * places).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    x, y = course.T
    framed = (x < _FRAME) | (y < _FRAME) | (x > width - 1 - _FRAME) | (y > height - 1 - _FRAME)
    rows = np.clip(np.rint(y), 0, height - 1).astype(int)
    beside = hair[rows, np.clip(np.rint(x), 0, width - 1).astype(int)]
    clear = (steep.max(axis=1) > STRONG) & ~framed & ~beside
    share = gaussian_filter1d(clear.astype(np.float64), WAVE, mode="wrap")
    held = np.where(clear, edge, 0.0)
    course_edge = gaussian_filter1d(held, WAVE, mode="wrap") / np.maximum(share, 1e-3)
    stray = np.clip(edge - course_edge, -_FAR, _FAR)
    return np.asarray(stray[clear & (share > 0.7)])
