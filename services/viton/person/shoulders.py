"""The outline of the shoulders as it is seen, and where bare shoulders would lie below it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.viton.geometry import Bool, Floats, Points
from services.viton.person.segmentation import PersonSegmentation

_STANDS: Final = 0.07
"""In shoulder widths, how far cloth may stand off a shoulder."""


@dataclass(frozen=True)
class ShoulderOutline:
    """Rows for every column: ``top`` of neck, arms and worn garment, ``bare`` of the body alone.

    ``bare`` leaves out cloth that stands up beside the neck; ``clear``: the columns where neither
    hair nor face hides the outline.
    """

    outline_y: Floats
    bare_outline_y: Floats
    visible: Bool


def trace_shoulder_outline(
    parts: PersonSegmentation, neck: Points, scale: float
) -> ShoulderOutline:
    """Return the outline on both sides of ``neck``; ``scale``: a shoulder width in pixels.

    Outwards from the bare neck no shoulder rises: what does is cloth that stands up beside it.
    """
    silhouette = parts.upper_garment | parts.torso_skin | parts.arms
    covered = silhouette.any(axis=0)
    top = np.where(covered, silhouette.argmax(axis=0), 0).astype(np.float64)
    columns = np.arange(len(top))
    hides = (parts.hair | parts.face).astype(np.uint8)
    reach = 2 * int(0.04 * scale) + 1
    veiled = cv2.dilate(hides, np.ones((reach, reach), np.uint8))
    above = np.clip(top - 3, 0, None).astype(int)
    clear = np.asarray(covered & (veiled[above, columns] == 0))
    skin = clear & parts.torso_skin[top.astype(int), columns]
    bare = top.copy()
    for side in (columns[columns <= neck[0]][::-1], columns[columns > neck[0]]):
        floor = np.maximum.accumulate(np.where(skin[side], top[side], 0.0))
        bare[side] = np.maximum(top[side], np.minimum(floor, top[side] + _STANDS * scale))
    return ShoulderOutline(top, bare, clear)
