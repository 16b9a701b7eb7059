"""Enlarges a small photo with a network, where it has detail, and leaves its colours alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Resampling

from services.kit.errors import InvalidRequest
from services.kit.types import Image
from services.super_resolution import deblock
from services.super_resolution.contract import UpscaleRequest, fit_scale, needs_upscaling
from services.super_resolution.tiles import cut_spans, find_range

Planes = NDArray[np.float32]
"""3 x height x width float32 RGB, 0 to 1."""

MAX_SIDE_PX: Final = 4096
"""Pixels of a canvas's longer side, at most."""

MAX_NETWORK_PIXELS: Final = 512 * 512
"""Pixels of a network's input at most; bounds the time."""

TILE_SIDES_PX: Final = (96, 192)
"""Height and width of a tile without its margin, at most; the network's memory is that of one."""

DETAIL_WINDOW_PX: Final = 5
"""Side of the window in which detail is looked for, in pixels of the photo."""

FLAT_RANGE: Final = 3.0
"""Range of grey levels in a window, up to which interpolation is exact and a network adds noise."""

DETAIL_RANGE: Final = 9.0
"""Range of grey levels in a window, from which on the network's pixels are taken alone."""

COLOUR_GRID: Final = 8
"""Side of the cells over which the photo's mean colour is kept, in pixels of the photo."""

BACK_PROJECTIONS: Final = 2
"""Steps that bring the detail of a reduced photo back; more gain nothing."""


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
    # The network's time grows with its input's pixels, and what exceeds the canvas is lost.
    reduced = network.scale > scale
    given = _reduce(photo, size, network.scale) if reduced else photo
    if given[..., 0].size > MAX_NETWORK_PIXELS:
        return _to_image(_to_planes(photo), size)
    detail = measure_detail(given)
    planes = _to_planes(given)
    reached = 1
    while reached < scale and planes[0].size <= MAX_NETWORK_PIXELS and reached < 4:
        planes = run_in_tiles(planes, network, _repeat(detail > 0, reached))
        reached *= network.scale
    if not reduced:
        planes = restore_colours(given, planes)
    planes = interpolate_flat_areas(given, planes, detail)
    return _to_image(restore_detail(photo, planes) if reduced else planes, size)


def run_in_tiles(
    planes: Planes,
    network: Network,
    detail: NDArray[np.bool_],
    tile: tuple[int, int] = TILE_SIDES_PX,
) -> Planes:
    """Run a network over the parts of planes that have detail, and interpolate the others.

    ``planes`` are of any size, and ``detail`` is height x width. Needs memory for one tile; a tile
    has up to ``tile`` rows and columns, without its margin.
    """
    scale, margin = network.scale, network.margin
    height, width = detail.shape
    if network.even_sizes_only:
        # Tiles begin at even places, so this makes every one of them even.
        odd = ((0, height % 2), (0, width % 2))
        planes = np.pad(planes, ((0, 0), *odd), mode="edge")
        detail = np.pad(detail, odd, mode="edge")
    rows, columns = detail.shape
    smooth = _resample(planes, (columns * scale, rows * scale), Resampling.BICUBIC)
    added = np.zeros_like(smooth)
    cut_rows, cut_columns = (
        partial(cut_spans, length=length, longest=longest, margin=margin, scale=scale)
        for length, longest in zip(detail.shape, tile, strict=True)
    )
    for down in cut_rows(*find_range(np.any(detail, axis=1))):
        # Rows are narrower where little of their width has detail.
        for across in cut_columns(*find_range(np.any(detail[down.start : down.stop], axis=0))):
            large = network.run(planes[:, down.start : down.stop, across.start : across.stop])
            place = np.s_[
                :,
                down.start * scale : down.stop * scale,
                across.start * scale : across.stop * scale,
            ]
            weights = down.weights[:, None] * across.weights
            added[place] += (large - smooth[place]) * weights
    return (smooth + added)[:, : height * scale, : width * scale]


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


def restore_detail(photo: Image, planes: Planes) -> Planes:
    """Correct an enlarged photo so that, reduced to the photo's size, it is the photo.

    The network was given the photo reduced. What that lost is added by back-projection (Irani and
    Peleg, 1991), and colours are those of the photo again.
    """
    wanted = _to_planes(photo)
    size, photo_size = planes.shape[:0:-1], wanted.shape[:0:-1]
    corrected = np.empty_like(planes)
    for channel, plane in enumerate(planes):
        result = plane
        for _ in range(BACK_PROJECTIONS):
            error = wanted[channel] - _resample_plane(result, photo_size, Resampling.LANCZOS)
            result = result + _resample_plane(error, size, Resampling.BICUBIC)
        corrected[channel] = result
    return corrected


def measure_detail(photo: Image) -> NDArray[np.float32]:
    """Return for each pixel the share, 0 to 1, of the network in the enlarged photo.

    It is 0 where the photo is flat: there interpolation equals the truth.
    """
    greatest, least = (_combine_windows(photo, combine) for combine in (np.maximum, np.minimum))
    spread = (greatest - least).max(axis=2).astype(np.float32)
    share = np.clip((spread - FLAT_RANGE) / (DETAIL_RANGE - FLAT_RANGE), 0, 1)
    return np.asarray(share, np.float32)


def interpolate_flat_areas(photo: Image, planes: Planes, detail: NDArray[np.float32]) -> Planes:
    """Take interpolation in place of the network where the photo has no detail.

    There it equals the truth, and a network in 8 bits would leave a visible grain. ``detail`` is
    what ``measure_detail`` gives for the photo.
    """
    size = planes.shape[:0:-1]
    shares = _resample_plane(detail, size, Resampling.BILINEAR)
    smooth = _resample(_to_planes(photo), size, Resampling.BICUBIC)
    return smooth + shares * (planes - smooth)


def _combine_windows(photo: Image, combine: np.ufunc) -> Image:
    """Combine each pixel with all of the window around it; the border is repeated outwards."""
    half = DETAIL_WINDOW_PX // 2
    for _ in range(2):
        padded = np.pad(photo, ((half, half), (0, 0), (0, 0)), mode="edge")
        shifted = (padded[start : start + len(photo)] for start in range(DETAIL_WINDOW_PX))
        photo = reduce(combine, shifted).swapaxes(0, 1)
    return photo


def _reduce(photo: Image, size: tuple[int, int], scale: int) -> Image:
    """Reduce a photo to the least size that is ``size``, (width, height), once enlarged."""
    width, height = (-(-side // scale) for side in size)
    picture = PIL.Image.fromarray(photo)
    return np.asarray(picture.resize((width, height), Resampling.LANCZOS))


def _repeat(mask: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    return mask.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else mask


def _to_planes(photo: Image) -> Planes:
    return np.moveaxis(photo, 2, 0).astype(np.float32) / np.float32(255)


def _resample_plane(values: NDArray[np.float32], size: tuple[int, int], how: Resampling) -> Planes:
    return np.asarray(PIL.Image.fromarray(values).resize(size, how))


def _resample(planes: Planes, size: tuple[int, int], how: Resampling) -> Planes:
    return np.stack([_resample_plane(plane, size, how) for plane in planes])


def _to_image(planes: Planes, size: tuple[int, int]) -> Image:
    """Resample planes to (width, height) as a picture."""
    scaled = np.moveaxis(_resample(planes, size, Resampling.LANCZOS), 0, 2)
    return np.ascontiguousarray(np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8))
