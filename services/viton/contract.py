"""Contract of the try-on service (``protos/tryon/v1/viton.proto``)."""

from dataclasses import dataclass

from services.kit.categories import UPPER
from services.kit.contract import Contract, Method
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Flow, Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class TryOnRequest:
    """Everything known of the person and of the garment, all on the same canvas size.

    ``category``: ``upper``, ``lower`` or ``dress``; ``garment_attributes``: what the mask service
    read of the garment, which may be left out.
    """

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
    category: str = UPPER
    garment_attributes: GarmentAttributes = NO_ATTRIBUTES


@dataclass(frozen=True)
class TryOnResponse:
    """The person wearing the garment, and which pixels differ from the photo (0: identical).

    ``flow``: the place in the garment's picture that each pixel shows; ``cloth``: how much of the
    pixel is garment (0: none, and the flow says nothing).
    """

    image: Image
    edit_mask: Mask
    flow: Flow
    cloth: Mask


TRY_ON = Method("viton", "TryOn", TryOnRequest, TryOnResponse, deadline=120.0)
CONTRACT = Contract("viton", "tryon.v1.Viton", 50059, (TRY_ON,))
