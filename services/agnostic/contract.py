"""Contract of the agnostic service (``protos/tryon/v1/agnostic.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, LabelMap


@dataclass(frozen=True)
class RemoveGarmentRequest:
    """A person's photo with its labels and joints."""

    image: Image
    """The photo."""
    labels: LabelMap
    """CIHP ids, 0 to 19, of the photo's size."""
    keypoints: Keypoints
    """The joints in BODY_25, in pixels of the photo."""


@dataclass(frozen=True)
class RemoveGarmentResponse:
    """The label map and the photo without the existing garment."""

    labels: LabelMap
    """CIHP ids, 0 to 19, of the size of the request's ``labels``."""
    image: Image
    """The photo, with grey in place of the garment, of the size of the request's ``image``."""


REMOVE_GARMENT = Method(
    service="agnostic",
    rpc="RemoveGarment",
    request=RemoveGarmentRequest,
    response=RemoveGarmentResponse,
    deadline_seconds=20.0,
    memoized=True,
)
"""Removes the existing garment from a label map and a photo."""

CONTRACT = Contract("agnostic", "tryon.v1.Agnostic", 50054, (REMOVE_GARMENT,))
"""The contract of this service."""
