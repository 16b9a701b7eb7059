"""The super-resolution service: engines, and the call."""

from typing import Final

from services.kit import engines
from services.kit.runtimes import sessions
from services.kit.service import Service
from services.kit.weights import store
from services.super_resolution import core, model
from services.super_resolution.contract import UpscaleRequest, UpscaleResponse
from services.super_resolution.core import Network


def _load_srgan() -> Service:
    session = sessions.onnx_session(store.find_weights("srgan_x4.onnx"))
    return _service(
        "srgan",
        model.wrap_session(
            session, scale=4, margin=12, even_sizes_only=False, needs_deblocking=True
        ),
    )


def _load_real_esrgan() -> Service:
    session = sessions.onnx_session(store.find_weights("real_esrgan_x2.onnx"))
    return _service(
        "real-esrgan",
        model.wrap_session(
            session, scale=2, margin=24, even_sizes_only=True, needs_deblocking=False
        ),
    )


def _load_srgan_pth() -> Service:
    """Load the SRGAN of leftthomas. Raises WeightsMissing.

    It sees 18 pixels around each, so that half of the margin leaves no difference between tiles.
    """
    session = sessions.onnx_session(store.find_weights("srgan_x4_pth.onnx"))
    return _service(
        "srgan-pth",
        model.wrap_session(
            session, scale=4, margin=36, even_sizes_only=False, needs_deblocking=True
        ),
    )


def _load_real_esrgan_x4() -> Service:
    """Load Real-ESRGAN as its authors' best known file has it. Raises WeightsMissing."""
    session = sessions.onnx_session(store.find_weights("real_esrgan_x4.onnx"))
    return _service(
        "real-esrgan-x4",
        model.wrap_session(
            session, scale=4, margin=24, even_sizes_only=False, needs_deblocking=False
        ),
    )


def _service(engine: str, network: Network) -> Service:
    def upscale(request: UpscaleRequest) -> UpscaleResponse:
        return UpscaleResponse(core.upscale(request, network))

    return Service(engine=engine, handlers={"Upscale": upscale})


ENGINES: Final = {
    "srgan": _load_srgan,
    "real-esrgan": _load_real_esrgan,
    "srgan-pth": _load_srgan_pth,
    "real-esrgan-x4": _load_real_esrgan_x4,
}
"""The first is the default."""


def load() -> Service:
    """Load the engine that ``TRYON_SUPER_RESOLUTION_ENGINE`` names.

    Raises WeightsMissing or UnknownEngine.
    """
    return engines.choose_loader("super_resolution", ENGINES)()
