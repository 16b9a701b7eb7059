"""Contract of the agnostic service (``protos/tryon/v1/agnostic.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, LabelMap


@dataclass(frozen=True)
class RemoveGarmentRequest:
    """A person's photo, its CIHP labels of the same size and the person's joints."""

    image: Image
    labels: LabelMap
    keypoints: Keypoints


@dataclass(frozen=True)
class RemoveGarmentResponse:
    """The label map and the photo without the existing garment, sizes as in the request."""

    labels: LabelMap
    image: Image


REMOVE_GARMENT = Method(
    service="agnostic",
    rpc="RemoveGarment",
    request=RemoveGarmentRequest,
    response=RemoveGarmentResponse,
    deadline_seconds=20.0,
)
"""Removes the existing garment from a label map and a photo."""

CONTRACT = Contract("agnostic", "tryon.v1.Agnostic", 50054, (REMOVE_GARMENT,))
"""The contract of this service."""
