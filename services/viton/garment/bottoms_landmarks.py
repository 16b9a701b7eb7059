"""The landmarks of trousers, shorts or a skirt, from the mask of their photo.

Left and right are the photo's sides. Positions and lengths are pixels of the photo.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.kit.errors import NoGarment
from services.kit.raster.components import largest_component
from services.viton.garment.landmarks import NO_GARMENT
from services.viton.geometry import Points, point

Bool: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]

_WAIST_DEPTH: Final = 0.03
"""Where the waist's width is measured below the waistband, as a fraction of the height."""

_SKIRT_HIPS: Final = 0.55
"""Where a skirt's hips are below its waistband, in waist widths."""

_LOWEST_SKIRT_HIPS: Final = 0.75
"""Lowest place of a skirt's hips below its waistband, as a fraction of the height."""


@dataclass(frozen=True, kw_only=True)
class BottomsOptions:
    """How bottoms are measured. Heights are fractions of the garment's height."""

    min_area: float = 0.004
    """Least area of a garment, as a fraction of the photo's."""

    min_height_px: int = 32
    """Least height of a garment, in pixels of the photo."""

    min_gap: float = 0.012
    """Least width of a gap between the legs, as a fraction of the height."""

    gap_reach: float = 0.2
    """How far beside the axis a gap between the legs may lie, in usual widths."""

    min_gap_height: float = 0.03
    """Least height of the gap between the legs."""

    max_gap_break: float = 0.06
    """Largest height over which the gap may be closed."""

    max_closed_hem: float = 0.2
    """Largest height above the hem at which the gap may end."""

    min_long_ratio: float = 1.9
    """Height in widths above which trousers are long."""

    max_rise: float = 0.45
    """Height of the seat of long trousers above which their legs touch."""

    usual_rise: float = 0.30
    """Height of the seat of trousers whose legs touch."""

    min_hem_width: float = 0.6
    """Least width of a leg at its hem, of its usual width above."""

    waistband_reach: float = 0.3
    """Half the width of the front in which the waistband's upper edge is taken, in widths."""

    seat_start: float = 0.05
    """Height below the first row at which the seat begins, whose middle is the axis."""

    seat_end: float = 0.25
    """Height below the first row at which the seat ends."""

    gap_start: float = 0.125
    """Height below the first row from which a gap between the legs is looked for."""

    rise_width_end: float = 0.2
    """Height below the first row down to which the width of long trousers is measured."""

    usual_hem_width_start: float = 0.2
    """Height above the last row from which a leg's usual width is measured, of the leg's height."""

    waistband_width_row_px: int = 12
    """Depth below the first row at which the waistband's width is measured, in photo pixels."""

    rounded_top: float = 0.012
    """Height at the waistband in which corners are round, at least 3 pixels."""

    rounded_hem: float = 0.02
    """Height at the hem in which corners are round."""


BOTTOMS_OPTIONS: Final = BottomsOptions()


@dataclass(frozen=True, kw_only=True)
class BottomsLandmarks:
    """The landmarks of trousers, shorts or a skirt, in pixels of the photo.

    An edge is an x for every row of the photo (H), held beyond the garment's ends.
    """

    mask: Bool
    """H x W, the garment."""

    left_edge: Floats
    """The left outer edge."""

    right_edge: Floats
    """The right outer edge."""

    inner_edges: tuple[Floats, Floats]
    """The left and the right edge beside the gap between the legs. Above the crotch, and in a
    skirt, both are the axis."""

    waistband_row: float
    """Row of the waistband's upper edge in the middle of the front."""

    hem_rows: tuple[float, float]
    """Last row of the left leg and of the right leg."""

    crotch: Points | None
    """Where the legs part; None in a skirt."""

    @property
    def hem_row(self) -> float:
        """The lower of both hems."""
        return max(self.hem_rows)

    @property
    def hip_width(self) -> float:
        """The width at the crotch; in a skirt, about half its waist's width below the waistband."""
        row = self.crotch[1] if self.crotch is not None else self._skirt_hip_row
        return self.width_at(row)

    @property
    def _skirt_hip_row(self) -> float:
        tall = self.hem_row - self.waistband_row
        waist = self.width_at(self.waistband_row + _WAIST_DEPTH * tall)
        hips = self.waistband_row + _SKIRT_HIPS * waist
        return min(hips, self.waistband_row + _LOWEST_SKIRT_HIPS * tall)

    def width_at(self, row: float) -> float:
        """Return the width between the outer edges in a row of the photo."""
        at = int(np.clip(row, 0, len(self.left_edge) - 1))
        return float(self.right_edge[at] - self.left_edge[at])


