"""The pose service: engines, and the call."""

import json
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from services.kit import engines
from services.kit.errors import InvalidRequest, NoPerson
from services.kit.openpose_json import to_openpose_json
from services.kit.runtimes import sessions
from services.kit.service import Service
from services.kit.types import Image, Keypoints, Mask
from services.kit.weights import store
from services.openpose import body25, bottom_up, core, drawing, grabcut_mask, model, people
from services.openpose.contract import (
    EstimatePoseRequest,
    EstimatePoseResponse,
    FindWearerRequest,
    FindWearerResponse,
)
from services.openpose.core import F32
from services.openpose.joint_topologies import BODY_25, COCO, JointTopology
from services.openpose.people import Networks

WEIGHTS: Final = "pose_landmarker_full.task"
"""Weight file of the default engine."""
_MIN_SHARE_ON_WEARER: Final = 0.8
"""Share of a garment's pixels on the person from which on the person wears it.

Of 25 garments in wear it was 0.98 and more, of 73 with a pasted photo of a person 0.64 at most.
"""
_MIN_SIDE_PX: Final = 16
"""Shorter side of a picture at least."""
_MAX_BACKGROUND_LEVEL: Final = 127
"""Value of a mask, 0 to 255, above which a pixel is inside."""


def estimate_pose(image: Image, networks: Networks) -> EstimatePoseResponse:
    """Find the main person of an H x W x 3 picture.

    Raises NoPerson when there is nobody, InvalidRequest when the picture is too small to look at.
    """
    _check_size(image)
    person, count = people.find_main_person(image, networks)
    keypoints = body25.from_landmarks(person.landmarks, *image.shape[:2])
    return _response(keypoints, core.person_mask(person, image), count, person.yaw_degrees)


def estimate_pose_bottom_up(
    image: Image, run: bottom_up.Run, topology: JointTopology
) -> EstimatePoseResponse:
    """As ``estimate``, with a network that finds everybody's joints at once."""
    _check_size(image)
    everybody = bottom_up.estimate_people(image, run, topology)
    keypoints = bottom_up.choose_main_person(everybody, *image.shape[:2])
    silhouette = grabcut_mask.person_mask_from_joints(image, keypoints)
    return _response(
        keypoints, silhouette, len(everybody), bottom_up.estimate_yaw_degrees(keypoints)
    )


def _check_size(image: Image) -> None:
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE_PX:
        raise InvalidRequest(
            f"The picture is {width}x{height} pixels; the pose needs at least {_MIN_SIDE_PX} a "
            "side.",
            stage="openpose",
        )


def _response(
    keypoints: Keypoints, person_mask: Mask, person_count: int, body_yaw_degrees: float
) -> EstimatePoseResponse:
    return EstimatePoseResponse(
        keypoints=keypoints,
        skeleton=drawing.draw_skeleton(keypoints, *person_mask.shape),
        person_mask=person_mask,
        person_count=person_count,
        openpose_json=json.dumps(to_openpose_json(keypoints)),
        body_yaw_degrees=body_yaw_degrees,
    )


def is_worn_by(silhouette: Mask, garment: Mask) -> bool:
    """Whether a garment lies on a person, and not the person, as a print, on the garment."""
    on_garment = silhouette[garment > _MAX_BACKGROUND_LEVEL]
    return (
        bool(on_garment.size)
        and float((on_garment > _MAX_BACKGROUND_LEVEL).mean()) >= _MIN_SHARE_ON_WEARER
    )


def _service(engine: str, look: Callable[[Image], EstimatePoseResponse]) -> Service:
    def estimate_pose(request: EstimatePoseRequest) -> EstimatePoseResponse:
        return look(request.image)

    def find_wearer(request: FindWearerRequest) -> FindWearerResponse:
        if request.garment_mask.shape != request.image.shape[:2]:
            raise InvalidRequest(
                "The garment's mask and its photo differ in size; send the mask of this photo.",
                stage="openpose",
            )
        nobody = FindWearerResponse(np.zeros((body25.JOINTS, 3), np.float32))
        try:
            seen = look(request.image)
        except NoPerson:
            return nobody
        worn = is_worn_by(seen.person_mask, request.garment_mask)
        return FindWearerResponse(seen.keypoints) if worn else nobody

    return Service(
        engine=engine, handlers={"EstimatePose": estimate_pose, "FindWearer": find_wearer}
    )


def _load_mediapipe() -> Service:
    networks = model.PoseNetworks(*model.open_networks(store.find_weights(WEIGHTS)))
    return _service("mediapipe", lambda image: estimate_pose(image, networks))


def _load_published(engine: str, file: str, topology: JointTopology) -> Service:
    session = sessions.onnx_session(store.find_weights(file))

    def run(picture: F32) -> F32:
        return np.asarray(session.run(["net_output"], {"image": picture})[0], np.float32)

    return _service(engine, lambda image: estimate_pose_bottom_up(image, run, topology))


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
    return engines.choose_loader("openpose", ENGINES)()
