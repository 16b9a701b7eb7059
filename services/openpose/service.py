"""The pose service: engines, and the call."""

import json
from typing import Final

from services.kit import engines, weights
from services.kit.errors import InvalidRequest
from services.kit.openpose_json import to_openpose_json
from services.kit.service import Service
from services.kit.types import Image
from services.openpose import body25, core, drawing, model, people
from services.openpose.contract import EstimatePoseRequest, EstimatePoseResponse
from services.openpose.people import Networks

WEIGHTS: Final = "pose_landmarker_full.task"
_MIN_SIDE: Final = 16


def estimate(image: Image, networks: Networks) -> EstimatePoseResponse:
    """Find the main person of an H x W x 3 picture.

    Raises NoPerson when there is nobody, InvalidRequest when the picture is too small to look at.
    """
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE:
        raise InvalidRequest(
            f"The picture is {width}x{height} pixels; the pose needs at least {_MIN_SIDE} a side.",
            stage="openpose",
        )
    person, count = people.find(image, networks)
    keypoints = body25.from_landmarks(person.landmarks, height, width)
    return EstimatePoseResponse(
        keypoints=keypoints,
        skeleton=drawing.draw_skeleton(keypoints, height, width),
        silhouette=core.silhouette(person, image),
        people=count,
        openpose_json=json.dumps(to_openpose_json(keypoints)),
        yaw=person.yaw,
    )


def _load_mediapipe() -> Service:
    networks = model.PoseNetworks(*model.open_networks(weights.path(WEIGHTS)))

    def estimate_pose(request: EstimatePoseRequest) -> EstimatePoseResponse:
        return estimate(request.image, networks)

    return Service(engine="mediapipe", handlers={"EstimatePose": estimate_pose})


ENGINES: Final = {"mediapipe": _load_mediapipe}


def load() -> Service:
    """Load the engine that ``TRYON_OPENPOSE_ENGINE`` names.

    Raises WeightsMissing or UnknownEngine.
    """
    return engines.choose("openpose", ENGINES)()
