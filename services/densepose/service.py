"""The DensePose service: engines, and the call."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from tryon.venuns import venuns_pb2

from services.densepose import detectron2_engine, model
from services.densepose.contract import EstimateSurfaceRequest, EstimateSurfaceResponse
from services.densepose.core import Network, Surface, estimate_surface
from services.densepose.inputs import F32
from services.densepose.parts import draw_parts, read_parts
from services.kit import engines
from services.kit.errors import BadAnswer, InvalidRequest
from services.kit.runtimes import sessions
from services.kit.service import Service
from services.kit.weights import store
from services.kit.wire import upstream_containers


def estimate(network: Network, request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
    """Map a person to body parts. Raises InvalidRequest when the sizes do not match."""
    known = _examine(request)
    labels = request.labels if known else None
    return _answer(estimate_surface(network, request.keypoints, request.person_mask, labels))


def _examine(request: EstimateSurfaceRequest) -> bool:
    """Return whether there are labels. Raises InvalidRequest if the sizes do not match."""
    known = bool(request.labels.any())
    for name, same in (("outline", request.person_mask), ("labels", request.labels)):
        if same.shape != request.image.shape[:2] and (known or same is request.person_mask):
            raise InvalidRequest(
                f"The {name} and the picture differ in size; send both of the same photo.",
                stage="densepose",
            )
    return known


def _answer(surface: Surface) -> EstimateSurfaceResponse:
    return EstimateSurfaceResponse(
        part_labels=surface.parts,
        u=surface.u,
        v=surface.v,
        part_image=draw_parts(surface.parts),
    )


def _load_geometric() -> Service:
    """Load our own network, which comes with the code. Raises WeightsMissing."""
    handler = partial(estimate, model.load())
    return Service(engine="geometric", handlers={"EstimateSurface": handler})


def _load_venuns() -> Service:
    """Call the upstream container; it answers with the part picture alone, so U and V are 0."""
    upstream = upstream_containers.UpstreamContainerClient(
        "densepose", upstream_containers.DENSEPOSE
    )

    def estimate_surface(request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
        image = request.image
        answer = upstream.call(
            venuns_pb2.PhotoRequest(image=upstream_containers.encode_photo(image))
        )
        picture = upstream.decode_image(answer.message, *image.shape[:2])
        parts = read_parts(picture)
        if parts is None:
            raise BadAnswer(
                "The venuns container answered with a picture that is not in DensePose's "
                "colours; check that the address is that of the right container.",
                stage="densepose",
            )
        unknown = np.zeros_like(parts)
        return EstimateSurfaceResponse(part_labels=parts, u=unknown, v=unknown, part_image=picture)

    return Service(
        engine="venuns",
        handlers={"EstimateSurface": estimate_surface},
        close=upstream.close,
        reproducible=False,
    )


def _load_published(engine: str, file: str) -> Service:
    """Load DensePose itself, converted from the user's file. Raises WeightsMissing."""
    session = sessions.onnx_session(store.find_weights(file))

    def run(*given: F32) -> detectron2_engine.Detection:
        fed = dict(zip(detectron2_engine.INPUTS, given, strict=True))
        answers = session.run(list(detectron2_engine.OUTPUTS), fed)
        found = dict(zip(detectron2_engine.OUTPUTS, (each[0] for each in answers), strict=True))
        score = float(found.pop("score"))
        return detectron2_engine.Detection(score=score, **found)

    def estimate_surface(request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
        _examine(request)
        return _answer(detectron2_engine.estimate(request.image, request.person_mask, run))

    return Service(engine=engine, handlers={"EstimateSurface": estimate_surface})


ENGINES: Final[dict[str, Callable[[], Service]]] = {
    "geometric": _load_geometric,
    "venuns": _load_venuns,
    "r_50_fpn_s1x": partial(_load_published, "r_50_fpn_s1x", "densepose_r_50_fpn_s1x.onnx"),
    "torchscript": partial(_load_published, "torchscript", "densepose_torchscript.onnx"),
}
"""The first is the default; DensePose's own need weights that their users bring."""


def load() -> Service:
    """Load the engine that ``TRYON_DENSEPOSE_ENGINE`` names. Raises UnknownEngine."""
    return engines.choose_loader("densepose", ENGINES)()
