"""The third stage of trousers, shorts and skirts: placed on the legs."""

from dataclasses import dataclass
from typing import Final

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.waistline import Waistline, find_waistline
from services.viton.placing.skirt import place_skirt
from services.viton.placing.trousers import place_trousers
from services.viton.placing.warp_grid import WarpGrid

_NEARER_LEG_DROP: Final = 0.1
"""Distance of the left ankle below the right one from which it is in front, in torso lengths."""


@dataclass(frozen=True)
class BottomsPlacement:
    """Where a lower garment lies on the canvas."""

    halves: tuple[WarpGrid, ...]
    """The left and the right leg, or all of a skirt."""
    back_to_front: tuple[WarpGrid, ...]
    """The same in the order in which they are painted."""
    waistline: Waistline
    """Row of the waist in each column of the canvas."""


def place_bottoms(bottoms: BottomsLandmarks, legs: MeasuredLowerBody) -> BottomsPlacement:
    """Place trousers, shorts or a skirt on the legs.

    ``bottoms``: in the garment's photo; ``legs``: on the canvas.
    """
    body = legs.body
    line = find_waistline(body, legs.segmentation)
    if bottoms.crotch is None:
        skirt = (place_skirt(bottoms, body, line),)
        return BottomsPlacement(skirt, skirt, line)
    left, right = place_trousers(bottoms, bottoms.crotch, body, line)
    # The leg that stands nearer to the camera ends lower in the picture.
    least = _NEARER_LEG_DROP * body.torso_length
    left_in_front = body.left.centreline[-1, 1] > body.right.centreline[-1, 1] + least
    order = (right, left) if left_in_front else (left, right)
    return BottomsPlacement((left, right), order, line)
