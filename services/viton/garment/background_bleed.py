"""How far the background's colour has bled into a garment, and the garment freed of it.

Photos hold colour at a coarser scale than brightness: JPEG halves it, and a small photo that was
enlarged shows a band as wide as that enlargement in which the cloth is grey with background.
"""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import to_luma
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

USUAL_BLEED_DEPTH_PX: Final = 3
"""Pixels along its outline in which a garment in any photo is mixed with the background."""

_MOST: Final = 12
_INSIDE: Final = 20
_OUTSIDE: Final = 6
_SAME: Final = 0.15
_COLOURFUL: Final = 30.0
_POINTS: Final = 1500
_FEWEST: Final = 100
_CLEAR: Final = 60.0
_MIXED: Final = 0.5
_SHARPER: Final = 0.6


def background_bleed_depth(colours: Floats, hard: Bool) -> int:
    """Return how many pixels inside its outline the garment's colour is the background's as well.

    ``colours`` is H x W x 3, 0 to 255, ``hard`` the garment's mask. From 3 to 12: the depth at
    which half of the outline has come to within 15 % of the cloth's own hue and saturation. 3 also
    where cloth and background have too much the same of these to tell, and where the garment is
    small.
    """
    profiles = _sample_across_outline(colours, hard)
    if len(profiles) < _FEWEST:
        return USUAL_BLEED_DEPTH_PX
    hue = profiles - profiles.mean(axis=-1, keepdims=True)
    own, ground = hue[:, -1:], hue[:, :1]
    span = np.linalg.norm(own - ground, axis=-1)
    telling = span[:, 0] > _COLOURFUL
    if telling.sum() < _FEWEST:
        return USUAL_BLEED_DEPTH_PX
    left = np.linalg.norm(hue - own, axis=-1)[telling] / span[telling]
    far = np.flatnonzero(np.median(left, axis=0)[_OUTSIDE:] > _SAME)
    return int(np.clip(far.max(initial=0) + 1, USUAL_BLEED_DEPTH_PX, _MOST))


def decontaminate_colours(colours: Floats, hard: Bool, depth: int) -> Floats:
    """Return the photo with the colours along the garment's outline taken from inside it.

    ``depth`` is ``bleeding``'s. So far in, hue and saturation are replaced; brightness, which is
    sharper, to half of that, and where the mask reaches over the background.
    """
    own = hard & ~_background_in_mask(colours, hard, depth)
    deep = pull_push(colours, erode(own, depth).astype(np.float32), 1)
    bright = pull_push(colours, erode(own, round(_SHARPER * depth)).astype(np.float32), 1)
    sharp = antialias(erode(own, round(_SHARPER * depth)), 1.0)
    luma = to_luma(bright) + sharp * (to_luma(colours) - to_luma(bright))
    toned = deep + (luma - to_luma(deep))[..., None]
    share = antialias(hard & ~erode(own, depth), 1.0) * hard
    return np.asarray(colours + share[..., None] * (toned - colours), np.float32)


def _background_in_mask(colours: Floats, hard: Bool, depth: int) -> Bool:
    """Return what of the mask, ``depth`` pixels in from its outline, is background."""
    own = pull_push(colours, erode(hard, depth).astype(np.float32))
    ground = pull_push(colours, (~dilate(hard, depth)).astype(np.float32))
    span = own - ground
    size = np.einsum("ijk,ijk->ij", span, span)
    share = np.einsum("ijk,ijk->ij", colours - ground, span) / np.maximum(size, 1.0)
    return np.asarray(hard & ~erode(hard, depth) & (size > _CLEAR**2) & (share < _MIXED))


def _sample_across_outline(colours: Floats, hard: Bool) -> Floats:
    """Sample the photo across the outline, from outside to inside: N x places x 3."""
    inner = cv2.distanceTransform(hard.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~hard).astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.nonzero(hard & (inner <= 1))
    if not len(rows):
        return np.zeros((0, 1, 3), np.float32)
    chosen = np.linspace(0, len(rows) - 1, min(_POINTS, len(rows))).astype(int)
    rows, columns = rows[chosen], columns[chosen]
    down, right = np.gradient(cv2.GaussianBlur(inner - outer, (0, 0), 3))
    inwards = np.stack([right[rows, columns], down[rows, columns]], axis=-1)
    inwards /= np.maximum(np.linalg.norm(inwards, axis=-1, keepdims=True), 1e-6)
    steps = np.arange(-_OUTSIDE, _INSIDE + 1, dtype=np.float32)
    start = np.stack([columns, rows], axis=-1).astype(np.float32)
    places = (start[:, None] + steps[:, None] * inwards[:, None]).astype(np.float32)
    size = np.array([hard.shape[1], hard.shape[0]]) - 1
    seen = ((places >= 0) & (places <= size)).all(axis=(1, 2))
    # The garment is wide enough for its own colour to be known at the inner end.
    end = np.rint(places[:, -1]).astype(int).clip(0, size)
    seen &= inner[end[:, 1], end[:, 0]] > 0.8 * _INSIDE
    where = np.ascontiguousarray(places[seen])
    if not len(where):
        return np.zeros((0, len(steps), 3), np.float32)
    return np.asarray(
        cv2.remap(colours, where[..., 0], where[..., 1], cv2.INTER_LINEAR), np.float32
    )
