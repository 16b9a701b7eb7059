"""Chooses the try-on engine."""

from collections.abc import Callable
from typing import Final

from services.kit import engines
from services.kit.service import Service
from services.viton.contract import TryOnRequest, TryOnResponse
from services.viton.core import try_on


def load_warp() -> Service:
    """Load the default: geometry and image composition, no weights."""

    def handle(request: TryOnRequest) -> TryOnResponse:
        image, edit_mask = try_on(
            request.person,
            request.keypoints,
            request.labels,
            request.garment,
            request.garment_mask,
        )
        return TryOnResponse(image=image, edit_mask=edit_mask)

    return Service(engine="warp", handlers={"TryOn": handle})


ENGINES: Final[dict[str, Callable[[], Service]]] = {"warp": load_warp}


def load() -> Service:
    """Load the engine that ``TRYON_VITON_ENGINE`` names, by default ``warp``."""
    return engines.choose("viton", ENGINES)()
