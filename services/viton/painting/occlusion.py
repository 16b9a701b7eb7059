"""Where the new garment, the arms, and trousers or a skirt lie over one another."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from services.kit.raster.components import label_components, remove_small_components
from services.kit.raster.morphology import Footprint, open_mask
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import bounding_window
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_MAX_WAISTBAND_SLOPE: Final = 0.7
"""Steepest slope of a waistband; where it is steeper, the waistband ends."""

_MAX_SLIT_HALF_WIDTH: Final = 0.014
"""Half the width of the widest slit beside an arm that is closed, in shoulder widths."""

_WAISTBAND_OVERLAP_PX: Final = 5.0
"""How far the garment may cover a waistband from above, in pixels of the canvas."""

_WAISTBAND_SEARCH_PX: Final = 10
"""How far the label map's upper edge of a waistband may be moved, in pixels of the canvas."""


def close_slits_beside_arms(
    torso: Floats, parts: PersonSegmentation, arms: Bool, chest: Bool, body: Body
) -> Floats:
    """Let the torso reach an arm that it all but touches: no bright slit between the two.

    ``chest``: the bare trunk, through which no ground is seen.
    """
    reach = max(int(_MAX_SLIT_HALF_WIDTH * body.shoulder_width), 1)
    covered = torso > 0.5
    open_ground: Bool = np.asarray(~(covered | arms | chest))
    opened = open_mask(open_ground, reach)
    large = remove_small_components(opened, int((0.1 * body.shoulder_width) ** 2))
    wide = antialias(large, 3.0) > 0.4
    # A gap that stays open narrows to its end, and does not stop at its whole width.
    thin = label_components(open_mask(open_ground, 1, Footprint.SQUARE))
    widens = np.bincount(thin.labels[wide], minlength=thin.count) > 0
    wide = wide | thin.select(widens)
    rows = np.arange(torso.shape[0])[:, None]
    top = min(body.left.armpit[1], body.right.armpit[1]) - 0.1 * body.shoulder_width
    slit = open_ground & ~wide & (rows > top) & (rows < body.existing_hem_row) & ~parts.lower_body
    slit &= dilate(covered, 3 * reach) & dilate(arms, 3 * reach)
    # Some way under the arm that it touches, whose soft edge lies over it.
    under = dilate(dilate(covered | slit, 1) & arms, 5) & arms
    joined = antialias(covered | slit | under, 0.8)
    return np.where(dilate(slit | under, 2), np.maximum(torso, joined), torso)


def measure_waistband_coverages(
    image: Floats, parts: PersonSegmentation, body: Body
) -> tuple[Floats, Floats] | None:
    """Where trousers or a skirt begin under a garment that is tucked in; None where none is seen.

    The label's edge is moved, by up to ``_SEEK`` pixels, to where the colours change from the worn
    garment's to those below. Returns two H x W coverages: of what may be covered by the garment
    from above, and of trousers or skirt along their upper edge.
    """
    height, width = parts.lower_body.shape
    columns = np.arange(width)
    near = slice(
        max(int(body.existing_hem_row - 0.4 * body.shoulder_width), 0),
        int(body.existing_hem_row + 0.9 * body.shoulder_width),
    )
    band = parts.lower_body[near]
    found = band.any(axis=0)
    if not found.any():
        return None
    top = near.start + band.argmax(axis=0)
    line = np.interp(columns, columns[found], top[found].astype(np.float64))
    line = median_filter(line, 9) + _waistband_shift(image, parts, median_filter(line, 9))
    line = gaussian_filter1d(line, 1.5)
    middle = int(np.clip(body.midline_x[int(min(body.existing_hem_row, height - 1))], 0, width - 1))
    slope = np.abs(np.gradient(gaussian_filter1d(line, 0.012 * body.shoulder_width)))
    ends = np.flatnonzero(~found | (slope > _MAX_WAISTBAND_SLOPE))
    first = int(ends[ends < middle].max(initial=-1)) + 1
    last = int(ends[ends > middle].min(initial=width)) - 1
    seen = np.zeros(width, np.float32)
    if last - first > 0.3 * body.shoulder_width:
        seen[first : last + 1] = 1
        beyond = np.maximum(np.maximum(first - columns, columns - last), 0)
        rim = line[np.clip(columns, first, last)] - 0.5 * np.minimum(
            beyond, 0.05 * body.shoulder_width
        )
        line = np.where(beyond > 0, rim, line)
    rows = np.arange(height)[:, None]
    above = np.clip(line[None, :] + _WAISTBAND_OVERLAP_PX - rows, 0, 1)
    below = np.clip(rows - line[None, :] + 0.5, 0, 1) * np.clip(line[None, :] + 24 - rows, 0, 1)
    lower = below * seen * dilate(parts.lower_body, _WAISTBAND_SEARCH_PX)
    return above.astype(np.float32), lower.astype(np.float32)


