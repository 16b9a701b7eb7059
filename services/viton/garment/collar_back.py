"""The back of a collar that is folded over, of which the photo shows the inside."""

from typing import Final

import numpy as np

from services.kit.garment_attributes import GarmentAttributes
from services.viton.garment.landmarks import BackNeckPiece, Neckline
from services.viton.garment.priors import MIN_CLASS_PROBABILITY
from services.viton.garment.silhouette import Bool

_LEAST: Final = 0.04
"""The least height of the back above the neckline's ends, in widths of the neck."""

_SEAM: Final = 2
"""Pixels that it reaches below the front's edge, so that no seam opens."""


def find_collar_back(
    whole: Bool, neckline: Neckline, attributes: GarmentAttributes
) -> BackNeckPiece | None:
    """Return what the mask (H x W) has above the neckline, where a network surely saw a collar."""
    if not attributes.collar or attributes.neckline_confidence < MIN_CLASS_PROBABILITY:
        return None
    curve = neckline.curve
    columns = np.arange(whole.shape[1])
    edge = np.interp(columns, curve[:, 0], curve[:, 1])
    between = (columns > curve[0, 0]) & (columns < curve[-1, 0])
    above = whole & (np.arange(whole.shape[0])[:, None] < edge + _SEAM) & between
    back = BackNeckPiece(above, curve[0], curve[-1], is_hood=False)
    return back if back.height > _LEAST * back.width else None
