"""Soft shadows that a layer casts on what lies beside or below it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_GAIN: Final = 1.6
"""Factor on the blurred coverage, so that the shadow is full beside a straight edge."""


@dataclass(frozen=True, kw_only=True)
class ContactShadow:
    """A kind of shadow."""

    sigma_px: float
    """Standard deviation of the blur, in pixels of the canvas."""
    offset_px: float = 0.0
    """How far the shadow is moved down, in pixels of the canvas."""
    strength: float
    """Fraction of the light that the full shadow takes."""


NECKLINE_LINE: Final = ContactShadow(sigma_px=1.6, strength=0.20)
"""The garment's edge on skin close to it."""
NECKLINE_SOFT: Final = ContactShadow(sigma_px=4.0, offset_px=-2.0, strength=0.12)
"""The garment's edge on skin farther away."""
CUFF: Final = ContactShadow(sigma_px=4.0, offset_px=1.5, strength=0.24)
"""A cuff on the arm."""
ARM_RIM: Final = ContactShadow(sigma_px=2.0, strength=0.16)
"""The garment on the rim of an arm in front of it."""
HEM: Final = ContactShadow(sigma_px=6.0, offset_px=3.0, strength=0.22)
"""A hem on bare legs."""
FRONT_LEG: Final = ContactShadow(sigma_px=5.0, strength=0.25)
"""The front leg of trousers on the other one."""
OVER_BOTTOMS: Final = ContactShadow(sigma_px=5.0, offset_px=4.0, strength=0.28)
"""A top, an arm or a shoe on bottoms."""


def contact_shadow(alpha: Floats, shadow: ContactShadow) -> Floats:
    """Return the shadow that a layer casts outside its coverage ``alpha``, H x W, 0 to 1.

    It is not multiplied by the strength.
    """
    blurred = gaussian_blur(alpha, shadow.sigma_px)
    if shadow.offset_px:
        move = np.array([[1, 0, 0], [0, 1, shadow.offset_px]], np.float32)
        blurred = np.asarray(
            cv2.warpAffine(blurred, move, (blurred.shape[1], blurred.shape[0])), np.float32
        )
    return np.asarray(np.clip(blurred * _GAIN, 0, 1) * (1 - alpha), np.float32)
