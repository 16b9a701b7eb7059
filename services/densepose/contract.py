"""Contract of the DensePose service (``protos/tryon/v1/densepose.proto``)."""

from dataclasses import dataclass, field

import numpy as np

from services.kit.contract import Contract, Method
from services.kit.types import ByteMap, Image, Keypoints, LabelMap, Mask


@dataclass(frozen=True)
class EstimateSurfaceRequest:
    """A person's photo, the joints, the person's mask and the CIHP labels of the photo.

    ``person_mask`` and ``labels`` have the photo's size; labels of 1 x 1 mean that there are none.
    """

    image: Image
    keypoints: Keypoints
    person_mask: Mask
    labels: LabelMap = field(default_factory=lambda: np.zeros((1, 1), np.uint8))


@dataclass(frozen=True)
class EstimateSurfaceResponse:
    """The body's surface at each pixel; all maps have the photo's size.

    ``part_labels``: DensePose ids, 0 background, 1 to 24 parts. ``u``, ``v``: coordinates on the
    part's chart, 0 to 255 for 0 to 1, 0 on the background. ``part_image``: the parts in DensePose's
    colours on black.
    """

    part_labels: LabelMap
    u: ByteMap
    v: ByteMap
    part_image: Image


ESTIMATE_SURFACE = Method(
    service="densepose",
    rpc="EstimateSurface",
    request=EstimateSurfaceRequest,
    response=EstimateSurfaceResponse,
    deadline_seconds=30.0,
)
"""Maps a person's pixels to the surface of the body."""

CONTRACT = Contract("densepose", "tryon.v1.DensePose", 50052, (ESTIMATE_SURFACE,))
"""The contract of this service."""
