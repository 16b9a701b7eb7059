"""What kind of garment a photo shows and where its parts are: the network's input and answers.

The network (``training/garment``) sees the garment alone, in a square window around its mask, as
its outline, its lightness, its local contrast and how far its colours are from the usual one; so
neither the ground nor the colour as such can mislead it. Pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import COLLARS, NECKLINES, OPENINGS, SLEEVES, GarmentAttributes
from services.kit.types import Image, Mask

Floats = NDArray[np.float32]

SIDE: Final = 128
"""Rows and columns of the network's input."""

MARGIN: Final = 0.06
"""Ground around the garment, as a share of its longer side."""


@dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """How the layers of the network's input are made."""

    outline_sigma_px: float = 0.7
    """Standard deviation of the outline's blur, in pixels of the input."""
    min_own_share: float = 0.9
    """Share of a pixel that is garment above which its colour counts as the garment's."""
    min_own_pixels: int = 16
    """Pixels of the garment's own colour below which the input is empty."""
    min_lightness_std: float = 8.0
    """Standard deviation of the lightness, 0 to 100, that plainer garments are given."""
    colour_unit_lab: float = 20.0
    """Difference in CIE Lab from the garment's usual colour that is 1 in the input."""
    local_mean_sigma_px: float = 2.5
    """Standard deviation of the blur that detail stands out from, in pixels of the input."""
    local_contrast_sigma_px: float = 8.0
    """Standard deviation of the blur of squared detail, in pixels of the input."""
    min_local_contrast: float = 0.5
    """Lightness, 0 to 100, added to the local contrast before detail is divided by it."""


LAYER_OPTIONS: Final = LayerOptions()
"""The options that the network was trained with."""


@dataclass(frozen=True)
class SquareWindow:
    """A square of the photo, in pixels; it may extend beyond the frame."""

    left: float
    """Column of the left edge."""
    top: float
    """Row of the top edge."""
    side: float
    """Length of each side."""


def garment_window(mask: Mask) -> SquareWindow:
    """Return the square around a garment; the whole frame where the mask is empty."""
    garment = mask > 127
    rows, columns = np.flatnonzero(garment.any(axis=1)), np.flatnonzero(garment.any(axis=0))
    if not rows.size:
        return SquareWindow(0.0, 0.0, float(max(mask.shape)))
    low = np.array([columns[0], rows[0]], np.float64)
    high = np.array([columns[-1], rows[-1]], np.float64) + 1
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    left, top = (low + high - side) / 2
    return SquareWindow(float(left), float(top), side)


def network_input(
    image: Image, mask: Mask, seen: SquareWindow, options: LayerOptions = LAYER_OPTIONS
) -> Floats:
    """Return the network's input, 4 x SIDE x SIDE float32, about -3 to 3 and 0 off the garment."""
    share, colours = (
        _crop_to_window(mask, seen) / 255.0,
        _crop_to_window(image, seen) / np.float32(255.0),
    )
    lab = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2Lab), np.float32)
    weight = np.asarray(cv2.GaussianBlur(share, (0, 0), options.outline_sigma_px), np.float32)
    own = lab[share > options.min_own_share]
    if len(own) < options.min_own_pixels:
        return np.zeros((4, SIDE, SIDE), np.float32)
    usual = np.median(own, axis=0).astype(np.float32)
    light = lab[..., 0]
    tone = (light - usual[0]) / max(float(own[:, 0].std()), options.min_lightness_std)
    away = np.sqrt(np.square(lab - usual).sum(axis=2)) / np.float32(options.colour_unit_lab)
    smooth = _mean_over_garment(light, share, options.local_mean_sigma_px)
    detail = (light - smooth) * share
    variance = _mean_over_garment(np.square(detail), share, options.local_contrast_sigma_px)
    local = np.sqrt(variance) + np.float32(options.min_local_contrast)
    layers = [share, np.clip(tone, -3, 3) * weight]
    layers += [np.clip(detail / local, -3, 3), np.clip(away, 0, 3) * weight]
    return np.asarray(np.stack(layers), np.float32)


def _crop_to_window(picture: NDArray[np.uint8], seen: SquareWindow) -> Floats:
    """Return the window of a picture, scaled to SIDE; what lies past the frame repeats its rim."""
    scale = SIDE / seen.side
    # Shrinking by more than two would skip pixels: the picture is averaged first.
    halvings = max(int(np.log2(max(1 / scale, 1.0))), 0)
    small = picture
    for _ in range(halvings):
        size = (max(small.shape[1] // 2, 1), max(small.shape[0] // 2, 1))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    own = scale * picture.shape[1] / small.shape[1]
    down = scale * picture.shape[0] / small.shape[0]
    move = np.array([[own, 0, -seen.left * scale], [0, down, -seen.top * scale]])
    move[:, 2] += 0.5 * (np.array([own, down]) - 1)
    border = cv2.BORDER_REPLICATE if picture.ndim == 3 else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(small, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=border),
        np.float32,
    )


def _mean_over_garment(layer: Floats, share: Floats, sigma: float) -> Floats:
    """Return the mean over the garment near by."""
    weight = cv2.GaussianBlur(share, (0, 0), sigma) + np.float32(1e-3)
    return np.asarray(cv2.GaussianBlur(layer * share, (0, 0), sigma) / weight, np.float32)


def average_with_mirror_image(
    own: Sequence[Floats], flipped: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """Return the mean of the network's classes and reach for a garment and for its mirror image.

    Each is classes and reach as ``interpret`` takes them.
    """
    first, count = len(GARMENT_CATEGORIES), len(SLEEVES)
    classes = flipped[0].copy()
    classes[first : first + count] = flipped[0][first + count : first + 2 * count]
    classes[first + count : first + 2 * count] = flipped[0][first : first + count]
    means = [(a + b) / 2 for a, b in zip(own, (classes, flipped[1][::-1]), strict=True)]
    return np.asarray(means[0], np.float32), np.asarray(means[1], np.float32)


def decode_attributes(
    points: Floats, classes: Floats, reach: Floats, seen: SquareWindow
) -> GarmentAttributes:
    """Decode the network's outputs into classes and into landmarks in pixels of the photo.

    ``points``: 24 x 3, x and y as shares of the window; ``classes``: the probabilities of category,
    left and right sleeve, neckline and opening, one after the other; ``reach``: of both sleeves.
    """
    tables = (GARMENT_CATEGORIES, SLEEVES, SLEEVES, NECKLINES, OPENINGS)
    ends = np.cumsum([len(table) for table in tables])
    most_likely = [
        (table[int(part.argmax())], float(part.max()))
        for table, part in zip(tables, np.split(classes, ends[:-1]), strict=True)
    ]
    (category, left, right, neckline, opening) = most_likely
    landmarks = points.astype(np.float32)
    landmarks[:, :2] *= np.float32(seen.side)
    landmarks[:, :2] += np.array([seen.left, seen.top], np.float32)
    landmarks.flags.writeable = False
    return GarmentAttributes(
        landmarks=landmarks,
        category=category[0],
        category_confidence=category[1],
        left_sleeve=left[0],
        left_sleeve_confidence=left[1],
        right_sleeve=right[0],
        right_sleeve_confidence=right[1],
        neckline=neckline[0],
        neckline_confidence=neckline[1],
        opening=opening[0],
        opening_confidence=opening[1],
        collar=neckline[0] in COLLARS,
        left_sleeve_arm_fraction=float(np.clip(reach[0], 0, 1)),
        right_sleeve_arm_fraction=float(np.clip(reach[1], 0, 1)),
    )
