"""Row and column profiles of a garment's mask."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bool: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class SilhouetteProfiles:
    """Row and column profiles of a mask, for its left side.

    ``top``: first row of each column. ``outer``: first column of each row. ``inner``: where the run
    through the axis begins in each row. ``hem``: last row of the torso.
    """

    mask: Bool
    axis_x: int
    top_rows: Ints
    outer_columns: Ints
    inner_columns: Ints
    first_row: int
    hem_row: int


def find_symmetry_axis(mask: Bool) -> int:
    """Return the column about which most rows are symmetric."""
    rows = np.flatnonzero(mask.any(axis=1))
    rows = rows[int(0.05 * len(rows)) : int(0.9 * len(rows))]
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    return int(np.median((first + last) / 2))


def measure_profiles(mask: Bool, axis: int) -> SilhouetteProfiles:
    """Return the profiles of a mask left of the column ``axis``."""
    height, width = mask.shape
    filled = mask.any(axis=1)
    rows = np.flatnonzero(filled)
    top = np.where(mask.any(axis=0), mask.argmax(axis=0), height)
    outer = np.where(filled, mask.argmax(axis=1), width)
    open_left = ~mask[:, : axis + 1]
    inner = np.where(open_left.any(axis=1), axis + 1 - open_left[:, ::-1].argmax(axis=1), 0)
    reach = max(int(0.1 * (rows[-1] - rows[0])), 4)
    centre = mask[:, max(axis - reach, 0) : axis + reach].mean(axis=1) > 0.6
    hem = int(np.flatnonzero(centre)[-1]) if centre.any() else int(rows[-1])
    return SilhouetteProfiles(mask, axis, top, outer, inner, int(rows[0]), hem)


def upper_convex_hull(reach: NDArray[np.float64]) -> list[int]:
    """Return the rows at which a string pulled around the outline from outside would touch it."""
    hull: list[int] = []
    for row in range(len(reach)):
        while len(hull) > 1:
            a, b = hull[-2:]
            if (reach[b] - reach[a]) * (row - a) > (reach[row] - reach[a]) * (b - a):
                break
            hull.pop()
        hull.append(row)
    return hull
