"""Blotches and noise of synthesised skin."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SkinTextureOptions:
    """The blotches and the noise of synthesised skin."""

    seed: int = 11
    """Seed of the blotches."""
    blotches: tuple[tuple[int, float], ...] = ((5, 0.5), (14, 0.8), (36, 1.0))
    """(Size in pixels of the canvas, strength against the other sizes) of the blotches."""
    mottle_strength: float = 0.010
    """Standard deviation of a blotch of strength 1, as a fraction of the skin's light."""
    default_level: float = 128.0
    """Brightness of the skin if none is seen, 0 to 255."""
    min_level: float = 30.0
    """Least brightness of the skin that noise is measured against, 0 to 255."""
    noise_gain: float = 1.3
    """Noise before it is blurred, in the photo's noise."""
    noise_sigma_px: float = 0.6
    """Standard deviation of the blur of the noise, in pixels of the canvas."""


SKIN_TEXTURE_OPTIONS: Final = SkinTextureOptions()


def make_skin_texture(
    image: Floats, bare: Bool, options: SkinTextureOptions = SKIN_TEXTURE_OPTIONS
) -> Floats:
    """Return the light on skin that is no paint, H x W, 1 on average.

    It has the photo's noise, and faint blotches as skin has.
    """
    shape = (image.shape[0], image.shape[1])
    rng = np.random.default_rng(options.seed)
    blotches = np.zeros(shape, np.float32)
    for size, strength in options.blotches:
        small = (max(shape[0] // size, 2), max(shape[1] // size, 2))
        coarse = rng.standard_normal(small, dtype=np.float32)
        blotches += strength * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    bright = float(image[bare].mean()) if bare.any() else options.default_level
    sharp = make_noise(shape, options.noise_gain * estimate_noise_level(image, bare))[..., 0]
    noise = gaussian_blur(sharp, options.noise_sigma_px)
    mottle = options.mottle_strength * blotches
    return np.asarray(1 + mottle + noise / max(bright, options.min_level), np.float32)
