"""Row and column profiles of a garment's mask."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bool: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

_AXIS_ROWS: Final = (0.05, 0.9)
"""Part of the garment's rows, from above, of which the middles make the axis."""

_HEM_REACH: Final = 0.1
"""Half the width around the axis in which the hem is searched, in heights of the garment."""

_MIN_HEM_COVER: Final = 0.6
"""Fraction of that width that is garment in every row down to the hem."""


@dataclass(frozen=True, kw_only=True)
class SilhouetteProfiles:
    """Row and column profiles of a mask, for its left half.

    All are pixels of the photo. For the right half the photo is flipped, so that every rule is
    written once.
    """

    mask: Bool
    """H x W, the garment."""

    axis_x: int
    """Column about which the garment is symmetric."""

    top_rows: Ints
    """W, the first row in each column; H in a column without garment."""

    outer_columns: Ints
    """H, the first column in each row; W in a row without garment."""

    inner_columns: Ints
    """H, where the run through the axis begins in each row."""

    first_row: int
    """First row of the garment."""

    hem_row: int
    """Last row of the torso."""


def find_symmetry_axis(mask: Bool) -> int:
    """Return the column about which most rows of a mask (H x W) are symmetric."""
    rows = np.flatnonzero(mask.any(axis=1))
    first_fraction, last_fraction = _AXIS_ROWS
    middle_rows = rows[int(first_fraction * len(rows)) : int(last_fraction * len(rows))]
    first = mask[middle_rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[middle_rows][:, ::-1].argmax(axis=1)
    return int(np.median((first + last) / 2))


def measure_profiles(mask: Bool, axis_x: int) -> SilhouetteProfiles:
    """Measure the profiles of a mask (H x W) left of the column ``axis_x``."""
    height, width = mask.shape
    filled = mask.any(axis=1)
    rows = np.flatnonzero(filled)
    open_left = ~mask[:, : axis_x + 1]
    begin = axis_x + 1 - open_left[:, ::-1].argmax(axis=1)
    reach = max(int(_HEM_REACH * (rows[-1] - rows[0])), 4)
    near_axis = mask[:, max(axis_x - reach, 0) : axis_x + reach]
    centre = near_axis.mean(axis=1) > _MIN_HEM_COVER
    return SilhouetteProfiles(
        mask=mask,
        axis_x=axis_x,
        top_rows=np.where(mask.any(axis=0), mask.argmax(axis=0), height),
        outer_columns=np.where(filled, mask.argmax(axis=1), width),
        inner_columns=np.where(open_left.any(axis=1), begin, 0),
        first_row=int(rows[0]),
        hem_row=int(np.flatnonzero(centre)[-1]) if centre.any() else int(rows[-1]),
    )


def upper_convex_hull(reach: NDArray[np.float64]) -> list[int]:
    """Return the rows that are corners of the upper convex hull of a profile (N)."""
    hull: list[int] = []
    for row in range(len(reach)):
        while len(hull) > 1:
            a, b = hull[-2:]
            if (reach[b] - reach[a]) * (row - a) > (reach[row] - reach[a]) * (b - a):
                break
            hull.pop()
        hull.append(row)
    return hull
