"""Rectangles of whole pixels."""

from dataclasses import dataclass


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
