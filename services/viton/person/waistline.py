"""The person's waistline: where existing bottoms begin, and where new ones do.

Positions are canvas pixels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.viton.geometry import Floats
from services.viton.person.legs import LowerBody
from services.viton.person.segmentation import PersonSegmentation


@dataclass(frozen=True, kw_only=True)
class WaistlineSearchOptions:
    """Where the existing waistband is looked for, and its line. Lengths are in torso lengths."""

    start: float = 0.45
    """Distance of the first row below the shoulders."""
    end: float = 0.35
    """Distance of the last row below the hips."""
    half_width: float = 0.26
    """Largest distance of a column from the midline."""
    min_found: float = 0.15
    """Least width of the columns with a visible waistband, together."""
    max_below_usual: float = 0.08
    """Largest distance of a visible waistband below the usual one."""
    max_deviation: float = 0.12
    """Distance from the median row at which a column's row is left out of the line."""
    max_fitted_distance: float = 0.34
    """Distance from the midline beyond which the line is level."""
    raise_percentile: float = 80.0
    """Percentile of the line's distances below the seen rows by which the line is raised."""
    max_raise: float = 0.03
    """Largest such raise."""


WAISTLINE_SEARCH_OPTIONS: Final = WaistlineSearchOptions()


@dataclass(frozen=True)
class Waistline:
    """Where a lower garment begins on the canvas."""

    rows: Floats
    """W: the row for every column."""
    visible: bool
    """No top hangs over it."""

    def row_at(self, x: float) -> float:
        """Return the row at a column."""
        return float(np.interp(x, np.arange(len(self.rows)), self.rows))


def find_waistline(
    lower_body: LowerBody,
    segmentation: PersonSegmentation,
    options: WaistlineSearchOptions = WAISTLINE_SEARCH_OPTIONS,
) -> Waistline:
    """Return the upper edge of the existing bottoms below a tucked or short top.

    A top that hangs lower hides it. Then the waistline has the usual row.
    """
    unit = lower_body.torso_length
    height, width = segmentation.bottoms.shape
    columns = np.arange(width, dtype=np.float64)
    usual = np.full(width, lower_body.waistband_row)
    first = int(np.clip(lower_body.shoulder_row + options.start * unit, 0, height - 1))
    last = int(np.clip(lower_body.hip_row + options.end * unit, first + 1, height))
    row = int(np.clip(lower_body.hip_row, 0, height - 1))
    near = np.abs(columns - lower_body.midline_x[row]) < options.half_width * unit
    band = segmentation.bottoms[first:last]
    open_above = segmentation.arms[first:last].any(axis=0) & ~segmentation.upper_garment[
        first:last
    ].any(axis=0)
    found = near & band.any(axis=0) & ~open_above
    if found.sum() < options.min_found * unit:
        return Waistline(usual, visible=False)
    rows = first + band.argmax(axis=0).astype(np.float64)
    middle = float(np.median(rows[found]))
    if middle > lower_body.waistband_row + options.max_below_usual * unit:
        return Waistline(usual, visible=False)
    kept = found & (np.abs(rows - middle) < options.max_deviation * unit)
    centred = (columns - lower_body.midline_x[row]) / unit
    fitted = np.polynomial.Polynomial.fit(centred[kept], rows[kept], 2)
    line = fitted(np.clip(centred, -options.max_fitted_distance, options.max_fitted_distance))
    raised = float(np.percentile((line - rows)[kept], options.raise_percentile))
    return Waistline(line - np.clip(raised, 0, options.max_raise * unit), visible=True)
