"""Rectangles of whole pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelBox:
    """A rectangle of whole pixels."""

    left: int
    """First column inside."""
    top: int
    """First row inside."""
    right: int
    """First column beyond the right edge."""
    bottom: int
    """First row below the bottom edge."""

    @property
    def width(self) -> int:
        """Columns of the rectangle."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows of the rectangle."""
        return self.bottom - self.top

    @property
    def window(self) -> tuple[slice, slice]:
        """The rectangle as an index into H x W arrays."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def bounding_box(mask: NDArray[np.bool_], margin: int = 0) -> PixelBox:
    """Return the box around what an H x W mask marks, with a margin in pixels; empty if nothing is.

    The box does not leave the mask.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return PixelBox(0, 0, 0, 0)
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return PixelBox(
        max(0, int(columns[0]) - margin),
        max(0, int(rows[0]) - margin),
        min(width, int(columns[-1]) + 1 + margin),
        min(height, int(rows[-1]) + 1 + margin),
    )
