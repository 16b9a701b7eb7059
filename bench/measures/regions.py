"""Where things are in a picture of a person: what every artefact measure starts from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, LabelMap, Mask

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]

WORN: Final = {
    "upper": (Label.UPPER, Label.COAT, Label.DRESS),
    "lower": (Label.PANTS, Label.SKIRT),
    "dress": (Label.DRESS, Label.UPPER, Label.COAT, Label.SKIRT),
}
"""The labels that a garment of each category has once it is worn."""

SKIN: Final = (Label.TORSO_SKIN, Label.LEFT_ARM, Label.RIGHT_ARM, Label.FACE)
"""Labels of skin above the hips."""

ARMS: Final = (Label.LEFT_ARM, Label.RIGHT_ARM, Label.GLOVE)
"""Labels of arms and hands."""

HEAD: Final = (Label.HAIR, Label.HAT, Label.FACE, Label.SUNGLASSES)
"""Labels of the head."""

LOWER: Final = (
    Label.PANTS,
    Label.SKIRT,
    Label.SOCKS,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
    Label.LEFT_SHOE,
    Label.RIGHT_SHOE,
)
"""Labels of the body and clothes below the hips."""

_SMALL: Final = 0.02
"""Share of the largest component below which a component is dropped."""


@dataclass(frozen=True, kw_only=True)
class Worn:
    """A picture of a person in a new garment, and what it was made from; all on one canvas."""

    picture: Image
    """The picture that is judged."""
    labels: LabelMap
    """CIHP ids of the picture."""
    person: Image
    """The person's photo."""
    person_labels: LabelMap
    """CIHP ids of the person's photo."""
    keypoints: Keypoints
    """25 x 3: the person's joints in BODY_25, in pixels of the canvas."""
    garment: Image
    """The garment's photo."""
    garment_mask: Mask
    """The garment's mask, 0 to 255."""
    category: str = "upper"
    """A key of ``WORN``."""

    @cached_property
    def region(self) -> Bool:
        """Where the new garment is."""
        return worn_region(self.labels, self.category)

    @cached_property
    def old_region(self) -> Bool:
        """Where the old garment was."""
        return worn_region(self.person_labels, self.category)

    @cached_property
    def cloth(self) -> Bool:
        """Where the garment is in its own photo."""
        return np.asarray(self.garment_mask > 127)

    @cached_property
    def unit(self) -> float:
        """Pixels between the shoulders, in which lengths on the body are told."""
        return shoulder_width(self.keypoints, self.person_labels)


def worn_region(labels: LabelMap, category: str = "upper") -> Bool:
    """Return where the garment is, H x W, from the parse of the picture that shows it worn.

    Pieces below a fiftieth of the largest are left out: they are the parse's crumbs.
    """
    region = np.isin(labels, WORN[category]).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(region)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = [n for n in range(1, count) if areas[n] >= _SMALL * areas[1:].max()]
    return np.isin(pieces, kept)


def whole(region: Bool) -> Bool:
    """Return a region with its holes filled."""
    return np.asarray(binary_fill_holes(region), bool)


def shoulder_width(keypoints: Keypoints, labels: LabelMap) -> float:
    """Return the pixels between the shoulder joints: the unit of every length on the body.

    Where a shoulder is unseen it is taken from the person's breadth.
    """
    left, right = keypoints[Joint.LEFT_SHOULDER], keypoints[Joint.RIGHT_SHOULDER]
    width = float(np.hypot(*(left[:2] - right[:2]))) if min(left[2], right[2]) > 0 else 0.0
    breadths = (labels > 0).sum(axis=1)
    seen = breadths[breadths > 0]
    breadth = float(np.median(seen)) if len(seen) else 0.0
    return width if width > 0.02 * labels.shape[1] else max(0.6 * breadth, 0.05 * labels.shape[1])


def grown(mask: Bool, pixels: float) -> Bool:
    """Dilate (or, by a negative number of pixels, erode) with a disc."""
    size = 2 * round(abs(pixels)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), disc, borderValue=0) > 0)


def without_specks(mask: Bool, least: float) -> Bool:
    """Drop connected pieces of fewer than ``least`` pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[pieces])


def lab(picture: Image) -> Floats:
    """Convert H x W x 3 uint8 sRGB to CIE L*a*b* (D65), float32; L* is 0 to 100."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def unchanged(picture: Image, person: Image, by: int = 0) -> Bool:
    """Return where two pictures differ by at most ``by`` levels in every channel, H x W."""
    away = cv2.absdiff(picture, person).max(axis=2)
    return np.asarray(away <= by)
