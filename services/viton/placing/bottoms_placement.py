"""The third stage of trousers, shorts and skirts: placed on the legs."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.viton.garment.bottoms_landmarks import BottomsLandmarks
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.waistline import Waistline, find_waistline
from services.viton.placing.skirt import place_skirt
from services.viton.placing.trousers import place_trousers
from services.viton.placing.warp_grid import WarpGrid

_NEARER_LEG_DROP: Final = 0.1
"""Distance of the left ankle below the right one from which it is in front, in torso lengths."""


_BARE_ABOVE_HEM: Final = 0.05
"""Height above a hem up to which a leg stays bare, in lengths of the torso."""


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


def count_covered_legs_as_bottoms(
    legs: MeasuredLowerBody, placement: BottomsPlacement
) -> MeasuredLowerBody:
    """Return the lower body with the bare legs that new trousers cover counted as bottoms.

    A skirt changes nothing.
    """
    if len(placement.halves) == 1:
        return legs
    segmentation, torso = legs.segmentation, legs.body.torso_length
    left, right = placement.halves
    height, width = segmentation.leg_skin.shape
    columns = np.arange(width)[None, :]
    rows = np.arange(height)[:, None]
    bare = _BARE_ABOVE_HEM * torso
    ends = [float(half.canvas_points[-1, :, 1].mean()) - bare for half in (left, right)]
    lines = [half.canvas_points[..., 0].mean(axis=1) for half in (left, right)]
    between = np.interp(np.arange(height), left.canvas_points[:, 4, 1], (lines[0] + lines[1]) / 2)
    end = np.where(columns < between[:, None], ends[0], ends[1])
    above = segmentation.leg_skin & (rows < end)
    covered = replace(
        segmentation, bottoms=segmentation.bottoms | above, leg_skin=segmentation.leg_skin & ~above
    )
    return replace(legs, segmentation=covered)
