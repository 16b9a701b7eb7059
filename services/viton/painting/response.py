"""The answer: the picture, a truthful mask of what was changed, and where the garment is seen."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.kit.raster import morphology
from services.kit.raster.morphology import Footprint, close_mask
from services.kit.types import Flow, Image, Mask
from services.viton.raster.layers import LayerStack
from services.viton.raster.morphology import erode
from services.viton.raster.sampling import sample_image

_MIN_VISIBLE_CHANGE: Final = 2
"""Least change of a channel that counts as an edit, in levels."""

_GARMENT_RIM_PX: Final = 4
"""Rim of the garment in its photo in which the background may shine through, in pixels of the
canvas."""


@dataclass(frozen=True)
class TryOnResult:
    """The person wearing the garment, all H x W.

    ``image`` is identical to the photo where ``edit_mask`` is 0. ``flow``: the place in the
    garment's photo that a pixel shows; ``cloth``: how much of it is garment, 0 to 255.
    """

    image: Image
    edit_mask: Mask
    garment_flow: Flow
    garment_alpha: Mask


def make_result(person: Image, stack: LayerStack, garment_mask: Mask) -> TryOnResult:
    """Round the picture, and take back every change too small to see."""
    rounded = np.clip(np.rint(stack.image), 0, 255).astype(np.uint8)
    red, green, blue = cv2.split(cv2.absdiff(rounded, person))
    change = np.maximum(np.maximum(red, green), blue)
    seen = close_mask(change >= _MIN_VISIBLE_CHANGE, 2, Footprint.SQUARE)
    image = np.where(seen[..., None], rounded, person)
    core = morphology.dilate(seen, 2, Footprint.SQUARE).astype(np.float32)
    mask = np.rint(255 * cv2.GaussianBlur(core, (0, 0), 1.0)).astype(np.uint8)
    mask = np.where(seen, 255, mask).astype(np.uint8)
    inside = erode(garment_mask > 127, _GARMENT_RIM_PX).astype(np.float32)
    cloth = stack.garment_alpha * sample_image(inside, stack.garment_flow) * seen
    return TryOnResult(image, mask, stack.garment_flow, np.rint(255 * cloth).astype(np.uint8))
