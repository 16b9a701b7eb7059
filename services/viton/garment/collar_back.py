"""The back of a folded collar, of which the photo shows the inside."""

from typing import Final

import numpy as np

from services.kit.garment_attributes import GarmentAttributes
from services.viton.garment.landmarks import BackNeckPiece, Neckline
from services.viton.garment.priors import MIN_CLASS_PROBABILITY
from services.viton.garment.silhouette import Bool

_MIN_HEIGHT: Final = 0.04
"""Least height of the back above the neckline's ends, in neck widths."""

_OVERLAP_PX: Final = 2
"""How far it reaches below the front's edge so that no seam opens, in pixels of the photo."""


def find_collar_back(
    whole: Bool, neckline: Neckline, attributes: GarmentAttributes
) -> BackNeckPiece | None:
    """Return what the mask (H x W) has above the neckline if the network is sure of a collar."""
    if not attributes.collar or attributes.neckline_confidence < MIN_CLASS_PROBABILITY:
        return None
    curve = neckline.curve
    columns = np.arange(whole.shape[1])
    edge = np.interp(columns, curve[:, 0], curve[:, 1])
    between = (columns > curve[0, 0]) & (columns < curve[-1, 0])
    above = whole & (np.arange(whole.shape[0])[:, None] < edge + _OVERLAP_PX) & between
    back = BackNeckPiece(above, curve[0], curve[-1], is_hood=False)
    return back if back.height > _MIN_HEIGHT * back.width else None
