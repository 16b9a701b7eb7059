"""Contract of the garment mask service (``protos/tryon/v1/cloth_mask.proto``)."""

from dataclasses import dataclass

from services.kit.categories import AUTO
from services.kit.contract import Contract, Method
from services.kit.garments import UNREAD, GarmentReading
from services.kit.types import Image, Mask


@dataclass(frozen=True)
class SegmentRequest:
    """A photo of a garment, and what it is: one of ``services.kit.categories.CATEGORIES``."""

    image: Image
    category: str = AUTO


@dataclass(frozen=True)
class SegmentResponse:
    """255 on the garment, 0 elsewhere; what it is; and what else the photo shows.

    ``category``: ``upper``, ``lower`` or ``dress``; ``reading`` is in the photo's pixels.
    """

    mask: Mask
    category: str
    reading: GarmentReading = UNREAD


SEGMENT = Method("cloth_mask", "Segment", SegmentRequest, SegmentResponse, deadline=60.0)
CONTRACT = Contract("cloth_mask", "tryon.v1.ClothMask", 50051, (SEGMENT,))
