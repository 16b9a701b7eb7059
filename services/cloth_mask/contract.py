"""Contract of the garment mask service (``protos/tryon/v1/cloth_mask.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.garments import UNREAD, GarmentReading
from services.kit.types import Image, Mask


@dataclass(frozen=True)
class SegmentRequest:
    """A photo of a garment."""

    image: Image


@dataclass(frozen=True)
class SegmentResponse:
    """255 on the garment, 0 elsewhere; and what the photo shows, in its pixels."""

    mask: Mask
    reading: GarmentReading = UNREAD


SEGMENT = Method("cloth_mask", "Segment", SegmentRequest, SegmentResponse, deadline=60.0)
CONTRACT = Contract("cloth_mask", "tryon.v1.ClothMask", 50051, (SEGMENT,))
