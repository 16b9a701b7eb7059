"""Measure the edges of limbs on the person's outline."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from services.densepose.canvas import F32, Floats, Mask, Window, offsets, window_around

_PLACES: Final = np.linspace(-0.3, 1.3, 65, dtype=np.float32)
"""Places along a limb, start 0 and end 1, at which its edges are measured."""
_SMOOTHING_SIGMA: Final = 2.0
"""Sigma of the smoothing of measured edges, in 1/40 of the limb's length."""
_SEARCH_STEP: Final = 0.01
"""Step of the search for a limb's edge, in shoulder widths."""
_MAX_JOINT_DISTANCE: Final = 0.1
"""Distance of a limb's axis from the person up to which it is measured, in shoulder widths."""


@dataclass(frozen=True)
class Limb:
    """A limb between two joints."""

    start: F32
    """(x, y) of the joint nearer to the trunk, in pixels of the photo."""
    end: F32
    """(x, y) of the other joint, in pixels of the photo."""
    shoulder_width: float
    """The person's shoulder width in pixels: the unit of the limb's widths."""

    @property
    def length(self) -> float:
        """Distance of the joints in pixels, at least 1."""
        return max(float(np.linalg.norm(self.end - self.start)), 1.0)


@dataclass(frozen=True)
class LimbWindow:
    """Coordinates along and across a limb, in a window of the photo."""

    window: Window
    """The window's rows and columns."""
    along: F32
    """h x w: 0 at the limb's start, 1 at its end."""
    across: F32
    """h x w: distance from the axis in shoulder widths, positive to the right of start to end."""


@dataclass(frozen=True)
class Edges:
    """Both edges of a limb at ``_PLACES``: distances from its axis, in shoulder widths."""

    low: F32
    """65: the edge to the left of start to end."""
    high: F32
    """65: the edge to the right of start to end."""

    def at(self, along: Floats) -> tuple[F32, F32]:
        """Interpolate both edges at places along the limb."""
        low: F32 = np.interp(along, _PLACES, self.low).astype(np.float32)
        high: F32 = np.interp(along, _PLACES, self.high).astype(np.float32)
        return low, high


def limb_window(shape: tuple[int, int], limb: Limb, margin: float) -> LimbWindow:
    """Return the coordinates of a limb within ``margin`` shoulder widths of its axis.

    ``shape`` is the picture's height and width.
    """
    window = window_around(shape, np.stack([limb.start, limb.end]), margin * limb.shoulder_width)
    dx, dy = (limb.end - limb.start) / np.float32(limb.length)
    x, y = offsets(window, limb.start)
    along = (x * dx + y * dy) / np.float32(limb.length)
    across = (y * dx - x * dy) / np.float32(limb.shoulder_width)
    return LimbWindow(window, along, across)


def measure_edges(
    person: Mask, limb: Limb, usual: tuple[F32, F32], widest: tuple[F32, F32]
) -> Edges:
    """Measure a limb's edges on the outline.

    ``usual`` and ``widest`` hold the left and right edge at ``_PLACES``, as ``interpolate_profile``
    gives them, in shoulder widths. An edge of the person within the widest is the limb's. If none
    is found, in front of the body or in wide clothes, the limb ends as usual.
    """
    most = float(max(-widest[0].min(), widest[1].max())) + _SEARCH_STEP
    count = int(np.ceil(most / _SEARCH_STEP))
    across = np.arange(-count, count + 1, dtype=np.float32) * np.float32(_SEARCH_STEP)
    dx, dy = (limb.end - limb.start) / np.float32(limb.length)
    axis = limb.start + _PLACES[:, None] * (limb.end - limb.start)
    x = axis[:, :1] - across * (dy * np.float32(limb.shoulder_width))
    y = axis[:, 1:] + across * (dx * np.float32(limb.shoulder_width))
    columns, rows = np.rint(x).astype(int), np.rint(y).astype(int)
    height, width = person.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    # The limb goes on where the picture ends.
    solid = person[rows.clip(0, height - 1), columns.clip(0, width - 1)] | ~inside
    low, high = np.full(len(_PLACES), np.nan), np.full(len(_PLACES), np.nan)
    for step, row in enumerate(solid):
        middle = _nearest(row, count)
        if middle is None:
            continue
        left = middle - int(np.argmin(row[middle::-1])) + 1 if not row[: middle + 1].all() else 0
        right = middle + int(np.argmin(row[middle:])) - 1 if not row[middle:].all() else 2 * count
        low[step], high[step] = across[left], across[right]
    return Edges(
        _smooth(np.where(low > widest[0], low, usual[0]), usual[0]),
        _smooth(np.where(high < widest[1], high, usual[1]), usual[1]),
    )


def interpolate_profile(at: tuple[float, ...], values: tuple[float, ...]) -> F32:
    """Interpolate half widths, given at some places along a limb, at ``_PLACES``."""
    return np.interp(_PLACES, at, values).astype(np.float32)


def _nearest(row: Mask, middle: int) -> int | None:
    """Find the person's sample that is nearest to the limb's axis."""
    if row[middle]:
        return middle
    places = np.flatnonzero(row)
    if not len(places):
        return None
    nearest = int(places[np.argmin(np.abs(places - middle))])
    return nearest if abs(nearest - middle) * _SEARCH_STEP <= _MAX_JOINT_DISTANCE else None


def _smooth(values: Floats, otherwise: F32) -> F32:
    known = np.where(np.isfinite(values), values, otherwise)
    return ndimage.gaussian_filter1d(known, _SMOOTHING_SIGMA, mode="nearest").astype(np.float32)
