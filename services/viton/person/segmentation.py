"""One segmentation of the person: what a new garment replaces, what it covers, what lies over it.

Every mask is H x W bool, in the frame of the label map it was made from.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.labels import ARM_LABELS, BOTTOMS_LABELS, Label
from services.kit.raster.components import largest_component
from services.viton.geometry import Bool, Floats

LABEL_ERROR_PX: Final = 8
"""How far an edge of the label map may lie from the true one, in pixels of the canvas."""

LOWER_BODY_LABEL_ERROR_PX: Final = 7
"""The same at the edges of bottoms, bare legs and shoes, in pixels of the canvas."""

UPPER_GARMENT_LABELS: Final = (Label.UPPER, Label.COAT, Label.SCARF)
"""Garments of the upper body; a dress is split between these and the bottoms."""

LEG_SKIN_LABELS: Final = (Label.LEFT_LEG, Label.RIGHT_LEG)
"""Bare legs."""

SHOE_LABELS: Final = (Label.LEFT_SHOE, Label.RIGHT_SHOE)
"""Shoes and bare feet."""

HAIR_LABELS: Final = (Label.HAT, Label.HAIR)
"""Hair, and what is worn on it."""

FACE_LABELS: Final = (Label.SUNGLASSES, Label.FACE)
"""The face, and what is worn on it."""


_MIDRIFF_HALF_WIDTH: Final = 0.42
"""Half the width of the strip about the midline that holds a midriff, in shoulder widths."""

_BOTTOMS_ABOVE_HEM: Final = 0.3
"""Height above the hem from which the bottoms' upper edge is read, in shoulder widths."""

_MIDRIFF_ABOVE_HEM: Final = 0.06
"""Height above the hem from which skin may be midriff, in shoulder widths."""

_MIDRIFF_BELOW_BOTTOMS: Final = 0.05
"""Depth below the bottoms' upper edge down to which skin may be midriff, in shoulder widths."""


@dataclass(frozen=True, kw_only=True)
class PersonSegmentation:
    """The regions of a person, H x W bool each; no pixel belongs to two of them."""

    upper_garment: Bool
    """The existing top, coat, scarf, and the upper part of a dress."""
    bottoms: Bool
    """The existing trousers or skirt, and the skirt of a dress."""
    torso_skin: Bool
    """Bare skin of the neck and the trunk."""
    arms: Bool
    """Bare arms and hands, and gloves."""
    leg_skin: Bool
    """Bare legs."""
    socks: Bool
    """Socks."""
    shoes: Bool
    """Shoes and bare feet."""
    hair: Bool
    """Hair and hats."""
    face: Bool
    """Face and glasses."""

    @property
    def lower_body(self) -> Bool:
        """The lower body: bottoms, bare legs, socks and shoes."""
        return np.asarray(self.bottoms | self.leg_skin | self.socks | self.shoes)

    @property
    def head(self) -> Bool:
        """The head without the neck: face, hair and what is worn on them."""
        return np.asarray(self.hair | self.face)

    @property
    def head_and_torso_skin(self) -> Bool:
        """The head, and the bare skin of neck and trunk."""
        return np.asarray(self.head | self.torso_skin)

    @property
    def person(self) -> Bool:
        """All of the person."""
        dressed = self.upper_garment | self.lower_body
        return np.asarray(dressed | self.arms | self.head_and_torso_skin)


def segment_person(labels: NDArray[np.uint8], dress_skirt: Bool) -> PersonSegmentation:
    """Group CIHP labels (H x W); ``dress_skirt`` is the part of a dress that counts as bottoms."""
    dress = labels == Label.DRESS
    return PersonSegmentation(
        upper_garment=np.isin(labels, UPPER_GARMENT_LABELS) | (dress & ~dress_skirt),
        bottoms=np.isin(labels, BOTTOMS_LABELS) | dress_skirt,
        torso_skin=labels == Label.TORSO_SKIN,
        arms=np.isin(labels, ARM_LABELS),
        leg_skin=np.isin(labels, LEG_SKIN_LABELS),
        socks=labels == Label.SOCKS,
        shoes=np.isin(labels, SHOE_LABELS),
        hair=np.isin(labels, HAIR_LABELS),
        face=np.isin(labels, FACE_LABELS),
    )


def split_dress_at_hips(labels: NDArray[np.uint8], hip_row: float) -> Bool:
    """Return the part of a dress below the hips: its skirt, if a top is to replace the rest."""
    rows = np.arange(labels.shape[0])[:, None]
    return np.asarray((labels == Label.DRESS) & (rows > hip_row))


def split_dress_at_waist(labels: NDArray[np.uint8], narrowest_row: float, forearms: Bool) -> Bool:
    """Return the part of a dress from the waist down, in one piece, without ``forearms``."""
    rows = np.arange(labels.shape[0])[:, None]
    return largest_component((labels == Label.DRESS) & (rows >= narrowest_row) & ~forearms)


def count_midriff_as_torso(
    segmentation: PersonSegmentation,
    midline_x: Floats,
    existing_hem_row: float,
    arms: Bool,
    shoulder_width: float,
) -> PersonSegmentation:
    """Move bare skin between a short top and the bottoms from arms to torso skin.

    A longer garment covers it. ``midline_x``: the x of the body's axis for every row; ``arms``:
    where arms and hands may be, H x W; skin there stays theirs.
    """
    height, width = segmentation.upper_garment.shape
    rows = np.arange(height)[:, None]
    near = (
        np.abs(np.arange(width)[None, :] - midline_x[:, None])
        < _MIDRIFF_HALF_WIDTH * shoulder_width
    )
    lower = (
        segmentation.lower_body
        & near
        & (rows > existing_hem_row - _BOTTOMS_ABOVE_HEM * shoulder_width)
    )
    start = np.where(lower.any(axis=0), lower.argmax(axis=0), 0)
    start = np.maximum(start, np.median(start[start > 0]) if (start > 0).any() else height)
    midriff = (
        segmentation.arms
        & near
        & ~arms
        & (rows > existing_hem_row - _MIDRIFF_ABOVE_HEM * shoulder_width)
        & (rows < start + _MIDRIFF_BELOW_BOTTOMS * shoulder_width)
    )
    return replace(
        segmentation,
        arms=segmentation.arms & ~midriff,
        torso_skin=segmentation.torso_skin | midriff,
    )


def count_as_upper_garment(segmentation: PersonSegmentation, mask: Bool) -> PersonSegmentation:
    """Count ``mask`` (H x W) as existing upper garment, and no longer as lower body."""
    return replace(
        segmentation,
        upper_garment=segmentation.upper_garment | mask,
        bottoms=segmentation.bottoms & ~mask,
        leg_skin=segmentation.leg_skin & ~mask,
        socks=segmentation.socks & ~mask,
        shoes=segmentation.shoes & ~mask,
    )
