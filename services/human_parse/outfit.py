"""Divide clothes into upper garment, lower garment and dress."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.coarse_classes import DRESS, LOWER, SKIN, UPPER
from services.human_parse.parse_frame import Flags, ParseFrame
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.raster.guided_filter import Plane
from services.kit.types import Image

HISTOGRAM_BINS: Final = (12, 10, 10)
"""Cells of a colour histogram along CIE Lab's lightness, a and b."""

MIN_HISTOGRAM_OVERLAP: Final = 0.55
"""Overlap (Bhattacharyya) of two colour histograms above which they may be one garment."""

MIN_DRESS_SHARE: Final = 0.6
"""Share of the clothes that the network must call full-body for a dress."""

MIN_CUT_SKIRT_WIDTH: Final = 1.5
"""Shoulder widths that a skirt must measure where the frame cuts it before its hem."""

MIN_TROUSERS_HEIGHT: Final = 0.55
"""Height along the trunk (0 neck, 1 hip joints) above which there are no trousers."""

CHEST_END: Final = 0.5
"""Height along the trunk (0 neck, 1 hip joints) of the lower end of the chest."""

THIGH_RANGE: Final = (1.25, 1.75)
"""Heights along the trunk (0 neck, 1 hip joints) of the upper thighs."""

JACKET_END: Final = 1.15
"""Height along the trunk (0 neck, 1 hip joints) of a jacket's hem."""


@dataclass(frozen=True)
class OutfitClasses:
    """Clothes divided into upper garment, lower garment and dress, H x W float32 each."""

    clothes: Plane
    """Probability of any garment."""
    lower: Plane
    """Probability that a garment belongs below the waist."""
    dress: Plane
    """1 where one garment covers both halves, else 0."""


def split_upper_lower_dress(
    lab: NDArray[np.float32], garments: NDArray[np.float32], clothes: Plane, frame: ParseFrame
) -> OutfitClasses:
    """Divide clothes into upper, lower and dress.

    ``lab`` is the photo, H x W x 3 float32 CIE Lab; ``garments`` H x W x 4 float32 probabilities of
    background, upper, lower and full-body garments; ``clothes`` H x W float32 from the person
    segmenter. The networks overlook whole garments now and then, and call some outfits of two
    pieces one: what neither "upper" nor "lower" explains is divided by colour and by height.
    """
    worn = clothes > 0.5
    total = max(1, int(np.count_nonzero(worn)))
    upper, lower, full = garments[..., 1], garments[..., 2], garments[..., 3]
    if _is_skirt(upper, full, _along(clothes.shape, frame)):
        lower, full = lower + full, np.zeros_like(full)
    explained = upper + lower
    open_pixels = worn & (explained < 0.5)
    one_piece = worn & (full > 0.5)
    share = np.where(explained > 1e-3, lower / np.maximum(explained, 1e-3), 0.5).astype(np.float32)
    share *= 1 / (1 + np.exp((MIN_TROUSERS_HEIGHT - _along(clothes.shape, frame)) / 0.05))
    dress = np.zeros_like(clothes)
    if np.count_nonzero(open_pixels) < 0.02 * total:
        return OutfitClasses(clothes, share, dress)
    above, below = _seeds(worn, upper, lower, frame)
    split = _by_height(clothes.shape, frame)
    enough = 0.003 * total
    if np.count_nonzero(above) > enough and np.count_nonzero(below) > enough:
        cells = _cells(lab)
        first, second = _histogram(cells, above), _histogram(cells, below)
        alike = float(np.sqrt(first * second).sum())
        if np.count_nonzero(one_piece) > MIN_DRESS_SHARE * total and alike > MIN_HISTOGRAM_OVERLAP:
            return OutfitClasses(clothes, np.zeros_like(clothes), worn.astype(np.float32))
        if alike < 0.9:
            split = split + _by_colour(cells, first, second, worn, frame)
    elif np.count_nonzero(one_piece) > MIN_DRESS_SHARE * total:
        return OutfitClasses(clothes, np.zeros_like(clothes), worn.astype(np.float32))
    divided = 1 / (1 + np.exp(-np.clip(split, -30, 30)))
    certainty = np.clip(explained * 1.25, 0, 1)
    lower_share = certainty * share + (1 - certainty) * divided
    return OutfitClasses(clothes, lower_share.astype(np.float32), dress)


def _is_skirt(upper: Plane, full: Plane, along: Plane) -> bool:
    """Whether what the network calls full-body is a skirt: it leaves the chest to a top."""
    top, rest = upper > 0.5, full > 0.5
    if np.count_nonzero(top) < 0.3 * np.count_nonzero(rest):
        return False
    if np.count_nonzero(top & (along < CHEST_END)) < 0.2 * np.count_nonzero(top):
        return False
    return bool(np.count_nonzero(rest & (along < CHEST_END)) < 0.03 * np.count_nonzero(rest))


