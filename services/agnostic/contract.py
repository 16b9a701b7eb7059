"""Contract of the agnostic service (``protos/tryon/v1/agnostic.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, LabelMap


@dataclass(frozen=True)
class RemoveRequest:
    """A person's photo, its CIHP labels and joints."""

    image: Image
    labels: LabelMap
    keypoints: Keypoints


@dataclass(frozen=True)
class RemoveResponse:
    """The labels and the photo with the worn garment taken away."""

    labels: LabelMap
    image: Image


REMOVE = Method("agnostic", "Remove", RemoveRequest, RemoveResponse, deadline=20.0)
CONTRACT = Contract("agnostic", "tryon.v1.Agnostic", 50054, (REMOVE,))
