"""Contract of the DensePose service (``protos/tryon/v1/densepose.proto``)."""

from dataclasses import dataclass, field

import numpy as np

from services.kit.contract import Contract, Method
from services.kit.types import ByteMap, Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class EstimateSurfaceRequest:
    """A person's photo, and what is known of the person in it."""

    image: Image
    """The photo."""
    keypoints: Keypoints
    """The joints in BODY_25, in pixels of the photo."""
    person_mask: Mask
    """The person's mask, 0 to 255, of the photo's size."""
    labels: LabelMap = field(default_factory=lambda: np.zeros((1, 1), np.uint8))
    """CIHP ids of the photo's size; 1 x 1 means that there are none."""


@dataclass(frozen=True)
class EstimateSurfaceResponse:
    """The body's surface at each pixel; all maps have the photo's size."""

    part_labels: LabelMap
    """DensePose ids, 0 background, 1 to 24 parts."""
    u: ByteMap
    """First coordinate on the part's chart, 0 to 255 for 0 to 1; 0 on the background."""
    v: ByteMap
    """Second coordinate on the part's chart, 0 to 255 for 0 to 1; 0 on the background."""
    part_image: Image
    """The parts in DensePose's colours on black."""


ESTIMATE_SURFACE = Method(
    service="densepose",
    rpc="EstimateSurface",
    request=EstimateSurfaceRequest,
    response=EstimateSurfaceResponse,
    deadline_seconds=30.0,
    memoized=True,
)
"""Maps a person's pixels to the surface of the body."""

CONTRACT = Contract("densepose", "tryon.v1.DensePose", 50052, (ESTIMATE_SURFACE,))
"""The contract of this service."""
