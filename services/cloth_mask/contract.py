"""Contract of the garment mask service (``protos/tryon/v1/cloth_mask.proto``)."""

from dataclasses import dataclass

from services.kit.categories import AUTO
from services.kit.contract import Contract, Method
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class SegmentRequest:
    """A garment's photo."""

    image: Image
    """The photo."""
    category: str = AUTO
    """The requested category, one of ``REQUEST_CATEGORIES``."""


@dataclass(frozen=True)
class SegmentResponse:
    """The garment's mask, category and attributes."""

    mask: Mask
    """255 on the garment, 0 elsewhere, of the photo's size."""
    category: str
    """The garment's category, one of ``GARMENT_CATEGORIES``."""
    attributes: GarmentAttributes = NO_ATTRIBUTES
    """What the network reads from the photo, in pixels of the photo."""


@dataclass(frozen=True, kw_only=True)
class IsolateRequest:
    """A garment's photo at two sizes, the response of ``Segment`` to it, and the wearer."""

    image: Image
    """The garment's photo."""

    image_high_res: Image
    """The same photo, at least as large, in the same proportions."""

    mask: Mask
    """The mask that ``Segment`` found in ``image``, of the same size."""

    attributes: GarmentAttributes
    """What ``Segment`` read from ``image``."""

    keypoints: Keypoints
    """The wearer's joints in ``image``; zeros if nobody wears the garment."""

    labels: LabelMap
    """CIHP ids of ``image``, of the same size; zeros if nobody wears the garment."""

    found_category: str
    """The category that ``Segment`` found, one of ``GARMENT_CATEGORIES``."""

    category: str = AUTO
    """The requested category, one of ``REQUEST_CATEGORIES``."""


@dataclass(frozen=True, kw_only=True)
class IsolateResponse:
    """The garment alone, on a plain background."""

    image: Image
    """The garment at the size of the request's ``image``."""

    image_high_res: Image
    """The garment at the size of the request's ``image_high_res``."""

    mask: Mask
    """255 on the garment, 0 elsewhere, of the size of ``image``."""

    attributes: GarmentAttributes
    """What the network reads from the garment alone, in pixels of ``image``."""

    category: str
    """The garment's category, one of ``GARMENT_CATEGORIES``."""


def is_worn(request: IsolateRequest) -> bool:
    """Return whether somebody wears the garment; if not, the service need not be called."""
    return bool(request.keypoints.any())


def as_it_is(request: IsolateRequest) -> IsolateResponse:
    """Return the photo unchanged, with what ``Segment`` found in it."""
    return IsolateResponse(
        image=request.image,
        image_high_res=request.image_high_res,
        mask=request.mask,
        attributes=request.attributes,
        category=request.found_category,
    )


SEGMENT = Method(
    service="cloth_mask",
    rpc="Segment",
    request=SegmentRequest,
    response=SegmentResponse,
    deadline_seconds=60.0,
    memoized=True,
)
"""Finds a garment's mask, category and attributes."""

ISOLATE = Method(
    service="cloth_mask",
    rpc="Isolate",
    request=IsolateRequest,
    response=IsolateResponse,
    deadline_seconds=30.0,
    memoized=True,
)
"""Isolates a garment from the person who wears it."""

CONTRACT = Contract("cloth_mask", "tryon.v1.ClothMask", 50051, (SEGMENT, ISOLATE))
"""The contract of this service."""
