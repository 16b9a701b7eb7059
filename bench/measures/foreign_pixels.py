"""Measure foreign pixels in the new garment: background, existing garment, slits of skin."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.measures.regions import (
    ARMS,
    HEAD,
    SKIN,
    Bool,
    Floats,
    TryOnImages,
    dilate_or_erode,
    drop_small_components,
    lab,
    unchanged,
    whole,
)
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints

MAX_REENCODING_LEVELS: Final = 16
"""Largest difference of an unchanged pixel after a re-encoding, in levels of 255."""

BIN_LAB: Final = 3.0
"""Side of a colour bin, in CIELAB units."""

LIGHTNESS_WEIGHT: Final = 0.5
"""Weight of a difference in L*, which folds and light change."""

MIN_UNLIKE_LAB: Final = 12.0
"""Least CIELAB distance of a foreign colour from every colour of the garment."""

MAX_ALIKE_LAB: Final = 6.0
"""Largest CIELAB distance of a foreign colour from a colour of another region."""

MIN_MAIN_SHARE: Final = 0.004
"""Least share of a garment's pixels in the bin of a main colour."""

MIN_SHARE: Final = 0.0004
"""Least share of a garment's pixels in the bin of any of the garment's colours."""

MIN_OTHER_SHARE: Final = 0.002
"""Least share of another region's pixels in the bin of the region's colour."""

MAX_DETAIL_MAGNIFICATION: Final = 2.0
"""Largest area scale of a garment's details, as a multiple of the garment's own scale."""

MIN_SLIT_ELONGATION: Final = 2.0
"""Least ratio of length to breadth of a slit."""

MIN_FAULT_PX: Final = 12
"""Least visible fault, in pixels of a canvas of 1024 x 768."""


@dataclass(frozen=True)
class Fault:
    """The extent of a fault."""

    amount: float | None
    """Per cent or pixels; None if it cannot be measured."""
    where: Bool
    """H x W, the faulty pixels."""


def foreign(images: TryOnImages) -> Fault:
    """Measure background and existing garment inside the new garment, per cent of the new one.

    Inside the garment's region, with holes, a pixel is foreign if its colour is unlike the main
    colours of the garment's photo and like a colour of the background or the existing garment in
    the person's photo. Such pixels of the garment's photo (buttons, labels) are allowed in the same
    share. Hands, arms and hair in front, unchanged from the photo, are no fault. None if those
    colours are the garment's own, such as white on white.
    """
    region = images.garment_region
    inside = dilate_or_erode(whole(region), -3) & ~_occluders(images)
    others = _other_colours(images)
    garment_region = dilate_or_erode(images.garment_photo_region, -4)
    own = _frequent_colours(images.garment, garment_region, MIN_MAIN_SHARE)
    nothing = np.zeros(region.shape, bool)
    odd = _find_other_colours(images.picture, inside, own, others)
    if odd is None or not region.any():
        return Fault(None, nothing)
    usual = _find_other_colours(
        images.garment, garment_region, own, others, alike=2 * MAX_ALIKE_LAB
    )
    scale = np.count_nonzero(region) / np.count_nonzero(garment_region)
    detail = (
        0.0 if usual is None else MAX_DETAIL_MAGNIFICATION * scale * _largest_component_area(usual)
    )
    where = drop_small_components(odd, max(detail, MIN_FAULT_PX))
    return Fault(100 * np.count_nonzero(where) / np.count_nonzero(region), where)


