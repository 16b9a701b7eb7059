"""Alpha mattes: how much of each pixel along an edge is foreground, and the foreground's colour."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import bounding_window, dot_channels, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_RIM_PX: Final = 2
"""Rim of the foreground that is never quite free of the background's colour, in canvas pixels."""

_MAX_ALPHA: Final = 0.92
"""Fraction of foreground in a mixture from which the pixel counts as all foreground."""

_MIN_CONTRAST: Final = 20.0
"""Distance of the two sides' colours up to which no mixture is measured, in levels of RGB."""

_CONTRAST_RANGE: Final = 25.0
"""Distance beyond ``_MIN_CONTRAST`` over which trust in the mixture grows to all, in levels."""

_TRUST_AT_NO_DISTANCE: Final = 2.2
"""Trust, before it is cut at 1, in a mixture on the line between both sides' colours."""

_TRUST_LOSS: Final = 2.0
"""Trust lost at a distance from that line of as much as it is long."""

_REACH: Final = 0.45
"""Standard deviation of the foreground's blur in which mixtures are looked for, of the band."""

_REACH_GAIN: Final = 3.0
"""Factor on that blur: mixtures count in full from a third of its height on."""

_LABEL_SIGMA_PX: Final = 0.9
"""Standard deviation of the blur of the labels' edge where they decide, in canvas pixels."""

_MIN_PURE_ALPHA: Final = 0.9
"""Fraction of foreground above which a pixel may give its colour to the rim."""

_COLOUR_SIGMA_PX: Final = 0.7
"""Standard deviation of the blur of the rim that takes another colour, in canvas pixels."""

_THIN_WEIGHT: Final = 0.1
"""Weight of a part's rim for its own colour, which decides if the part has no inside."""


def estimate_alpha_matte(
    image: Floats, front: Bool, back: Bool, band: int, min_alpha: float = 0.3
) -> tuple[Floats, Floats]:
    """Return how much of each pixel is ``front``, and the image without the colour of ``back``.

    ``image``: H x W x 3, 0 to 255. ``front`` and ``back``: H x W label masks that may be off by
    ``band`` pixels where they meet. Within that band each pixel is read as a mixture of the colours
    on both sides. The labels decide if these colours are too alike or it is no such mixture.
    Mixtures below ``min_alpha`` of ``front`` count as none. Returns alpha (H x W, 0 to 1) and
    colours (H x W x 3): what is not purely ``front`` takes the colour of what is, near by.
    """
    alpha = antialias(front, 1.0)
    unknown = dilate(front, band) & dilate(back, band) & (front | back)
    window = bounding_window(unknown, 3 * band)
    if window is None:
        return alpha, image
    alpha, colour = alpha.copy(), image.copy()
    alpha[window], colour[window] = _unmix(
        image[window], (front[window], back[window]), unknown[window], band, min_alpha
    )
    return alpha, colour


def _unmix(
    image: Floats, sides: tuple[Bool, Bool], unknown: Bool, band: int, min_alpha: float
) -> tuple[Floats, Floats]:
    front = sides[0]
    label = antialias(erode(front, 1), _LABEL_SIGMA_PX)
    front_colour, back_colour = (pull_push(image, _weight_inside(side, band)) for side in sides)
    span = front_colour - back_colour
    size = np.maximum(dot_channels(span, span), 1.0)
    raw = dot_channels(image - back_colour, span) / size
    mixed = np.clip((raw - min_alpha) / (_MAX_ALPHA - min_alpha), 0, 1)
    left = image - back_colour - to_three_channels(np.clip(raw, 0, 1)) * span
    strange = np.sqrt(dot_channels(left, left) / size)
    contrast = np.clip((np.sqrt(size) - _MIN_CONTRAST) / _CONTRAST_RANGE, 0, 1)
    sure = contrast * np.clip(_TRUST_AT_NO_DISTANCE - _TRUST_LOSS * strange, 0, 1)
    near = np.clip(gaussian_blur(front.astype(np.float32), _REACH * band) * _REACH_GAIN, 0, 1)
    guess = sure * mixed * near + (1 - sure) * label
    alpha = np.where(unknown, guess, front).astype(np.float32)
    pure = erode(alpha > _MIN_PURE_ALPHA, _RIM_PX) & front
    close = pull_push(image, pure, 1)
    fraction = antialias(unknown & ~pure, _COLOUR_SIGMA_PX) * unknown
    return alpha, image + to_three_channels(fraction) * (close - image)


def _weight_inside(part: Bool, band: int) -> Floats:
    """Weight the inside of a part; what is too thin to have one counts a little."""
    inside = np.maximum(erode(part, band), _THIN_WEIGHT * erode(part, _RIM_PX))
    return np.asarray(inside, np.float32)
