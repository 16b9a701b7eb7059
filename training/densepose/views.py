"""Seeing points: a camera, and pictures of them without meshes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.render.body import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Turns points (``turn`` 3 x 3), looks at ``centre`` from ``distance`` metres away.

    ``scale`` is pixels a metre at the centre, ``middle`` (2,) where the picture shows it.
    """

    turn: Floats
    centre: Floats
    distance: float
    scale: float
    middle: Floats

    def see(self, places: Floats) -> tuple[Floats, Floats]:
        """Project points (..., 3): (..., 2) pixels, and depth behind the centre in metres."""
        seen = (places - self.centre) @ self.turn.T
        near = self.scale * self.distance / (self.distance + seen[..., 1])
        where = np.stack([seen[..., 0], -seen[..., 2]], axis=-1) * near[..., None] + self.middle
        return where, seen[..., 1]


def splat(where: Floats, depth: Floats, height: int, width: int, spot: int = 2) -> Ints:
    """Find the number of the nearest point at every pixel, H x W, -1 where there is none.

    A point covers a square of ``spot`` pixels around its place (N, 2).
    """
    order = np.argsort(-depth, kind="stable")
    corner = np.floor(where[order] - (spot - 2) / 2).astype(np.int64)
    corner = corner.clip(-spot, max(height, width))
    pad = spot + max(height, width)
    found = np.full((height + 2 * pad) * (width + 2 * pad), -1, np.int64)
    base = (corner[:, 1] + pad) * (width + 2 * pad) + corner[:, 0] + pad
    # Writes to one place keep the last, so that all squares of far points come before near ones.
    every = base[:, None] + np.array(
        [row * (width + 2 * pad) + column for row in range(spot) for column in range(spot)]
    )
    found[every.ravel()] = np.repeat(order, spot * spot)
    picture: NDArray[np.int64] = found.reshape(height + 2 * pad, width + 2 * pad)
    return picture[pad : pad + height, pad : pad + width]
