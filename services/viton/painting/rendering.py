"""The rendering: the image, its edit mask, and where the image shows the garment."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster import morphology
from services.kit.raster.morphology import Footprint, close_mask
from services.kit.types import Flow, Image, Mask
from services.viton.raster.layers import LayerStack, Window
from services.viton.raster.morphology import erode
from services.viton.raster.planes import choose_pixels
from services.viton.raster.sampling import sample_image

_MIN_VISIBLE_CHANGE: Final = 2
"""Least change of a channel that counts as an edit, in levels."""

_GARMENT_RIM_PX: Final = 4
"""Rim of the garment in its photo in which the background may shine through, in pixels of the
canvas."""


@dataclass(frozen=True)
class Rendering:
    """The person in the garment, on the canvas."""

    image: Image
    """H x W x 3; equal to the photo where ``edit_mask`` is 0."""
    edit_mask: Mask
    """H x W, 0 to 255."""
    garment_flow: Flow
    """H x W x 2: the (x, y) in the garment's photo that each pixel shows."""
    garment_alpha: Mask
    """H x W: the fraction of garment in each pixel, 0 to 255."""


def finish_rendering(person: Image, stack: LayerStack, garment_mask: Mask) -> Rendering:
    """Round the image, and undo every change too small to be visible."""
    rounded = np.clip(np.rint(stack.image), 0, 255).astype(np.uint8)
    red, green, blue = cv2.split(cv2.absdiff(rounded, person))
    change = np.maximum(np.maximum(red, green), blue)
    changed = close_mask(change >= _MIN_VISIBLE_CHANGE, 2, Footprint.SQUARE)
    image = choose_pixels(changed, rounded, person)
    core = morphology.dilate(changed, 2, Footprint.SQUARE).astype(np.float32)
    mask = np.rint(255 * cv2.GaussianBlur(core, (0, 0), 1.0)).astype(np.uint8)
    mask = np.where(changed, 255, mask).astype(np.uint8)
    inside = erode(garment_mask > 127, _GARMENT_RIM_PX).astype(np.float32)
    alpha = stack.garment_alpha * sample_image(inside, stack.garment_flow) * changed
    return Rendering(image, mask, stack.garment_flow, np.rint(255 * alpha).astype(np.uint8))


def paste_back(person: Image, window: Window, inside: Rendering) -> Rendering:
    """Return the rendering of a window, ``inside``, on the whole photo of the person."""
    shape = person.shape[:2]

    def whole(part: NDArray[np.generic]) -> NDArray[np.generic]:
        canvas = np.zeros((*shape, *part.shape[2:]), part.dtype)
        canvas[window] = part
        return canvas

    image = person.copy()
    image[window] = inside.image
    return replace(
        inside,
        image=image,
        edit_mask=np.asarray(whole(inside.edit_mask), np.uint8),
        garment_flow=np.asarray(whole(inside.garment_flow), np.float32),
        garment_alpha=np.asarray(whole(inside.garment_alpha), np.uint8),
    )
