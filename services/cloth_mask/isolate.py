"""Cut a garment out of a photo of its wearer, onto a plain background. Pure functions.

The label map separates a top from the trousers below it. Hair and hands in front of the garment are
inpainted from the garment around them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.cloth_mask.core import MIN_GARMENT_SHARE, drop_specks
from services.kit.categories import AUTO, DRESS, LOWER, UPPER
from services.kit.errors import NoGarment
from services.kit.joints import TRUNK_CORNERS
from services.kit.labels import ARM_LABELS, BOTTOMS_LABELS, Label
from services.kit.raster.components import label_components
from services.kit.raster.guided_filter import Plane, filter_by_colour, prepare_colour_guide
from services.kit.raster.morphology import Footprint, close_mask, dilate
from services.kit.skeleton import confident_joints
from services.kit.types import Image, Keypoints, LabelMap, Mask

Flags = NDArray[np.bool_]
"""H x W booleans."""

TOPS: Final = (Label.UPPER, Label.COAT)
"""Labels of upper garments."""
CLOTHES: Final = (*TOPS, *BOTTOMS_LABELS, Label.DRESS, Label.SCARF)
"""Labels of all garments."""

MIN_OWN_SHARE: Final = 0.25
"""Area of a garment, as a share of its substitute's, below which the substitute is taken."""

MIN_COMPONENT_SHARE: Final = 0.15
"""Area of a separate part, as a share of the largest, below which it is dropped."""

MAX_COMPONENTS: Final = 24
"""Components that may hide the garment, at most: bounds the time."""

MAX_OCCLUDER_WIDTH: Final = 0.07
"""Width of what hides a garment at most, as a share of the photo's height."""

MIN_GARMENT_RIM: Final = 0.6
"""Share of a component's rim that must be garment; arms beside a garment have less."""

MIN_TRUNK_GARMENT_RIM: Final = 0.25
"""The same share for hair and arms on the trunk; hair over a bare shoulder has less."""

HAIR_TRUNK_SCALE: Final = 1.2
"""Scale of the trunk, from the joints', for hair: shoulders lie above their joints."""
ARM_TRUNK_SCALE: Final = 0.75
"""Width of the trunk, from the joints', for arms: they begin at the joints."""

WAIST_HEIGHT: Final = 0.3
"""Height of the waist above the hips, as a share of the way to the shoulders."""

WAIST_WIDTH: Final = 0.85
"""Width of the waist, as a share of the hips'."""

MIN_SEAT_HEIGHT: Final = 0.6
"""Height of trousers from waist to crotch that is enough, in hip widths."""

MAX_HEM_DEPTH: Final = 0.35
"""Depth of a top's hem below the upper end of the trousers at most, in their widths."""

SEAT_EDGE_PERCENTILES: Final = (2, 98)
"""Percentiles of the columns near the trousers' upper end between which the seat is extended."""

HEM_BLUR_PX: Final = 3
"""Rows below a top's hem that mix its colour with the trousers', in pixels of the label map."""

HEM_SAMPLE_PX: Final = 6
"""Rows below those whose mean colour is continued upwards, in pixels of the label map."""

SEAT_COLOUR_SIGMA_PX: Final = 2.0
"""Standard deviation by which these colours are blurred across, in pixels of the label map."""

NEAREST_COLOURS_PERCENTILE: Final = 10
"""Percentile of a background's differences from the garment's colours that it is rated by."""

BACKGROUNDS: Final = ((255, 255, 255), (128, 128, 128), (40, 40, 40))
"""Backgrounds to choose from, RGB: the one farthest from the garment's colours."""

RADIUS_PX: Final = 4
"""Half the window of the guided filter, in pixels of the label map."""

EDGE_NOISE_VARIANCE: Final = 5e-5
"""Colour variance that the guided filter takes for noise, of full scale squared."""

NOTHING_WORN: Final = (
    "The garment's photo shows a person, but no {what} was found on them; send a photo of the "
    "garment alone, or another category."
)
"""Message of NoGarment."""
NAMES: Final = {UPPER: "top", LOWER: "trousers or skirt", DRESS: "dress"}
"""Name of each category in that message."""