def leftovers(images: TryOnImages) -> Fault:
    """Measure existing garment outside the new one, per cent of the existing garment.

    Outside the new garment a pixel of the existing garment is left over if it still equals the
    photo within ``MAX_REENCODING_LEVELS``. The skirt of a dress below a new top is no fault. None
    if the existing garment has the colours of skin or background, which may replace it.
    """
    old = dilate_or_erode(images.existing_garment_region, -3)
    if images.category == "upper" and images.garment_region.any():
        hem = np.percentile(np.flatnonzero(images.garment_region.any(axis=1)), 90)
        below = np.arange(len(old))[:, None] > hem
        old &= ~(below & (images.person_labels == Label.DRESS))
    before = images.person_labels
    others = (
        dilate_or_erode(np.isin(before, SKIN), -3),
        dilate_or_erode(before == Label.BACKGROUND, -6),
    )
    rightful = np.concatenate(
        [_frequent_colours(images.person, other, MIN_OTHER_SHARE) for other in others]
    )
    own = _frequent_colours(images.person, old, MIN_OTHER_SHARE)
    telling = _find_other_colours(images.person, old, rightful, own)
    total = np.count_nonzero(old)
    if telling is None or np.count_nonzero(telling) < 0.5 * total:
        return Fault(None, np.zeros(old.shape, bool))
    left = (
        telling
        & ~dilate_or_erode(images.garment_region, 3)
        & unchanged(images.picture, images.person, MAX_REENCODING_LEVELS)
    )
    where = drop_small_components(left, MIN_FAULT_PX)
    return Fault(100 * np.count_nonzero(where) / total, where)


