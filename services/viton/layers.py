"""What layers are stacked with."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.fill import blurred

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


def over(below: Floats, above: Floats, alpha: Floats | float) -> Floats:
    """Return one layer drawn over another, ``alpha`` 0 to 1."""
    cover = np.asarray(alpha, np.float32)
    cover = cover[..., None] if cover.ndim == 2 else cover
    return np.asarray(below * (1 - cover) + above * cover, np.float32)


def grain(image: Floats, where: Bool) -> Floats:
    """Noise like the background's own, so that filled areas do not look painted."""
    fine = image - blurred(image, 1.5)
    spread = float(np.clip(np.median(np.abs(fine[where])) * 1.48, 0, 4)) if where.any() else 0.0
    noise = np.random.default_rng(7).standard_normal((*image.shape[:2], 1)).astype(np.float32)
    return noise * np.float32(spread)


def contact(coverage: Floats, sigma: float, shift: float) -> Floats:
    """Return a soft shadow around an edge, 0 to 1, moved ``shift`` pixels down."""
    cast = blurred(coverage, sigma)
    if shift:
        move = np.array([[1, 0, 0], [0, 1, shift]], np.float32)
        cast = np.asarray(cv2.warpAffine(cast, move, (cast.shape[1], cast.shape[0])), np.float32)
    return np.asarray(np.clip(cast * 1.6, 0, 1) * (1 - coverage), np.float32)