@dataclass(frozen=True)
class IsolatedGarment:
    """A garment without its wearer."""

    pictures: tuple[Image, ...]
    """The garment on a plain background, at each size."""
    mask: Mask
    """Of the first picture's size: 255 on the garment."""
    category: str
    """``upper``, ``lower`` or ``dress``."""


def isolate_garment(
    pictures: Sequence[Image], labels: LabelMap, keypoints: Keypoints, category: str
) -> IsolatedGarment:
    """Take a garment off the person who wears it.

    ``pictures`` are one photo at several sizes of the same proportions, the first of the size of
    ``labels``, H x W CIHP ids, and of ``keypoints``, the wearer's; ``category`` is one of
    ``services.kit.categories.REQUEST_CATEGORIES``. Raises NoGarment where nothing of that kind is
    worn.
    """
    category, garment = choose_garment(labels, category)
    hidden = find_hidden_pixels(garment, labels, keypoints, category)
    photo = _inpaint_hidden(pictures[0], garment, hidden)
    if category == LOWER:
        photo, seat = _extend_to_waist(photo, garment, keypoints)
        hidden |= seat
    ground = _choose_background(photo[garment])
    laid = [
        _compose_on_background(picture, photo, garment | hidden, hidden, ground)
        for picture in pictures
    ]
    mask = np.where(laid[0][1] > 0.5, np.uint8(255), np.uint8(0))
    return IsolatedGarment(tuple(picture for picture, _ in laid), mask, category)


def choose_garment(labels: LabelMap, category: str) -> tuple[str, Flags]:
    """Return ``upper``, ``lower`` or ``dress``, and where that garment is worn.

    With ``auto`` it is the dress where one is worn, else the top, unless next to nothing of it is
    seen. A dress passes for a top or for a skirt where hardly another is worn, as all that is worn
    passes for a dress. Raises NoGarment where nothing is left.
    """
    dress = labels == Label.DRESS
    tops, bottoms = np.isin(labels, TOPS), np.isin(labels, BOTTOMS_LABELS)
    top, bottom, whole = (int(np.count_nonzero(part)) for part in (tops, bottoms, dress))
    if category == AUTO:
        category = UPPER if top >= MIN_OWN_SHARE * bottom else LOWER
        if whole > max(top, bottom):
            category = DRESS
    own, instead = {
        UPPER: (tops, dress),
        LOWER: (bottoms, dress),
        DRESS: (dress, tops | bottoms | dress),
    }[category]
    if np.count_nonzero(own) < MIN_OWN_SHARE * np.count_nonzero(instead):
        own = instead
    if np.count_nonzero(own) < MIN_GARMENT_SHARE * labels.size:
        raise NoGarment(NOTHING_WORN.format(what=NAMES[category]), stage="cloth_mask")
    return category, drop_specks(own, MIN_COMPONENT_SHARE)


def find_hidden_pixels(
    garment: Flags, labels: LabelMap, keypoints: Keypoints, category: str
) -> Flags:
    """Return the pixels where hair, an arm, a hand or another garment hides the garment.

    The garment lies around them, or hair and arms lie before the trunk.
    """
    arms, hair = np.isin(labels, ARM_LABELS), labels == Label.HAIR
    before = (arms | hair | np.isin(labels, CLOTHES)) & ~garment
    radius = max(2, round(MAX_OCCLUDER_WIDTH * garment.shape[0] / 2))
    hidden = _keep_enclosed_components(
        _close_gaps(garment, radius) & before, garment, MIN_GARMENT_RIM
    )
    if category != LOWER:
        for flags, reach in ((hair, HAIR_TRUNK_SCALE), (arms, ARM_TRUNK_SCALE)):
            trunk = _trunk_region(keypoints, labels.shape, reach)
            hidden |= _keep_enclosed_components(trunk & flags, garment, MIN_TRUNK_GARMENT_RIM)
    return hidden


