"""Contract of the try-on service (``protos/tryon/v1/viton.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.garments import UNREAD, GarmentReading
from services.kit.types import Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class TryOnRequest:
    """Everything known of the person and of the garment, all on the same canvas size."""

    person: Image
    keypoints: Keypoints
    skeleton: Image
    labels: LabelMap
    agnostic_labels: LabelMap
    agnostic: Image
    parts: LabelMap
    parts_picture: Image
    garment: Image
    garment_mask: Mask
    garment_reading: GarmentReading = UNREAD


@dataclass(frozen=True)
class TryOnResponse:
    """The person wearing the garment, and which pixels differ from the photo (0: identical)."""

    image: Image
    edit_mask: Mask


TRY_ON = Method("viton", "TryOn", TryOnRequest, TryOnResponse, deadline=120.0)
CONTRACT = Contract("viton", "tryon.v1.Viton", 50059, (TRY_ON,))
