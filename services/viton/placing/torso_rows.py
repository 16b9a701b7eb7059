"""The rows of a torso from neckline to hem, and its scale, canvas pixels per garment pixel."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import SleeveLength, TopLandmarks
from services.viton.geometry import distance
from services.viton.person.body import Body
from services.viton.placing.row_map import RowMap

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TorsoRowOptions:
    """How the rows of a torso are stretched, and where its scale is measured."""

    unstretched_fraction: float = 0.3
    """Fraction of the way from neckline to hem that keeps its scale."""
    chest_below_armpit: float = 0.05
    """Distance below the armpit at which the body's chest is measured, in shoulder widths."""


TORSO_ROW_OPTIONS: Final = TorsoRowOptions()


@dataclass(frozen=True, kw_only=True)
class TorsoRowMap(RowMap):
    """The row map of a torso from the neckline to the hem.

    The upper part keeps its scale. The part above the hem takes all of the stretch or squash.
    """

    scale: float
    """Canvas pixels per garment pixel."""
    photo_neck_row: float
    """Lowest row of the neckline in the garment's photo."""
    canvas_neck_row: float
    """The same on the canvas."""
    photo_hem_row: float
    """Row of the hem in the garment's photo."""
    canvas_hem_row: float
    """The same on the canvas."""
    unstretched_fraction: float = TORSO_ROW_OPTIONS.unstretched_fraction
    """Fraction of the way from neckline to hem that keeps its scale."""

    def to_canvas_rows(self, photo_rows: Floats) -> Floats:
        """Map rows of the garment's photo to canvas rows."""
        unstretched = self.canvas_neck_row + self.scale * (photo_rows - self.photo_neck_row)
        length = self.photo_hem_row - self.photo_neck_row
        start = self.photo_neck_row + self.unstretched_fraction * length
        fraction = np.clip((photo_rows - start) / max(self.photo_hem_row - start, 1.0), 0, 1)
        excess = self.canvas_hem_row - self.free_canvas_hem_row
        return np.asarray(unstretched + excess * fraction**2)

    @property
    def free_canvas_hem_row(self) -> float:
        """Canvas row of the hem without any stretch."""
        return self.canvas_neck_row + self.scale * (self.photo_hem_row - self.photo_neck_row)


def measure_canvas_scale(
    top: TopLandmarks, body: Body, options: TorsoRowOptions = TORSO_ROW_OPTIONS
) -> float:
    """Return canvas pixels per garment pixel.

    The chests are compared; with sleeves, the shoulder widths too.
    """
    below = options.chest_below_armpit * body.shoulder_width
    chest_rows = [
        int(np.clip(side.canvas_armpit[1] + below, 0, len(side.flank_x) - 1)) for side in body.sides
    ]
    chest = sum(
        abs(float(side.flank_x[row] - body.midline_x[row]))
        for side, row in zip(body.sides, chest_rows, strict=True)
    )
    by_chest = chest / (2 * top.half_chest_width)
    if top.sleeve_length is SleeveLength.NONE:
        return by_chest
    shoulders = distance(body.left.canvas_shoulder_tip, body.right.canvas_shoulder_tip)
    by_shoulders = shoulders / max(distance(top.left.shoulder_tip, top.right.shoulder_tip), 1.0)
    return 0.5 * by_chest + 0.5 * by_shoulders
