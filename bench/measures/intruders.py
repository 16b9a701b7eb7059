"""What shows inside the new garment and is not of it: background, old garment, slits of skin."""

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
    Worn,
    grown,
    lab,
    unchanged,
    whole,
    without_specks,
)
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints

SAME: Final = 16
"""Levels of 255 by which a photo may differ from itself after another system's re-encoding."""
BIN: Final = 3.0
"""Size of a colour bin, in units of CIELAB."""

LIGHTNESS: Final = 0.5
"""Folds and light change L*: a difference in it counts half."""
UNLIKE: Final = 12.0
"""A colour farther than this from every one of the garment's is not its own."""
ALIKE: Final = 6.0
"""A colour nearer than this to one of another thing's may be that thing's."""
MAIN: Final = 0.004
"""Least share of a garment for a bin to be one of its main colours."""

ANY: Final = 0.0004
"""Least share of a garment for a bin to be one of its colours."""

THEIRS: Final = 0.002
"""Shares from which on a colour is a main one of a garment, one of it at all, and one of another
thing."""
OWN: Final = 2.0
"""How many times larger a garment's details may come out than the garment itself."""
THIN: Final = 2.0
"""How many times longer than broad a slit is."""
SPECK: Final = 12
"""Pixels of a canvas of 1024 x 768 below which nobody sees a fault."""


@dataclass(frozen=True)
class Found:
    """A fault's size and place."""

    amount: float | None
    """Size of the fault in the measure's own unit; None if it cannot be measured."""
    where: Bool
    """H x W: pixels of the fault."""


def foreign(worn: Worn) -> Found:
    """Measure background and old garment inside the new one: per cent of the worn region.

    Inside the worn region, holes included, a pixel is foreign if its colour is unlike the main
    colours of the garment's photo and like one that the background or the old garment had in the
    person's photo. The garment's photo has such pixels of its own, buttons and labels: their share
    is allowed. Hands, arms and hair in front, unchanged from the photo, are no fault. None where
    those colours are the garment's own (white on white), so that a leftover could not be told.
    """
    region = worn.region
    inside = grown(whole(region), -3) & ~_in_front(worn)
    others = _others(worn)
    cloth = grown(worn.cloth, -4)
    own = _colours(worn.garment, cloth, MAIN)
    nothing = np.zeros(region.shape, bool)
    odd = _odd(worn.picture, inside, own, others)
    if odd is None or not region.any():
        return Found(None, nothing)
    usual = _odd(worn.garment, cloth, own, others, alike=2 * ALIKE)
    scale = np.count_nonzero(region) / np.count_nonzero(cloth)
    detail = 0.0 if usual is None else OWN * scale * _largest(usual)
    where = without_specks(odd, max(detail, SPECK))
    return Found(100 * np.count_nonzero(where) / np.count_nonzero(region), where)


def leftovers(worn: Worn) -> Found:
    """Measure old garment that is still seen outside the new one: per cent of the old garment.

    Outside the new garment whatever was old garment must have become something else: a pixel that
    is still the photo's, within ``SAME`` levels, is left over. What is left of a dress below a new
    top is its skirt, and no fault. None where the old garment has the colours of skin or
    background, which might rightly be in its place.
    """
    old = grown(worn.old_region, -3)
    if worn.category == "upper" and worn.region.any():
        hem = np.percentile(np.flatnonzero(worn.region.any(axis=1)), 90)
        below = np.arange(len(old))[:, None] > hem
        old &= ~(below & (worn.person_labels == Label.DRESS))
    before = worn.person_labels
    others = (grown(np.isin(before, SKIN), -3), grown(before == Label.BACKGROUND, -6))
    rightful = np.concatenate([_colours(worn.person, other, THEIRS) for other in others])
    own = _colours(worn.person, old, THEIRS)
    telling = _odd(worn.person, old, rightful, own)
    total = np.count_nonzero(old)
    if telling is None or np.count_nonzero(telling) < 0.5 * total:
        return Found(None, np.zeros(old.shape, bool))
    left = telling & ~grown(worn.region, 3) & unchanged(worn.picture, worn.person, SAME)
    where = without_specks(left, SPECK)
    return Found(100 * np.count_nonzero(where) / total, where)


