"""A garment's parts as they are read from its photo. Left and right are the picture's."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, arc_length, distance

Bool: TypeAlias = NDArray[np.bool_]

SLEEVE_SAMPLES: Final = 48


class SleeveLength(Enum):
    """How far a sleeve reaches down the arm."""

    NONE = "none"
    SHORT = "short"
    THREE_QUARTER = "three_quarter"
    LONG = "long"


@dataclass(frozen=True)
class Neckline:
    """``curve`` runs from the left neck point to the right one; ``collar`` says that one stands up.

    ``score`` tells how clear the edge was; ``depth`` is in neck widths.
    """

    curve: Points
    has_collar: bool
    edge_score: float
    depth: float


@dataclass(frozen=True)
class Sleeve:
    """A sleeve from its armhole to its cuff: the edge away from the body and the one beside it."""

    outer_edge: Points
    inner_edge: Points
    mask: Bool

    @property
    def length(self) -> float:
        """From the middle of the armhole to the middle of the cuff, in pixels."""
        middle = (self.outer_edge + self.inner_edge) / 2
        return arc_length(middle)


@dataclass(frozen=True)
class BackNeckPiece:
    """What lies behind the neck: a hood as it is spread in the photo, or a collar's back.

    Its mask (H x W), and the neck's ends on both sides of it.
    """

    mask: Bool
    left_end: Points
    right_end: Points
    is_hood: bool

    @property
    def width(self) -> float:
        """From one end of the neck to the other, in pixels."""
        return distance(self.left_end, self.right_end)

    @property
    def height(self) -> float:
        """From the neck's ends to its top, in pixels."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        return float((self.left_end[1] + self.right_end[1]) / 2 - rows[0]) if len(rows) else 0.0


@dataclass(frozen=True)
class GarmentHalf:
    """One half of a garment. ``edge`` runs from the armpit down to the hem."""

    neck_point: Points
    shoulder_tip: Points
    armpit: Points
    shoulder_line: Points
    armhole: Points
    side_seam: Points
    sleeve: Sleeve | None


@dataclass(frozen=True)
class TopLandmarks:
    """The landmarks of a garment, in pixels of its photo.

    ``half`` is half the chest's width. ``neckline`` runs from left to right. ``torso`` is the mask
    without sleeves, hood and what is seen of the inside of the back above the neckline; ``behind``
    lies behind the neck; ``stand`` is the mask of a collar that stands around it, such as a
    turtleneck's.
    """

    left: GarmentHalf
    right: GarmentHalf
    neckline: Neckline
    sleeve_length: SleeveLength
    half_chest_width: float
    torso_mask: Bool
    back_neck_piece: BackNeckPiece | None
    stand_collar_mask: Bool | None

    @property
    def halves(self) -> tuple[GarmentHalf, GarmentHalf]:
        """Left, then right."""
        return self.left, self.right

    @property
    def sleeveless_sides(self) -> tuple[bool, bool]:
        """Whether the left and the right side have no sleeve."""
        return self.left.sleeve is None, self.right.sleeve is None

    @property
    def midline_x(self) -> float:
        """The x of the line about which the garment is symmetric."""
        return float(self.left.shoulder_tip[0] + self.right.shoulder_tip[0]) / 2

    @property
    def length(self) -> float:
        """From the shoulder tips to the hem, in pixels."""
        hem = (self.left.side_seam[-1, 1] + self.right.side_seam[-1, 1]) / 2
        return float(hem - (self.left.shoulder_tip[1] + self.right.shoulder_tip[1]) / 2)
