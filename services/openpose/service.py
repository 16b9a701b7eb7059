"""The pose service: engines, and the call."""

import json
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from services.kit import engines, sessions, weights
from services.kit.errors import InvalidRequest
from services.kit.openpose_json import to_openpose_json
from services.kit.service import Service
from services.kit.types import Image, Keypoints, Mask
from services.openpose import body25, bottom_up, core, drawing, model, outline, people
from services.openpose.contract import EstimatePoseRequest, EstimatePoseResponse
from services.openpose.core import F32
from services.openpose.people import Networks
from services.openpose.skeletons import BODY_25, COCO, Skeleton

WEIGHTS: Final = "pose_landmarker_full.task"
_MIN_SIDE: Final = 16


def estimate(image: Image, networks: Networks) -> EstimatePoseResponse:
    """Find the main person of an H x W x 3 picture.

    Raises NoPerson when there is nobody, InvalidRequest when the picture is too small to look at.
    """
    _check_size(image)
    person, count = people.find(image, networks)
    keypoints = body25.from_landmarks(person.landmarks, *image.shape[:2])
    return _answer(keypoints, core.silhouette(person, image), count, person.yaw)


def estimate_bottom_up(
    image: Image, run: bottom_up.Run, skeleton: Skeleton
) -> EstimatePoseResponse:
    """As ``estimate``, with a network that finds everybody's joints at once."""
    _check_size(image)
    everybody = bottom_up.everybody(image, run, skeleton)
    keypoints = bottom_up.main_person(everybody, *image.shape[:2])
    silhouette = outline.silhouette(image, keypoints)
    return _answer(keypoints, silhouette, len(everybody), bottom_up.yaw(keypoints))


def _check_size(image: Image) -> None:
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE:
        raise InvalidRequest(
            f"The picture is {width}x{height} pixels; the pose needs at least {_MIN_SIDE} a side.",
            stage="openpose",
        )


def _answer(keypoints: Keypoints, silhouette: Mask, count: int, yaw: float) -> EstimatePoseResponse:
    return EstimatePoseResponse(
        keypoints=keypoints,
        skeleton=drawing.draw_skeleton(keypoints, *silhouette.shape),
        silhouette=silhouette,
        people=count,
        openpose_json=json.dumps(to_openpose_json(keypoints)),
        yaw=yaw,
    )


def _load_mediapipe() -> Service:
    networks = model.PoseNetworks(*model.open_networks(weights.path(WEIGHTS)))

    def estimate_pose(request: EstimatePoseRequest) -> EstimatePoseResponse:
        return estimate(request.image, networks)

    return Service(engine="mediapipe", handlers={"EstimatePose": estimate_pose})


def _load_published(engine: str, file: str, skeleton: Skeleton) -> Service:
    session = sessions.onnx_session(weights.path(file))

    def run(picture: F32) -> F32:
        return np.asarray(session.run(["net_output"], {"image": picture})[0], np.float32)

    def estimate_pose(request: EstimatePoseRequest) -> EstimatePoseResponse:
        return estimate_bottom_up(request.image, run, skeleton)

    return Service(engine=engine, handlers={"EstimatePose": estimate_pose})


ENGINES: Final[dict[str, Callable[[], Service]]] = {
    "mediapipe": _load_mediapipe,
    "body_25": partial(_load_published, "body_25", "openpose_body_25.onnx", BODY_25),
    "coco": partial(_load_published, "coco", "openpose_coco.onnx", COCO),
}
"""The first is the default; the others need weights that their users bring."""


def load() -> Service:
    """Load the engine that ``TRYON_OPENPOSE_ENGINE`` names.

    Raises WeightsMissing or UnknownEngine.
    """
    return engines.choose("openpose", ENGINES)()
