"""Contract of the resize service (``protos/tryon/v1/resize.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Flow, Image, Mask, Placement


@dataclass(frozen=True)
class FitRequest:
    """A picture, and the canvas to put it on in pixels."""

    image: Image
    width: int = CANVAS_WIDTH
    height: int = CANVAS_HEIGHT


@dataclass(frozen=True)
class FitResponse:
    """The canvas, and where the picture lies on it."""

    image: Image
    placement: Placement


@dataclass(frozen=True)
class RestoreRequest:
    """The picture as uploaded, and an edited canvas with the mask of what was edited.

    ``garment``: what was put on it, on a canvas of the same proportions, at least as large;
    ``flow`` and ``cloth``: which place of it each pixel of ``image`` shows, in the canvas's scale,
    and how much of the pixel is garment.
    """

    original: Image
    image: Image
    edit_mask: Mask
    placement: Placement
    garment: Image
    flow: Flow
    cloth: Mask


@dataclass(frozen=True)
class RestoreResponse:
    """The edited picture in the upload's frame."""

    image: Image


FIT = Method("resize", "Fit", FitRequest, FitResponse, deadline=20.0)
RESTORE = Method("resize", "Restore", RestoreRequest, RestoreResponse, deadline=20.0)
CONTRACT = Contract("resize", "tryon.v1.Resize", 50057, (FIT, RESTORE))