def resolve_long_tops(
    image: Image, coarse: NDArray[np.uint8], frame: ParseFrame
) -> NDArray[np.uint8]:
    """Doubt a top that covers the thighs: over bare legs it is a dress, at the frame a suit.

    The clothes network takes a suit of one colour for one long jacket. A coat whose hem is seen
    above trousers is left alone. A dress that does not reach below the hips is a top.
    """
    upper = coarse == UPPER
    along = _along(coarse.shape, frame)
    dress = coarse == DRESS
    if dress.any() and np.count_nonzero(dress & (along > JACKET_END)) < 0.05 * np.count_nonzero(
        dress
    ):
        return np.where(dress, np.uint8(UPPER), coarse)
    thighs = (along > THIGH_RANGE[0]) & (along < THIGH_RANGE[1])
    if np.count_nonzero(upper & thighs) <= np.count_nonzero((coarse == LOWER) & thighs):
        return coarse
    if np.count_nonzero(upper & thighs) < 0.05 * frame.shoulder_width**2:
        return coarse
    below = along > THIGH_RANGE[0]
    if np.count_nonzero((coarse == SKIN) & below) > 0.03 * frame.shoulder_width**2 and _legs_bare(
        coarse, frame
    ):
        return np.where(upper | (coarse == LOWER), np.uint8(DRESS), coarse)
    last = np.count_nonzero(upper[-3:].any(axis=0))
    if last > 0.3 * np.count_nonzero(upper[thighs.any(axis=1)].any(axis=0)):
        return np.where(upper & _trousers(image, upper, along, frame), np.uint8(LOWER), coarse)
    return coarse


def _trousers(image: Image, upper: Flags, along: Plane, frame: ParseFrame) -> Flags:
    """Where a top that reaches the frame is trousers: as its colours say, else below a jacket."""
    lab = cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    cells = _cells(np.asarray(lab, np.float32))
    chest, thighs = upper & (along > 0) & (along < CHEST_END), upper & (along > THIGH_RANGE[0])
    first, second = _histogram(cells, chest), _histogram(cells, thighs)
    if float(np.sqrt(first * second).sum()) > MIN_HISTOGRAM_OVERLAP:
        return np.asarray(along > JACKET_END, np.bool_)
    below = _by_colour(cells, first, second, upper, frame) > 0
    return np.asarray(below & (along > CHEST_END), np.bool_)


def _legs_bare(coarse: NDArray[np.uint8], frame: ParseFrame) -> bool:
    """Whether there is skin where the legs are, rather than hands."""
    knees = [
        frame.points[joint] + side
        for joint in (Joint.LEFT_KNEE, Joint.RIGHT_KNEE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE)
        if frame.seen[joint]
        for side in (0, np.array((0, 0.25 * frame.shoulder_width), np.float32))
    ]
    height, width = coarse.shape
    inside = [(round(x), round(y)) for x, y in knees if 0 <= x < width and 0 <= y < height]
    return any(coarse[min(y, height - 1), min(x, width - 1)] == SKIN for x, y in inside)


def classify_bottom(lower: Flags, skin: Flags, frame: ParseFrame) -> Label:
    """Tell a skirt from trousers by the hem: a skirt ends wide and in one piece.

    ``lower`` and ``skin`` are H x W. Trousers are more common, so doubt makes trousers: no legs
    seen below the hem, a hem at the ankles, or one outside the picture that is not as wide as the
    widest part.
    """
    height = lower.shape[0]
    widths = np.count_nonzero(lower, axis=1)
    columns = np.flatnonzero(lower.any(axis=0))
    if not columns.size:
        return Label.PANTS
    ends = height - 1 - np.argmax(lower[::-1, columns], axis=0)
    # A slanting hem has columns that end early; below this row most have not ended yet.
    hem = int(np.percentile(ends, 30))
    rows = slice(max(0, hem - max(3, round(0.06 * frame.shoulder_width))), hem + 1)
    single = np.mean([_widest_share(row) > 0.85 for row in lower[rows]]) > 0.7
    wide = float(np.median(widths[rows])) / float(widths.max())
    if int(ends.max()) >= height - 3:
        below_hips = hem > frame.hip[1] + 0.6 * frame.shoulder_width
        broad = float(np.median(widths[rows])) > MIN_CUT_SKIRT_WIDTH * frame.shoulder_width
        return Label.SKIRT if single and below_hips and wide > 0.95 and broad else Label.PANTS
    ankles = [j for j in (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE) if frame.seen[j]]
    if any(hem > frame.points[ankle][1] - 0.15 * frame.shoulder_width for ankle in ankles):
        return Label.PANTS
    legs = skin[hem : min(height, int(ends.max()) + round(0.5 * frame.shoulder_width)), columns]
    bare = np.count_nonzero(legs) > 0.01 * frame.shoulder_width**2
    return Label.SKIRT if single and bare and wide > 0.6 else Label.PANTS


