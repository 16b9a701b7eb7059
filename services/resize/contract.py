"""Contract of the resize service (``protos/tryon/v1/resize.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Flow, Image, Mask, Placement


@dataclass(frozen=True)
class FitRequest:
    """A photo, and the canvas to fit it on."""

    image: Image
    """The photo."""
    width: int = CANVAS_WIDTH
    """Width of the canvas, in pixels."""
    height: int = CANVAS_HEIGHT
    """Height of the canvas, in pixels."""


@dataclass(frozen=True)
class FitResponse:
    """The photo on the canvas."""

    image: Image
    """The canvas, of the size that was asked for."""
    placement: Placement
    """Where the photo lies on the canvas."""


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """A photo, and its edited canvas."""

    original: Image
    """The photo as uploaded."""

    image: Image
    """The edited canvas."""

    edit_mask: Mask
    """Edited pixels of the canvas; the photo's pixels stay where the mask is 0."""

    placement: Placement
    """Where the photo lies on the canvas."""

    garment: Image
    """The garment's canvas, in the proportions of ``image`` and at least as large."""

    flow: Flow
    """Garment position shown by each pixel of ``image``, in pixels of a canvas of that size."""

    garment_alpha: Mask
    """Fraction of each pixel of ``image`` that is garment, 0 to 255."""


@dataclass(frozen=True)
class RestoreResponse:
    """The edited photo."""

    image: Image
    """The photo with the canvas's edits, of the size of ``original``."""


FIT = Method(
    service="resize",
    rpc="Fit",
    request=FitRequest,
    response=FitResponse,
    deadline_seconds=20.0,
    memoized=True,
)
"""Scales a photo to a canvas and pads it."""

RESTORE = Method(
    service="resize",
    rpc="Restore",
    request=RestoreRequest,
    response=RestoreResponse,
    deadline_seconds=20.0,
)
"""Transfers the edits of a canvas to the photo."""

CONTRACT = Contract("resize", "tryon.v1.Resize", 50057, (FIT, RESTORE))
"""The contract of this service."""
