"""Add a garment's finest detail to a picture larger than the canvas.

A canvas shows a garment smaller than its own photo does. Scaled up again it is softer than the
photo around it. What the canvas lost is sampled from a larger picture of the garment, at the places
its pixels came from, and added. Light and folds painted over the garment stay.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Resampling

from services.kit.errors import InvalidRequest
from services.kit.types import Flow, Image, Mask

Floats: TypeAlias = NDArray[np.float32]
CanvasBox: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom on the canvas, in pixels."""

MIN_ENLARGEMENT: Final = 1.1
"""Enlargement from canvas to picture from which on detail is added."""

MAX_STEP_RATIO: Final = 3.0
"""Step between neighbours' places, in usual steps, from which on they show different parts."""

MIN_USUAL_STEP: Final = 0.1
"""Usual step between neighbours' places at least, in pixels of a picture of the canvas's size."""

MIN_SOURCE_SCALE: Final = 2
"""Enlargement up to which a garment of the canvas's size is resampled too: that leaves it sharper
than reading between its pixels does."""

SEAM_WINDOW_PX: Final = 5
"""Side of the square around a pixel, on the canvas, without a seam if its detail is added."""


@dataclass(frozen=True)
class GarmentDetailSource:
    """A garment's picture and the place of each of its pixels on a canvas of h x w."""

    garment: Image
    """N h x N w x 3, N a whole number."""
    flow: Flow
    """h x w x 2: for each canvas pixel, its place on a garment picture of h x w."""
    garment_alpha: Mask
    """h x w: 255 where the canvas shows nothing but the garment."""


@dataclass(frozen=True, kw_only=True)
class GarmentDetail:
    """What it takes to draw any part of a garment's detail."""

    source: Image
    """The garment, resampled to about one of its pixels for one of the result."""
    scale: float
    """Width of ``source`` over that of the canvas."""
    rendered: Image
    """H x W x 3: the garment as the canvas shows it."""
    flow: Floats
    """H x W x 2: for each canvas pixel, its place on a garment picture of H x W."""
    weight: Floats
    """H x W: share of the detail to add, 0 to 1."""

    def draw(self, size: tuple[int, int], box: CanvasBox) -> Floats:
        """Return what to add to ``box`` of the canvas when it is scaled to ``size``.

        ``size`` is (width, height); the result height x width x 3, in grey levels.
        """
        flow = np.dstack([_resize_plane(self.flow[..., i], size, box) for i in (0, 1)])
        fine = _sample(
            self.source, (flow + np.float32(0.5)) * np.float32(self.scale) - np.float32(0.5)
        )
        coarse = PIL.Image.fromarray(self.rendered).resize(size, Resampling.LANCZOS, box)
        weight = np.clip(_resize_plane(self.weight, size, box), 0, 1)
        difference = fine.astype(np.float32) - np.asarray(coarse)
        return np.asarray(cv2.merge((weight, weight, weight)) * difference, np.float32)


def prepare_detail(garment_source: GarmentDetailSource, enlargement: float) -> GarmentDetail | None:
    """Prepare a garment's detail for a picture ``enlargement`` times as large as the canvas.

    None where there is none to add: the picture is no larger, or no garment is seen. Raises
    InvalidRequest where the sizes do not fit together.
    """
    height, width = garment_source.garment_alpha.shape
    times = garment_source.garment.shape[0] // height
    fits = times >= 1 and garment_source.garment.shape[:2] == (times * height, times * width)
    if not fits or garment_source.flow.shape != (height, width, 2):
        raise InvalidRequest(
            "The garment must be as large as the canvas, or a whole number of times larger, and "
            "its flow and coverage of the canvas's size."
        )
    if enlargement < MIN_ENLARGEMENT or not garment_source.garment_alpha.any():
        return None
    steps = _step_lengths(garment_source.flow)
    usual = max(
        float(np.median(steps[garment_source.garment_alpha > 127]))
        if (garment_source.garment_alpha > 127).any()
        else 1.0,
        MIN_USUAL_STEP,
    )
    # A garment much finer than the result would alias; one pixel of it for one of the result.
    scale = min(float(max(times, MIN_SOURCE_SCALE)), enlargement / usual)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    source = np.asarray(
        PIL.Image.fromarray(garment_source.garment).resize(size, Resampling.LANCZOS)
    )
    canvas = np.asarray(
        PIL.Image.fromarray(garment_source.garment).resize((width, height), Resampling.LANCZOS)
    )
    window = np.ones((SEAM_WINDOW_PX, SEAM_WINDOW_PX), np.uint8)
    whole = cv2.erode((steps < MAX_STEP_RATIO * usual).astype(np.uint8), window)
    weight = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1.0) * whole
    weight *= garment_source.garment_alpha.astype(np.float32) / 255
    return GarmentDetail(
        source=source,
        scale=size[0] / width,
        rendered=_sample(canvas, garment_source.flow),
        flow=garment_source.flow,
        weight=weight,
    )


def _step_lengths(flow: Flow) -> Floats:
    """Return how far apart the places of neighbouring pixels lie, H x W."""
    down = np.diff(flow, axis=0, append=flow[-1:])
    right = np.diff(flow, axis=1, append=flow[:, -1:])
    squares = down**2 + right**2
    return np.asarray(np.sqrt((squares[..., 0] + squares[..., 1]) / 2), np.float32)


def _sample(image: Image, places: Floats) -> Image:
    """Return the picture as seen at H x W x 2 places; beyond its border that is repeated."""
    xs, ys = (np.ascontiguousarray(places[..., i]) for i in (0, 1))
    seen = cv2.remap(image, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def _resize_plane(plane: Floats, size: tuple[int, int], box: CanvasBox) -> Floats:
    picture = PIL.Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(picture.resize(size, Resampling.BILINEAR, box), np.float32)
