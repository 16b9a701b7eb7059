"""A camera, and renderings of points without meshes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.render.body import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that looks along y."""

    turn: Floats
    """3 x 3: rotation of the points around ``centre``."""
    centre: Floats
    """3: the point that the camera looks at, in metres."""
    distance: float
    """Distance of the camera from ``centre``, in metres."""
    scale: float
    """Pixels per metre at ``centre``."""
    middle: Floats
    """2: where the picture shows ``centre``, in pixels."""

    def see(self, places: Floats) -> tuple[Floats, Floats]:
        """Project points (..., 3): (..., 2) pixels, and depth behind the centre in metres."""
        seen = (places - self.centre) @ self.turn.T
        near = self.scale * self.distance / (self.distance + seen[..., 1])
        where = np.stack([seen[..., 0], -seen[..., 2]], axis=-1) * near[..., None] + self.middle
        return where, seen[..., 1]


def splat(where: Floats, depth: Floats, height: int, width: int, spot: int = 2) -> Ints:
    """Return the index of the nearest point at every pixel, H x W, -1 without a point.

    A point covers a square of ``spot`` pixels around its place (N, 2).
    """
    order = np.argsort(-depth, kind="stable")
    corner = np.floor(where[order] - (spot - 2) / 2).astype(np.int64)
    corner = corner.clip(-spot, max(height, width))
    pad = spot + max(height, width)
    found = np.full((height + 2 * pad) * (width + 2 * pad), -1, np.int64)
    base = (corner[:, 1] + pad) * (width + 2 * pad) + corner[:, 0] + pad
    # The last write to a pixel stays, so far points are written before near ones.
    every = base[:, None] + np.array(
        [row * (width + 2 * pad) + column for row in range(spot) for column in range(spot)]
    )
    found[every.ravel()] = np.repeat(order, spot * spot)
    picture: NDArray[np.int64] = found.reshape(height + 2 * pad, width + 2 * pad)
    return picture[pad : pad + height, pad : pad + width]
