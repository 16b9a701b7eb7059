"""The super-resolution service: engines, and the call."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from services.kit import engines
from services.kit.runtimes import int8, sessions
from services.kit.service import Service
from services.kit.weights import store
from services.super_resolution import arena, core, model
from services.super_resolution.contract import UpscaleRequest, UpscaleResponse


@dataclass(frozen=True, kw_only=True)
class _Engine:
    """A network's weights, and how photos are cut and smoothed for it."""

    weights: str
    """Name of the weight file."""
    int8_weights: str | None = None
    """Name of the file with the same network in 8 bits, if there is one."""
    scale: int
    """Side of the network's result over that of its input."""
    margin_px: int
    """Pixels of the photo around a tile that the network is given too."""
    even_sizes_only: bool = False
    """Whether height and width of the network's input must be even."""
    needs_deblocking: bool = False
    """Whether compression noise must be removed first: the network saw none in training."""


_SRGAN: Final = _Engine(
    weights="srgan_x4.onnx",
    int8_weights="srgan_x4_int8.onnx",
    scale=4,
    margin_px=12,
    needs_deblocking=True,
)
"""The SRGAN of krasserm."""

_REAL_ESRGAN: Final = _Engine(
    weights="real_esrgan_x2.onnx",
    scale=2,
    margin_px=24,
    even_sizes_only=True,
)
"""The Real-ESRGAN that doubles the sides."""

_SRGAN_PTH: Final = _Engine(
    weights="srgan_x4_pth.onnx",
    scale=4,
    margin_px=36,
    needs_deblocking=True,
)
"""The SRGAN of leftthomas.

It sees 18 pixels around each, so that half of the margin leaves no difference between tiles.
"""

_REAL_ESRGAN_X4: Final = _Engine(
    weights="real_esrgan_x4.onnx",
    scale=4,
    margin_px=24,
)
"""Real-ESRGAN as the best known file of its authors has it."""


def _load(name: str, engine: _Engine) -> Service:
    """Load an engine. Raises WeightsMissing."""
    weights = engine.weights
    if engine.int8_weights:
        weights = int8.choose_file(engine.weights, engine.int8_weights)
    session = sessions.onnx_session(store.find_weights(weights))
    network = model.wrap_session(
        session,
        scale=engine.scale,
        margin=engine.margin_px,
        even_sizes_only=engine.even_sizes_only,
        needs_deblocking=engine.needs_deblocking,
    )

    def upscale(request: UpscaleRequest) -> UpscaleResponse:
        try:
            return UpscaleResponse(core.upscale(request, network))
        finally:
            arena.shrink_arena(session)

    return Service(engine=name, handlers={"Upscale": upscale})


ENGINES: Final = {
    name: partial(_load, name, engine)
    for name, engine in (
        ("srgan", _SRGAN),
        ("real-esrgan", _REAL_ESRGAN),
        ("srgan-pth", _SRGAN_PTH),
        ("real-esrgan-x4", _REAL_ESRGAN_X4),
    )
}
"""The first is the default."""


def load() -> Service:
    """Load the engine that ``TRYON_SUPER_RESOLUTION_ENGINE`` names.

    Raises WeightsMissing or UnknownEngine.
    """
    return engines.choose_loader("super_resolution", ENGINES)()
