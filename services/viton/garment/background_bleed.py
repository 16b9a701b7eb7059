"""How far the background's colour has bled into a garment, and the garment freed of it.

Photos hold colour at a coarser scale than brightness: JPEG halves it. A small photo that was
enlarged shows a band as wide as that enlargement in which the garment's colour is mixed with the
background's.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import EPSILON
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import dot_channels, to_luma, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

USUAL_BLEED_DEPTH_PX: Final = 3
"""Depth along its outline in which a garment in any photo is mixed with the background, in pixels
of the photo."""


@dataclass(frozen=True, kw_only=True)
class BleedOptions:
    """How the depth of the background's bleeding is measured, and how it is taken back.

    Lengths are pixels of the photo, differences levels from 0 to 255.
    """

    max_depth_px: int = 12
    """Largest depth that is measured, in photo pixels."""

    inside_px: int = 20
    """Where the garment's own colour is sampled, inwards of the outline, in photo pixels."""

    outside_px: int = 6
    """Where the background's colour is sampled, outwards of the outline, in photo pixels."""

    max_mixture: float = 0.15
    """Part of the background up to which a colour is the garment's own."""

    min_hue_difference: float = 30.0
    """Difference in hue and saturation from which on garment and background are distinct."""

    sample_count: int = 1500
    """Largest number of places on the outline that are sampled."""

    min_sample_count: int = 100
    """Number of places below which the depth is not measured."""

    min_background_difference: float = 60.0
    """Difference of the colours from which on background within the mask is found."""

    max_garment_fraction: float = 0.5
    """Part of the garment's colour below which a pixel of the mask is background."""

    brightness_depth: float = 0.6
    """Depth to which brightness is replaced, as a fraction of the depth for colours."""

    min_sample_depth: float = 0.8
    """Distance from the outline that a sample's inner end must exceed, as a fraction of
    ``inside_px``: the garment is too narrow there if it does not."""


BLEED_OPTIONS: Final = BleedOptions()


def background_bleed_depth(
    colours: Floats, mask: Bool, options: BleedOptions = BLEED_OPTIONS
) -> int:
    """Measure how many pixels inside its outline a garment's colour is mixed with the background.

    ``colours``: H x W x 3, 0 to 255. ``mask``: H x W, the garment's mask. The result is the depth,
    3 to 12, at which half of the outline has come to within 15 % of the garment's own hue and
    saturation. It is 3 if garment and background are too similar for that or the garment is small.
    """
    profiles = _sample_across_outline(colours, mask, options)
    if len(profiles) < options.min_sample_count:
        return USUAL_BLEED_DEPTH_PX
    hue = profiles - profiles.mean(axis=-1, keepdims=True)
    own, ground = hue[:, -1:], hue[:, :1]
    span = np.linalg.norm(own - ground, axis=-1)
    distinct = span[:, 0] > options.min_hue_difference
    if distinct.sum() < options.min_sample_count:
        return USUAL_BLEED_DEPTH_PX
    mixture = np.linalg.norm(hue - own, axis=-1)[distinct] / span[distinct]
    inside = np.median(mixture, axis=0)[options.outside_px :]
    far = np.flatnonzero(inside > options.max_mixture)
    return int(np.clip(far.max(initial=0) + 1, USUAL_BLEED_DEPTH_PX, options.max_depth_px))


def decontaminate_colours(
    colours: Floats, mask: Bool, depth: int, options: BleedOptions = BLEED_OPTIONS
) -> Floats:
    """Return the photo with the colours along the garment's outline taken from inside it.

    ``depth``: as ``background_bleed_depth`` measures it. Hue and saturation are replaced to that
    depth; brightness, which is sharper, to 0.6 of it, and where the mask covers background.
    """
    own = mask & ~_background_in_mask(colours, mask, depth, options)
    inner, brightness_depth = erode(own, depth), round(options.brightness_depth * depth)
    bright_inner = erode(own, brightness_depth)
    deep = pull_push(colours, inner, 1)
    bright = pull_push(colours, bright_inner, 1)
    sharp = antialias(bright_inner, 1.0)
    luma = to_luma(bright) + sharp * (to_luma(colours) - to_luma(bright))
    toned = deep + to_three_channels(luma - to_luma(deep))
    fraction = antialias(mask & ~inner, 1.0) * mask
    return np.asarray(colours + to_three_channels(fraction) * (toned - colours), np.float32)


def _background_in_mask(colours: Floats, mask: Bool, depth: int, options: BleedOptions) -> Bool:
    """Return the pixels of the mask, up to ``depth`` from its outline, that are background."""
    inner = erode(mask, depth)
    own = pull_push(colours, inner)
    ground = pull_push(colours, ~dilate(mask, depth))
    span = own - ground
    size = dot_channels(span, span)
    fraction = dot_channels(colours - ground, span) / np.maximum(size, 1.0)
    is_distinct = size > options.min_background_difference**2
    return np.asarray(mask & ~inner & is_distinct & (fraction < options.max_garment_fraction))


def _sample_across_outline(colours: Floats, mask: Bool, options: BleedOptions) -> Floats:
    """Sample the photo across the outline, from outside to inside: N x places x 3."""
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    all_rows, all_columns = np.nonzero(mask & (inner <= 1))
    if not len(all_rows):
        return np.zeros((0, 1, 3), np.float32)
    count = min(options.sample_count, len(all_rows))
    chosen = np.linspace(0, len(all_rows) - 1, count).astype(int)
    rows, columns = all_rows[chosen], all_columns[chosen]
    down, right = np.gradient(cv2.GaussianBlur(inner - outer, (0, 0), 3))
    inwards = np.stack([right[rows, columns], down[rows, columns]], axis=-1)
    inwards /= np.maximum(np.linalg.norm(inwards, axis=-1, keepdims=True), EPSILON)
    steps = np.arange(-options.outside_px, options.inside_px + 1, dtype=np.float32)
    start = np.stack([columns, rows], axis=-1).astype(np.float32)
    places = (start[:, None] + steps[:, None] * inwards[:, None]).astype(np.float32)
    size = np.array([mask.shape[1], mask.shape[0]]) - 1
    in_photo = ((places >= 0) & (places <= size)).all(axis=(1, 2))
    # The garment is wide enough for its own colour to be known at the inner end.
    end = np.rint(places[:, -1]).astype(int).clip(0, size)
    is_wide = inner[end[:, 1], end[:, 0]] > options.min_sample_depth * options.inside_px
    used = np.ascontiguousarray(places[in_photo & is_wide])
    if not len(used):
        return np.zeros((0, len(steps), 3), np.float32)
    return np.asarray(cv2.remap(colours, used[..., 0], used[..., 1], cv2.INTER_LINEAR), np.float32)
