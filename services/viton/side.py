"""The two sides of a body or a garment as the picture shows them."""

from enum import IntEnum


class PictureSide(IntEnum):
    """A side of a body or a garment in the picture; its value indexes pairs that go left to right.

    On a person seen from the front, the picture's left shows the person's right.
    """

    LEFT = 0
    RIGHT = 1

    @property
    def sign(self) -> int:
        """The direction of x that points outwards on this side: -1 on the left, 1 on the right."""
        return -1 if self is PictureSide.LEFT else 1
