"""Takes compression noise out of a photo before a network makes detail of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.cancellation import check_cancelled
from services.kit.types import Image

BLOCK: Final = 8
"""JPEG's block, and the one used here."""

STEP: Final = 2
"""Pixels between the grids that are averaged; 1 makes no visible difference."""

STRENGTH: Final = 11.0
"""Magnitude of DCT coefficients that are noise at full strength, in grey levels, orthonormal."""

CLEAN_RATIO: Final = 1.1
"""``measure_blockiness`` up to which a photo has no compression noise."""

BLOCKY_RATIO: Final = 1.25
"""``measure_blockiness`` from which on noise is removed at full strength."""

_TO_YCC: Final = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""JPEG's matrix from RGB to luma and chroma."""
_TO_RGB: Final = np.linalg.inv(_TO_YCC.astype(np.float64)).astype(np.float32)
"""The inverse matrix."""
_CHROMA: Final = np.array([1.0, 1.5, 1.5], np.float32)[:, None, None]
"""Factor of the threshold for luma and both chromas: JPEG compresses chroma harder."""


def measure_blockiness(image: Image) -> float:
    """How much rougher a photo is across JPEG's block edges than elsewhere; 1 is not at all.

    ``image`` is H x W x 3 uint8. Measured by third differences, which gradients and curved shades
    do not raise.
    """
    grey = image.astype(np.float32) @ _TO_YCC[0]
    on = off = 1e-3
    for plane in (grey, grey.T):
        if plane.shape[1] < 2 * BLOCK:
            continue
        rough = np.abs(np.diff(plane, n=3, axis=1)).mean(axis=0)
        # The difference at place i is centred between pixels i + 1 and i + 2.
        edge = (np.arange(rough.size) + 2) % BLOCK == 0
        on += float(rough[edge].mean())
        off += float(rough[~edge].mean())
    return float(on / off)


def deblock(image: Image) -> Image:
    """Remove JPEG's blocks and ringing, as strongly as the blocks show; the same array if not.

    ``image`` is H x W x 3 uint8. Coefficients of 8 x 8 cosine transforms below a threshold are
    dropped on many shifted grids and the results averaged (Yu and Sapiro, "DCT image denoising: a
    simple and effective image denoising algorithm", 2011).
    """
    shown = (measure_blockiness(image) - CLEAN_RATIO) / (BLOCKY_RATIO - CLEAN_RATIO)
    if shown <= 0:
        return image
    ycc = np.moveaxis(image.astype(np.float32) @ _TO_YCC.T, 2, 0)
    clean = _drop_small_coefficients(ycc, STRENGTH * min(1.0, shown) * _CHROMA)
    rgb = np.moveaxis(clean, 0, 2) @ _TO_RGB.T
    result: Image = np.rint(np.clip(rgb, 0, 255)).astype(np.uint8)
    return result


def _drop_small_coefficients(
    planes: NDArray[np.float32], threshold: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Average, over shifted grids, the planes without their small coefficients."""
    height, width = planes.shape[1:]
    rows, columns = (-(-side // BLOCK) * BLOCK + BLOCK for side in (height, width))
    padded = np.pad(
        planes,
        ((0, 0), (BLOCK, rows - height), (BLOCK, columns - width)),
        mode="edge",
    )
    total = np.zeros_like(planes)
    cosines = _dct_matrix()
    for top in range(0, BLOCK, STEP):
        for left in range(0, BLOCK, STEP):
            check_cancelled()
            blocks = padded[:, top : top + rows, left : left + columns]
            blocks = blocks.reshape(3, rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
            blocks = np.moveaxis(blocks, (0, 2), (2, 3))
            values = cosines @ blocks @ cosines.T
            mean = values[..., :1, :1].copy()
            values[np.abs(values) < threshold] = 0
            values[..., :1, :1] = mean
            grid = np.moveaxis(cosines.T @ values @ cosines, (2, 3), (0, 2))
            grid = grid.reshape(3, rows, columns)
            y, x = BLOCK - top, BLOCK - left
            total += grid[:, y : y + height, x : x + width]
    return total / np.float32((BLOCK // STEP) ** 2)


def _dct_matrix() -> NDArray[np.float32]:
    """Give the orthonormal DCT-II as a matrix, one basis function a row."""
    place = np.arange(BLOCK)
    waves = np.cos(np.pi / BLOCK * (place + 0.5) * place[:, None]) * np.sqrt(2 / BLOCK)
    waves[0] /= np.sqrt(2)
    matrix: NDArray[np.float32] = waves.astype(np.float32)
    return matrix
