"""The studio's uneven light, taken off the photos of plain garments."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.morphology import erode
from services.viton.raster.planes import (
    to_luma,
    to_three_channels,
)
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

MAX_PLAIN_STD: Final = 30.0
"""Mean standard deviation of the channels up to which a garment is plain, in levels 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class PlainLightOptions:
    """How slow changes of brightness are taken off a plain garment."""

    shrink: int = 8
    """Factor by which the photo is made smaller to measure them."""

    rim_px: int = 4
    """Rim of the garment that is left out, in pixels of the photo."""

    min_pixels: int = 50
    """Pixels of the smaller garment below which nothing is changed."""

    min_coverage: float = 0.99
    """Coverage above which a pixel of the smaller photo shows the garment alone."""

    min_weight: float = 1e-3
    """Least weight of the blur that is divided by."""

    min_changed_weight: float = 0.02
    """Weight of the blur up to which brightness is not changed: the garment is too far away."""

    blur: float = 0.10
    """Sigma of the Gaussian, as a fraction of the square root of the garment's area."""

    black_level: float = 8.0
    """Added to brightness, so that dark garments are not amplified, in levels 0 to 255."""

    gain_range: tuple[float, float] = (0.85, 1.15)
    """Least and largest gain."""

    strength: float = 0.75
    """Exponent of the gain: 1 evens the garment fully."""


PLAIN_LIGHT_OPTIONS: Final = PlainLightOptions()


def even_out_plain_garment_light(
    colours: Floats, hard: Bool, options: PlainLightOptions = PLAIN_LIGHT_OPTIONS
) -> Floats:
    """Return the colours (H x W x 3) with slow changes of brightness taken off a plain garment.

    A photo is often brighter above; a garment that is tucked in would then look paler than it is.
    ``hard``: H x W, the garment's mask.
    """
    shrink = options.shrink
    size = (colours.shape[1] // shrink, colours.shape[0] // shrink)
    core = erode(hard, options.rim_px).astype(np.float32)
    inside = cv2.resize(core, size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.float32)
    known = inside > options.min_coverage
    is_small = known.sum() < options.min_pixels
    if is_small or float(small[known].std(axis=0).mean()) > MAX_PLAIN_STD:
        return colours
    sigma = options.blur * float(np.sqrt(known.sum()))
    weight = gaussian_blur(known.astype(np.float32), sigma)
    slow = gaussian_blur(to_luma(small) * known, sigma) / np.maximum(weight, options.min_weight)
    usual = float(np.median(slow[known]))
    black = options.black_level
    gain = np.clip((usual + black) / (slow + black), *options.gain_range)
    gain = np.where(weight > options.min_changed_weight, gain ** np.float32(options.strength), 1.0)
    full = cv2.resize(gain.astype(np.float32), colours.shape[1::-1])
    return colours * to_three_channels(np.asarray(full, np.float32))
