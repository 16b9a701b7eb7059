"""Filling what was hidden: smooth continuations and soft mattes.

``pull_push`` is the scattered-data interpolation of Gortler et al., The Lumigraph (SIGGRAPH 1996),
on an image pyramid in the manner of Burt and Adelson (1983). ``guided`` is the guided filter of He,
Sun and Tang (ECCV 2010) written with box filters.
"""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LEVELS = 9


def pull_push(image: Floats, weight: Floats, shrink: int = 2) -> Floats:
    """Return a smooth H x W x 3 image through the pixels where ``weight`` (0 to 1) is set.

    Known pixels are kept only in the large: the result is computed at 1/``shrink`` of the size.
    """
    height, width = weight.shape
    size = (max(width // shrink, 1), max(height // shrink, 1))
    colour = cv2.resize(image * weight[..., None], size, interpolation=cv2.INTER_AREA)
    amount = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    levels = [(colour, amount)]
    while len(levels) < _LEVELS and min(levels[-1][1].shape) > 3:
        colour, amount = levels[-1]
        half = ((amount.shape[1] + 1) // 2, (amount.shape[0] + 1) // 2)
        levels.append(
            (
                cv2.resize(colour, half, interpolation=cv2.INTER_AREA),
                cv2.resize(amount, half, interpolation=cv2.INTER_AREA),
            )
        )
    colour, amount = levels[-1]
    mean = colour.sum(axis=(0, 1)) / max(float(amount.sum()), 1e-6)
    current = np.broadcast_to(mean, colour.shape).astype(np.float32)
    for colour, amount in reversed(levels):
        coarse = cv2.resize(
            current, (amount.shape[1], amount.shape[0]), interpolation=cv2.INTER_LINEAR
        )
        sure = np.minimum(amount * 3.0, 1.0)[..., None]
        current = colour / np.maximum(amount, 1e-6)[..., None] * sure + coarse * (1 - sure)
    return np.asarray(
        cv2.resize(current, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def guided(guide: Floats, mask: Floats, radius: int, epsilon: float) -> Floats:
    """Return the mask (0 to 1) with its edges moved onto those of the grey ``guide`` (0 to 1)."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(x: Floats) -> Floats:
        return np.asarray(cv2.blur(x, size), np.float32)

    mean_guide, mean_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (
        mean(guide * guide) - mean_guide**2 + np.float32(epsilon)
    )
    offset = mean_mask - slope * mean_guide
    return np.asarray(np.clip(mean(slope) * guide + mean(offset), 0, 1), np.float32)


def eroded(mask: Bool, radius: int) -> Bool:
    """Return the mask without its rim of ``radius`` pixels; the frame's edge erodes nothing."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel) > 0)


def dilated(mask: Bool, radius: int) -> Bool:
    """Return the mask grown by ``radius`` pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def blurred(image: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def soft(mask: Bool, sigma: float = 1.0) -> Floats:
    """Return the mask with an anti-aliased edge, 0 to 1."""
    return blurred(mask.astype(np.float32), sigma)


def matte(image: Floats, front: Bool, back: Bool, band: int) -> tuple[Floats, Floats]:
    """How much of each pixel is ``front`` where it borders on ``back``, and its own colour there.

    ``front`` and ``back`` are label masks that may be off by ``band`` pixels. There each pixel is
    read as a mixture of the colours on both sides; where these are too alike the labels decide.
    Returns alpha (H x W, 0 to 1) and the image freed of ``back``'s colour (H x W x 3).
    """
    unknown = dilated(front, band) & dilated(back, band) & (front | back)
    alpha = soft(front, 1.0)
    if not unknown.any():
        return alpha, image
    fore = pull_push(image, eroded(front, band).astype(np.float32))
    aft = pull_push(image, eroded(back, band).astype(np.float32))
    span = fore - aft
    size = (span * span).sum(axis=-1)
    mixed = np.clip(((image - aft) * span).sum(axis=-1) / np.maximum(size, 1.0), 0, 1)
    mixed = np.clip((mixed - 0.15) / 0.7, 0, 1).astype(np.float32)
    sure = np.clip((np.sqrt(size) - 20.0) / 25.0, 0, 1)
    near = np.clip(blurred(front.astype(np.float32), 0.45 * band) * 3.0, 0, 1)
    guess = sure * mixed * near + (1 - sure) * alpha
    alpha = np.where(unknown, guess, alpha).astype(np.float32)
    cleaned = image + (1 - alpha[..., None]) * span * unknown[..., None]
    return alpha, np.clip(cleaned, 0, 255).astype(np.float32)
