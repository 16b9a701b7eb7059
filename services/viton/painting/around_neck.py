"""Layers around the neck: a hood or a collar's back behind it, a stand collar in front."""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import largest_component
from services.viton.garment.landmarks import BackNeckPiece, TopLandmarks
from services.viton.geometry import Points, distance, unit_vector
from services.viton.painting.bare_trunk import measure_neck_half_width
from services.viton.painting.skin import Skin
from services.viton.person.body import Body
from services.viton.person.measured_person import MeasuredPerson
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.garment_layers import GarmentLayer
from services.viton.raster.layers import WHOLE_IMAGE, Window
from services.viton.raster.planes import bounding_window
from services.viton.raster.sampling import sample_image
from services.viton.raster.smoothing import antialias, gaussian_blur
from services.viton.side import PictureSide

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_HOOD_HEIGHT: Final = 0.4
"""Height of a hood, in widths of the garment's neck."""

_WINDOW_REACH: Final = 1.4
"""How far a piece may reach from the middle of the neck, in widths of the garment's neck."""

_SHADE_BEHIND_NECK: Final = 0.12
"""Fraction of the light that is missing behind the neck."""

_COVER_SIGMA_PX: Final = 0.8
"""Standard deviation of the blur of a piece's coverage, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class NeckColumnOptions:
    """Which pixels are the neck's."""

    narrowest_above_base: float = 0.24
    """Height above its base at which the neck is narrowest, in shoulder widths."""
    flare: float = 0.12
    """How much the neck widens to each side below its narrowest row, in columns per row."""
    flare_below_ends: float = 1.1
    """How much it widens in addition below a collar's ends, in columns per row."""
    sigma_px: float = 1.5
    """Standard deviation of the blur of its edge, in pixels of the canvas."""


NECK_COLUMN_OPTIONS: Final = NeckColumnOptions()


class NeckLayer(NamedTuple):
    """A piece of the garment on the canvas, in a window of it."""

    colour: Floats
    """H x W x 3, 0 to 255."""
    alpha: Floats
    """H x W: coverage, 0 to 1."""
    flow: Floats
    """H x W x 2: the (x, y) in the garment's photo that each pixel shows."""
    window: Window
    """Its rows and columns on the canvas."""


@dataclass(frozen=True)
class NeckLayers:
    """Layers behind the neck and in front of it."""

    back_piece: NeckLayer | None
    """The piece between the background and the neck; None without one."""
    stand_collar: NeckLayer | None
    """The stand-up collar in front of the neck; None without one."""


def make_neck_layers(
    top: TopLandmarks,
    image: NDArray[np.uint8],
    torso: GarmentLayer,
    person: MeasuredPerson,
    skin: Skin,
    options: NeckColumnOptions = NECK_COLUMN_OPTIONS,
) -> NeckLayers:
    """Lay what the garment of the photo ``image`` has around the neck."""
    behind, stand = top.back_neck_piece, top.stand_collar_mask
    return NeckLayers(
        None if behind is None else _place_back_piece(behind, image, torso, person, skin, options),
        None if stand is None else _extend_stand_collar(stand, image, torso),
    )


