"""The front neckline of a garment photo, and the inside of the back that is seen above it.

On a hanger or an invisible mannequin the photo shows the inside of the back, and a label, between
the two shoulders. Worn, the neck is there. The front edge is searched among smooth scoops and Vs,
scored by how unlike the chest the cloth above the edge is and how sharp the edge is all along.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import Points

_POWERS: Final = (1.0, 1.4, 2.0, 2.6, 3.5, 5.0)
_COLUMNS: Final = 41
_SURE: Final = 3.0
_CAP: Final = 14.0
_SHALLOW: Final = 0.45
_PENALTY: Final = 7.0
_ALONE: Final = 9.0
_TRIM: Final = 10.0
_FAINT: Final = 0.5
_USUAL: Final = 0.2
_APART: Final = 5.0
_OVERLAP: Final = 0.62
_MARGIN: Final = 0.014
_LABEL: Final = 0.13


@dataclass(frozen=True)
class Neckline:
    """``curve`` runs from the left neck point to the right one; ``collar`` says that one stands up.

    ``score`` tells how clear the edge was; ``depth`` is in neck widths.
    """

    curve: Points
    collar: bool
    score: float
    depth: float


def find_neckline(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    top: NDArray[np.int64],
    left: Points,
    right: Points,
    *,
    ends: tuple[float, float],
    half: float,
    chest: float,
) -> Neckline:
    """Search the front edge between the neck points ``left`` and ``right``.

    ``top`` is the mask's first row in each column, ``half`` half the chest's width, ``chest`` the
    row of the armpits, ``ends`` the columns between which the neckline must lie, all in pixels.
    """
    width = float(right[0] - left[0])
    collar = width < 0.72 * half
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 2.0), np.float32)
    traced = None
    if not collar:
        traced = _traced(lab, mask, top, left, right, ends=ends, half=half, chest=chest)
        if traced is not None and traced.depth > _LABEL:
            return traced
    unlike, noise = _unlikeness(lab, mask, left, right, half=half, chest=chest)
    share = np.linspace(-0.82, 0.82, _COLUMNS)
    columns = (left[0] + right[0]) / 2 + share * width / 2
    base = left[1] + (right[1] - left[1]) * (share + 1) / 2
    at = np.clip(columns.astype(int), 0, mask.shape[1] - 1)
    tops = np.minimum(top[at], mask.shape[0] - 1).astype(np.float64)
    deepest = min(0.75 if collar else 1.9, (chest + 0.35 * half - base.mean()) / max(width, 1.0))
    depths = np.linspace(0.08, max(deepest, 0.15), 54)
    powers = np.array(_POWERS)
    shape: NDArray[np.float64] = 1 - np.abs(share)[None, None, :] ** powers[None, :, None]
    rows = base + depths[:, None, None] * width * shape
    scores = _score(lab, unlike, noise, rows=rows, tops=tops, columns=at, half=half)
    pointed = np.where(powers[None, :] < 1.5, 0.5, 1.0)
    scores = scores - _PENALTY * pointed * np.maximum(depths[:, None] - _SHALLOW, 0)
    best = np.unravel_index(int(scores.argmax()), scores.shape)
    score, depth, power = float(scores[best]), float(depths[best[0]]), float(powers[best[1]])
    if traced is not None and (score < 2 * _SURE or depth < traced.depth + _LABEL):
        return traced
    if score < _SURE and not collar:
        shallow = (depths > 0.13) & (depths < 0.42)
        likely = scores * shallow[:, None] - 99.0 * ~shallow[:, None]
        best = np.unravel_index(int(likely.argmax()), likely.shape)
        depth, power = float(depths[best[0]]), max(float(powers[best[1]]), 1.4)
        if likely[best] < _FAINT:
            depth, power = _USUAL, 2.0
    elif score < _SURE:
        depth, power = 0.3, 2.0
    full = np.linspace(-1, 1, _COLUMNS)
    xs = (left[0] + right[0]) / 2 + full * width / 2
    line = left[1] + (right[1] - left[1]) * (full + 1) / 2
    ys = line + depth * width * (1 - np.abs(full) ** power)
    if score < _SURE:
        ys = np.maximum(ys, top[np.clip(xs.astype(int), 0, len(top) - 1)])
        return Neckline(np.stack([xs, ys], axis=1), collar, score, depth)
    curve = _snapped(lab, unlike, np.stack([xs, ys], axis=1), half)
    curve = _above_trim(lab, top, curve, width)
    return Neckline(curve, collar, score, depth)


def _traced(
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
    seed = cloth & near & (depth > max(3, 0.025 * width)) & (depth < max(6, 0.09 * width))
    front = _front_tones(lab, mask, left, right, half=half, chest=chest)
    if seed.sum() < 24 or not len(front):
        return None
    inside = _tones(window[seed], 3, 0.2)
    apart = float(min(np.sqrt(((front - tone) ** 2).sum(axis=-1)).min() for tone in inside))
    inside = np.array([t for t in inside if np.sqrt(((front - t) ** 2).sum(-1)).min() > _APART])
    if apart < _APART and not len(inside):
        return None
    to_front, to_inside = _nearest(window, front), _nearest(window, inside)
    like = (cloth & (to_inside < to_front)).astype(np.uint8)
    like = np.asarray(cv2.medianBlur(like, 2 * max(int(0.012 * width), 1) + 1), np.uint8)
    like |= (cloth & (depth <= max(3, 0.03 * width))).astype(np.uint8) & near.astype(np.uint8)
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
    return _laid(region, cloth, tops.astype(np.float64), left, right, first=first, start=start)


def _laid(
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
    taken = np.concatenate([np.zeros((1, count)), np.cumsum(region, axis=0)])
    filled = np.concatenate([np.zeros((1, count)), np.cumsum(cloth, axis=0)])
    total = float(region.sum())
    middle = float(left[0] + right[0]) / 2
    index = np.arange(count)
    best: tuple[float, Points, float] | None = None
    full = np.linspace(-1, 1, _COLUMNS)
    for narrow in (0.7, 0.78, 0.86, 0.93, 1.0, 1.07, 1.14, 1.21):
        reach = narrow * width / 2
        if narrow > 1 and (middle - reach < columns[0] or middle + reach > columns[-1]):
            continue
        ends = np.interp([middle - reach, middle + reach], columns, tops)
        share = (columns - middle) / reach
        base = ends[0] + (ends[1] - ends[0]) * (np.clip(share, -1, 1) + 1) / 2
        for power in _POWERS:
            form = 1 - np.minimum(np.abs(share), 1) ** power
            for depth in np.linspace(0.06, 1.9, 70):
                drop = base + depth * width * form
                at = np.clip(np.where(form > 0, drop - start, 0), 0, height).astype(np.int64)
                both = float(taken[at, index].sum())
                overlap = both / max(total + float(filled[at, index].sum()) - both, 1.0)
                overlap -= 0.4 * max(1 - narrow, 0.0)
                if best is None or overlap > best[0]:
                    ys = ends[0] + (ends[1] - ends[0]) * (full + 1) / 2
                    ys = ys + depth * width * (1 - np.abs(full) ** power)
                    curve = np.stack([middle + full * reach, ys], axis=1)
                    best = (overlap, curve, float(depth))
    if best is None or best[0] < _OVERLAP:
        return None
    curve = best[1] + _MARGIN * width * _normals(best[1])
    return Neckline(curve, collar=False, score=20.0 * best[0], depth=best[2])


def _front_tones(
    lab: NDArray[np.float32],
    mask: NDArray[np.bool_],
    left: Points,
    right: Points,
    *,
    half: float,
    chest: float,
) -> NDArray[np.float32]:
    """Return the tones of the chest and of both shoulders beside the neck, K x 3."""
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
            tones.append(_tones(patch, 4, 0.08))
    return np.concatenate(tones) if tones else np.zeros((0, 3), np.float32)


def _tones(pixels: NDArray[np.float32], count: int, least: float) -> NDArray[np.float32]:
    """Return the main tones among pixels (N x 3): clusters of at least a share ``least``."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    start = np.zeros((len(pixels), 1), np.int32)
    samples = np.ascontiguousarray(pixels, np.float32)
    _, labels, centres = cv2.kmeans(samples, count, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    counts = np.bincount(labels.ravel(), minlength=count)
    return np.asarray(centres[counts >= least * counts.sum()], np.float32)


def _nearest(image: NDArray[np.float32], tones: NDArray[np.float32]) -> NDArray[np.float32]:
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    for tone in tones:
        nearest = np.minimum(nearest, ((image - tone) ** 2).sum(axis=-1))
    return nearest


def _unlikeness(
    lab: NDArray[np.float32],
    mask: NDArray[np.bool_],
    left: Points,
    right: Points,
    *,
    half: float,
    chest: float,
) -> tuple[NDArray[np.float32], float]:
    """Per pixel, the distance to the main colours of chest and shoulders; and its noise there."""
    axis = float(left[0] + right[0]) / 2
    rows = slice(max(int(chest - 0.25 * half), 0), int(chest + 0.55 * half))
    columns = slice(max(int(axis - 0.75 * half), 0), int(axis + 0.75 * half))
    patch = lab[rows, columns][::3, ::3].reshape(-1, 3)
    inside = mask[rows, columns][::3, ::3].reshape(-1)
    patches = [patch[inside]]
    for side, sign in ((left, -1), (right, 1)):
        first, last = sorted((side[0] + sign * 0.04 * half, axis + sign * 0.95 * half))
        beside = (
            slice(max(int(side[1] + 0.06 * half), 0), int(side[1] + 0.45 * half)),
            slice(max(int(first), 0), max(int(last), 1)),
        )
        patches.append(lab[beside][::3, ::3].reshape(-1, 3)[mask[beside][::3, ::3].reshape(-1)])
    patch = np.ascontiguousarray(np.concatenate(patches))
    if len(patch) < 16:
        return np.zeros(lab.shape[:2], np.float32), 1.0
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    start = np.zeros((len(patch), 1), np.int32)
    _, labels, centres = cv2.kmeans(patch, 5, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    counts = np.bincount(labels.ravel(), minlength=5)
    weight = np.array([0.8, 1.0, 1.0], np.float32)
    nearest = np.full(lab.shape[:2], 40.0, np.float32)
    for centre in centres[counts > 0.06 * counts.sum()]:
        nearest = np.minimum(nearest, np.sqrt((((lab - centre) * weight) ** 2).sum(axis=-1)))
    band = nearest[rows, columns][mask[rows, columns]]
    return nearest, float(np.percentile(band, 60))


def _score(
    lab: NDArray[np.float32],
    unlike: NDArray[np.float32],
    noise: float,
    *,
    rows: NDArray[np.float64],
    tops: NDArray[np.float64],
    columns: NDArray[np.int64],
    half: float,
) -> NDArray[np.float64]:
    """One score per candidate: rows is D x P x C, candidates by columns."""
    last = lab.shape[0] - 1
    gap = max(3.0, 0.03 * half)
    reach = 0.16 * half

    def at(y: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.clip(y, 0, last).astype(np.int64)

    capped = np.minimum(unlike[:, columns], _CAP)
    total = np.concatenate([np.zeros((1, len(columns))), np.cumsum(capped, axis=0)])

    def mean(start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b = at(start), at(stop)
        index = np.arange(len(columns))
        return np.asarray((total[b, index] - total[a, index]) / np.maximum(b - a, 1))

    seen = rows - tops > 2 * gap
    above = np.where(seen, mean(tops + gap, rows - gap), 0.0)
    below = mean(rows + gap, rows + gap + reach)
    step = np.sqrt(((lab[at(rows - gap), columns] - lab[at(rows + gap), columns]) ** 2).sum(-1))
    step = np.where(seen, step, 0.0)
    contrast = np.median(above - below, axis=-1)
    edge = np.percentile(np.minimum(step, 25), 15, axis=-1)
    edge = np.minimum(edge, _ALONE + 2 * np.maximum(contrast, 0))
    hidden = (~seen).mean(axis=-1)
    return np.asarray((contrast + 0.8 * edge) * (1 - hidden) - 0.5 * noise)


def _snapped(
    lab: NDArray[np.float32], unlike: NDArray[np.float32], curve: Points, half: float
) -> Points:
    """Move the curve along its normals onto the edge near by, smoothly (dynamic programming)."""
    normal = _normals(curve)
    gap = max(2.5, 0.02 * half)
    offsets = np.linspace(-0.11, 0.11, 23) * half

    def read(layer: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
        at = curve[:, None] + normal[:, None] * (offsets[None, :, None] + shift)
        x = np.clip(at[..., 0], 0, layer.shape[1] - 1).astype(int)
        y = np.clip(at[..., 1], 0, layer.shape[0] - 1).astype(int)
        return np.asarray(layer[y, x])

    step = np.sqrt(((read(lab, gap) - read(lab, -gap)) ** 2).sum(axis=-1))
    turn = np.minimum(read(unlike, -gap), 25) - np.minimum(read(unlike, gap), 25)
    gain = np.minimum(step, 25) + turn - 0.25 * np.abs(np.arange(-11, 12))[None, :]
    jump = 1.5 * np.abs(np.arange(23)[:, None] - np.arange(23)[None, :]).astype(np.float64) ** 1.5
    best = gain[0].astype(np.float64)
    back = []
    for row in gain[1:]:
        total = best[:, None] - jump
        back.append(total.argmax(axis=0))
        best = total.max(axis=0) + row
    path = [int(best.argmax())]
    for step_back in reversed(back):
        path.append(int(step_back[path[-1]]))
    found = offsets[np.array(path[::-1])]
    shift = gaussian_filter1d(0.5 * (found + found[::-1]), 2.0, mode="nearest")
    return np.asarray(curve + normal * shift[:, None])


def _normals(curve: Points) -> Points:
    """Return unit normals pointing down for a curve from left to right."""
    tangent = np.gradient(curve, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def _above_trim(
    lab: NDArray[np.float32], top: NDArray[np.int64], curve: Points, width: float
) -> Points:
    """Move the curve up past a ribbed or contrasting band, which belongs to the front.

    Such a band has one colour all along, a second edge above it, and more cloth above that.
    """
    middle = curve[6:-6]
    ups = np.arange(0.03, 0.14, 0.005) * width
    xs = np.clip(middle[:, 0], 0, lab.shape[1] - 1).astype(int)
    ys = np.clip(middle[:, 1, None] - ups[None, :], 0, lab.shape[0] - 1).astype(int)
    tones = lab[ys, xs[:, None]]
    run = max(int(0.02 * width / (0.005 * width)), 2)
    step = np.median(np.sqrt(((tones[:, run:] - tones[:, :-run]) ** 2).sum(axis=-1)), axis=0)
    inside = ((ys - top[xs][:, None]) > 3).mean(axis=0) > 0.8
    step = np.where(inside[run:], step, 0.0)
    best = int(step[2:].argmax()) + 2
    band = tones[:, : best + 1]
    centre = np.median(band.reshape(-1, 3), axis=0)
    uneven = float(np.median(np.sqrt(((band - centre) ** 2).sum(axis=-1))))
    if step[best] < _TRIM or uneven > 0.45 * step[best]:
        return curve
    lift = float(ups[best + run // 2])
    centre_rows = middle[10:-10, 1] - top[xs[10:-10]]
    if float(np.median(centre_rows)) < 2.2 * lift:
        return curve
    fade = np.clip((1 - np.abs(np.linspace(-1, 1, len(curve)))) * 4, 0, 1)
    return np.asarray(curve - np.stack([np.zeros(len(curve)), lift * fade], axis=1))
