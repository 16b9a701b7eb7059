"""The agnostic service: engines and requests."""

import json
from collections.abc import Callable
from typing import Final

import numpy as np
from tryon.venuns import venuns_pb2

from services.agnostic import core, hr_viton
from services.agnostic.contract import RemoveGarmentRequest, RemoveGarmentResponse
from services.kit import engines
from services.kit.openpose_json import to_openpose_json
from services.kit.service import Service
from services.kit.wire import upstream_containers


def _remove(request: RemoveGarmentRequest) -> RemoveGarmentResponse:
    return RemoveGarmentResponse(
        core.parse_agnostic(request.labels, request.keypoints),
        core.image_agnostic(request.image, request.labels, request.keypoints),
    )


def _load_viton_hd() -> Service:
    return Service(engine="viton_hd", handlers={"RemoveGarment": _remove})


def _load_hr_viton() -> Service:
    """Load HR-VITON's picture; its labels are VITON-HD's."""

    def remove(request: RemoveGarmentRequest) -> RemoveGarmentResponse:
        return RemoveGarmentResponse(
            core.parse_agnostic(request.labels, request.keypoints),
            hr_viton.image_agnostic(request.image, request.labels, request.keypoints),
        )

    return Service(engine="hr_viton", handlers={"RemoveGarment": remove})


def _load_venuns() -> Service:
    """Call the upstream container for the labels; the picture is ours, it has none."""
    upstream = upstream_containers.UpstreamContainerClient("agnostic", upstream_containers.AGNOSTIC)

    def remove(request: RemoveGarmentRequest) -> RemoveGarmentResponse:
        image = core.image_agnostic(request.image, request.labels, request.keypoints)
        answer = upstream.call(_agnostic_request(request))
        labels = upstream.decode_labels(answer.message, *request.labels.shape)
        return RemoveGarmentResponse(labels=labels, image=image)

    return Service(
        engine="venuns",
        handlers={"RemoveGarment": remove},
        close=upstream.close,
        reproducible=False,
    )


def _agnostic_request(request: RemoveGarmentRequest) -> venuns_pb2.AgnosticRequest:
    """Fill the upstream container's message.

    Its algorithm (HR-VITON's ``get_parse_agnostic``) looks at labels and joints only. The message
    has room for four more pictures, which are not known at this stage: garment, its mask, skeleton
    and DensePose. They are sent empty, in case its server wants to open them.
    """
    empty = np.zeros_like(request.labels)
    black = upstream_containers.encode_lossless(np.zeros_like(request.image))
    return venuns_pb2.AgnosticRequest(
        cloth=black,
        mask=upstream_containers.encode_lossless(empty),
        image=upstream_containers.encode_photo(request.image),
        image_parse=upstream_containers.encode_lossless(request.labels),
        image_pose=black,
        pose_json=json.dumps(to_openpose_json(request.keypoints)),
        image_densepose=black,
    )


ENGINES: Final[dict[str, Callable[[], Service]]] = {
    "viton_hd": _load_viton_hd,
    "hr_viton": _load_hr_viton,
    "venuns": _load_venuns,
}
"""The first is the default."""


def load() -> Service:
    """Load the engine named by ``TRYON_AGNOSTIC_ENGINE``. Raises UnknownEngine."""
    return engines.choose_loader("agnostic", ENGINES)()
