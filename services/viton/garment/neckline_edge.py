"""The edge of a front neckline: how clear it is, and where exactly it runs."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import Points

POWERS: Final = (1.0, 1.4, 2.0, 2.6, 3.5, 5.0)
COLUMNS: Final = 41
"""Forms of a neckline that are tried, and points of its curve."""

_CAP: Final = 14.0
_ALONE: Final = 9.0
_TRIM: Final = 10.0


def colour_distance(
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
    if len(patch) < 16 or not inside.any():
        return np.zeros(lab.shape[:2], np.float32), 1.0
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    start = np.zeros((len(patch), 1), np.int32)
    _, labels, centres = cv2.kmeans(patch, 5, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    counts = np.bincount(labels.ravel(), minlength=5)
    weight = np.array([0.8, 1.0, 1.0], np.float32)
    main = np.asarray(centres[counts > 0.06 * counts.sum()], np.float32)
    nearest = np.minimum(
        np.sqrt(squared_distance_to_nearest(lab * weight, main * weight)), np.float32(40.0)
    )
    band = nearest[rows, columns][mask[rows, columns]]
    return nearest, float(np.percentile(band, 60))


def squared_distance_to_nearest(
    image: NDArray[np.float32], tones: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the squared distance of each pixel (H x W x 3) to the nearest of the tones (K x 3)."""
    planes = cv2.split(image)
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    for tone in tones:
        away = sum((plane - t) ** 2 for plane, t in zip(planes, tone, strict=True))
        nearest = np.asarray(np.minimum(nearest, away), np.float32)
    return nearest


def score_edges(
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


def snap_to_edge(
    lab: NDArray[np.float32], unlike: NDArray[np.float32], curve: Points, half: float
) -> Points:
    """Move the curve along its normals onto the edge near by, smoothly (dynamic programming)."""
    normal = downward_normals(curve)
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


def downward_normals(curve: Points) -> Points:
    """Return unit normals pointing down for a curve from left to right."""
    tangent = np.gradient(curve, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def move_above_trim(
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