def _keep_enclosed_components(flags: Flags, garment: Flags, least: float) -> Flags:
    """Return the largest connected pieces of ``flags`` whose rim is garment to that share."""
    parts = label_components(flags)
    largest = 1 + np.argsort(-parts.areas[1:])[:MAX_COMPONENTS]
    kept = np.zeros_like(garment)
    for part in largest:
        own = parts.labels == part
        if garment[_dilate_two_pixels(own) & ~own].mean() >= least:
            kept |= own
    return kept


def _trunk_region(keypoints: Keypoints, shape: tuple[int, ...], reach: float) -> Flags:
    """Return what lies between shoulders and hips, ``reach`` times as wide and, above 1, as high.

    Nothing where one of these joints was not seen.
    """
    area = np.zeros(shape, np.uint8)
    joints = keypoints[list(TRUNK_CORNERS)]
    if confident_joints(joints).all():
        middle = joints[:, :2].mean(axis=0)
        stretch = np.array([reach, max(reach, 1.0)])
        corners = np.rint(middle + stretch * (joints[:, :2] - middle)).astype(np.int32)
        cv2.fillConvexPoly(area, cv2.convexHull(corners), 1)
    return area > 0


def _extend_to_waist(photo: Image, garment: Flags, keypoints: Keypoints) -> tuple[Image, Flags]:
    """Continue trousers up to the waist, under the top that hangs over most of their seat.

    Returns the photo and the pixels that were added: none where enough of the seat is in sight, or
    where shoulders or hips were not seen. Each column goes on in the colour it has below the hem.
    """
    added = np.zeros_like(garment)
    first = np.where(garment.any(axis=0), garment.argmax(axis=0), len(garment))
    top, wide = int(first.min()), np.ptp(np.flatnonzero(garment.any(axis=0))) + 1
    near = np.flatnonzero(first < top + MAX_HEM_DEPTH * wide)
    left, right = np.percentile(near, SEAT_EDGE_PERCENTILES)
    waist = max(
        _waist_row(keypoints), _crotch_row(garment, first, near) - round(MIN_SEAT_HEIGHT * wide), 0
    )
    if waist >= top or right - left < 1:
        return photo, added
    sampled = np.arange(HEM_BLUR_PX, HEM_BLUR_PX + HEM_SAMPLE_PX)
    below = np.minimum(first[near, None] + sampled, len(garment) - 1)
    seen = photo[below, near[:, None]].astype(np.float32).mean(axis=1)
    columns = np.arange(math.ceil(left), math.floor(right) + 1)
    hem = np.rint(np.interp(columns, near, first[near])).astype(int)
    colours = np.stack([np.interp(columns, near, channel) for channel in seen.T], axis=1)
    colours = cv2.GaussianBlur(colours[None], (0, 0), SEAT_COLOUR_SIGMA_PX)[0]
    filled = photo.copy()
    inset = (1 - WAIST_WIDTH) / 2 * (right - left)
    for row in range(math.ceil(waist), min(int(hem.max()) + HEM_BLUR_PX, len(garment))):
        narrower = inset * max(top - row, 0) / (top - waist)
        own = (
            (row < hem + HEM_BLUR_PX) & (columns >= left + narrower) & (columns <= right - narrower)
        )
        filled[row, columns[own]] = colours[own]
        added[row, columns[own]] = True
    return filled, added


def _waist_row(keypoints: Keypoints) -> float:
    """Return the row where trousers begin at most; infinite where joints were not seen."""
    joints = keypoints[list(TRUNK_CORNERS)]
    if not confident_joints(joints).all():
        return math.inf
    shoulders, hips = float(joints[:2, 1].mean()), float(joints[2:, 1].mean())
    return hips - WAIST_HEIGHT * (hips - shoulders)


