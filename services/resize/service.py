"""The resize service: nothing to load."""

from collections.abc import Callable
from typing import Final

from services.kit import engines
from services.kit.service import Service
from services.resize import core
from services.resize.contract import FitRequest, FitResponse, RestoreRequest, RestoreResponse
from services.resize.detail import GarmentDetailSource


def _fit(request: FitRequest) -> FitResponse:
    return FitResponse(*core.fit(request.image, request.width, request.height))


def _restore(request: RestoreRequest) -> RestoreResponse:
    return RestoreResponse(
        core.restore(
            request.original,
            request.image,
            request.edit_mask,
            request.placement,
            GarmentDetailSource(request.garment, request.flow, request.garment_alpha),
        )
    )


def _load_pillow() -> Service:
    return Service(engine="pillow", handlers={"Fit": _fit, "Restore": _restore})


ENGINES: Final[dict[str, Callable[[], Service]]] = {"pillow": _load_pillow}
"""The first is the default."""


def load() -> Service:
    """Load the engine named by ``TRYON_RESIZE_ENGINE``. Raises UnknownEngine."""
    return engines.choose_loader("resize", ENGINES)()