def _widest_share(row: NDArray[np.bool_]) -> float:
    """Return the longest run of a row, over gaps of a few percent, as a share of its extent."""
    ends = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    if not ends.size:
        return 0.0
    starts, stops = ends[::2], ends[1::2]
    extent = int(stops[-1] - starts[0])
    apart = np.flatnonzero(starts[1:] - stops[:-1] > 0.03 * extent)
    first = starts[np.concatenate(([0], apart + 1))]
    last = stops[np.concatenate((apart, [stops.size - 1]))]
    return float((last - first).max() / extent)


def _along(shape: tuple[int, ...], frame: ParseFrame) -> Plane:
    """Return each pixel's height along the trunk: 0 at the neck, 1 at the hips."""
    axis = (frame.hip - frame.neck) / np.float32(frame.torso_length)
    y = np.arange(shape[0], dtype=np.float32)[:, None] - frame.neck[1]
    x = np.arange(shape[1], dtype=np.float32)[None, :] - frame.neck[0]
    return np.asarray((x * axis[0] + y * axis[1]) / frame.torso_length, np.float32)


def _by_height(shape: tuple[int, ...], frame: ParseFrame) -> Plane:
    """Log-odds of belonging below the waist, from the height along the trunk alone."""
    return np.asarray(np.clip((_along(shape, frame) - 0.78) / 0.07, -14, 8), np.float32)


def _seeds(worn: Flags, upper: Plane, lower: Plane, frame: ParseFrame) -> tuple[Flags, Flags]:
    """Clothes that surely lie above the waist, and below: as the network says, else by height."""
    along = _along(worn.shape, frame)
    centre = np.abs(np.arange(worn.shape[1], dtype=np.float32)[None, :] - frame.neck[0])
    above = worn & (along > 0.15) & (along < 0.5) & (centre < 0.6 * frame.shoulder_width)
    below = worn & (along > 1.1) & (along < 1.8)
    known_above, known_below = worn & (upper > 0.8), worn & (lower > 0.8)
    least = 0.03 * np.count_nonzero(worn)
    if np.count_nonzero(known_above) > least:
        above = known_above
    if np.count_nonzero(known_below) > least:
        below = known_below
    return above, below


def _cells(lab: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return each pixel's cell of the colour histogram."""
    lightness, a, b = (lab[..., c] for c in range(3))
    cell = np.clip(lightness / 100 * HISTOGRAM_BINS[0], 0, HISTOGRAM_BINS[0] - 1).astype(np.int32)
    for channel, bins in ((a, HISTOGRAM_BINS[1]), (b, HISTOGRAM_BINS[2])):
        # Cloth rarely leaves +-60; the outer cells take the rest.
        index = np.clip((channel + 60) / 120 * bins, 0, bins - 1).astype(np.int32)
        cell = cell * bins + index
    return cell


def _histogram(cells: NDArray[np.int32], where: Flags) -> NDArray[np.float32]:
    """Return the share of each colour cell, smoothed over its neighbours."""
    counts = np.bincount(cells[where], minlength=int(np.prod(HISTOGRAM_BINS))).astype(np.float32)
    cube = counts.reshape(HISTOGRAM_BINS)
    for axis in range(3):
        padded = np.pad(cube, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        size = cube.shape[axis]
        before, here, after = (np.take(padded, range(k, k + size), axis) for k in range(3))
        cube = 0.25 * before + 0.5 * here + 0.25 * after
    return np.asarray((cube / max(float(cube.sum()), 1.0)).ravel(), np.float32)


def _by_colour(
    cells: NDArray[np.int32],
    above: NDArray[np.float32],
    below: NDArray[np.float32],
    worn: Flags,
    frame: ParseFrame,
) -> Plane:
    """Log-odds of belonging below the waist, from the colours around each pixel."""
    floor = 1e-4
    odds = np.clip(np.log((below + floor) / (above + floor)), -4, 4)
    inside = worn.astype(np.float32)
    evidence = odds[cells].astype(np.float32) * inside
    size = 2 * max(1, round(0.04 * frame.shoulder_width)) + 1
    gathered = cv2.boxFilter(evidence, cv2.CV_32F, (size, size))
    weight = cv2.boxFilter(inside, cv2.CV_32F, (size, size))
    return np.asarray(2.5 * gathered / np.maximum(weight, 1e-3), np.float32)
