"""The outline of the trunk on one side, row by row."""

import numpy as np

from services.viton.geometry import Bool, Floats
from services.viton.person.side import PictureSide


def trace_flank(region: Bool, midline_x: Floats, side: PictureSide) -> tuple[Floats, Bool]:
    """Return where an H x W region ends on one side of its midline, and where that is known.

    The first is the x of the outermost pixel that is joined to the midline, for every row, in
    pixels; it is the frame's edge if nothing ends the region. The second is true for the rows in
    which the midline itself lies in the region.
    """
    height, width = region.shape
    centre = np.clip(midline_x, 0, width - 1).astype(int)
    known = region[np.arange(height), centre]
    if side is PictureSide.LEFT:
        outwards, start = region[:, ::-1], width - 1 - centre
    else:
        outwards, start = region, centre
    free = ~outwards & (np.arange(width)[None, :] > start[:, None])
    last = np.where(free.any(axis=1), free.argmax(axis=1) - 1, width - 1)
    seen = width - 1 - last if side is PictureSide.LEFT else last
    return seen.astype(np.float64), np.asarray(known)
