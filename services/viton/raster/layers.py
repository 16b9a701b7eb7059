"""An image composed of layers, with the garment's coverage and where in its photo it is."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.raster.planes import choose_pixels, to_three_channels

Floats: TypeAlias = NDArray[np.float32]
Window: TypeAlias = tuple[slice, slice]

WHOLE_IMAGE: Final = (slice(None), slice(None))
"""The window of all rows and columns."""


class LayerStack:
    """An image that layers are blended over, from back to front. The only mutable image here.

    ``image``: H x W x 3 canvas colours, 0 to 255, changed in place.
    ``garment_alpha``: H x W, the fraction of each pixel that shows the garment, 0 to 1.
    ``garment_flow``: H x W x 2, the (x, y) in the garment's photo that the pixel shows.
    """

    def __init__(self, image: Floats) -> None:
        self.image = image
        self.garment_alpha: Floats = np.zeros(image.shape[:2], np.float32)
        self.garment_flow: Floats = np.zeros((*image.shape[:2], 2), np.float32)

    def add_layer(self, colour: Floats, alpha: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Blend a layer that is no garment over a window; ``alpha`` is H x W, 0 to 1."""
        self.image[window] = alpha_blend(self.image[window], colour, alpha)
        self.garment_alpha[window] *= 1 - alpha

    def replace(self, image: Floats, alpha: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Replace the image in a window and multiply its garment alpha by ``1 - alpha``."""
        self.image[window] = image
        self.garment_alpha[window] *= 1 - alpha

    def add_garment_layer(
        self, colour: Floats, alpha: Floats, flow: Floats, window: Window = WHOLE_IMAGE
    ) -> None:
        """Blend a piece of the garment over a window.

        ``flow``: H x W x 2, the (x, y) in the garment's photo that each pixel shows.
        """
        self.image[window] = alpha_blend(self.image[window], colour, alpha)
        self.garment_alpha[window] += alpha * (1 - self.garment_alpha[window])
        self.garment_flow[window] = choose_pixels(alpha > 0.5, flow, self.garment_flow[window])

    def darken(self, shadow: Floats, window: Window = WHOLE_IMAGE) -> None:
        """Multiply a window by ``1 - shadow``; ``shadow`` is H x W, 0 to 1."""
        self.image[window] *= to_three_channels(np.asarray(1 - shadow, np.float32))


def alpha_blend(below: Floats, above: Floats, alpha: Floats) -> Floats:
    """Return ``above`` blended over ``below``, both H x W x 3; ``alpha`` is H x W, 0 to 1."""
    blended = above - below
    blended *= to_three_channels(np.asarray(alpha, np.float32))
    blended += below
    return np.asarray(blended, np.float32)