@dataclass(frozen=True, kw_only=True)
class _Outline:
    """A lower garment's mask and where it lies, in pixels of the photo."""

    mask: Bool
    """H x W."""

    left_edge: Floats
    """H, first column in each row."""

    right_edge: Floats
    """H, last column in each row."""

    axis_x: float
    """The x of the middle of the seat."""

    first_row: int
    """First row of the garment."""

    last_row: int
    """Last row of the garment."""

    @property
    def height(self) -> int:
        """From the first row to the last one."""
        return self.last_row - self.first_row


def detect_bottoms_landmarks(
    mask: NDArray[np.uint8],
    first_row: float = 0.0,
    *,
    is_skirt: bool = False,
    options: BottomsOptions = BOTTOMS_OPTIONS,
) -> BottomsLandmarks:
    """Detect the landmarks of a lower garment from a row of its mask on (H x W, 255: garment).

    ``is_skirt``: it has no legs, whatever gaps there are. Raises ``NoGarment`` if there is none.
    """
    outline = _measure_outline(largest_component(mask > 127), first_row, options)
    gaps = _find_gaps(outline, options)
    crotch = None if is_skirt else _find_crotch(outline, gaps, options)
    if crotch is None:
        hem = _hem_row(outline.mask, outline.first_row, outline.last_row, options)
        hems = (hem, hem)
        axis = np.full(len(outline.mask), outline.axis_x)
        inner = (axis, axis)
    else:
        hems, inner = _split_legs(outline, gaps, crotch, options)
    top = outline.first_row

    def held(edge: Floats, hem_row: float) -> Floats:
        return _hold_ends(edge, top, hem_row, options)

    return BottomsLandmarks(
        mask=outline.mask,
        left_edge=held(outline.left_edge, hems[0]),
        right_edge=held(outline.right_edge, hems[1]),
        inner_edges=(held(inner[0], hems[0]), held(inner[1], hems[1])),
        waistband_row=_waistband_row(outline, options),
        hem_rows=hems,
        crotch=crotch,
    )


def _measure_outline(whole: Bool, first_row: float, options: BottomsOptions) -> _Outline:
    """Measure the outline of a mask (H x W) from a row on. Raises ``NoGarment``."""
    start = int(np.clip(first_row, 0, len(whole) - 1))
    filled = np.flatnonzero(whole.any(axis=1))
    rows = filled[filled >= start]
    if whole.sum() < options.min_area * whole.size or len(rows) < options.min_height_px:
        raise NoGarment(NO_GARMENT)
    top, last = int(rows[0]), int(rows[-1])
    left = whole.argmax(axis=1).astype(np.float64)
    right = (whole.shape[1] - 1 - whole[:, ::-1].argmax(axis=1)).astype(np.float64)
    seat = slice(
        top + int(options.seat_start * (last - top)), top + int(options.seat_end * (last - top))
    )
    return _Outline(
        mask=whole,
        left_edge=left,
        right_edge=right,
        axis_x=float(np.median((left + right)[seat])) / 2,
        first_row=top,
        last_row=last,
    )


def _split_legs(
    outline: _Outline, gaps: Floats, crotch: Points, options: BottomsOptions
) -> tuple[tuple[float, float], tuple[Floats, Floats]]:
    """Return the hems' rows and the inner edges (H) of the left and of the right leg."""
    height, width = outline.mask.shape
    row = int(crotch[1])
    rows = np.arange(height)
    is_open = np.isfinite(gaps[:, 0]) & (rows >= row)
    index = np.flatnonzero(is_open)
    between = np.interp(rows, [row, *index], [crotch[0], *gaps.mean(axis=1)[index]])
    line = np.where(rows < row, crotch[0], between)
    inner_left = np.where(is_open, gaps[:, 0], line)
    inner_right = np.where(is_open, gaps[:, 1], line)
    columns = np.arange(width)[None, :]
    legs = (
        outline.mask & (columns < line[:, None]),
        outline.mask & (columns >= line[:, None]),
    )
    left, right = (_hem_row(leg, row, outline.last_row, options) for leg in legs)
    return (left, right), (inner_left, inner_right)


