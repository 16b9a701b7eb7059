"""Contract of the try-on service (``protos/tryon/v1/viton.proto``)."""

from dataclasses import dataclass

from services.kit.categories import UPPER
from services.kit.contract import Contract, Method
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Flow, Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True, kw_only=True)
class TryOnRequest:
    """A person and a garment, all on canvases of one size."""

    person: Image
    """The person's photo on the canvas."""

    keypoints: Keypoints
    """The person's joints, in pixels of the canvas."""

    skeleton: Image
    """The skeleton in OpenPose's colours on black."""

    labels: LabelMap
    """CIHP ids of the person."""

    agnostic_labels: LabelMap
    """CIHP ids of the person without the existing garment."""

    agnostic_image: Image
    """The person's photo without the existing garment."""

    part_labels: LabelMap
    """DensePose part ids of the person."""

    part_image: Image
    """The parts in DensePose's colours on black."""

    garment: Image
    """The garment's photo on the canvas."""

    garment_mask: Mask
    """255 on the garment, 0 elsewhere."""

    category: str = UPPER
    """The garment's category, one of ``GARMENT_CATEGORIES``."""

    garment_attributes: GarmentAttributes = NO_ATTRIBUTES
    """What the garment mask service read from the garment's photo; may be left out."""


@dataclass(frozen=True)
class TryOnResponse:
    """The person with the garment, on the request's canvas."""

    image: Image
    """H x W x 3; equal to the person's photo where ``edit_mask`` is 0."""
    edit_mask: Mask
    """Pixels that differ from the person's photo, 0 to 255; 0 means identical."""
    flow: Flow
    """Position in the garment's photo that each pixel shows; without meaning where no garment
    is."""
    garment_alpha: Mask
    """Fraction of each pixel that is garment, 0 to 255."""


TRY_ON = Method(
    service="viton",
    rpc="TryOn",
    request=TryOnRequest,
    response=TryOnResponse,
    deadline_seconds=120.0,
    memoized=True,
)
"""Puts a garment on a person."""

CONTRACT = Contract("viton", "tryon.v1.Viton", 50059, (TRY_ON,))
"""The contract of this service."""