def _crotch_row(garment: Flags, first: NDArray[np.intp], near: NDArray[np.intp]) -> int:
    """Return the row where the legs part: the first gap below the upper end's middle third."""
    middle = near[len(near) // 3 : len(near) - len(near) // 3]
    below = np.arange(len(garment))[:, None] >= first[middle]
    gap = below & ~garment[:, middle]
    ends = np.where(gap.any(axis=0), gap.argmax(axis=0), len(garment))
    return int(ends.min())


def _close_gaps(flags: Flags, radius: int) -> Flags:
    """Close gaps of up to twice the radius, at a quarter of the size."""
    height, width = flags.shape
    size = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(flags.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    closed = close_mask(small > 0, max(1, radius // 4)).astype(np.uint8)
    return cv2.resize(closed, (width, height), interpolation=cv2.INTER_NEAREST) > 0


def _dilate_two_pixels(flags: Flags) -> Flags:
    return dilate(flags, 2, Footprint.SQUARE)


def _inpaint_hidden(photo: Image, garment: Flags, hidden: Flags) -> Image:
    """Return the photo with the garment, and nothing else, continued over what hides it."""
    if not hidden.any():
        return photo
    near = _dilate_two_pixels(hidden)
    window = _bounding_window(near, 2 * RADIUS_PX)
    unknown = near[window] | ~garment[window]
    inpainted = cv2.inpaint(photo[window], unknown.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    filled = photo.copy()
    filled[window][near[window]] = inpainted[near[window]]
    return filled


def _choose_background(colours: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the ground that a garment's nearest colours are farthest from."""
    lab = cv2.cvtColor(colours[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    grounds = cv2.cvtColor(np.array([BACKGROUNDS], np.uint8), cv2.COLOR_RGB2LAB)[0]
    apart = [
        float(np.percentile(np.linalg.norm(lab - ground, axis=1), NEAREST_COLOURS_PERCENTILE))
        for ground in grounds.astype(np.float32)
    ]
    return BACKGROUNDS[int(np.argmax(apart))]


def _compose_on_background(
    picture: Image, photo: Image, whole: Flags, hidden: Flags, ground: tuple[int, int, int]
) -> tuple[Image, Plane]:
    """Return a picture of any size with the garment alone, and how much of each pixel it is.

    ``photo`` shows what is ``hidden``; ``whole`` is the garment, at the size of ``photo``.
    """
    height, width = picture.shape[:2]
    scale = height / whole.shape[0]
    laid, share = np.full_like(picture, ground), np.zeros((height, width), np.float32)
    small = _bounding_window(whole, 4 * RADIUS_PX)
    large = tuple(
        slice(round(side.start * scale), min(round(side.stop * scale), end))
        for side, end in zip(small, (height, width), strict=True)
    )
    seen: Image = picture[large]
    size = seen.shape[1::-1]
    patch = np.asarray(cv2.resize(photo[small], size, interpolation=cv2.INTER_LINEAR), np.uint8)
    near = _dilate_two_pixels(hidden[small]).astype(np.uint8)
    there = cv2.resize(near, size, interpolation=cv2.INTER_NEAREST) > 0
    seen = np.where(there[..., None], patch, seen)
    coarse = cv2.resize(whole[small].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    edge = prepare_colour_guide(seen, max(1, round(RADIUS_PX * scale)), EDGE_NOISE_VARIANCE)
    refined = filter_by_colour(np.asarray(coarse, np.float32), edge)
    # What is made up has no edge in the photo.
    share[large] = np.where(there, coarse, refined)
    # Half a pixel of what is behind would be seen at the edge.
    sure = np.clip(2 * share[large] - 1, 0, 1)[..., None]
    laid[large] = np.rint(seen * sure + laid[large] * (1 - sure))
    return laid, share


def _bounding_window(flags: Flags, margin: int) -> tuple[slice, slice]:
    """Return the rectangle around all flags and ``margin`` pixels, as far as the picture goes."""
    sides = []
    for axis, end in enumerate(flags.shape):
        places = np.flatnonzero(flags.any(axis=1 - axis))
        sides.append(slice(max(0, places[0] - margin), min(end, places[-1] + 1 + margin)))
    return sides[0], sides[1]
