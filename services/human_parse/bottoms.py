"""Tell skirts from trousers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import Flags, ParseFrame
from services.kit.joints import Joint
from services.kit.labels import Label


@dataclass(frozen=True, kw_only=True)
class HemOptions:
    """Where the hem of a lower garment is, and when it is in one piece."""

    percentile: float = 30.0
    """Percentile of the columns' lower ends that is the hem's row: a slanting hem has columns that
    end early, below this row most have not ended yet."""
    height: float = 0.06
    """Height of the rows above the hem that are looked at, in shoulder widths."""
    min_height_px: int = 3
    """Least height of those rows, in pixels of the photo."""
    max_gap: float = 0.03
    """Largest gap in a run of a row, as a share of the row's extent."""
    min_run: float = 0.85
    """Longest run of a row above which the row is in one piece, as a share of its extent."""
    min_whole_share: float = 0.7
    """Share of the rows in one piece above which the hem is in one piece."""
    frame_margin_px: int = 3
    """Distance from the picture's lower side within which the frame cuts the garment, in pixels of
    the photo."""


HEM_OPTIONS: Final = HemOptions()


@dataclass(frozen=True, kw_only=True)
class SkirtOptions:
    """When a lower garment whose hem is in one piece is a skirt."""

    min_cut_length: float = 0.6
    """Length below the hips that a skirt must have if the frame cuts it, in shoulder widths."""
    min_cut_flare: float = 0.95
    """Width at the hem that a skirt must have if the frame cuts it, in its largest widths."""
    min_cut_width: float = 1.5
    """Width at the hem that a skirt must have if the frame cuts it, in shoulder widths."""
    ankle_height: float = 0.15
    """Height above an ankle below which the hem is that of trousers, in shoulder widths."""
    leg_reach: float = 0.5
    """Distance below the garment up to which bare legs are looked for, in shoulder widths."""
    min_leg_area: float = 0.01
    """Area of skin there above which the legs are bare, in squared shoulder widths."""
    min_flare: float = 0.6
    """Width at the hem that a skirt must have over bare legs, in its largest widths."""


SKIRT_OPTIONS: Final = SkirtOptions()


def classify_bottom(
    lower: Flags,
    skin: Flags,
    frame: ParseFrame,
    hems: HemOptions = HEM_OPTIONS,
    options: SkirtOptions = SKIRT_OPTIONS,
) -> Label:
    """Tell a skirt from trousers by the hem: a skirt ends wide and in one piece.

    ``lower`` and ``skin`` are H x W, ``frame`` is in their pixels. Trousers are more common, so
    doubt makes trousers: no legs seen below the hem, a hem at the ankles, or one outside the
    picture that is not as wide as the widest part.
    """
    height = lower.shape[0]
    widths = np.count_nonzero(lower, axis=1)
    columns = np.flatnonzero(lower.any(axis=0))
    if not columns.size:
        return Label.PANTS
    ends = height - 1 - np.argmax(lower[::-1, columns], axis=0)
    hem = int(np.percentile(ends, hems.percentile))
    above = max(hems.min_height_px, round(hems.height * frame.shoulder_width))
    rows = slice(max(0, hem - above), hem + 1)
    whole = [_longest_run_share(row, hems.max_gap) > hems.min_run for row in lower[rows]]
    single = np.mean(whole) > hems.min_whole_share
    wide = float(np.median(widths[rows])) / float(widths.max())
    if int(ends.max()) >= height - hems.frame_margin_px:
        below_hips = hem > frame.hip[1] + options.min_cut_length * frame.shoulder_width
        broad = float(np.median(widths[rows])) > options.min_cut_width * frame.shoulder_width
        flared = wide > options.min_cut_flare
        return Label.SKIRT if single and below_hips and flared and broad else Label.PANTS
    ankles = [j for j in (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE) if frame.seen[j]]
    ankle_height = options.ankle_height * frame.shoulder_width
    if any(hem > frame.points[ankle][1] - ankle_height for ankle in ankles):
        return Label.PANTS
    last = min(height, int(ends.max()) + round(options.leg_reach * frame.shoulder_width))
    legs = skin[hem:last, columns]
    bare = np.count_nonzero(legs) > options.min_leg_area * frame.shoulder_width**2
    return Label.SKIRT if single and bare and wide > options.min_flare else Label.PANTS


def _longest_run_share(row: NDArray[np.bool_], max_gap: float) -> float:
    """Return the longest run of a row as a share of its extent.

    Gaps up to ``max_gap``, as a share of the extent, do not end a run.
    """
    ends = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    if not ends.size:
        return 0.0
    starts, stops = ends[::2], ends[1::2]
    extent = int(stops[-1] - starts[0])
    apart = np.flatnonzero(starts[1:] - stops[:-1] > max_gap * extent)
    first = starts[np.concatenate(([0], apart + 1))]
    last = stops[np.concatenate((apart, [stops.size - 1]))]
    return float((last - first).max() / extent)
