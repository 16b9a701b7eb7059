"""The DensePose service: engines, and the call."""

from functools import partial
from typing import Final

import numpy as np
from tryon.venuns import venuns_pb2

from services.densepose import model
from services.densepose.contract import EstimateSurfaceRequest, EstimateSurfaceResponse
from services.densepose.core import Network, estimate_surface
from services.densepose.parts import draw_parts, read_parts
from services.kit import engines, venuns
from services.kit.errors import BadAnswer, InvalidRequest
from services.kit.service import Service


def estimate(network: Network, request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
    """Map a person to body parts. Raises InvalidRequest when the sizes do not match."""
    known = bool(request.labels.any())
    for name, same in (("outline", request.silhouette), ("labels", request.labels)):
        if same.shape != request.image.shape[:2] and (known or same is request.silhouette):
            raise InvalidRequest(
                f"The {name} and the picture differ in size; send both of the same photo.",
                stage="densepose",
            )
    labels = request.labels if known else None
    surface = estimate_surface(network, request.keypoints, request.silhouette, labels)
    return EstimateSurfaceResponse(
        parts=surface.parts, u=surface.u, v=surface.v, picture=draw_parts(surface.parts)
    )


def _load_geometric() -> Service:
    """Ask our own network, which comes with the code. Raises WeightsMissing."""
    handler = partial(estimate, model.load())
    return Service(engine="geometric", handlers={"EstimateSurface": handler})


def _load_venuns() -> Service:
    """Ask the ancestor's container; it answers with the part picture alone, so U and V are 0."""
    ancestor = venuns.Ancestor("densepose", venuns.DENSEPOSE)

    def estimate_surface(request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
        image = request.image
        answer = ancestor.ask(venuns_pb2.Photo(image=venuns.photo_file(image)))
        picture = ancestor.picture(answer.message, *image.shape[:2])
        parts = read_parts(picture)
        if parts is None:
            raise BadAnswer(
                "The ancestor's container answered with a picture that is not in DensePose's "
                "colours; check that the address is that of the right container.",
                stage="densepose",
            )
        unknown = np.zeros_like(parts)
        return EstimateSurfaceResponse(parts=parts, u=unknown, v=unknown, picture=picture)

    return Service(
        engine="venuns", handlers={"EstimateSurface": estimate_surface}, close=ancestor.close
    )


ENGINES: Final = {"geometric": _load_geometric, "venuns": _load_venuns}
"""The first is the default."""


def load() -> Service:
    """Load the engine that ``TRYON_DENSEPOSE_ENGINE`` names. Raises UnknownEngine."""
    return engines.choose("densepose", ENGINES)()
