"""Types of the values that services exchange.

Each alias is a NumPy array with a fixed shape, channel order and range. Its annotation is the
message of ``protos/tryon/v1/common.proto`` that carries it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray


class WireType(Enum):
    """The message of ``common.proto`` that carries an array."""

    IMAGE = "Image"
    MASK = "Mask"
    BYTE_MAP = "ByteMap"
    LABEL_MAP = "LabelMap"
    KEYPOINTS = "Keypoints"
    FLOW = "Flow"
    LANDMARKS = "Landmarks"


Image = Annotated[NDArray[np.uint8], WireType.IMAGE]
"""H x W x 3 uint8, RGB, 0 to 255."""

Mask = Annotated[NDArray[np.uint8], WireType.MASK]
"""H x W uint8: 0 outside, 255 inside, soft edges between."""

ByteMap = Annotated[NDArray[np.uint8], WireType.BYTE_MAP]
"""H x W uint8: a quantity, 0 to 255."""

LabelMap = Annotated[NDArray[np.uint8], WireType.LABEL_MAP]
"""H x W uint8 class ids."""

Keypoints = Annotated[NDArray[np.float32], WireType.KEYPOINTS]
"""25 x 3 float32: BODY_25 joints as (x, y, confidence), in pixels; zeros if unseen."""

Flow = Annotated[NDArray[np.float32], WireType.FLOW]
"""H x W x 2 float32: for each pixel a position (x, y) in another picture, in pixels of that
picture."""

Landmarks = Annotated[NDArray[np.float32], WireType.LANDMARKS]
"""24 x 3 float32: the points of ``services.kit.garment_attributes.LANDMARKS`` as (x, y,
confidence), in pixels; zeros if the garment has none."""

CANVAS_WIDTH: Final = 768
"""Width in pixels of the canvas on which every stage after ``resize`` works."""

CANVAS_HEIGHT: Final = 1024
"""Height in pixels of the canvas on which every stage after ``resize`` works."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a photo lies on the canvas it was fitted to; all in pixels."""

    source_width: int
    """Width of the photo."""

    source_height: int
    """Height of the photo."""

    canvas_width: int
    """Width of the canvas."""

    canvas_height: int
    """Height of the canvas."""

    left: int
    """Column of the canvas at which the scaled photo begins."""

    top: int
    """Row of the canvas at which the scaled photo begins."""

    width: int
    """Width of the scaled photo on the canvas."""

    height: int
    """Height of the scaled photo on the canvas."""
