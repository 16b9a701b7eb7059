"""The agnostic service: nothing to load."""

from collections.abc import Callable
from typing import Final

from services.agnostic import core
from services.agnostic.contract import RemoveRequest, RemoveResponse
from services.kit import engines
from services.kit.service import Service


def _remove(request: RemoveRequest) -> RemoveResponse:
    return RemoveResponse(
        core.parse_agnostic(request.labels, request.keypoints),
        core.image_agnostic(request.image, request.labels, request.keypoints),
    )


def _load_viton_hd() -> Service:
    return Service(engine="viton_hd", handlers={"Remove": _remove})


ENGINES: Final[dict[str, Callable[[], Service]]] = {"viton_hd": _load_viton_hd}


def load() -> Service:
    """Load the engine named by ``TRYON_AGNOSTIC_ENGINE``. Raises UnknownEngine."""
    return engines.choose("agnostic", ENGINES)()
