"""Contract of the super-resolution service (``protos/tryon/v1/super_resolution.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image


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


UPSCALE = Method("super_resolution", "Upscale", UpscaleRequest, UpscaleResponse, deadline=120.0)
CONTRACT = Contract("super_resolution", "tryon.v1.SuperResolution", 50056, (UPSCALE,))
