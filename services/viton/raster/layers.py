"""A picture made of layers, which remembers where its garment came from."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.raster.fill import to_three_channels

Floats: TypeAlias = NDArray[np.float32]
Window: TypeAlias = tuple[slice, slice]

WHOLE_IMAGE: Final = (slice(None), slice(None))


class LayerStack:
    """Layers laid on a picture one after the other.

    ``picture``: H x W x 3, changed in place; ``cloth``: how much of each pixel is garment, 0 to 1;
    ``flow``: H x W x 2, the place in the garment's photo that such a pixel shows.
    """

    def __init__(self, picture: Floats) -> None:
        self.picture = picture
        self.cloth: Floats = np.zeros(picture.shape[:2], np.float32)
        self.flow: Floats = np.zeros((*picture.shape[:2], 2), np.float32)

    def add_layer(self, colour: Floats, alpha: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Blend a layer that is no garment over a window; ``alpha`` is H x W, 0 to 1."""
        self.picture[window] = alpha_blend(self.picture[window], colour, alpha)
        self.cloth[window] *= 1 - alpha

    def replace(self, picture: Floats, alpha: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Replace the image in a window and multiply its garment alpha by ``1 - alpha``."""
        self.picture[window] = picture
        self.cloth[window] *= 1 - alpha

    def add_garment_layer(
        self, colour: Floats, alpha: Floats, source: Floats, window: Window = WHOLE_IMAGE
    ) -> None:
        """Blend a piece of the garment over a window; ``source``: its pixels in the photo."""
        self.picture[window] = alpha_blend(self.picture[window], colour, alpha)
        self.cloth[window] += alpha * (1 - self.cloth[window])
        shown = alpha > 0.5
        self.flow[window][shown] = source[shown]

    def darken(self, shadow: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Multiply a window by ``1 - shadow`` (H x W, 0 to 1)."""
        self.picture[window] *= to_three_channels(np.asarray(1 - shadow, np.float32))


def alpha_blend(below: Floats, above: Floats, alpha: Floats) -> Floats:
    """Return ``above`` laid on ``below``, both H x W x 3; ``alpha`` is H x W, 0 to 1."""
    return np.asarray(
        below + (above - below) * to_three_channels(np.asarray(alpha, np.float32)), np.float32
    )