def _find_gaps(outline: _Outline, options: BottomsOptions) -> Floats:
    """Return the first and last column of the gap around the axis in each row, H x 2, or NaN."""
    whole, top, last = outline.mask, outline.first_row, outline.last_row
    found = np.full((len(whole), 2), np.nan)
    least = max(options.min_gap * (last - top), 2.0)
    reach = options.gap_reach * float(np.median(whole[top : last + 1].sum(axis=1)))
    starts = whole & np.diff(whole, axis=1, prepend=False)
    several = np.flatnonzero(starts.sum(axis=1) > 1)
    first = top + int(options.gap_start * (last - top))
    for row in several[(several >= first) & (several <= last)]:
        filled = np.flatnonzero(whole[row])
        steps = np.diff(filled)
        open_at = np.flatnonzero(steps > least)
        if not len(open_at):
            continue
        centres = (filled[open_at] + filled[open_at + 1]) / 2
        nearest = int(np.abs(centres - outline.axis_x).argmin())
        place = open_at[nearest]
        left, right = filled[place], filled[place + 1]
        if left - reach < outline.axis_x < right + reach:
            found[row] = left, right
    return found


def _find_crotch(outline: _Outline, gaps: Floats, options: BottomsOptions) -> Points | None:
    """Return where the legs part, or None in a skirt. Legs that touch part by proportion."""
    rows = np.flatnonzero(np.isfinite(gaps[:, 0]))
    tall, top = outline.height, outline.first_row
    if len(rows) < max(options.min_gap_height * tall, 4):
        return None
    breaks = np.flatnonzero(np.diff(rows) > options.max_gap_break * tall)
    run = rows[breaks[-1] + 1 :] if len(breaks) else rows
    start = int(run[0])
    if run[-1] < outline.last_row - options.max_closed_hem * tall:
        return None
    end = top + int(options.rise_width_end * tall)
    wide = float(np.median(outline.mask[top:end].sum(axis=1)))
    if tall > options.min_long_ratio * wide and start - top > options.max_rise * tall:
        return point(outline.axis_x, top + options.usual_rise * tall)
    return point(float(gaps[start].mean()), float(start))


def _hem_row(part: Bool, top: int, last: int, options: BottomsOptions) -> float:
    """Return the last row in which a part of the mask still has much of its usual width."""
    wide = part.sum(axis=1).astype(np.float64)
    start = max(top, last - int(options.usual_hem_width_start * (last - top)))
    usual = float(np.median(wide[start : last + 1]))
    rows = np.flatnonzero(wide > options.min_hem_width * usual)
    return float(rows[-1]) if len(rows) else float(last)


def _waistband_row(outline: _Outline, options: BottomsOptions) -> float:
    """Return the row of the waistband's upper edge in the middle of the front."""
    top, axis_x = outline.first_row, outline.axis_x
    row = min(top + options.waistband_width_row_px, len(outline.left_edge) - 1)
    width = float(outline.right_edge[row] - outline.left_edge[row])
    half = options.waistband_reach * width
    columns = slice(max(int(axis_x - half), 0), int(axis_x + half) + 1)
    tops = outline.mask[:, columns].argmax(axis=0)
    return float(np.median(np.maximum(tops, top)))


def _hold_ends(edge: Floats, top: int, hem: float, options: BottomsOptions) -> Floats:
    """Return the edge smoothed, and held from a little inside its ends, where corners are round."""
    first = min(top + max(int(options.rounded_top * (hem - top)), 3), int(hem))
    end = max(int(hem - options.rounded_hem * (hem - top)), first)
    held = edge.copy()
    held[: first + 1] = edge[first]
    inner = gaussian_filter1d(held[first : end + 1], 2.0, mode="nearest")
    held[first : end + 1] = inner
    held[end:] = inner[-1]
    return held
