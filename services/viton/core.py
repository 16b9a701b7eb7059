"""Puts the garment of one photo on the person of another."""

import numpy as np

from services.kit.categories import GARMENT_CATEGORIES, LOWER, UPPER, check
from services.kit.errors import InvalidRequest
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton.bottoms import wear_lower
from services.viton.dresses import wear_dress
from services.viton.painting.response import Outcome, finish
from services.viton.tops import wear_upper


def try_on(
    person: Image,
    keypoints: Keypoints,
    labels: LabelMap,
    garment: Image,
    garment_mask: Mask,
    *,
    category: str = UPPER,
    attributes: GarmentAttributes = NO_ATTRIBUTES,
) -> Outcome:
    """Dress the person in the garment.

    ``person``, ``labels`` (CIHP ids), ``garment`` and ``garment_mask`` share one H x W canvas;
    ``keypoints`` are BODY_25 joints in its pixels; ``category`` is ``upper``, ``lower`` or
    ``dress``; ``attributes`` is what a network read of the garment. Raises ``NoGarment`` or
    ``NoPerson`` where one of them is not to be found, ``LegsNotShown`` where a garment for the legs
    finds none, and ``InvalidRequest`` where the shapes do not agree.
    """
    check(category, GARMENT_CATEGORIES)
    _check((labels.shape[0], labels.shape[1]), person, keypoints, garment, garment_mask)
    if category == UPPER:
        return wear_upper(person, keypoints, labels, garment, garment_mask, attributes=attributes)
    if category == LOWER:
        stack = wear_lower(person, keypoints, labels, garment, garment_mask)
    else:
        stack = wear_dress(person, keypoints, labels, garment, garment_mask, attributes=attributes)
    return finish(person, stack, garment_mask)


def _check(
    shape: tuple[int, int],
    person: Image,
    keypoints: Keypoints,
    garment: Image,
    garment_mask: Mask,
) -> None:
    pictures = person.shape == garment.shape == (*shape, 3)
    if not (pictures and garment_mask.shape == shape and keypoints.shape == (25, 3)):
        raise InvalidRequest(
            "Person, labels, garment and mask must share one canvas, and joints must be 25 x 3."
        )
    if not np.isfinite(keypoints).all():
        raise InvalidRequest("Joints must be finite numbers; run the pose stage again.")
