"""Contract of the super-resolution service (``protos/tryon/v1/super_resolution.proto``)."""

from dataclasses import dataclass
from typing import Final

from services.kit.contract import Contract, Method
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image

MIN_SCALE: Final = 2.0
"""How much too small a photo must be before a network enlarges it: below, there is enough detail
for plain interpolation, and the network, whose time grows with the photo's pixels, is dearest."""


@dataclass(frozen=True)
class UpscaleRequest:
    """A photo, and the canvas in pixels that it should fill once fitted."""

    image: Image
    width: int = CANVAS_WIDTH
    height: int = CANVAS_HEIGHT


@dataclass(frozen=True)
class UpscaleResponse:
    """The photo, enlarged if it was small."""

    image: Image


def fit_scale(request: UpscaleRequest) -> float:
    """How often the photo must be enlarged to fill the canvas in one direction."""
    height, width = request.image.shape[:2]
    return float(min(request.width / width, request.height / height))


def needs_upscaling(request: UpscaleRequest) -> bool:
    """Whether the service would enlarge the photo; if not, it need not be called."""
    return fit_scale(request) >= MIN_SCALE


UPSCALE = Method("super_resolution", "Upscale", UpscaleRequest, UpscaleResponse, deadline=120.0)
CONTRACT = Contract("super_resolution", "tryon.v1.SuperResolution", 50056, (UPSCALE,))
