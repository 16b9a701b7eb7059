"""Bilinear resampling with the grids that other tools' networks were made with."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
"""An array of single precision."""
Grid = Callable[[int, int], NDArray[np.float64]]
"""Places in a row of N pixels of the M pixels that it becomes."""


def corners(given: int, made: int) -> NDArray[np.float64]:
    """Both ends stay where they are: PyTorch's ``align_corners=True``."""
    return np.linspace(0, given - 1, made, dtype=np.float64)


def origin(given: int, made: int) -> NDArray[np.float64]:
    """Only the first pixel stays: TensorFlow 1's ``resize_images``."""
    places: NDArray[np.float64] = np.minimum(np.arange(made) * (given / made), given - 1)
    return places


def resize(planes: F32, height: int, width: int, grid: Grid) -> F32:
    """Bring planes (... x h x w) to ``height`` x ``width``."""
    rows = _weights(planes.shape[-2], height, grid)
    columns = _weights(planes.shape[-1], width, grid)
    return np.asarray(rows @ planes @ columns.T, np.float32)


def _weights(given: int, made: int, grid: Grid) -> F32:
    places = grid(given, made)
    first = np.clip(np.floor(places).astype(int), 0, max(given - 2, 0))
    share = places - first
    weights = np.zeros((made, given), np.float32)
    index: Final = np.arange(made)
    weights[index, first] = 1 - share
    weights[index, np.minimum(first + 1, given - 1)] += share
    return weights
