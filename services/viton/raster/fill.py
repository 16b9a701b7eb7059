"""Filling what was hidden: smooth continuations and soft mattes.

``pull_push`` is the scattered-data interpolation of Gortler et al., The Lumigraph (SIGGRAPH 1996),
on an image pyramid in the manner of Burt and Adelson (1983). ``guided`` is the guided filter of He,
Sun and Tang (ECCV 2010) written with box filters.
"""

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LEVELS = 9
_RIM = 2
_LARGE = 6


def pull_push(image: Floats, weight: Floats, shrink: int = 2) -> Floats:
    """Return a smooth H x W x 3 image through the pixels where ``weight`` (0 to 1) is set.

    Known pixels are kept only in the large: the result is computed at 1/``shrink`` of the size.
    """
    height, width = weight.shape
    size = (max(width // shrink, 1), max(height // shrink, 1))
    colour = cv2.resize(image * to_three_channels(weight), size, interpolation=cv2.INTER_AREA)
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
        # The known colour, where it is sure, and the coarser level's for the rest.
        sure = np.minimum(amount * 3.0, 1.0)
        current = colour * to_three_channels(
            sure / np.maximum(amount, 1e-6)
        ) + coarse * to_three_channels(1 - sure)
    return np.asarray(
        cv2.resize(current, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def guided_filter_grey(guide: Floats, mask: Floats, radius: int, epsilon: float) -> Floats:
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


def erode(mask: Bool, radius: int) -> Bool:
    """Return the mask without its rim of ``radius`` pixels; the frame's edge erodes nothing."""
    result = np.zeros(mask.shape, bool)
    window = bounding_window(mask, 1)
    if window is not None:
        result[window] = ~_grown(~mask[window], radius)
    return result


def dilate(mask: Bool, radius: int) -> Bool:
    """Return the mask grown by ``radius`` pixels."""
    result = np.zeros(mask.shape, bool)
    window = bounding_window(mask, radius + 1)
    if window is not None:
        result[window] = _grown(mask[window], radius)
    return result


def _grown(mask: Bool, radius: int) -> Bool:
    if radius > _LARGE and mask.any():
        # A large kernel costs its area for each pixel, a distance does not.
        away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(away < radius + 0.5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def gaussian_blur(image: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def antialias(mask: Bool, sigma: float = 1.0) -> Floats:
    """Return the mask with an anti-aliased edge, 0 to 1."""
    result = np.zeros(mask.shape, np.float32)
    window = bounding_window(mask, int(4 * sigma) + 2)
    if window is not None:
        result[window] = gaussian_blur(mask[window].astype(np.float32), sigma)
    return result


def estimate_alpha_matte(
    image: Floats, front: Bool, back: Bool, band: int, min_alpha: float = 0.3
) -> tuple[Floats, Floats]:
    """How much of each pixel is ``front`` where it borders on ``back``, and its own colour there.

    ``front`` and ``back`` are label masks that may be off by ``band`` pixels. There each pixel is
    read as a mixture of the colours on both sides; where these are too alike, or where it is no
    such mixture, the labels decide. ``choke``: mixtures below this share of ``front`` are left out.
    Returns alpha (H x W, 0 to 1) and the image freed of ``back``'s colour (H x W x 3): what is not
    purely ``front`` takes the colour of what is, near by.
    """
    alpha = antialias(front, 1.0)
    unknown = dilate(front, band) & dilate(back, band) & (front | back)
    window = bounding_window(unknown, 3 * band)
    if window is None:
        return alpha, image
    alpha, colour = alpha.copy(), image.copy()
    alpha[window], colour[window] = _unmixed(
        image[window], (front[window], back[window]), unknown[window], band, min_alpha
    )
    return alpha, colour


def _unmixed(
    image: Floats, sides: tuple[Bool, Bool], unknown: Bool, band: int, choke: float
) -> tuple[Floats, Floats]:
    front = sides[0]
    label = antialias(erode(front, 1), 0.9)
    fore, aft = (pull_push(image, _inner(side, band)) for side in sides)
    span = fore - aft
    size = np.maximum(_dot(span, span), 1.0)
    raw = _dot(image - aft, span) / size
    mixed = np.clip((raw - choke) / (0.92 - choke), 0, 1)
    left = image - aft - to_three_channels(np.clip(raw, 0, 1)) * span
    strange = np.sqrt(_dot(left, left) / size)
    sure = np.clip((np.sqrt(size) - 20.0) / 25.0, 0, 1) * np.clip(2.2 - 2.0 * strange, 0, 1)
    near = np.clip(gaussian_blur(front.astype(np.float32), 0.45 * band) * 3.0, 0, 1)
    guess = sure * mixed * near + (1 - sure) * label
    alpha = np.where(unknown, guess, front).astype(np.float32)
    # The rim's own pixels are never quite free of what was behind.
    pure = erode(alpha > 0.9, _RIM) & front
    close = pull_push(image, pure.astype(np.float32), 1)
    share = antialias(unknown & ~pure, 0.7) * unknown
    return alpha, image + to_three_channels(share) * (close - image)


def _inner(part: Bool, band: int) -> Floats:
    """Weight the inside of a part; what is too thin to have one counts a little."""
    return np.asarray(np.maximum(erode(part, band), 0.1 * erode(part, _RIM)), np.float32)


def _dot(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.einsum("ijk,ijk->ij", first, second), np.float32)


def bounding_window(mask: Bool, margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold the mask, and ``margin`` pixels more; None if empty."""
    left, top, wide, tall = cv2.boundingRect(mask.astype(np.uint8))
    if not wide:
        return None
    return (
        slice(max(top - margin, 0), top + tall + margin),
        slice(max(left - margin, 0), left + wide + margin),
    )


def to_three_channels(plane: Floats) -> Floats:
    """Return an H x W plane three times, H x W x 3: numpy is slow at repeating so few values."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)


def to_luma(image: Floats) -> Floats:
    """Return the luma of an H x W x 3 image, 0 to 255."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.float32)


def mean_channel_std(image: Floats, where: Bool) -> float:
    """Return how much the colours of an H x W x 3 image differ: the mean of their deviations."""
    return float(cv2.meanStdDev(image, mask=where.astype(np.uint8))[1].mean())


def estimate_noise_level(image: Floats, where: Bool) -> float:
    """Return the standard deviation of an image's noise where it is plain, in levels (0 to 4)."""
    window = bounding_window(where, 4)
    if window is None:
        return 0.0
    luma = to_luma(image[window])
    fine = luma - gaussian_blur(luma, 1.5)
    return float(np.clip(np.median(np.abs(fine[where[window]])) * 1.48, 0, 4))


def make_noise(shape: tuple[int, int], level: float) -> Floats:
    """Return H x W x 1 noise of a level: the same for every call, so that pictures repeat."""
    return _noise(shape) * np.float32(level)


@lru_cache(maxsize=2)
def _noise(shape: tuple[int, int]) -> Floats:
    noise = np.random.default_rng(7).standard_normal((*shape, 1), dtype=np.float32)
    noise.flags.writeable = False
    return noise
