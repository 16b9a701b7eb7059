"""The front neckline of a garment photo, and the inside of the back that is seen above it.

On a hanger or an invisible mannequin the photo shows the inside of the back, and a label, between
the two shoulders. Worn, the neck is there. The front edge is searched among smooth scoops and Vs,
scored by how unlike the chest the cloth above the edge is and how sharp the edge is all along.
"""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.garment.inner_back import trace_inner_back as trace
from services.viton.garment.landmarks import Neckline
from services.viton.garment.neckline_edge import (
    COLUMNS,
    POWERS,
    colour_distance,
    move_above_trim,
    score_edges,
    snap_to_edge,
)
from services.viton.garment.priors import PredictedNeckline
from services.viton.geometry import Points

_SURE: Final = 3.0
_SHALLOW: Final = 0.45
_PENALTY: Final = 7.0
_FAINT: Final = 0.5
_USUAL: Final = 0.2
_LABEL: Final = 0.13

# How far, in its widths, a neckline may be from where the network sees it, and what more costs.
_ASTRAY: Final = 0.1
_CLEAR: Final = 15.0
_BAND: Final = 0.18
_NEAR: Final = 0.03
_DOUBT: Final = 60.0
_SHALLOWER: Final = 3.0


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
    seen: PredictedNeckline | None = None,
) -> Neckline:
    """Search the front edge between the neck points ``left`` and ``right``.

    ``top`` is the mask's first row in each column, ``half`` half the chest's width, ``chest`` the
    row of the armpits, ``ends`` the columns between which the neckline must lie, all in pixels;
    ``seen`` is how the network sees it, which counts where no edge is clear.
    """
    width = float(right[0] - left[0])
    collar = width < 0.72 * half
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 2.0), np.float32)
    traced = None
    if not collar:
        traced = trace(lab, mask, top, left, right, ends=ends, half=half, chest=chest)
        if traced is not None:
            traced = replace(traced, curve=move_above_trim(lab, top, traced.curve, width))
            if seen is not None and _astray(traced, seen):
                traced = None
        if traced is not None and traced.depth > _LABEL:
            return traced
    unlike, noise = colour_distance(lab, mask, left, right, half=half, chest=chest)
    share = np.linspace(-0.82, 0.82, COLUMNS)
    columns = (left[0] + right[0]) / 2 + share * width / 2
    base = left[1] + (right[1] - left[1]) * (share + 1) / 2
    at = np.clip(columns.astype(int), 0, mask.shape[1] - 1)
    tops = np.minimum(top[at], mask.shape[0] - 1).astype(np.float64)
    deepest = min(0.75 if collar else 1.9, (chest + 0.35 * half - base.mean()) / max(width, 1.0))
    depths = np.linspace(0.08, max(deepest, 0.15), 54)
    powers = np.array(POWERS)
    shape: NDArray[np.float64] = 1 - np.abs(share)[None, None, :] ** powers[None, :, None]
    rows = base + depths[:, None, None] * width * shape
    scores = score_edges(lab, unlike, noise, rows=rows, tops=tops, columns=at, half=half)
    pointed = np.where(powers[None, :] < 1.5, 0.5, 1.0)
    scores = scores - _PENALTY * pointed * np.maximum(depths[:, None] - _SHALLOW, 0)
    if seen is not None:
        below = (rows - _rows_of(seen.curve(COLUMNS), columns)) / max(width, 1.0)
        away = np.maximum(below, -_SHALLOWER * below).mean(axis=2)
        scores = scores - _DOUBT * np.maximum(away - _NEAR, 0)
    best = np.unravel_index(int(scores.argmax()), scores.shape)
    score, depth, power = float(scores[best]), float(depths[best[0]]), float(powers[best[1]])
    if traced is not None and (score < 2 * _SURE or depth < traced.depth + _LABEL):
        return traced
    if score < _SURE and seen is not None:
        return _as_seen(seen, top, collar=collar)
    if score < _SURE and not collar:
        shallow = (depths > 0.13) & (depths < 0.42)
        likely = scores * shallow[:, None] - 99.0 * ~shallow[:, None]
        best = np.unravel_index(int(likely.argmax()), likely.shape)
        depth, power = float(depths[best[0]]), max(float(powers[best[1]]), 1.4)
        if likely[best] < _FAINT:
            depth, power = _USUAL, 2.0
    elif score < _SURE:
        depth, power = 0.3, 2.0
    curve = _laid(left, right, depth, power)
    if score < _SURE:
        at = np.clip(curve[:, 0].astype(int), 0, len(top) - 1)
        curve[:, 1] = np.maximum(curve[:, 1], top[at])
        return Neckline(curve, collar, score, depth)
    curve = snap_to_edge(lab, unlike, curve, half)
    return Neckline(move_above_trim(lab, top, curve, width), collar, score, depth)


def _astray(traced: Neckline, seen: PredictedNeckline) -> bool:
    """Whether what was traced is no inside of the back: too far from what the network sees.

    Labels and tapes end above the front's edge, and a band of the front may be taken for the
    inside; clear tones far below the edge are the inside.
    """
    own = seen.curve(COLUMNS)
    away = np.abs(_rows_of(traced.curve, own[:, 0]) - own[:, 1]).mean() / seen.width
    deeper = traced.curve[:, 1].max() > own[:, 1].max() + _BAND * seen.width
    return bool(away > _ASTRAY and not (deeper and traced.edge_score > _CLEAR))


def _rows_of(curve: Points, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows of a curve that runs from left to right; beyond its ends, its ends'."""
    return np.asarray(np.interp(columns, curve[:, 0], curve[:, 1]))


def _laid(left: Points, right: Points, depth: float, power: float) -> Points:
    """Return a curve of a form between two ends, ``depth`` in its widths."""
    share = np.linspace(-1, 1, COLUMNS)
    xs = (left[0] + right[0]) / 2 + share * (right[0] - left[0]) / 2
    line = left[1] + (right[1] - left[1]) * (share + 1) / 2
    fall = depth * (right[0] - left[0]) * (1 - np.abs(share) ** power)
    return np.stack([xs, line + fall], axis=1)


def _as_seen(seen: PredictedNeckline, top: NDArray[np.int64], *, collar: bool) -> Neckline:
    """Return the network's curve, no higher than the garment."""
    curve = seen.curve(COLUMNS)
    at = np.clip(curve[:, 0].astype(int), 0, len(top) - 1)
    known = top[at] < curve[:, 1].max() + seen.width
    curve[:, 1] = np.where(known, np.maximum(curve[:, 1], top[at]), curve[:, 1])
    return Neckline(curve, has_collar=collar, edge_score=0.0, depth=seen.depth)