def _place_back_piece(
    behind: BackNeckPiece,
    image: NDArray[np.uint8],
    torso: GarmentLayer,
    person: MeasuredPerson,
    skin: Skin,
    options: NeckColumnOptions,
) -> NeckLayer:
    """Lay a piece between the background and the neck."""
    segmentation, body = person.segmentation, person.body
    left, right = (_canvas_point_of(torso, end) for end in (behind.left_end, behind.right_end))
    across = distance(left, right)
    window = _window_around((left + right) / 2, _WINDOW_REACH * across, torso.alpha.shape)
    rows, columns = np.mgrid[window].astype(np.float64)
    off = np.stack([columns - left[0], rows - left[1]], axis=-1) / max(across, 1.0)
    along, own = unit_vector(right - left), unit_vector(behind.right_end - behind.left_end)
    ahead = off @ along * behind.width
    up = off @ np.array([along[1], -along[0]])
    above = up * behind.width
    if behind.is_hood:
        # What stands up in the photo has sunk: its widest part lies on the shoulders.
        fraction = up / min(_HOOD_HEIGHT, behind.height / behind.width)
        above = np.where(fraction > 0, np.sqrt(np.maximum(fraction, 0)), fraction) * behind.height
    flow = behind.left_end + ahead[..., None] * own + above[..., None] * np.array([own[1], -own[0]])
    flow = flow.astype(np.float32)
    cover = cv2.remap(behind.mask.astype(np.float32), flow[..., 0], flow[..., 1], cv2.INTER_LINEAR)
    cover = gaussian_blur(np.asarray(cover, np.float32), _COVER_SIGMA_PX)
    neck = (
        np.ones_like(cover)
        if behind.is_hood
        else _neck_column(segmentation, body, (rows, columns), -up * across, options)
    )
    in_front = (
        np.maximum(antialias(segmentation.torso_skin[window], 1.0), skin.trunk_alpha[window]) * neck
    )
    in_front = np.maximum(in_front, antialias(segmentation.head[window], 1.0))
    colour = sample_image(image.astype(np.float32), flow) * np.float32(1 - _SHADE_BEHIND_NECK)
    return NeckLayer(colour, np.asarray(cover * (1 - in_front), np.float32), flow, window)


def _window_around(middle: Points, reach: float, shape: tuple[int, ...]) -> Window:
    """Return the rows and columns of the canvas within ``reach`` pixels of a place."""
    first = np.maximum(np.floor(middle - reach), 0).astype(int)
    last = np.ceil(middle + reach).astype(int) + 1
    columns, rows = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return slice(rows.start, min(rows.stop, shape[0])), slice(
        columns.start, min(columns.stop, shape[1])
    )


def _neck_column(
    segmentation: PersonSegmentation,
    body: Body,
    at: tuple[Points, Points],
    below: Points,
    options: NeckColumnOptions,
) -> Floats:
    """Return how far a pixel is the neck's, 0 to 1, and not that of a shoulder beside it.

    ``at``: the rows and the columns of the pixels. ``below``: how far they lie below the ends of
    the collar, in pixels. A collar hides the shoulder, never the neck.
    """
    rows, columns = at
    level = body.neck_base[1] - options.narrowest_above_base * body.shoulder_width
    widened = options.flare * np.maximum(rows - level, 0)
    wider = widened + options.flare_below_ends * np.maximum(below, 0)
    left, right = (measure_neck_half_width(segmentation, body, side) for side in PictureSide)
    away = columns - body.neck_base[0]
    inside = (-away < left + wider) & (away < right + wider)
    return gaussian_blur(inside.astype(np.float32), options.sigma_px)


def _extend_stand_collar(stand: Bool, image: NDArray[np.uint8], torso: GarmentLayer) -> NeckLayer:
    """Let a stand, a mask in the garment's photo ``image``, go on up the neck from the torso."""
    cover = sample_image(stand.astype(np.float32), torso.flow)
    near = largest_component((cover > 0.5) | (torso.alpha > 0.5))
    cover = gaussian_blur(np.asarray(cover * near, np.float32), _COVER_SIGMA_PX)
    colour = sample_image(image.astype(np.float32), torso.flow)
    return NeckLayer(colour, cover, torso.flow, WHOLE_IMAGE)


def _canvas_point_of(torso: GarmentLayer, place: Points) -> Points:
    """Return the canvas point that shows a point of the garment's photo."""
    covered = torso.alpha > 0.5
    rows, columns = bounding_window(covered, 0) or WHOLE_IMAGE
    off = np.square(torso.flow[rows, columns] - place.astype(np.float32)).sum(axis=2)
    nearest = int(np.where(covered[rows, columns], off, np.inf).argmin())
    row, column = np.unravel_index(nearest, off.shape)
    return np.array([column + (columns.start or 0), row + (rows.start or 0)], np.float64)
