"""The values that pass between services.

Every alias names a NumPy array whose shape, channel order and range are fixed; the annotation tells
the codec which message of ``protos/tryon/v1/common.proto`` carries it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray


class Kind(Enum):
    """Which message of ``common.proto`` an array travels in."""

    IMAGE = "Image"
    MASK = "Mask"
    LABEL_MAP = "LabelMap"
    KEYPOINTS = "Keypoints"
    FLOW = "Flow"
    LANDMARKS = "Landmarks"


Image = Annotated[NDArray[np.uint8], Kind.IMAGE]
"""H x W x 3 uint8, RGB, 0 to 255."""

Mask = Annotated[NDArray[np.uint8], Kind.MASK]
"""H x W uint8: 0 outside, 255 inside, soft edges between."""

LabelMap = Annotated[NDArray[np.uint8], Kind.LABEL_MAP]
"""H x W uint8 class ids."""

Keypoints = Annotated[NDArray[np.float32], Kind.KEYPOINTS]
"""25 x 3 float32: BODY_25 joints as (x, y, confidence), in pixels; zeros where unseen."""

Flow = Annotated[NDArray[np.float32], Kind.FLOW]
"""H x W x 2 float32: for each pixel a place (x, y) in another picture, in its pixels."""

Landmarks = Annotated[NDArray[np.float32], Kind.LANDMARKS]
"""24 x 3 float32: the points of ``services.kit.garment_attributes.LANDMARKS`` as (x, y,
confidence), in pixels; zeros where the garment has none."""

CANVAS_WIDTH: Final = 768
CANVAS_HEIGHT: Final = 1024
"""The size in pixels of the canvas that every stage after ``resize`` works on."""


@dataclass(frozen=True)
class Placement:
    """Where a picture lies on the canvas it was fitted to, all in pixels."""

    source_width: int
    source_height: int
    canvas_width: int
    canvas_height: int
    left: int
    top: int
    width: int
    height: int
