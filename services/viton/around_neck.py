"""What a garment has around the neck: a hood behind it, a stand before it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.fill import blurred, soft
from services.viton.garment_outline import largest
from services.viton.geometry import Points, distance, unit
from services.viton.pieces import Hood
from services.viton.regions import Regions
from services.viton.skin import Skin
from services.viton.warp import sample
from services.viton.worn import Worn

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_RISE: Final = 0.4
"""How high a hood lies, in widths of the garment's neck."""

_SHADE: Final = 0.12
"""How much less light there is behind the neck."""


@dataclass(frozen=True)
class Laid:
    """A piece on the canvas: coverage 0 to 1, colours, and their places in the garment's photo."""

    cover: Floats
    colour: Floats
    source: Floats


def lay(hood: Hood, image: NDArray[np.uint8], worn: Worn, parts: Regions, skin: Skin) -> Laid:
    """Lay a hood of the garment's photo ``image`` between the background and the neck."""
    left, right = (_worn_at(worn, end) for end in (hood.left, hood.right))
    across = distance(left, right)
    rise = min(_RISE, hood.height / hood.width)
    rows, columns = np.mgrid[: worn.torso.shape[0], : worn.torso.shape[1]].astype(np.float64)
    off = np.stack([columns - left[0], rows - left[1]], axis=-1) / max(across, 1.0)
    along, own = unit(right - left), unit(hood.right - hood.left)
    ahead = off @ along * hood.width
    # What stands up in the photo has sunk: its widest part lies on the shoulders.
    above = off @ np.array([along[1], -along[0]]) / rise
    above = np.where(above > 0, np.sqrt(np.maximum(above, 0)), above) * hood.height
    source = hood.left + ahead[..., None] * own + above[..., None] * np.array([own[1], -own[0]])
    source = source.astype(np.float32)
    cover = cv2.remap(
        hood.mask.astype(np.float32), source[..., 0], source[..., 1], cv2.INTER_LINEAR
    )
    cover = blurred(np.asarray(cover, np.float32), 0.8)
    before = np.maximum(soft(parts.neck | parts.head, 1.0), skin.chest)
    colour = sample(image.astype(np.float32), source) * np.float32(1 - _SHADE)
    return Laid(np.asarray(cover * (1 - before), np.float32), colour, source)


def stand_up(stand: Bool, image: NDArray[np.uint8], worn: Worn) -> Laid:
    """Let a stand, a mask in the garment's photo ``image``, go on up the neck from the torso."""
    cover = sample(stand.astype(np.float32), worn.torso_source)
    near = largest((cover > 0.5) | (worn.torso > 0.5))
    cover = blurred(np.asarray(cover * near, np.float32), 0.8)
    return Laid(cover, sample(image.astype(np.float32), worn.torso_source), worn.torso_source)


def _worn_at(worn: Worn, place: Points) -> Points:
    """Return where on the canvas a place of the garment's photo is worn."""
    off = np.square(worn.torso_source - place.astype(np.float32)).sum(axis=2)
    nearest = int(np.where(worn.torso > 0.5, off, np.inf).argmin())
    row, column = np.unravel_index(nearest, off.shape)
    return np.array([column, row], np.float64)
