"""Measure whether a print, a logo or a row of buttons kept its shape."""

from dataclasses import dataclass
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.measures.regions import Bool, TryOnImages, dilate_or_erode
from services.kit.types import Image

Details = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Places N x 2 and descriptions N x 128."""

DETAIL: Final = 0.015
"""Least contrast of a matched detail, SIFT's ``contrastThreshold``."""
UNIQUE: Final = 0.8
"""Largest ratio of the distances of the best and the second match (Lowe 2004)."""
LEAST: Final = 8
"""Least number of matches that fit one affine map; fewer fit by chance."""
AGREE: Final = 5.0
"""Largest distance of a match from the affine map, in pixels of the canvas."""
SCALES: Final = (0.2, 3.0)
"""Largest scale of a print on the person relative to the garment's photo."""


@dataclass(frozen=True)
class Shape:
    """How a print's shape changed."""

    aspect: float | None
    """1 kept, 0.5 twice as long or broad, negative mirrored; None if too few details agree."""
    matches: int
    """Number of details that agree."""


def print_shape(images: TryOnImages) -> Shape:
    """Compare details of the garment's photo with those of the result, -1 to 1; 1 is unchanged.

    Details (SIFT, Lowe 2004) inside both outlines are matched, also against the mirrored garment.
    RANSAC estimates the affine map that most details fit. The aspect is the ratio of its smaller to
    its larger scale. None if too few details fit: a plain garment, or a repeating pattern.
    """
    garment, inside = (
        images.garment,
        dilate_or_erode(images.garment_photo_region, -0.02 * images.garment.shape[1]),
    )
    target = _details(images.picture, dilate_or_erode(images.garment_region, -4))
    straight = _change(_details(garment, inside), target)
    mirrored = _change(_details(garment[:, ::-1], inside[:, ::-1]), target)
    sign, (aspect, matches) = max(((1, straight), (-1, mirrored)), key=lambda found: found[1][1])
    return Shape(None if aspect is None else sign * aspect, matches)


def _change(first: Details, second: Details) -> tuple[float | None, int]:
    """Return the aspect of the affine map from the first to the second, and the inliers."""
    if min(len(first[0]), len(second[0])) < LEAST:
        return None, 0
    pairs = cv2.BFMatcher().knnMatch(first[1], second[1], k=2)
    good = [a for a, b in pairs if a.distance < UNIQUE * b.distance]
    if len(good) < LEAST:
        return None, 0
    source = np.array([first[0][match.queryIdx] for match in good], np.float32)
    target = np.array([second[0][match.trainIdx] for match in good], np.float32)
    cv2.setRNGSeed(0)
    found = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=AGREE, maxIters=5000
    )
    # The type stubs lack the None.
    affine, agreed = cast("tuple[NDArray[np.float64] | None, NDArray[np.uint8]]", found)
    if affine is None:
        return None, 0
    kept = agreed.reshape(-1) > 0
    matches = len(np.unique(np.rint(target[kept]), axis=0))
    stretch = np.linalg.svd(affine[:, :2], compute_uv=False)
    plausible = SCALES[0] < stretch[1] and stretch[0] < SCALES[1]
    # Matches on one line say nothing about the other direction.
    spread = np.linalg.svd(source[kept] - source[kept].mean(axis=0), compute_uv=False)
    flat = spread[1] < 0.1 * spread[0]
    if matches < LEAST or not plausible or flat or np.linalg.det(affine[:, :2]) < 0:
        return None, 0
    return float(stretch[1] / stretch[0]), matches


def _details(picture: Image, where: Bool) -> Details:
    """Return the details in a region: places N x 2, descriptions N x 128."""
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(contrastThreshold=DETAIL)
    mask = np.ascontiguousarray(where).astype(np.uint8) * 255
    points, descriptions = sift.detectAndCompute(grey, mask)
    if not points:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    # A detail as large as a shoulder lies mostly outside the print.
    small = [n for n, point in enumerate(points) if point.size < 0.1 * picture.shape[1]]
    places = np.array([points[n].pt for n in small], np.float32).reshape(-1, 2)
    return places, np.asarray(np.sqrt(_unit(descriptions[small])), np.float32)


def _unit(found: NDArray[Any]) -> NDArray[np.float32]:
    descriptions = found.astype(np.float32)
    total = np.abs(descriptions).sum(axis=1, keepdims=True)
    return np.asarray(descriptions / np.maximum(total, 1e-6), np.float32)
