"""The parts of a garment that its photo shows.

Left and right are the photo's sides, not the wearer's. All positions and lengths are pixels of the
photo; a point is (x, y).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, arc_length, distance

Bool: TypeAlias = NDArray[np.bool_]

SLEEVE_SAMPLES: Final = 48
"""Points along each edge of a sleeve."""


NO_GARMENT: Final = (
    "No garment was found in the garment's photo; "
    "send a photo of one garment on a plain background."
)
"""Message to users if a mask holds no garment."""


class SleeveLength(Enum):
    """How far a sleeve reaches down the arm."""

    NONE = "none"
    SHORT = "short"
    THREE_QUARTER = "three_quarter"
    LONG = "long"


@dataclass(frozen=True, kw_only=True)
class Neckline:
    """The edge of the garment's front at the neck."""

    curve: Points
    """N x 2, from the left neck point to the right one, in pixels of the photo."""

    has_collar: bool
    """Whether the neck is so narrow that a collar closes it."""

    edge_score: float
    """How clear the edge is; 0 if the curve is the network's."""

    depth: float
    """Depth of the middle below the line between the ends, in neck widths."""


@dataclass(frozen=True)
class Sleeve:
    """A sleeve from its armhole to its cuff, in pixels of the photo."""

    outer_edge: Points
    """SLEEVE_SAMPLES x 2, the edge away from the body, from the shoulder down."""

    inner_edge: Points
    """SLEEVE_SAMPLES x 2, the edge beside the body, from the armpit down."""

    mask: Bool
    """H x W, the sleeve in the photo."""

    @property
    def length(self) -> float:
        """From the middle of the armhole to the middle of the cuff, in pixels of the photo."""
        middle = (self.outer_edge + self.inner_edge) / 2
        return arc_length(middle)


@dataclass(frozen=True)
class BackNeckPiece:
    """What lies behind the neck: a hood as it is spread out in the photo, or a collar's back."""

    mask: Bool
    """H x W, the piece in the photo."""

    left_end: Points
    """Left end of the neck, in pixels of the photo."""

    right_end: Points
    """Right end of the neck, in pixels of the photo."""

    is_hood: bool
    """Whether it is a hood, not a collar."""

    @property
    def width(self) -> float:
        """From one end of the neck to the other, in pixels of the photo."""
        return distance(self.left_end, self.right_end)

    @property
    def height(self) -> float:
        """From the neck's ends to the top of the piece, in pixels of the photo."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        return float((self.left_end[1] + self.right_end[1]) / 2 - rows[0]) if len(rows) else 0.0


@dataclass(frozen=True, kw_only=True)
class GarmentHalf:
    """One half of a top, in pixels of the photo."""

    neck_point: Points
    """Where neckline and shoulder meet."""

    shoulder_tip: Points
    """Outer end of the shoulder."""

    armpit: Points
    """Lower end of the armhole."""

    shoulder_line: Points
    """N x 2, from the neck point to the shoulder tip."""

    armhole: Points
    """N x 2, from the shoulder tip to the armpit."""

    side_seam: Points
    """N x 2, from the armpit to the hem."""

    sleeve: Sleeve | None
    """The sleeve, or None without one."""


@dataclass(frozen=True, kw_only=True)
class TopLandmarks:
    """The landmarks of a top, in pixels of its photo."""

    left: GarmentHalf
    """The left half."""

    right: GarmentHalf
    """The right half."""

    neckline: Neckline
    """The front neckline, from left to right."""

    sleeve_length: SleeveLength
    """Class of both sleeves."""

    half_chest_width: float
    """Half the chest's width."""

    torso_mask: Bool
    """H x W, the garment in the photo without sleeves and hood."""

    back_neck_piece: BackNeckPiece | None
    """The hood or the collar's back, or None."""

    stand_collar_mask: Bool | None
    """H x W, a collar that stands around the neck, such as a turtleneck's, or None."""

    @property
    def halves(self) -> tuple[GarmentHalf, GarmentHalf]:
        """The left half, then the right one."""
        return self.left, self.right

    @property
    def sleeveless_sides(self) -> tuple[bool, bool]:
        """Whether the left and the right half have no sleeve."""
        return self.left.sleeve is None, self.right.sleeve is None

    @property
    def midline_x(self) -> float:
        """The x of the line about which the garment is symmetric."""
        return float(self.left.shoulder_tip[0] + self.right.shoulder_tip[0]) / 2

    @property
    def length(self) -> float:
        """From the shoulder tips to the hem, in pixels of the photo."""
        hem = (self.left.side_seam[-1, 1] + self.right.side_seam[-1, 1]) / 2
        return float(hem - (self.left.shoulder_tip[1] + self.right.shoulder_tip[1]) / 2)
