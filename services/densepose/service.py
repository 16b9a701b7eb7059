"""The DensePose service: engines, and the call."""

from typing import Final

from services.densepose.contract import EstimateSurfaceRequest, EstimateSurfaceResponse
from services.densepose.core import estimate_surface
from services.densepose.parts import draw_parts
from services.kit import engines
from services.kit.errors import InvalidRequest
from services.kit.service import Service


def estimate(request: EstimateSurfaceRequest) -> EstimateSurfaceResponse:
    """Map a person to body parts. Raises InvalidRequest when the sizes do not match."""
    if request.silhouette.shape != request.image.shape[:2]:
        raise InvalidRequest(
            "The outline and the picture differ in size; send both of the same photo.",
            stage="densepose",
        )
    surface = estimate_surface(request.keypoints, request.silhouette)
    return EstimateSurfaceResponse(
        parts=surface.parts, u=surface.u, v=surface.v, picture=draw_parts(surface.parts)
    )


def _load_geometric() -> Service:
    return Service(engine="geometric", handlers={"EstimateSurface": estimate})


ENGINES: Final = {"geometric": _load_geometric}


def load() -> Service:
    """Load the engine that ``TRYON_DENSEPOSE_ENGINE`` names. Raises UnknownEngine."""
    return engines.choose("densepose", ENGINES)()