def slits(images: TryOnImages) -> Fault:
    """Measure gaps between torso and sleeve, in pixels.

    A gap is narrower than a tenth of the shoulder width and has garment on both sides. From the
    shoulder to the armpit every other class counts: skin, background or existing garment, by the
    parse of the picture or, for long thin components, by colour. Below the armpit arm and torso may
    be apart, so that only background counts there, and only if the person's photo had none.
    """
    skin = dilate_or_erode(np.isin(images.person_labels, SKIN), -3)
    others = np.concatenate(
        [_other_colours(images), _frequent_colours(images.person, skin, MIN_OTHER_SHARE)]
    )
    own = _frequent_colours(
        images.garment, dilate_or_erode(images.garment_photo_region, -4), MIN_SHARE
    )
    odd = _find_other_colours(images.picture, whole(images.garment_region), own, others)
    solid = images.garment_region
    if odd is not None:
        solid = solid & ~_select_elongated(drop_small_components(odd, MIN_FAULT_PX))
    size = 2 * max(round(0.05 * images.shoulder_width_px), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(solid.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
    gap = closed & ~solid & ~_occluders(images)
    above, below = _armhole_bands(images.keypoints, gap.shape, images.shoulder_width_px)
    covered = dilate_or_erode(images.person_labels != Label.BACKGROUND, -3)
    opened = (images.labels == Label.BACKGROUND) & covered
    where = drop_small_components(gap & (above | (below & opened)), 2 * MIN_FAULT_PX)
    return Fault(float(np.count_nonzero(where)), where)


def _other_colours(images: TryOnImages) -> Floats:
    """Return the colours of the existing garment and of the background, N x 3 CIELAB."""
    background = images.person_labels == Label.BACKGROUND
    sources = (dilate_or_erode(images.existing_garment_region, -6), dilate_or_erode(background, -6))
    return np.concatenate(
        [_frequent_colours(images.person, source, MIN_OTHER_SHARE) for source in sources]
    )


def _largest_component_area(mask: Bool) -> float:
    """Return the area of the largest component, in pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


def _select_elongated(mask: Bool) -> Bool:
    """Return the components that are long and thin."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = np.zeros(len(stats), bool)
    for piece in range(1, len(stats)):
        places = np.argwhere(pieces == piece).astype(np.float32)
        length = 1 + max(cv2.minAreaRect(places)[1])
        # A curved slit has a broad box, but fills little of it.
        kept[piece] = length**2 >= MIN_SLIT_ELONGATION * float(stats[piece, cv2.CC_STAT_AREA])
    return np.asarray(kept[pieces])


def _occluders(images: TryOnImages) -> Bool:
    """Return the pixels that may rightly cover the garment's region, with a rim for soft edges.

    These are hands, arms and hair in front, and the background between arm and body.
    """
    before = images.person_labels
    hiding = np.isin(images.labels, (*ARMS, *HEAD)) & np.isin(before, (*ARMS, *HEAD))
    same = unchanged(images.picture, images.person, MAX_REENCODING_LEVELS)
    return dilate_or_erode((hiding | (before == Label.BACKGROUND)) & same, 4)


def _armhole_bands(keypoints: Keypoints, shape: tuple[int, int], unit: float) -> tuple[Bool, Bool]:
    """Return the bands of both armholes: from shoulder to armpit, and from armpit to elbow."""
    above, below = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    sides = (
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_ELBOW),
        (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.RIGHT_ELBOW),
    )
    for shoulder, other, elbow in sides:
        if min(keypoints[shoulder, 2], keypoints[other, 2]) <= 0:
            continue
        at = keypoints[shoulder, :2]
        # ``out`` points from the midline to the side, ``down`` is perpendicular.
        out = at - keypoints[other, :2]
        out = out / max(float(np.linalg.norm(out)), 1e-6)
        down = np.array([-out[1], out[0]], np.float32)
        down *= 1 if down[1] > 0 else -1
        corners = ((-0.16, -0.14), (0.14, -0.14), (0.14, 0.22), (-0.16, 0.22))
        ring = np.array([at + unit * (x * out + y * down) for x, y in corners])
        cv2.fillPoly(above, [np.rint(ring).astype(np.int32)], 1)
        if keypoints[elbow, 2] > 0:
            ends = np.rint([at, keypoints[elbow, :2]]).astype(int)
            cv2.line(below, ends[0].tolist(), ends[1].tolist(), 1, round(0.5 * unit))
    return above > 0, (below > 0) & (above == 0)


def _frequent_colours(picture: Image, where: Bool, share: float) -> Floats:
    """Return the colours of at least ``share`` of a region, N x 3 CIELAB, L* weighted."""
    tones = _to_weighted_lab(picture)[where]
    if not len(tones):
        return np.zeros((0, 3), np.float32)
    bins, places = _quantise(tones / BIN_LAB)
    counts = np.bincount(places)
    return np.asarray(bins[counts >= max(share * len(tones), 2)] * BIN_LAB, np.float32)


def _quantise(tones: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distinct rounded colours, and the index of each of N x 3 among them."""
    # One number for each colour, because sorting rows takes ten times as long.
    whole_tones = np.rint(tones).astype(np.int32) + 512
    packed = (whole_tones[:, 0] << 20) | (whole_tones[:, 1] << 10) | whole_tones[:, 2]
    found, places = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 20, (found >> 10) & 1023, found & 1023], axis=1) - 512
    return colours.astype(np.float32), places.reshape(-1)


def _to_weighted_lab(picture: Image) -> Floats:
    """Convert to L*a*b* with weighted lightness, smoothed against noise."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.8)
    weights = np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
    return np.asarray(lab(np.asarray(smooth, np.uint8)) * weights, np.float32)


def _find_other_colours(
    picture: Image, inside: Bool, own: Floats, others: Floats, *, alike: float = MAX_ALIKE_LAB
) -> Bool | None:
    """Return the pixels of another region's colour; None if the colours are too similar."""
    if not len(own) or not len(others):
        return None
    garment = cKDTree(own)
    telling = others[np.asarray(garment.query(others)[0]) > MIN_UNLIKE_LAB]
    if not len(telling):
        return None
    odd = np.zeros(inside.shape, bool)
    if inside.any():
        tones, places = _quantise(_to_weighted_lab(picture)[inside])
        to_own = np.asarray(garment.query(tones)[0])
        to_other = np.asarray(cKDTree(telling).query(tones)[0])
        unlike = (to_own > MIN_UNLIKE_LAB) & (to_other < alike) & (to_other < to_own)
        odd[inside] = unlike[places]
    return odd
