"""A picture made of layers, which remembers where its garment came from."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.fill import rgb

Floats: TypeAlias = NDArray[np.float32]


class Stack:
    """Layers laid on a picture one after the other.

    ``picture``: H x W x 3; ``cloth``: how much of each pixel is garment, 0 to 1; ``flow``: H x W x
    2, the place in the garment's photo that such a pixel shows.
    """

    def __init__(self, picture: Floats) -> None:
        self.picture = picture
        self.cloth: Floats = np.zeros(picture.shape[:2], np.float32)
        self.flow: Floats = np.zeros((*picture.shape[:2], 2), np.float32)

    def cover(self, colour: Floats, alpha: Floats) -> None:
        """Lay something that is not the garment over the picture: ``alpha`` H x W, 0 to 1."""
        self.picture = over(self.picture, colour, alpha)
        self.cloth = np.asarray(self.cloth * (1 - alpha), np.float32)

    def hide(self, picture: Floats, alpha: Floats) -> None:
        """Go on from another picture, in which the garment is hidden by ``alpha`` more."""
        self.picture = picture
        self.cloth = np.asarray(self.cloth * (1 - alpha), np.float32)

    def wear(self, colour: Floats, alpha: Floats, source: Floats) -> None:
        """Lay a piece of the garment over it, seen at ``source`` (H x W x 2) of its photo."""
        self.picture = over(self.picture, colour, alpha)
        self.cloth = np.asarray(self.cloth * (1 - alpha) + alpha, np.float32)
        self.flow = np.where((alpha > 0.5)[..., None], source, self.flow)


def over(below: Floats, above: Floats, alpha: Floats) -> Floats:
    """Return ``above`` laid on ``below``, both H x W x 3; ``alpha`` is H x W, 0 to 1."""
    return np.asarray(below + (above - below) * rgb(np.asarray(alpha, np.float32)), np.float32)
