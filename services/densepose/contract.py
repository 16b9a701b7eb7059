"""Contract of the DensePose service (``protos/tryon/v1/densepose.proto``)."""

from dataclasses import dataclass, field

import numpy as np

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class EstimateSurfaceRequest:
    """A photo of a person, their joints and outline, and its CIHP labels, 1 x 1 if not known."""

    image: Image
    keypoints: Keypoints
    silhouette: Mask
    labels: LabelMap = field(default_factory=lambda: np.zeros((1, 1), np.uint8))


@dataclass(frozen=True)
class EstimateSurfaceResponse:
    """Part ids 0 to 24, the chart coordinates (0 to 255 for 0 to 1) and the part picture."""

    parts: LabelMap
    u: Mask
    v: Mask
    picture: Image


ESTIMATE_SURFACE = Method(
    "densepose",
    "EstimateSurface",
    EstimateSurfaceRequest,
    EstimateSurfaceResponse,
    deadline=30.0,
)
CONTRACT = Contract("densepose", "tryon.v1.DensePose", 50052, (ESTIMATE_SURFACE,))
