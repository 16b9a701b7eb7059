"""Contract of the pose service (``protos/tryon/v1/openpose.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, Mask


@dataclass(frozen=True)
class EstimatePoseRequest:
    """A photo of a person."""

    image: Image
    """The photo."""


@dataclass(frozen=True, kw_only=True)
class EstimatePoseResponse:
    """The main person's pose, and the number of people."""

    keypoints: Keypoints
    """The main person's joints, in pixels of the photo."""

    skeleton: Image
    """The skeleton in OpenPose's colours on black, of the photo's size."""

    person_mask: Mask
    """255 on the main person, 0 elsewhere, of the photo's size."""

    person_count: int
    """Number of people in the photo."""

    openpose_json: str
    """The joints as OpenPose 1.2 writes them with ``--write_json``."""

    body_yaw_degrees: float = 0.0
    """Turn of the trunk to the person's left, -180 to 180 degrees; 0 faces the camera."""


@dataclass(frozen=True)
class FindWearerRequest:
    """A garment's photo."""

    image: Image
    """The photo."""
    garment_mask: Mask
    """255 on the garment, 0 elsewhere, of the photo's size."""


@dataclass(frozen=True)
class FindWearerResponse:
    """The person who wears the garment."""

    keypoints: Keypoints
    """The joints in BODY_25, in pixels of the photo; zeros if nobody wears the garment."""


ESTIMATE_POSE = Method(
    service="openpose",
    rpc="EstimatePose",
    request=EstimatePoseRequest,
    response=EstimatePoseResponse,
    deadline_seconds=30.0,
    memoized=True,
)
"""Finds the main person's joints and mask."""

FIND_WEARER = Method(
    service="openpose",
    rpc="FindWearer",
    request=FindWearerRequest,
    response=FindWearerResponse,
    deadline_seconds=30.0,
    memoized=True,
)
"""Finds the person who wears a garment in its photo."""

CONTRACT = Contract("openpose", "tryon.v1.OpenPose", 50055, (ESTIMATE_POSE, FIND_WEARER))
"""The contract of this service."""
