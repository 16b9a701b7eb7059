"""The service's pure entry: checks both photos and runs the stages of the garment's category."""

from collections.abc import Callable
from typing import Final

import numpy as np

from services.kit.categories import DRESS, GARMENT_CATEGORIES, LOWER, UPPER, check_category
from services.kit.errors import InvalidRequest
from services.viton.bottoms import wear_lower
from services.viton.dresses import wear_dress
from services.viton.garment.photo import GarmentPhoto
from services.viton.painting.rendering import Rendering
from services.viton.person.photo import PersonPhoto
from services.viton.tops import wear_upper

_TRY_ON_OF_CATEGORY: Final[dict[str, Callable[[PersonPhoto, GarmentPhoto], Rendering]]] = {
    UPPER: wear_upper,
    LOWER: wear_lower,
    DRESS: wear_dress,
}
"""The function of each category."""


def try_on(
    person_photo: PersonPhoto, garment_photo: GarmentPhoto, category: str = UPPER
) -> Rendering:
    """Return the person in the garment.

    Both photos share one H x W canvas; ``category`` is ``upper``, ``lower`` or ``dress``. Raises
    ``NoGarment`` or ``NoPerson`` if one of them is not found, ``LegsNotShown`` if a garment for the
    legs finds none, and ``InvalidRequest`` if the shapes do not agree.
    """
    check_category(category, GARMENT_CATEGORIES)
    _check_shapes(person_photo, garment_photo)
    return _TRY_ON_OF_CATEGORY[category](person_photo, garment_photo)


def _check_shapes(person_photo: PersonPhoto, garment_photo: GarmentPhoto) -> None:
    shape = person_photo.shape
    images = person_photo.image.shape == garment_photo.image.shape == (*shape, 3)
    if not (
        images and garment_photo.mask.shape == shape and person_photo.keypoints.shape == (25, 3)
    ):
        raise InvalidRequest(
            "Person, labels, garment and mask must share one canvas, and joints must be 25 x 3."
        )
    if not np.isfinite(person_photo.keypoints).all():
        raise InvalidRequest("Joints must be finite numbers; run the pose stage again.")
