"""Tops with straps: the fabric is placed at the armpits, and the straps bridge the rest.

Straps are adjustable and lie slack in a photo. Their length does not determine the row of the top's
upper edge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.geometry import Floats, Points
from services.viton.placing.row_map import RowMap


@dataclass(frozen=True, kw_only=True)
class StrapOptions:
    """What counts as a strap, and how much room it has on the body."""

    max_width: float = 0.3
    """Largest width of a strap at the shoulder, in half chest widths."""
    min_length: float = 0.25
    """Shortest strap, as a fraction of the way from shoulder to armpit."""
    samples: int = 64
    """Rows between shoulder and armpit at which the width is measured."""
    usual_samples: int = 16
    """The first of these rows, whose median width is the strap's usual one."""
    end_widening: float = 2.0
    """Width at which a strap ends, in its usual widths, before the excess is added."""
    end_excess: float = 0.04
    """Width that is added to that, in half chest widths."""
    min_placed_length: float = 0.3
    """Least length left for a strap on the body, as a fraction from shoulder tip to armpit."""


STRAP_OPTIONS: Final = StrapOptions()


@dataclass(frozen=True)
class StrapRowMap(RowMap):
    """A row map that is linear between three pairs of rows."""

    photo_rows: tuple[float, float, float]
    """Rows of the shoulder, the strap's lower end and the armpit in the garment's photo."""
    canvas_rows: tuple[float, float, float]
    """The same on the canvas."""
    scale: float
    """Canvas pixels per garment pixel above the shoulder and below the armpit."""

    def to_canvas_rows(self, photo_rows: Floats) -> Floats:
        """Map rows of the garment's photo to canvas rows."""
        inside = np.interp(photo_rows, self.photo_rows, self.canvas_rows)
        first, _, last = self.photo_rows
        beyond = np.minimum(photo_rows - first, 0) + np.maximum(photo_rows - last, 0)
        return np.asarray(inside + self.scale * beyond)


def find_strap_end(
    top: TopLandmarks, half: GarmentHalf, options: StrapOptions = STRAP_OPTIONS
) -> float | None:
    """Return the photo row at which a half's strap widens into the top; None without a strap."""
    unit = top.half_chest_width
    shoulder = abs(float(half.neck_point[0] - half.shoulder_tip[0]))
    if half.sleeve is not None or shoulder > options.max_width * unit:
        return None
    rows = np.linspace(
        float(max(half.neck_point[1], half.shoulder_tip[1])),
        float(half.armpit[1]),
        options.samples,
    )
    outer = np.interp(rows, half.armhole[:, 1], half.armhole[:, 0])
    sign = np.sign(top.midline_x - half.shoulder_tip[0])
    curve = top.neckline.curve
    neckline_half = curve[sign * (curve[:, 0] - top.midline_x) < 0]
    neckline_half = neckline_half[np.argsort(neckline_half[:, 1], kind="stable")]
    if len(neckline_half) < 2:
        return None
    wide = sign * (np.interp(rows, neckline_half[:, 1], neckline_half[:, 0]) - outer)
    usual = float(np.median(wide[: options.usual_samples]))
    ends = np.flatnonzero(wide > options.end_widening * usual + options.end_excess * unit)
    if usual > options.max_width * unit or not len(ends):
        return None
    end = float(rows[ends[0]])
    return end if end - rows[0] > options.min_length * (rows[-1] - rows[0]) else None


def map_strap_rows(
    top: TopLandmarks,
    half: GarmentHalf,
    ends: tuple[Points, Points],
    scale: float,
    options: StrapOptions = STRAP_OPTIONS,
) -> StrapRowMap | None:
    """Map the rows of a half with a strap.

    ``ends``: its shoulder tip and armpit on the canvas. The fabric above the armpit keeps its
    ``scale``, canvas pixels per garment pixel, as long as enough is left for the strap. None
    without a strap.
    """
    attached = find_strap_end(top, half, options)
    if attached is None:
        return None
    tip, armpit = float(ends[0][1]), float(ends[1][1])
    least = tip + options.min_placed_length * (armpit - tip)
    row = max(armpit - scale * (float(half.armpit[1]) - attached), least)
    return StrapRowMap(
        (float(half.shoulder_tip[1]), attached, float(half.armpit[1])),
        (tip, row, armpit),
        scale,
    )


def place_strap_armhole(
    half: GarmentHalf, row_map: StrapRowMap, ends: tuple[Points, Points]
) -> Points:
    """Place a half's armhole on the canvas; ``ends``: shoulder tip and armpit there."""
    tip, armpit = ends
    own = half.armhole
    levels = row_map.photo_rows
    fraction = np.clip((own[:, 1] - levels[1]) / max(levels[2] - levels[1], 1.0), 0, 1)
    spare = armpit[0] - tip[0] - row_map.scale * (half.armpit[0] - half.shoulder_tip[0])
    xs = tip[0] + row_map.scale * (own[:, 0] - half.shoulder_tip[0]) + fraction * spare
    return np.stack([xs, row_map.to_canvas_rows(own[:, 1])], axis=1)
