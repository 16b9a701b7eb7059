"""The person's parts as masks, grouped by what a new garment does to them."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.labels import Label

Bool: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]

_BELOW: Final = (
    Label.SOCKS,
    Label.PANTS,
    Label.SKIRT,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
    Label.LEFT_SHOE,
    Label.RIGHT_SHOE,
)


@dataclass(frozen=True)
class Regions:
    """The person's parts as H x W masks. ``top`` is the worn garment that will be replaced."""

    upper_garment: Bool
    torso_skin: Bool
    arms: Bool
    lower_body: Bool
    hair: Bool
    face: Bool

    @property
    def person(self) -> Bool:
        """All of the person."""
        worn = self.upper_garment | self.torso_skin | self.arms | self.lower_body
        return np.asarray(worn | self.hair | self.face)

    @property
    def head(self) -> Bool:
        """Face, hair and what is worn on the head."""
        return np.asarray(self.hair | self.face)


def segment_upper_body(labels: NDArray[np.uint8], hips: float) -> Regions:
    """Group CIHP labels; a dress below the row ``hips`` counts as a skirt."""
    rows = np.arange(labels.shape[0])[:, None]
    dress = labels == Label.DRESS
    below = dress & (rows > hips)
    return Regions(
        upper_garment=np.isin(labels, (Label.UPPER, Label.COAT, Label.SCARF)) | (dress & ~below),
        torso_skin=labels == Label.TORSO_SKIN,
        arms=np.isin(labels, (Label.GLOVE, Label.LEFT_ARM, Label.RIGHT_ARM)),
        lower_body=np.isin(labels, _BELOW) | below,
        hair=np.isin(labels, (Label.HAT, Label.HAIR)),
        face=np.isin(labels, (Label.SUNGLASSES, Label.FACE)),
    )


def count_midriff_as_torso(
    parts: Regions, middle: Floats, waist: float, limbs: Bool, scale: float
) -> Regions:
    """Count bare skin between a short top and the trousers as body: a longer garment covers it.

    ``limbs``: where arms and hands may be; skin there stays theirs.
    """
    height, width = parts.upper_garment.shape
    rows = np.arange(height)[:, None]
    near = np.abs(np.arange(width)[None, :] - middle[:, None]) < 0.42 * scale
    lower = parts.lower_body & near & (rows > waist - 0.3 * scale)
    start = np.where(lower.any(axis=0), lower.argmax(axis=0), 0)
    start = np.maximum(start, np.median(start[start > 0]) if (start > 0).any() else height)
    belly = parts.arms & near & ~limbs
    belly &= (rows > waist - 0.06 * scale) & (rows < start + 0.05 * scale)
    return replace(parts, arms=parts.arms & ~belly, torso_skin=parts.torso_skin | belly)
