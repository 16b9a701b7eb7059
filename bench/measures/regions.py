"""Segment the regions of a picture of a person, for the artefact measures."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from services.kit.joints import Joint
from services.kit.labels import BOTTOMS_LABELS, Label
from services.kit.types import Image, Keypoints, LabelMap, Mask

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]

GARMENT_LABELS: Final = {
    "upper": (Label.UPPER, Label.COAT, Label.DRESS),
    "lower": BOTTOMS_LABELS,
    "dress": (Label.DRESS, Label.UPPER, Label.COAT, Label.SKIRT),
}
"""Labels of a garment on a person, by category."""

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
class TryOnImages:
    """A picture of a person in a new garment, and the inputs; all on one canvas."""

    picture: Image
    """The picture to judge, H x W x 3."""
    labels: LabelMap
    """CIHP ids of the picture, H x W."""
    person: Image
    """The person's photo, H x W x 3."""
    person_labels: LabelMap
    """CIHP ids of the photo, H x W."""
    keypoints: Keypoints
    """BODY_25 joints of the photo, 25 x 3."""
    garment: Image
    """The garment's photo, H x W x 3."""
    garment_mask: Mask
    """The garment in its photo, H x W, 0 to 255."""
    category: str = "upper"
    """A key of ``GARMENT_LABELS``."""

    @cached_property
    def garment_region(self) -> Bool:
        """The new garment in the picture, H x W."""
        return segment_garment(self.labels, self.category)

    @cached_property
    def existing_garment_region(self) -> Bool:
        """The existing garment in the person's photo, H x W."""
        return segment_garment(self.person_labels, self.category)

    @cached_property
    def garment_photo_region(self) -> Bool:
        """The garment in its own photo, H x W."""
        return np.asarray(self.garment_mask > 127)

    @cached_property
    def shoulder_width_px(self) -> float:
        """Distance of the shoulders in pixels, the unit of lengths on the body."""
        return shoulder_width(self.keypoints, self.person_labels)


def segment_garment(labels: LabelMap, category: str = "upper") -> Bool:
    """Return the garment's region, H x W, of the parse of a picture.

    Components below 1/50 of the largest are dropped, because they are errors of the parse.
    """
    region = np.isin(labels, GARMENT_LABELS[category]).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(region)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = [n for n in range(1, count) if areas[n] >= _SMALL * areas[1:].max()]
    return np.isin(pieces, kept)


def whole(region: Bool) -> Bool:
    """Return a region with its holes filled."""
    return np.asarray(binary_fill_holes(region), bool)


def shoulder_width(keypoints: Keypoints, labels: LabelMap) -> float:
    """Measure the distance of the shoulder joints in pixels, the unit of lengths on the body.

    If a shoulder is not detected, it is estimated from the person's breadth.
    """
    left, right = keypoints[Joint.LEFT_SHOULDER], keypoints[Joint.RIGHT_SHOULDER]
    width = float(np.hypot(*(left[:2] - right[:2]))) if min(left[2], right[2]) > 0 else 0.0
    breadths = (labels > 0).sum(axis=1)
    seen = breadths[breadths > 0]
    breadth = float(np.median(seen)) if len(seen) else 0.0
    return width if width > 0.02 * labels.shape[1] else max(0.6 * breadth, 0.05 * labels.shape[1])


def dilate_or_erode(mask: Bool, pixels: float) -> Bool:
    """Dilate a mask with a disc, or erode by a negative number of pixels."""
    size = 2 * round(abs(pixels)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), disc, borderValue=0) > 0)


def drop_small_components(mask: Bool, least: float) -> Bool:
    """Drop components of fewer than ``least`` pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[pieces])


def lab(picture: Image) -> Floats:
    """Convert H x W x 3 uint8 sRGB to CIE L*a*b* (D65), float32; L* is 0 to 100."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def unchanged(picture: Image, person: Image, by: int = 0) -> Bool:
    """Return the pixels that differ by at most ``by`` levels in every channel, H x W."""
    away = cv2.absdiff(picture, person).max(axis=2)
    return np.asarray(away <= by)
