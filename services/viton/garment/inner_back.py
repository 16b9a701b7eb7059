"""The inside of the back above a front neckline, traced by its tones."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import Neckline
from services.viton.garment.neckline_edge import (
    COLUMNS,
    POWERS,
    downward_normals,
    squared_distance_to_nearest,
)
from services.viton.geometry import Points

_APART: Final = 5.0
_OVERLAP: Final = 0.62
_SURE_OVERLAP: Final = 0.7
_NEAR_TOP: Final = (0.025, 0.09)
_DEEPER: Final = (0.09, 0.17)
"""Between which depths below the upper edge, in its widths, the inside is looked for."""
_MARGIN: Final = 0.014


def trace_inner_back(
    lab: NDArray[np.float32],
    mask: NDArray[np.bool_],
    top: NDArray[np.int64],
    left: Points,
    right: Points,
    *,
    ends: tuple[float, float],
    half: float,
    chest: float,
) -> Neckline | None:
    """Trace the inside of the back from its upper edge and lay the best scoop or V around it.

    Just below the middle of the upper edge the inside shows, if it shows at all; its tones are told
    from the front's by their nearest sample, so that a faint but even difference is enough. Returns
    None where no such region of a plausible size and shape is found.
    """
    width = float(right[0] - left[0])
    axis = float(left[0] + right[0]) / 2
    first = max(int(max(left[0] - 0.2 * width, ends[0])), 0)
    last = min(int(min(right[0] + 0.2 * width, ends[1])) + 1, mask.shape[1])
    columns = np.arange(first, last)
    tops = np.minimum(top[first:last], mask.shape[0] - 1)
    start = max(int(tops.min()), 0)
    stop = int(np.clip(chest + 0.2 * half, start + 8, mask.shape[0]))
    if last - first < 16 or stop - start < 16:
        return None
    rows = np.arange(start, stop)[:, None]
    depth = rows - tops[None, :]
    window = lab[start:stop, first:last]
    cloth = mask[start:stop, first:last]
    near = np.abs(columns - axis)[None, :] < 0.27 * width
    front = _front_colours(lab, mask, left, right, half=half, chest=chest)
    # Above the inside may be a trim and a label, and it may reach beyond the neck points.
    chest_only = front[:1]
    for (above, below), tones, least in (
        (_NEAR_TOP, front, _OVERLAP),
        (_DEEPER, chest_only, _SURE_OVERLAP),
    ):
        seed = cloth & near & (depth > max(3, above * width)) & (depth < max(6, below * width))
        if seed.sum() < 24 or not tones:
            return None
        rim = near & (depth <= max(3, 0.03 * width))
        region = _segment_inner_back(window, cloth, seed, rim, np.concatenate(tones), width=width)
        if region is None:
            continue
        found = _fit_curve(
            region, cloth, tops.astype(np.float64), left, right, first=first, start=start
        )
        if found is not None and found.edge_score > 20.0 * least:
            return found
    return None


def _segment_inner_back(
    window: NDArray[np.float32],
    cloth: NDArray[np.bool_],
    seed: NDArray[np.bool_],
    rim: NDArray[np.bool_],
    front: NDArray[np.float32],
    *,
    width: float,
) -> NDArray[np.uint8] | None:
    """Return the piece around ``seed`` that has its tones rather than the ``front``'s (K x 3).

    ``rim``, the upper edge, is part of it. None where it has no size of an opening.
    """
    inside = _main_colours(window[seed], 3, 0.2)
    inside = np.array([t for t in inside if np.sqrt(((front - t) ** 2).sum(-1)).min() > _APART])
    if not len(inside):
        return None
    to_front, to_inside = (
        squared_distance_to_nearest(window, front),
        squared_distance_to_nearest(window, inside),
    )
    like = (cloth & (to_inside < to_front)).astype(np.uint8)
    like = np.asarray(cv2.medianBlur(like, 2 * max(int(0.012 * width), 1) + 1), np.uint8)
    like |= (cloth & rim).astype(np.uint8)
    _, labels = cv2.connectedComponents(like)
    mark = int(np.bincount(labels[seed & (like > 0)], minlength=1).argmax())
    if mark == 0:
        return None
    region = (labels == mark).astype(np.uint8)
    size = 2 * max(int(0.03 * width), 1) + 1
    closed = cv2.morphologyEx(region, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    region = np.asarray(opened, np.uint8)
    if not 0.03 * width**2 < region.sum() < 1.3 * width**2 or region[-1].any():
        return None
    return region


def _fit_curve(
    region: NDArray[np.uint8],
    cloth: NDArray[np.bool_],
    tops: NDArray[np.float64],
    left: Points,
    right: Points,
    *,
    first: int,
    start: int,
) -> Neckline | None:
    """Return the curve of a family of scoops and Vs whose inside overlaps a region best."""
    width = float(right[0] - left[0])
    height, count = region.shape
    columns = np.arange(first, first + count, dtype=np.float64)
    taken, filled = (
        np.concatenate([np.zeros((1, count), np.int64), np.cumsum(part, axis=0)]).ravel()
        for part in (region, cloth)
    )
    total = int(region.sum())
    middle = float(left[0] + right[0]) / 2
    best: tuple[float, Points, float] | None = None
    full = np.linspace(-1, 1, COLUMNS)
    depths = np.linspace(0.06, 1.9, 70)
    for narrow in (0.7, 0.78, 0.86, 0.93, 1.0, 1.07, 1.14, 1.21):
        reach = narrow * width / 2
        if narrow > 1 and (middle - reach < columns[0] or middle + reach > columns[-1]):
            continue
        ends = np.interp([middle - reach, middle + reach], columns, tops)
        within = np.abs(columns - middle) < reach
        share = (columns[within] - middle) / reach
        base = ends[0] + (ends[1] - ends[0]) * (share + 1) / 2
        for power in POWERS:
            form = 1 - np.abs(share) ** power
            drop = base + depths[:, None] * width * form
            row = np.clip(drop - start, 0, height).astype(np.int64)
            at = row * count + np.flatnonzero(within)
            both = taken[at].sum(axis=1)
            union = np.maximum(total + filled[at].sum(axis=1) - both, 1)
            overlaps = both / union - 0.4 * max(1 - narrow, 0.0)
            deepest = int(overlaps.argmax())
            if best is None or overlaps[deepest] > best[0]:
                depth = float(depths[deepest])
                ys = ends[0] + (ends[1] - ends[0]) * (full + 1) / 2
                ys = ys + depth * width * (1 - np.abs(full) ** power)
                curve = np.stack([middle + full * reach, ys], axis=1)
                best = (float(overlaps[deepest]), curve, depth)
    if best is None or best[0] < _OVERLAP:
        return None
    curve = best[1] + _MARGIN * width * downward_normals(best[1])
    return Neckline(curve, has_collar=False, edge_score=20.0 * best[0], depth=best[2])


def _front_colours(
    lab: NDArray[np.float32],
    mask: NDArray[np.bool_],
    left: Points,
    right: Points,
    *,
    half: float,
    chest: float,
) -> list[NDArray[np.float32]]:
    """Return the tones of the chest, then of both shoulders beside the neck, each K x 3."""
    axis = float(left[0] + right[0]) / 2
    boxes = [(chest - 0.25 * half, chest + 0.55 * half, axis - 0.75 * half, axis + 0.75 * half)]
    for side, sign in ((left, -1), (right, 1)):
        near, far = sorted((side[0] + sign * 0.04 * half, axis + sign * 0.95 * half))
        boxes.append((side[1] + 0.06 * half, side[1] + 0.45 * half, near, far))
    tones = []
    for box in boxes:
        top, bottom, first, last = (max(int(v), 0) for v in box)
        patch = lab[top:bottom:3, first:last:3][mask[top:bottom:3, first:last:3]]
        if len(patch) >= 16:
            tones.append(_main_colours(patch, 4, 0.08))
    return tones


def _main_colours(pixels: NDArray[np.float32], count: int, least: float) -> NDArray[np.float32]:
    """Return the main tones among pixels (N x 3): clusters of at least a share ``least``."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    start = np.zeros((len(pixels), 1), np.int32)
    samples = np.ascontiguousarray(pixels, np.float32)
    _, labels, centres = cv2.kmeans(samples, count, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    counts = np.bincount(labels.ravel(), minlength=count)
    return np.asarray(centres[counts >= least * counts.sum()], np.float32)
