"""Pictures of any size onto a canvas without distorting them, and edited canvases back."""

import math
from typing import Final

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Resampling

from services.kit.cancellation import check_cancelled
from services.kit.errors import InvalidRequest
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image, Mask, Placement
from services.resize.detail import CanvasBox, Floats, GarmentDetailSource, prepare_detail
from services.resize.padding import paste_padded

MAX_SIDE_PX: Final = 4096
"""Pixels of a canvas's longer side, at most."""

BAND_PX: Final = 256
"""Rows or columns that are worked on at a time, which bounds memory at any picture size."""


def fit(
    image: Image, width: int = CANVAS_WIDTH, height: int = CANVAS_HEIGHT
) -> tuple[Image, Placement]:
    """Scale a picture to fit a width x height canvas, centre it and continue its background.

    The aspect ratio is kept to within half a canvas pixel. ``image`` is H x W x 3 uint8 of any
    size. Gives the canvas and where on it the picture lies. A picture of the canvas's size comes
    back unchanged. Raises InvalidRequest for a canvas without pixels or of more than 4096 a side.
    """
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise InvalidRequest(
            f"A canvas of {width} x {height} pixels cannot be made; "
            f"ask for 1 to {MAX_SIDE_PX} pixels a side."
        )
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    inner_width = min(width, max(1, round(columns * scale)))
    inner_height = min(height, max(1, round(rows * scale)))
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    placement = Placement(
        source_width=columns,
        source_height=rows,
        canvas_width=width,
        canvas_height=height,
        left=left,
        top=top,
        width=inner_width,
        height=inner_height,
    )
    inner = _resample_lanczos(image, inner_width, inner_height)
    if (inner_width, inner_height) == (width, height):
        return inner, placement
    return paste_padded(inner, width, height, left, top), placement


def restore(
    original: Image,
    image: Image,
    edit_mask: Mask,
    placement: Placement,
    garment_source: GarmentDetailSource,
) -> Image:
    """Bring an edited canvas back into the frame and to the size of the picture it was made from.

    ``original`` is the picture that went into ``fit``, ``image`` the finished canvas, ``edit_mask``
    how much of each of its pixels is new: where it is 0, ``image`` is what ``fit`` made and the
    original's pixels come back bit for bit; where it is 255, the canvas is scaled. Between the two
    ``image`` already mixes old and new, and the part of the original's detail that scaling lost is
    given back as far as the old shines through, so that an edge is blended once and not twice.
    Where the original is larger than the canvas, ``garment_source`` gives the finer detail of the
    garment.

    Raises InvalidRequest where sizes and placement disagree.
    """
    _check(original, image, edit_mask, placement)
    if not edit_mask.any():
        return original
    inside = np.s_[
        placement.top : placement.top + placement.height,
        placement.left : placement.left + placement.width,
    ]
    # Cut out before scaling, so that no padding bleeds into the picture's border.
    cut = np.ascontiguousarray(edit_mask[inside])
    new = PIL.Image.fromarray(np.ascontiguousarray(image[inside]))
    mask = PIL.Image.fromarray(cut)
    old = PIL.Image.fromarray(_resample_lanczos(original, placement.width, placement.height))
    rows, columns = original.shape[:2]
    finer = prepare_detail(garment_source, rows / placement.height)
    result = original.copy()
    left, right = _scaled_range(np.flatnonzero(cut.any(axis=0)), placement.width, columns)
    first, last = _scaled_range(np.flatnonzero(cut.any(axis=1)), placement.height, rows)
    for top in range(first, last, BAND_PX):
        check_cancelled()
        bottom = min(last, top + BAND_PX)
        size = (right - left, bottom - top)
        box = (
            left * placement.width / columns,
            top * placement.height / rows,
            right * placement.width / columns,
            bottom * placement.height / rows,
        )
        scaled = np.asarray(new.resize(size, Resampling.LANCZOS, box))
        if finer is not None:
            scaled = scaled + finer.draw(size, _shift_box(box, placement.left, placement.top))
        result[top:bottom, left:right] = _merge(
            original[top:bottom, left:right],
            np.asarray(old.resize(size, Resampling.LANCZOS, box)),
            scaled,
            np.asarray(mask.resize(size, Resampling.BILINEAR, box)),
        )
    return result


def _scaled_range(places: NDArray[np.intp], before: int, after: int) -> tuple[int, int]:
    """Bound the pixels that edited ones have a part in after scaling ``before`` to ``after``."""
    if not places.size:
        return 0, 0
    scale = after / before
    # Bilinear weights end one pixel away, of the coarser of the two grids.
    margin = max(scale, 1.0) + 1.0
    start = math.floor((places[0] + 0.5) * scale - margin)
    end = math.ceil((places[-1] + 0.5) * scale + margin)
    return max(0, start), min(after, end)


def _shift_box(box: CanvasBox, left: int, top: int) -> CanvasBox:
    return box[0] + left, box[1] + top, box[2] + left, box[3] + top


def _merge(original: Image, old: Image, new: Image | Floats, share: Mask) -> Image:
    """Add to ``new`` the detail ``original`` has over ``old``, less where more of it is new."""
    kept = (255 - share.astype(np.float32)) / 255
    lost = original.astype(np.int16) - old
    # OpenCV repeats a plane for three channels several times faster than numpy.
    mixed = np.rint(new + cv2.merge((kept, kept, kept)) * lost)
    merged = np.clip(mixed, 0, 255).astype(np.uint8)
    cv2.copyTo(original, (share == 0).astype(np.uint8), merged)
    return merged


def _resample_lanczos(image: Image, width: int, height: int) -> Image:
    """Resample by Lanczos's filter, widened by the factor of reduction so that nothing aliases.

    Pixel centres map to pixel centres: (x + 0.5) / width is the same place before and after.
    """
    if image.shape[:2] == (height, width):
        return image
    # Pillow's copy of a whole picture has four bytes a pixel. Along the rows first, as Pillow does
    # but for pictures more than twice as tall as wide.
    rows = image.shape[0]
    resampled = np.empty((rows, width, 3), np.uint8)
    for top in range(0, rows, BAND_PX):
        check_cancelled()
        band = PIL.Image.fromarray(image[top : top + BAND_PX])
        resized = band.resize((width, band.height), Resampling.LANCZOS)
        resampled[top : top + BAND_PX] = np.asarray(resized)
    result = np.empty((height, width, 3), np.uint8)
    for left in range(0, width, BAND_PX):
        check_cancelled()
        band = PIL.Image.fromarray(resampled[:, left : left + BAND_PX])
        resized = band.resize((band.width, height), Resampling.LANCZOS)
        result[:, left : left + BAND_PX] = np.asarray(resized)
    return result


def _check(original: Image, image: Image, edit_mask: Mask, placement: Placement) -> None:
    canvas = (placement.canvas_height, placement.canvas_width)
    if original.shape[:2] != (placement.source_height, placement.source_width):
        raise InvalidRequest("The placement is that of another picture than the original sent.")
    if image.shape[:2] != canvas or edit_mask.shape != canvas:
        raise InvalidRequest("The canvas, its edit mask and the placement differ in size.")
    if not (
        placement.width > 0
        and placement.height > 0
        and 0 <= placement.left <= placement.canvas_width - placement.width
        and 0 <= placement.top <= placement.canvas_height - placement.height
    ):
        raise InvalidRequest("The placement lies outside its canvas.")
