"""Where the parts of trousers, shorts or a skirt are in their photo, read from the mask's outline.

Left and right are the picture's. Lengths are pixels of the photo.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.kit.errors import NoGarment
from services.kit.raster.components import largest_component
from services.viton.geometry import Points, point

Bool: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]

_MIN_AREA: Final = 0.004
_GAP: Final = 0.012
_LONG: Final = 1.9
_TOUCHING: Final = 0.45
_USUAL_RISE: Final = 0.30


@dataclass(frozen=True)
class BottomsLandmarks:
    """A lower garment. For every row of the photo the x of its edges, held beyond its ends.

    ``left`` and ``right`` are the outer edges, ``inner`` those beside the gap between the legs: all
    on the axis above the crotch, and everywhere in a skirt. ``hems``: the last row of each leg.
    ``crotch`` is None in a skirt.
    """

    mask: Bool
    left_edge: Floats
    right_edge: Floats
    inner_edges: tuple[Floats, Floats]
    waistband_row: float
    hem_rows: tuple[float, float]
    crotch: Points | None

    @property
    def hem_row(self) -> float:
        """The lower of both hems."""
        return max(self.hem_rows)

    @property
    def hip_width(self) -> float:
        """The width at the crotch; of a skirt, half its waist's width further down."""
        row = self.crotch[1] if self.crotch is not None else self._seat_row
        return self.width_at(row)

    @property
    def _seat_row(self) -> float:
        waist = self.width_at(self.waistband_row + 0.03 * (self.hem_row - self.waistband_row))
        return min(
            self.waistband_row + 0.55 * waist,
            self.waistband_row + 0.75 * (self.hem_row - self.waistband_row),
        )

    def width_at(self, row: float) -> float:
        """Between the outer edges."""
        at = int(np.clip(row, 0, len(self.left_edge) - 1))
        return float(self.right_edge[at] - self.left_edge[at])


def detect_bottoms_landmarks(
    mask: NDArray[np.uint8], first: float = 0.0, *, skirt: bool = False
) -> BottomsLandmarks:
    """Read a lower garment's outline, from the row ``first`` of its mask (H x W, 255: garment).

    ``skirt``: it has no legs, whatever gaps there are. Raises ``NoGarment`` where there is none.
    """
    whole = mask > 127
    whole = largest_component(whole)
    start = int(np.clip(first, 0, len(whole) - 1))
    rows = np.flatnonzero(whole.any(axis=1))
    rows = rows[rows >= start]
    if whole.sum() < _MIN_AREA * whole.size or len(rows) < 32:
        raise NoGarment(
            "No garment was found in the garment's photo; send one garment on a plain ground."
        )
    height, width = whole.shape
    top, last = int(rows[0]), int(rows[-1])
    outer_left = whole.argmax(axis=1).astype(np.float64)
    outer_right = (width - 1 - whole[:, ::-1].argmax(axis=1)).astype(np.float64)
    seat = slice(top + (last - top) // 20, top + (last - top) // 4)
    axis = float(np.median((outer_left + outer_right)[seat])) / 2
    gaps = _gaps(whole, axis, top, last)
    crotch = None if skirt else _crotch(whole, gaps, axis, top, last)
    middles = gaps.mean(axis=1)
    if crotch is None:
        hems = (_level(whole, top, last),) * 2
        inner = np.full(height, axis)
        sides = (inner, inner)
    else:
        row = int(crotch[1])
        parted = np.isfinite(gaps[:, 0]) & (np.arange(height) >= row)
        index = np.flatnonzero(parted)
        line = np.interp(np.arange(height), [row, *index], [crotch[0], *middles[index]])
        inner_left = np.where(parted, gaps[:, 0], line)
        inner_right = np.where(parted, gaps[:, 1], line)
        inner_left[:row], inner_right[:row] = crotch[0], crotch[0]
        line[:row] = crotch[0]
        columns = np.arange(width)[None, :]
        halves = (whole & (columns < line[:, None]), whole & (columns >= line[:, None]))
        hems = (
            _level(halves[0], row, last),
            _level(halves[1], row, last),
        )
        sides = (inner_left, inner_right)
    return BottomsLandmarks(
        whole,
        _held(outer_left, top, hems[0]),
        _held(outer_right, top, hems[1]),
        (_held(sides[0], top, hems[0]), _held(sides[1], top, hems[1])),
        _brim(whole, axis, top, outer_left, outer_right),
        hems,
        crotch,
    )


def _gaps(whole: Bool, axis: float, top: int, last: int) -> Floats:
    """Return for every row the columns between which it is open around the axis, or NaN."""
    found = np.full((len(whole), 2), np.nan)
    least = max(_GAP * (last - top), 2.0)
    reach = 0.2 * float(np.median(whole[top : last + 1].sum(axis=1)))
    starts = whole & np.diff(whole, axis=1, prepend=False)
    parted = np.flatnonzero(starts.sum(axis=1) > 1)
    for row in parted[(parted >= top + (last - top) // 8) & (parted <= last)]:
        filled = np.flatnonzero(whole[row])
        steps = np.diff(filled)
        open_at = np.flatnonzero(steps > least)
        if not len(open_at):
            continue
        centres = (filled[open_at] + filled[open_at + 1]) / 2
        nearest = int(np.abs(centres - axis).argmin())
        place = open_at[nearest]
        left, right = filled[place], filled[place + 1]
        if left - reach < axis < right + reach:
            found[row] = left, right
    return found


def _crotch(whole: Bool, gaps: Floats, axis: float, top: int, last: int) -> Points | None:
    """Return where the legs part, or None in a skirt. Legs that touch part by proportion."""
    rows = np.flatnonzero(np.isfinite(gaps[:, 0]))
    tall = last - top
    if len(rows) < max(0.03 * tall, 4):
        return None
    breaks = np.flatnonzero(np.diff(rows) > 0.06 * tall)
    run = rows[breaks[-1] + 1 :] if len(breaks) else rows
    start = int(run[0])
    if run[-1] < last - 0.2 * tall:
        return None
    wide = float(np.median(whole[top : top + tall // 5].sum(axis=1)))
    if tall > _LONG * wide and start - top > _TOUCHING * tall:
        return point(axis, top + _USUAL_RISE * tall)
    return point(float(gaps[start].mean()), float(start))


def _level(part: Bool, top: int, last: int) -> float:
    """Return the last row in which the part is still half as wide as just above."""
    wide = part.sum(axis=1).astype(np.float64)
    usual = float(np.median(wide[max(top, last - (last - top) // 5) : last + 1]))
    rows = np.flatnonzero(wide > 0.6 * usual)
    return float(rows[-1]) if len(rows) else float(last)


def _brim(whole: Bool, axis: float, top: int, left: Floats, right: Floats) -> float:
    """Return the row of the waistband's upper edge in the middle of the front."""
    row = min(top + 12, len(left) - 1)
    half = 0.3 * float(right[row] - left[row])
    columns = slice(max(int(axis - half), 0), int(axis + half) + 1)
    tops = whole[:, columns].argmax(axis=0)
    return float(np.median(np.maximum(tops, top)))


def _held(edge: Floats, top: int, hem: float) -> Floats:
    """Return the edge smoothed, and held from a little inside its ends, where corners are round."""
    first = min(top + max(int(0.012 * (hem - top)), 3), int(hem))
    end = max(int(hem - 0.02 * (hem - top)), first)
    held = edge.copy()
    held[: first + 1] = edge[first]
    inner = gaussian_filter1d(held[first : end + 1], 2.0, mode="nearest")
    held[first : end + 1] = inner
    held[end:] = inner[-1]
    return held
