"""The finest detail of a garment, drawn anew where a picture is larger than the canvas.

A canvas shows a garment smaller than its own photo does. Scaled up again it is soft beside the
sharp photo it is put into; so what the canvas lost is read from a larger picture of the garment, at
the places the canvas's pixels came from, and added. Light and folds that were painted over it stay.
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
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom on the canvas, in pixels."""

WORTHWHILE: Final = 1.1
"""Enlargement from which on a picture shows more detail than its canvas."""

TORN: Final = 3.0
"""Times the usual step from pixel to pixel from which on two neighbours show different pieces."""


@dataclass(frozen=True)
class Worn:
    """A garment and where it is seen on a canvas.

    ``garment``: N h x N w x 3, for a canvas of h x w and a whole N; ``flow``: h x w x 2 places on a
    garment picture of h x w; ``cloth``: h x w, 255 where nothing but the garment is seen.
    """

    garment: Image
    flow: Flow
    cloth: Mask


@dataclass(frozen=True)
class Detail:
    """What has to be known to draw any part of a worn garment's detail.

    ``source``: the garment at the size that fits the result, ``scale`` its size in canvases;
    ``rendered``: how the canvas shows it, H x W x 3; ``weight``: where, 0 to 1.
    """

    source: Image
    scale: float
    rendered: Image
    flow: Floats
    weight: Floats

    def draw(self, size: tuple[int, int], box: Box) -> Floats:
        """Return what to add to ``box`` of the canvas when it is scaled to ``size``.

        ``size`` is (width, height); the result height x width x 3, in grey levels.
        """
        flow = np.dstack([_enlarged(self.flow[..., i], size, box) for i in (0, 1)])
        fine = _read(
            self.source, (flow + np.float32(0.5)) * np.float32(self.scale) - np.float32(0.5)
        )
        coarse = PIL.Image.fromarray(self.rendered).resize(size, Resampling.LANCZOS, box)
        weight = np.clip(_enlarged(self.weight, size, box), 0, 1)
        return np.asarray(weight[..., None] * (fine.astype(np.float32) - np.asarray(coarse)))


def detail(worn: Worn, enlargement: float) -> Detail | None:
    """Prepare a worn garment's detail for a picture ``enlargement`` times as large as the canvas.

    None where there is none to add: the picture is no larger, or no garment is seen. Raises
    InvalidRequest where the sizes do not fit together.
    """
    height, width = worn.cloth.shape
    times = worn.garment.shape[0] // height
    fits = times >= 1 and worn.garment.shape[:2] == (times * height, times * width)
    if not fits or worn.flow.shape != (height, width, 2):
        raise InvalidRequest(
            "The garment must be as large as the canvas, or a whole number of times larger, and "
            "its flow and coverage of the canvas's size."
        )
    if enlargement < WORTHWHILE or not worn.cloth.any():
        return None
    steps = _steps(worn.flow)
    usual = max(float(np.median(steps[worn.cloth > 127])) if (worn.cloth > 127).any() else 1.0, 0.1)
    # A garment much finer than the result would alias; one pixel of it for one of the result.
    scale = min(float(times), enlargement / usual)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    source = np.asarray(PIL.Image.fromarray(worn.garment).resize(size, Resampling.LANCZOS))
    canvas = np.asarray(
        PIL.Image.fromarray(worn.garment).resize((width, height), Resampling.LANCZOS)
    )
    whole = cv2.erode((steps < TORN * usual).astype(np.uint8), np.ones((5, 5), np.uint8))
    weight = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1.0) * whole
    weight *= worn.cloth.astype(np.float32) / 255
    return Detail(source, size[0] / width, _read(canvas, worn.flow), worn.flow, weight)


def _steps(flow: Flow) -> Floats:
    """Return how far apart the places of neighbouring pixels lie, H x W."""
    down = np.diff(flow, axis=0, append=flow[-1:])
    right = np.diff(flow, axis=1, append=flow[:, -1:])
    return np.asarray(np.sqrt((down**2 + right**2).sum(axis=2) / 2), np.float32)


def _read(image: Image, places: Floats) -> Image:
    """Return the picture as seen at H x W x 2 places; beyond its border that is repeated."""
    xs, ys = (np.ascontiguousarray(places[..., i]) for i in (0, 1))
    seen = cv2.remap(image, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def _enlarged(plane: Floats, size: tuple[int, int], box: Box) -> Floats:
    picture = PIL.Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(picture.resize(size, Resampling.BILINEAR, box), np.float32)
