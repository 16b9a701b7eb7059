"""Contract of the super-resolution service (``protos/tryon/v1/super_resolution.proto``)."""

from dataclasses import dataclass
from typing import Final

from services.kit.contract import Contract, Method
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image

MIN_SCALE: Final = 2.0
"""Smallest ``fit_scale`` at which a network enlarges the photo. Below it the photo has enough
detail for interpolation, and the network would take longest: its time grows with the photo's
pixels."""


@dataclass(frozen=True)
class UpscaleRequest:
    """A photo, and the canvas that it should fill once fitted."""

    image: Image
    """The photo."""
    width: int = CANVAS_WIDTH
    """Width of the canvas, in pixels."""
    height: int = CANVAS_HEIGHT
    """Height of the canvas, in pixels."""


@dataclass(frozen=True)
class UpscaleResponse:
    """The photo, enlarged if it was too small."""

    image: Image
    """The photo in its own proportions; unchanged if it fills at least half of the canvas."""


def fit_scale(request: UpscaleRequest) -> float:
    """Return the scale at which the photo fills the canvas in one direction."""
    height, width = request.image.shape[:2]
    return float(min(request.width / width, request.height / height))


def needs_upscaling(request: UpscaleRequest) -> bool:
    """Return whether the service would enlarge the photo; if not, it need not be called."""
    return fit_scale(request) >= MIN_SCALE


UPSCALE = Method(
    service="super_resolution",
    rpc="Upscale",
    request=UpscaleRequest,
    response=UpscaleResponse,
    deadline_seconds=120.0,
    memoized=True,
)
"""Enlarges a photo that is too small for the canvas."""

CONTRACT = Contract("super_resolution", "tryon.v1.SuperResolution", 50056, (UPSCALE,))
"""The contract of this service."""
