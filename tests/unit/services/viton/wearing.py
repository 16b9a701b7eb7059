"""Tops worn by drawn figures, and where they show."""

import numpy as np
from numpy.typing import NDArray

from services.viton.core import try_on
from tests.unit.services.viton.drawings import Drawn, Person


def wear_top(person: Person, drawn: Drawn) -> NDArray[np.uint8]:
    """Return the picture of a figure in a top."""
    return try_on(person.photo, drawn.photo).image


def is_red(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where a picture shows the red of the drawn garments."""
    pixels = image.astype(int)
    return np.asarray((pixels[..., 0] - pixels[..., 1] > 90) & (pixels[..., 2] < 90))
