"""Contract of the pose service (``protos/tryon/v1/openpose.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, Mask


@dataclass(frozen=True)
class EstimatePoseRequest:
    """A photo of a person."""

    image: Image


@dataclass(frozen=True)
class EstimatePoseResponse:
    """The main person's joints, skeleton picture and outline; how many people were seen.

    ``openpose_json`` holds the joints in the form that OpenPose 1.2 writes. ``yaw`` tells by how
    many degrees, -180 to 180, the trunk is turned to its left; 0 faces the camera.
    """

    keypoints: Keypoints
    skeleton: Image
    silhouette: Mask
    people: int
    openpose_json: str
    yaw: float = 0.0


@dataclass(frozen=True)
class FindWearerRequest:
    """A photo of a garment, and its mask."""

    image: Image
    garment: Mask


@dataclass(frozen=True)
class FindWearerResponse:
    """The joints of who wears the garment; nothing but zeros where nobody does."""

    keypoints: Keypoints


ESTIMATE_POSE = Method(
    "openpose", "EstimatePose", EstimatePoseRequest, EstimatePoseResponse, deadline=30.0
)
FIND_WEARER = Method("openpose", "FindWearer", FindWearerRequest, FindWearerResponse, deadline=30.0)
CONTRACT = Contract("openpose", "tryon.v1.OpenPose", 50055, (ESTIMATE_POSE, FIND_WEARER))
