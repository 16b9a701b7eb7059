"""The garment's photo with what other services read from it."""

from dataclasses import dataclass

from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Mask


@dataclass(frozen=True)
class GarmentPhoto:
    """The photo of a garment, H x W."""

    image: Image
    """H x W x 3, RGB."""
    mask: Mask
    """H x W; 255 is garment, 0 background."""
    attributes: GarmentAttributes = NO_ATTRIBUTES
    """What a network predicted of the garment."""