def slits(worn: Worn) -> Found:
    """Measure gaps between torso and sleeve: pixels.

    A gap is narrower than a tenth of the shoulders and has garment on both sides. From the shoulder
    to the armpit anything that is not garment counts: skin, background or old garment, told by the
    parse of the picture or, where it is long and thin, by colour. Below the armpit arm and torso
    may well stand apart, so only background counts there, and only where the person's photo had
    none.
    """
    skin = grown(np.isin(worn.person_labels, SKIN), -3)
    others = np.concatenate([_others(worn), _colours(worn.person, skin, THEIRS)])
    own = _colours(worn.garment, grown(worn.cloth, -4), ANY)
    odd = _odd(worn.picture, whole(worn.region), own, others)
    solid = worn.region
    if odd is not None:
        solid = solid & ~_long(without_specks(odd, SPECK))
    size = 2 * max(round(0.05 * worn.unit), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(solid.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
    gap = closed & ~solid & ~_in_front(worn)
    above, below = _armholes(worn.keypoints, gap.shape, worn.unit)
    covered = grown(worn.person_labels != Label.BACKGROUND, -3)
    opened = (worn.labels == Label.BACKGROUND) & covered
    where = without_specks(gap & (above | (below & opened)), 2 * SPECK)
    return Found(float(np.count_nonzero(where)), where)


def _others(worn: Worn) -> Floats:
    """Return the colours of the old garment and of the background, N x 3."""
    background = worn.person_labels == Label.BACKGROUND
    sources = (grown(worn.old_region, -6), grown(background, -6))
    return np.concatenate([_colours(worn.person, source, THEIRS) for source in sources])


def _largest(mask: Bool) -> float:
    """Return the pixels of the largest connected piece."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


def _long(mask: Bool) -> Bool:
    """Keep the connected pieces that are long and thin."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = np.zeros(len(stats), bool)
    for piece in range(1, len(stats)):
        places = np.argwhere(pieces == piece).astype(np.float32)
        length = 1 + max(cv2.minAreaRect(places)[1])
        # A curved slit has a broad box, but fills little of it.
        kept[piece] = length**2 >= THIN * float(stats[piece, cv2.CC_STAT_AREA])
    return np.asarray(kept[pieces])


def _in_front(worn: Worn) -> Bool:
    """Return what may be seen inside the garment's outline, with a rim for soft edges.

    Hands, arms and hair that hide it, and the background between arm and body.
    """
    before = worn.person_labels
    hiding = np.isin(worn.labels, (*ARMS, *HEAD)) & np.isin(before, (*ARMS, *HEAD))
    same = unchanged(worn.picture, worn.person, SAME)
    return grown((hiding | (before == Label.BACKGROUND)) & same, 4)


def _armholes(keypoints: Keypoints, shape: tuple[int, int], unit: float) -> tuple[Bool, Bool]:
    """Return the bands around both armholes: from shoulder to armpit, and from there to elbow."""
    above, below = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    sides = (
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_ELBOW),
        (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.RIGHT_ELBOW),
    )
    for shoulder, other, elbow in sides:
        if min(keypoints[shoulder, 2], keypoints[other, 2]) <= 0:
            continue
        at = keypoints[shoulder, :2]
        # From the middle of the body to its side; down is across it.
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


def _colours(picture: Image, where: Bool, share: float) -> Floats:
    """Return the colours that make up at least ``share`` of a region, N x 3, lightness weighted."""
    tones = _weighted(picture)[where]
    if not len(tones):
        return np.zeros((0, 3), np.float32)
    bins, places = _distinct(tones / BIN)
    counts = np.bincount(places)
    return np.asarray(bins[counts >= max(share * len(tones), 2)] * BIN, np.float32)


def _distinct(tones: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the colours there are, rounded, and which of them each one of N x 3 is."""
    # One number a colour: sorting rows takes ten times as long.
    whole_tones = np.rint(tones).astype(np.int32) + 512
    packed = (whole_tones[:, 0] << 20) | (whole_tones[:, 1] << 10) | whole_tones[:, 2]
    found, places = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 20, (found >> 10) & 1023, found & 1023], axis=1) - 512
    return colours.astype(np.float32), places.reshape(-1)


def _weighted(picture: Image) -> Floats:
    """Convert to L*a*b* with lightness weighted, smoothed over noise."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.8)
    weights = np.array([LIGHTNESS, 1, 1], np.float32)
    return np.asarray(lab(np.asarray(smooth, np.uint8)) * weights, np.float32)


def _odd(
    picture: Image, inside: Bool, own: Floats, others: Floats, *, alike: float = ALIKE
) -> Bool | None:
    """Return which pixels have another thing's colour; None where that cannot be told."""
    if not len(own) or not len(others):
        return None
    garment = cKDTree(own)
    telling = others[np.asarray(garment.query(others)[0]) > UNLIKE]
    if not len(telling):
        return None
    odd = np.zeros(inside.shape, bool)
    if inside.any():
        tones, places = _distinct(_weighted(picture)[inside])
        to_own = np.asarray(garment.query(tones)[0])
        to_other = np.asarray(cKDTree(telling).query(tones)[0])
        unlike = (to_own > UNLIKE) & (to_other < alike) & (to_other < to_own)
        odd[inside] = unlike[places]
    return odd
