"""Contract of the garment mask service (``protos/tryon/v1/cloth_mask.proto``)."""

from dataclasses import dataclass

from services.kit.categories import AUTO
from services.kit.contract import Contract, Method
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class SegmentRequest:
    """A photo of a garment, and its category: one of ``REQUEST_CATEGORIES``."""

    image: Image
    category: str = AUTO


@dataclass(frozen=True)
class SegmentResponse:
    """255 on the garment, 0 elsewhere; what it is; and what else the photo shows.

    ``category``: ``upper``, ``lower`` or ``dress``; ``attributes`` is in the photo's pixels.
    """

    mask: Mask
    category: str
    attributes: GarmentAttributes = NO_ATTRIBUTES


@dataclass(frozen=True)
class IsolateRequest:
    """A garment's photo, the same larger, what ``Segment`` said of it, and who wears it.

    ``image``, ``mask`` and ``labels``, which are CIHP's, have one size, ``closer`` the same
    proportions. ``keypoints`` are the wearer's, zeros where nobody wears it; ``category`` is what
    was asked for, ``found_category`` what ``Segment`` answered.
    """

    image: Image
    closer: Image
    mask: Mask
    attributes: GarmentAttributes
    keypoints: Keypoints
    labels: LabelMap
    found_category: str
    category: str = AUTO


@dataclass(frozen=True)
class IsolateResponse:
    """Both pictures with nothing but the garment on plain ground, and what ``Segment`` tells."""

    image: Image
    closer: Image
    mask: Mask
    attributes: GarmentAttributes
    category: str


def is_worn(request: IsolateRequest) -> bool:
    """Whether somebody wears the garment; if not, the service need not be called."""
    return bool(request.keypoints.any())


def as_it_is(request: IsolateRequest) -> IsolateResponse:
    """Answer with the garment's photo and with what ``Segment`` said of it."""
    return IsolateResponse(
        request.image, request.closer, request.mask, request.attributes, request.found_category
    )


SEGMENT = Method("cloth_mask", "Segment", SegmentRequest, SegmentResponse, deadline=60.0)
ISOLATE = Method("cloth_mask", "Isolate", IsolateRequest, IsolateResponse, deadline=30.0)
CONTRACT = Contract("cloth_mask", "tryon.v1.ClothMask", 50051, (SEGMENT, ISOLATE))
