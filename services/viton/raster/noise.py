"""A photo's noise: its level, and noise of such a level for what is painted."""

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.raster.planes import bounding_window, to_luma
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_FINE_SIGMA_PX: Final = 1.5
"""Standard deviation of the blur that the noise is measured against, in canvas pixels."""

_MAX_LEVEL: Final = 4
"""Largest noise level, in levels of 0 to 255: more is texture."""

_STD_OF_MEDIAN: Final = 1.48
"""Standard deviation of a normal distribution, in median absolute deviations."""

_SEED: Final = 7
"""Seed of the noise: the same for every picture, so that pictures repeat."""


def estimate_noise_level(image: Floats, where: Bool) -> float:
    """Return the standard deviation of an image's noise where it is plain, in levels (0 to 4)."""
    window = bounding_window(where, 4)
    if window is None:
        return 0.0
    luma = to_luma(image[window])
    fine = luma - gaussian_blur(luma, _FINE_SIGMA_PX)
    return float(np.clip(np.median(np.abs(fine[where[window]])) * _STD_OF_MEDIAN, 0, _MAX_LEVEL))


def make_noise(shape: tuple[int, int], level: float) -> Floats:
    """Return H x W x 1 noise of a level: the same for every call, so that pictures repeat."""
    return _noise(shape) * np.float32(level)


@lru_cache(maxsize=2)
def _noise(shape: tuple[int, int]) -> Floats:
    noise = np.random.default_rng(_SEED).standard_normal((*shape, 1), dtype=np.float32)
    noise.flags.writeable = False
    return noise
