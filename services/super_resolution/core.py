"""Enlarges a small photo with a network, tile by tile, and leaves its colours as they were."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Resampling
from PIL.ImageFilter import MaxFilter, MinFilter

from services.kit.errors import InvalidRequest
from services.kit.types import Image
from services.super_resolution import deblock
from services.super_resolution.contract import UpscaleRequest, fit_scale, needs_upscaling

Planes = NDArray[np.float32]
"""3 x height x width float32 RGB, 0 to 1."""

MAX_SIDE_PX: Final = 4096
"""Pixels of a canvas's longer side, at most."""

MAX_NETWORK_PIXELS: Final = 512 * 512
"""Pixels of a network's input at most; bounds the time."""

TILE: Final = 128
"""Pixels of a tile's side, without its margin; the network's memory is that of one tile."""

DETAIL_WINDOW_PX: Final = 5
"""Side of the window in which detail is looked for, in pixels of the photo."""

FLAT_RANGE: Final = 3.0
"""Range of grey levels in a window, up to which interpolation is exact and a network adds noise."""

DETAIL_RANGE: Final = 9.0
"""Range of grey levels in a window, from which on the network's pixels are taken alone."""

COLOUR_GRID: Final = 8
"""Side of the cells over which the photo's mean colour is kept, in pixels of the photo."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A loaded super-resolution network."""

    run: Callable[[Planes], Planes]
    """Enlarge planes to ``scale`` times their height and width."""
    scale: int
    """Factor by which the network enlarges height and width."""
    margin: int
    """Pixels around a tile that the network needs; tiles are blended over the inner half."""
    even_sizes_only: bool
    """Whether height and width must be even."""
    needs_deblocking: bool
    """Whether compression noise must be removed first: the network saw none in training."""


def upscale(request: UpscaleRequest, network: Network) -> Image:
    """Enlarge a photo so that, in its own aspect, it fills the canvas in one direction.

    A photo that fills at least half of it comes back as it is: the same array. Raises
    InvalidRequest for a canvas without pixels or of more than 4096 a side.
    """
    sides = (request.width, request.height)
    if min(sides) < 1 or max(sides) > MAX_SIDE_PX:
        raise InvalidRequest(
            f"A canvas of {request.width} x {request.height} pixels cannot be filled; "
            f"ask for 1 to {MAX_SIDE_PX} pixels a side.",
            stage="super_resolution",
        )
    if not needs_upscaling(request):
        return request.image
    height, width = request.image.shape[:2]
    scale = fit_scale(request)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = deblock.deblock(request.image) if network.needs_deblocking else request.image
    planes: Planes = np.moveaxis(photo, 2, 0).astype(np.float32) / np.float32(255)
    reached = 1
    while reached < scale and planes[0].size <= MAX_NETWORK_PIXELS and reached < 4:
        planes = run_in_tiles(planes, network)
        reached *= network.scale
    if reached > 1:
        planes = restore_colours(photo, planes)
        planes = interpolate_flat_areas(photo, planes)
    return _to_image(planes, size)


def run_in_tiles(planes: Planes, network: Network, tile: int = TILE) -> Planes:
    """Run a network over planes of any size, with memory for one tile of about ``tile`` pixels."""
    scale, margin = network.scale, network.margin
    height, width = planes.shape[1:]
    if network.even_sizes_only:
        # Tiles begin at even places, so this makes every one of them even.
        planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rows, columns = planes.shape[1:]
    result = np.zeros((3, rows * scale, columns * scale), np.float32)
    for top, bottom in pairwise(_tile_edges(rows, tile)):
        y, y_end = max(0, top - margin), min(rows, bottom + margin)
        down = _blend_weights(y, y_end, top or None, bottom if bottom < rows else None, network)
        for left, right in pairwise(_tile_edges(columns, tile)):
            x, x_end = max(0, left - margin), min(columns, right + margin)
            across = _blend_weights(
                x, x_end, left or None, right if right < columns else None, network
            )
            large = network.run(planes[:, y:y_end, x:x_end])
            result[:, y * scale : y_end * scale, x * scale : x_end * scale] += (
                large * down[:, None] * across
            )
    return result[:, : height * scale, : width * scale]


def restore_colours(photo: Image, planes: Planes) -> Planes:
    """Correct the coarse colours of an enlarged photo to the photo's own.

    A generative network shifts whole areas by a few grey levels. One step of back-projection
    (Irani and Peleg, "Improving resolution by image registration", 1991) on a coarse grid takes
    that back and leaves the detail alone.
    """
    height, width = photo.shape[:2]
    coarse = (max(1, width // COLOUR_GRID), max(1, height // COLOUR_GRID))
    corrected = np.empty_like(planes)
    for channel, plane in enumerate(planes):
        wanted = _resample_plane(
            photo[..., channel].astype(np.float32) / np.float32(255), coarse, Resampling.BOX
        )
        error = wanted - _resample_plane(plane, coarse, Resampling.BOX)
        size = (plane.shape[1], plane.shape[0])
        corrected[channel] = plane + _resample_plane(error, size, Resampling.BICUBIC)
    return corrected


def interpolate_flat_areas(photo: Image, planes: Planes) -> Planes:
    """Take interpolation in place of the network where the photo has no detail.

    There it equals the truth, and a network in 8 bits would leave a visible grain.
    """
    picture = PIL.Image.fromarray(photo)
    greatest = np.asarray(picture.filter(MaxFilter(DETAIL_WINDOW_PX)), np.float32)
    least = np.asarray(picture.filter(MinFilter(DETAIL_WINDOW_PX)), np.float32)
    spread = (greatest - least).max(axis=2)
    share = np.clip((spread - FLAT_RANGE) / (DETAIL_RANGE - FLAT_RANGE), 0, 1)
    size = (planes.shape[2], planes.shape[1])
    shares = _resample_plane(share.astype(np.float32), size, Resampling.BILINEAR)
    blended = np.empty_like(planes)
    for channel, plane in enumerate(planes):
        smooth = _resample_plane(
            photo[..., channel].astype(np.float32) / np.float32(255), size, Resampling.BICUBIC
        )
        blended[channel] = smooth + shares * (plane - smooth)
    return blended


def _tile_edges(length: int, tile: int) -> list[int]:
    """Where tiles begin and end: as many as are needed, of about the same even length."""
    count = -(-length // tile)
    return [round(index * length / count / 2) * 2 for index in range(count)] + [length]


def _blend_weights(
    start: int, stop: int, near: int | None, far: int | None, network: Network
) -> NDArray[np.float32]:
    """Weights of a tile from ``start`` to ``stop`` that fade at the edges it shares.

    ``near`` and ``far`` are those edges, none at the picture's own; two tiles' weights add up to 1.
    """
    scale, fade = network.scale, network.margin
    place = start + (
        np.arange((stop - start) * scale, dtype=np.float32) + np.float32(0.5)
    ) / np.float32(scale)
    weights: NDArray[np.float32] = np.ones(place.shape, np.float32)
    if near is not None:
        weights *= np.clip((place - near) / fade + 0.5, 0, 1)
    if far is not None:
        weights *= np.clip((far - place) / fade + 0.5, 0, 1)
    return weights


def _resample_plane(values: NDArray[np.float32], size: tuple[int, int], how: Resampling) -> Planes:
    return np.asarray(PIL.Image.fromarray(values).resize(size, how))


def _to_image(planes: Planes, size: tuple[int, int]) -> Image:
    """Resample planes to (width, height) as a picture."""
    scaled = np.stack(
        [_resample_plane(plane, size, Resampling.LANCZOS) for plane in planes], axis=2
    )
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
