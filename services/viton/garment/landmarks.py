"""A garment's parts as they are read from its photo. Left and right are the picture's."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, arc_length, distance

Bool: TypeAlias = NDArray[np.bool_]

SLEEVE_SAMPLES: Final = 48


class SleeveKind(Enum):
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
    collar: bool
    score: float
    depth: float


@dataclass(frozen=True)
class Sleeve:
    """A sleeve from its armhole to its cuff: the edge away from the body and the one beside it."""

    outer: Points
    inner: Points
    mask: Bool

    @property
    def length(self) -> float:
        """From the middle of the armhole to the middle of the cuff, in pixels."""
        middle = (self.outer + self.inner) / 2
        return arc_length(middle)


@dataclass(frozen=True)
class Behind:
    """What lies behind the neck: a hood as it is spread in the photo, or a collar's back.

    Its mask (H x W), and the neck's ends on both sides of it.
    """

    mask: Bool
    left: Points
    right: Points
    hood: bool

    @property
    def width(self) -> float:
        """From one end of the neck to the other, in pixels."""
        return distance(self.left, self.right)

    @property
    def height(self) -> float:
        """From the neck's ends to its top, in pixels."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        return float((self.left[1] + self.right[1]) / 2 - rows[0]) if len(rows) else 0.0


@dataclass(frozen=True)
class Side:
    """One half of a garment. ``edge`` runs from the armpit down to the hem."""

    neck: Points
    tip: Points
    armpit: Points
    shoulder: Points
    armhole: Points
    edge: Points
    sleeve: Sleeve | None


@dataclass(frozen=True)
class Garment:
    """The landmarks of a garment, in pixels of its photo.

    ``half`` is half the chest's width. ``neckline`` runs from left to right. ``torso`` is the mask
    without sleeves, hood and what is seen of the inside of the back above the neckline; ``behind``
    lies behind the neck; ``stand`` is the mask of a collar that stands around it, such as a
    turtleneck's.
    """

    left: Side
    right: Side
    neckline: Neckline
    kind: SleeveKind
    half: float
    torso: Bool
    behind: Behind | None
    stand: Bool | None

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left, then right."""
        return self.left, self.right

    @property
    def bare(self) -> tuple[bool, bool]:
        """Whether the left and the right side have no sleeve."""
        return self.left.sleeve is None, self.right.sleeve is None

    @property
    def axis(self) -> float:
        """The x of the line about which the garment is symmetric."""
        return float(self.left.tip[0] + self.right.tip[0]) / 2

    @property
    def length(self) -> float:
        """From the shoulder tips to the hem, in pixels."""
        hem = (self.left.edge[-1, 1] + self.right.edge[-1, 1]) / 2
        return float(hem - (self.left.tip[1] + self.right.tip[1]) / 2)
