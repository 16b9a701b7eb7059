"""Whether a print, a logo or a row of buttons kept its shape."""

from dataclasses import dataclass
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.measures.regions import Bool, Worn, grown
from services.kit.types import Image

Details = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Places N x 2 and descriptions N x 128."""

DETAIL: Final = 0.015
"""The least contrast of a detail that is matched, as SIFT has it."""
UNIQUE: Final = 0.8
"""A detail's best match is this much nearer than its second best (Lowe 2004)."""
LEAST: Final = 8
"""Matches that agree on one shape change; fewer agree by chance."""
AGREE: Final = 5.0
"""Pixels by which a match may miss the common shape change."""
SCALES: Final = (0.2, 3.0)
"""How many times larger a print may be on the person than in the garment's photo."""


@dataclass(frozen=True)
class Shape:
    """How a print's shape changed."""

    aspect: float | None
    """1 kept, 0.5 twice as long or broad, negative mirrored; None if too few details agree."""
    matches: int
    """Number of details that agree."""


def print_shape(worn: Worn) -> Shape:
    """Compare details of the garment's photo with the same details worn, -1 to 1; 1 is kept.

    Details (SIFT, Lowe 2004) inside both outlines are matched, also against the mirrored garment;
    RANSAC finds the affine change that most agree on, and the ratio of its smaller to its larger
    stretch is the aspect. None where too few agree: a plain garment, or a pattern that repeats.
    """
    garment, inside = worn.garment, grown(worn.cloth, -0.02 * worn.garment.shape[1])
    target = _details(worn.picture, grown(worn.region, -4))
    straight = _change(_details(garment, inside), target)
    mirrored = _change(_details(garment[:, ::-1], inside[:, ::-1]), target)
    sign, (aspect, matches) = max(((1, straight), (-1, mirrored)), key=lambda found: found[1][1])
    return Shape(None if aspect is None else sign * aspect, matches)


def _change(first: Details, second: Details) -> tuple[float | None, int]:
    """Return the aspect of the change that takes the first to the second, and who agrees."""
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
    # The stubs do not know that there may be none.
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
    # Of details as large as a shoulder most is not the print's.
    small = [n for n, point in enumerate(points) if point.size < 0.1 * picture.shape[1]]
    places = np.array([points[n].pt for n in small], np.float32).reshape(-1, 2)
    return places, np.asarray(np.sqrt(_unit(descriptions[small])), np.float32)


def _unit(found: NDArray[Any]) -> NDArray[np.float32]:
    descriptions = found.astype(np.float32)
    total = np.abs(descriptions).sum(axis=1, keepdims=True)
    return np.asarray(descriptions / np.maximum(total, 1e-6), np.float32)