def _waistband_shift(
    image: Floats, parts: PersonSegmentation, line: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far below ``line`` the colours change, per column; 0 where that is unclear."""
    width = parts.lower_body.shape[1]
    window = bounding_window(
        parts.lower_body & dilate(parts.upper_garment, 3 * _WAISTBAND_SEARCH_PX),
        3 * _WAISTBAND_SEARCH_PX,
    )
    if window is None:
        return np.zeros(width)
    rows, columns = window
    photo = _shadow_insensitive_colours(image[window])
    old = pull_push(
        photo, erode(parts.upper_garment[window], _WAISTBAND_SEARCH_PX).astype(np.float32)
    )
    new = pull_push(photo, erode(parts.lower_body[window], _WAISTBAND_SEARCH_PX).astype(np.float32))
    to_old = np.linalg.norm(photo - old, axis=-1)
    to_new = np.linalg.norm(photo - new, axis=-1)
    span = np.linalg.norm(new - old, axis=-1)
    like_old = np.clip((to_new - to_old) / (span + 8.0), -1, 1) * np.clip(span / 15 - 1, 0, 1)
    like_old = cv2.blur(like_old.astype(np.float32), (5, 1))
    steps = np.arange(-_WAISTBAND_SEARCH_PX, _WAISTBAND_SEARCH_PX + 1)
    at = np.rint(line[columns][None, :] + steps[:, None]).astype(int) - rows.start
    inside = np.clip(at, 0, like_old.shape[0] - 1)
    gain = np.cumsum(like_old[inside, np.arange(inside.shape[1])[None, :]], axis=0)
    shift = np.zeros(width)
    # Ahead of the first step lies nothing: the line may also stay at the window's start.
    best = steps[gain.argmax(axis=0)] + 1.0
    best = np.where(gain.max(axis=0) > 0.0, best, -float(_WAISTBAND_SEARCH_PX))
    sure = gain.max(axis=0) - gain[-1] > 1.0
    over_it = np.clip(np.rint(line).astype(int) - 6, 0, parts.upper_garment.shape[0] - 1)
    sure &= parts.upper_garment[over_it, np.arange(width)][columns][: len(sure)]
    shift[columns] = np.where(sure, best, 0.0)[: shift[columns].shape[0]]
    return np.asarray(gaussian_filter1d(median_filter(shift, 21), 2.0))


def _shadow_insensitive_colours(image: Floats) -> Floats:
    """Return colours in which a shadow is little change: two of hue and saturation, one of light.

    All three are of the size of levels (0 to 255).
    """
    mean = image.mean(axis=-1, keepdims=True)
    hue = (image[..., ::2] - image[..., 1:2]) / (mean + 30.0) * 160.0
    return np.asarray(np.concatenate([hue, 0.4 * mean], axis=-1), np.float32)


def find_arm_under_sleeve(
    parts: PersonSegmentation, sleeve: PlacedSleeve, side: BodySide, reach: float
) -> Bool:
    """Return the bare arm that the new sleeve covers, rims included."""
    strip, fit = sleeve.surface, sleeve.fit
    if fit.cuff_fraction == 0.0:
        return np.zeros(parts.arms.shape, bool)
    near = (np.abs(strip.across - 0.5) < 0.95) & (strip.along < fit.cuff_fraction - 0.05)
    hidden = parts.arms & strip.covered & near
    height, width = hidden.shape
    ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(side.shoulder_tip[1])
    xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(side.shoulder_tip[0])
    run = (side.armpit - side.shoulder_tip).astype(np.float32)
    share = np.clip((xs * run[0] + ys * run[1]) / max(float(run @ run), 1.0), 0, 1)
    away = np.hypot(xs - share * run[0], ys - share * run[1])
    bare = strip.covered & (strip.along >= fit.cuff_fraction - 0.05)
    limit = np.where(ys < run[1], 1.7 * reach, reach)
    return np.asarray(hidden | (parts.arms & ~bare & (away < limit)))
