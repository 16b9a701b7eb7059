"""A picture made of layers, which remembers where its garment came from."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.raster.fill import rgb

Floats: TypeAlias = NDArray[np.float32]
Window: TypeAlias = tuple[slice, slice]

EVERYWHERE: Final = (slice(None), slice(None))


class Stack:
    """Layers laid on a picture one after the other.

    ``picture``: H x W x 3, changed in place; ``cloth``: how much of each pixel is garment, 0 to 1;
    ``flow``: H x W x 2, the place in the garment's photo that such a pixel shows.
    """

    def __init__(self, picture: Floats) -> None:
        self.picture = picture
        self.cloth: Floats = np.zeros(picture.shape[:2], np.float32)
        self.flow: Floats = np.zeros((*picture.shape[:2], 2), np.float32)

    def cover(self, colour: Floats, alpha: Floats, window: Window = EVERYWHERE) -> None:
        """Lay something that is not the garment over a window: ``alpha`` is its H x W, 0 to 1."""
        self.picture[window] = over(self.picture[window], colour, alpha)
        self.cloth[window] *= 1 - alpha

    def hide(self, picture: Floats, alpha: Floats, window: Window = EVERYWHERE) -> None:
        """Go on from another picture of a window, in which ``alpha`` more of it is no garment."""
        self.picture[window] = picture
        self.cloth[window] *= 1 - alpha

    def wear(
        self, colour: Floats, alpha: Floats, source: Floats, window: Window = EVERYWHERE
    ) -> None:
        """Lay a piece of the garment over a window, seen at ``source`` (H x W x 2) of its photo."""
        self.picture[window] = over(self.picture[window], colour, alpha)
        self.cloth[window] += alpha * (1 - self.cloth[window])
        shown = alpha > 0.5
        self.flow[window][shown] = source[shown]

    def shade(self, shadow: Floats, window: Window = EVERYWHERE) -> None:
        """Darken a window by the share ``shadow``, its H x W."""
        self.picture[window] *= rgb(np.asarray(1 - shadow, np.float32))


def over(below: Floats, above: Floats, alpha: Floats) -> Floats:
    """Return ``above`` laid on ``below``, both H x W x 3; ``alpha`` is H x W, 0 to 1."""
    return np.asarray(below + (above - below) * rgb(np.asarray(alpha, np.float32)), np.float32)
