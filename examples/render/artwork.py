"""Draw the print on the example garment, which is free of others' rights."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 1024
"""Side of the print, in pixels."""

CREAM: Final = (0.94, 0.89, 0.78)
"""Colour of the mountains, sRGB 0 to 1."""

SHADE: Final = (0.84, 0.78, 0.67)
"""Colour of their shaded sides, sRGB 0 to 1."""

GOLD: Final = (0.89, 0.63, 0.24)
"""Colour of the sun, sRGB 0 to 1."""


def polygon(
    x: NDArray[np.float64], y: NDArray[np.float64], corners: list[tuple[int, int]]
) -> NDArray[np.bool_]:
    """Return the pixels inside a polygon, by the even-odd rule."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def mountains() -> NDArray[np.float32]:
    """Draw a sun behind two mountains over water, (1024, 1024, 4) in 0..1, on transparency."""
    grid = (np.mgrid[0 : 2 * SIZE, 0 : 2 * SIZE] + 0.5) / 2
    y, x = grid[0], grid[1]
    picture = np.zeros((2 * SIZE, 2 * SIZE, 4))
    ridge = [(90, 760), (340, 360), (470, 560), (560, 440), (934, 760)]
    layers = [
        ((x - 512) ** 2 + (y - 350) ** 2 < 200**2, GOLD),
        (polygon(x, y, ridge), CREAM),
        (polygon(x, y, [(90, 760), (340, 360), (390, 436), (300, 760)]), SHADE),
    ]
    for k in range(4):
        wave = (np.abs(x - 512) < 422 - 60 * k) & (np.abs(y - 811 - 46 * k) < 11)
        layers.append((wave, GOLD if k % 2 else CREAM))
    for inside, colour in layers:
        picture[inside] = (*colour, 1)
    small = picture.reshape(SIZE, 2, SIZE, 2, 4).mean(axis=(1, 3))
    return np.asarray(small, np.float32)
