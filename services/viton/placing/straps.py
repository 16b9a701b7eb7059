"""Tops that hang from straps: the cloth lies at the armpits, and the straps bridge the rest.

Straps are adjustable and lie slack in a photo, so their length says nothing of where the top's
upper edge is worn.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.geometry import Points

_MAX_STRAP_WIDTH: Final = 0.3
_MIN_STRAP_LENGTH: Final = 0.25
_WIDENING: Final = 2.0
_MIN_PLACED_LENGTH: Final = 0.3
_SAMPLES: Final = 64


@dataclass(frozen=True)
class StrapRowMap:
    """Rows of a strap and of the cloth below it, in the garment's photo and on the canvas.

    ``levels`` and ``rows``: of the shoulder, of the strap's lower end and of the armpit. Below the
    armpit, and above the shoulder, the cloth has its own ``scale``.
    """

    photo_rows: tuple[float, float, float]
    canvas_rows: tuple[float, float, float]
    scale: float

    def to_canvas_rows(self, level: Points) -> Points:
        """Canvas rows of rows of the garment's photo."""
        inside = np.interp(level, self.photo_rows, self.canvas_rows)
        over = np.minimum(level - self.photo_rows[0], 0) + np.maximum(level - self.photo_rows[2], 0)
        return np.asarray(inside + self.scale * over)


def find_strap_end(garment: TopLandmarks, side: GarmentHalf) -> float | None:
    """Return the row at which a side's strap widens into the top; None where it has no strap."""
    shoulder = abs(float(side.neck_point[0] - side.shoulder_tip[0]))
    if side.sleeve is not None or shoulder > _MAX_STRAP_WIDTH * garment.half_chest_width:
        return None
    rows = np.linspace(
        float(max(side.neck_point[1], side.shoulder_tip[1])), float(side.armpit[1]), _SAMPLES
    )
    outer = np.interp(rows, side.armhole[:, 1], side.armhole[:, 0])
    sign = np.sign(garment.midline_x - side.shoulder_tip[0])
    curve = garment.neckline.curve
    half = curve[sign * (curve[:, 0] - garment.midline_x) < 0]
    half = half[np.argsort(half[:, 1], kind="stable")]
    if len(half) < 2:
        return None
    wide = sign * (np.interp(rows, half[:, 1], half[:, 0]) - outer)
    usual = float(np.median(wide[: _SAMPLES // 4]))
    ends = np.flatnonzero(wide > _WIDENING * usual + 0.04 * garment.half_chest_width)
    if usual > _MAX_STRAP_WIDTH * garment.half_chest_width or not len(ends):
        return None
    end = float(rows[ends[0]])
    return end if end - rows[0] > _MIN_STRAP_LENGTH * (rows[-1] - rows[0]) else None


def map_strap_rows(
    garment: TopLandmarks, side: GarmentHalf, ends: tuple[Points, Points], scale: float
) -> StrapRowMap | None:
    """Return how a side with a strap is laid between ``ends``, its shoulder tip and armpit.

    The cloth above the armpit keeps its ``scale``, canvas pixels per garment pixel, as long as
    enough is left for a strap. None where the side has no strap.
    """
    attached = find_strap_end(garment, side)
    if attached is None:
        return None
    tip, armpit = float(ends[0][1]), float(ends[1][1])
    least = tip + _MIN_PLACED_LENGTH * (armpit - tip)
    row = max(armpit - scale * (float(side.armpit[1]) - attached), least)
    return StrapRowMap(
        (float(side.shoulder_tip[1]), attached, float(side.armpit[1])), (tip, row, armpit), scale
    )


def place_strap_edge(side: GarmentHalf, laid: StrapRowMap, ends: tuple[Points, Points]) -> Points:
    """Return the outer edge on the canvas, point by point of ``side.armhole``, between ``ends``."""
    tip, armpit = ends
    own = side.armhole
    levels = laid.photo_rows
    share = np.clip((own[:, 1] - levels[1]) / max(levels[2] - levels[1], 1.0), 0, 1)
    spare = armpit[0] - tip[0] - laid.scale * (side.armpit[0] - side.shoulder_tip[0])
    xs = tip[0] + laid.scale * (own[:, 0] - side.shoulder_tip[0]) + share * spare
    return np.stack([xs, laid.to_canvas_rows(own[:, 1])], axis=1)
