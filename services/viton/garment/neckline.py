"""The front neckline of a garment's photo.

On a hanger or an invisible mannequin the photo shows the inside of the back, and a label, between
the shoulders. On a person the neck is there. The front's edge is searched in this order:

1. around the inside of the back, if the photo shows it clearly;
2. among curves of one family: the colours above the edge differ from the chest's, and the edge is
   sharp all along;
3. at the network's prediction.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.inner_back import trace_inner_back
from services.viton.garment.landmarks import Neckline
from services.viton.garment.neckline_curve import CURVE_POINTS, EXPONENTS, chord, curve_rows
from services.viton.garment.neckline_edge import (
    FrontDistance,
    measure_front_distance,
    move_above_trim,
    score_edges,
    snap_to_edge,
)
from services.viton.garment.neckline_photo import NecklinePhoto
from services.viton.garment.priors import PredictedNeckline
from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NecklineOptions:
    """How a front neckline is chosen. Depths are in neck widths, scores in CIELAB units."""

    min_score: float = 3.0
    """Score of an edge from which on it is followed."""

    searched_width: float = 0.82
    """Part of the neck's width, around its middle, in which an edge is scored."""

    min_depth: float = 0.08
    """Least depth that is tried."""

    min_searched_depth: float = 0.15
    """Depth down to which curves are tried at least."""

    depth_count: int = 54
    """How many depths are tried."""

    max_depth: float = 1.9
    """Largest depth that is tried."""

    max_depth_in_collar: float = 0.75
    """Largest depth that is tried if a collar closes the neck."""

    reach_below_armpits: float = 0.35
    """Lowest point below the armpits, in half chest widths."""

    free_depth: float = 0.45
    """Depth from which on more of it costs."""

    depth_cost: float = 7.0
    """What a neck width of depth beyond that costs a score."""

    pointed_cost_factor: float = 0.5
    """Factor of that cost for a V: it is often deep."""

    max_pointed_exponent: float = 1.5
    """Exponent of the curve below which it is a V."""

    label_depth: float = 0.13
    """Depth that a label or a tape may have: an inside of the back must be deeper, and an edge
    below it must be deeper by this."""

    max_prediction_distance: float = 0.1
    """Mean distance of the inside's curve from the predicted one above which it is refused."""

    clear_inside_score: float = 15.0
    """Score of an inside of the back above which it may be deeper than predicted."""

    deeper_than_predicted: float = 0.18
    """How much deeper than predicted it must then be."""

    free_prediction_distance: float = 0.03
    """Mean distance of an edge from the predicted curve from which on more of it costs."""

    prediction_cost: float = 60.0
    """What a neck width of distance beyond that costs a score."""

    above_prediction_factor: float = 3.0
    """Factor of the distance where an edge lies above the predicted curve."""

    faint_score: float = 0.5
    """Score from which on a faint edge of a usual depth is better than the usual curve."""

    usual_depths: tuple[float, float] = (0.13, 0.42)
    """Least and largest depth of a usual neckline."""

    min_faint_exponent: float = 1.4
    """Least exponent of the curve along a faint edge: a V must be clear."""

    usual_depth: float = 0.2
    """Depth of a neckline of which nothing is seen."""

    usual_collar_depth: float = 0.3
    """The same if a collar closes the neck."""

    usual_exponent: float = 2.0
    """Exponent of the curve of a neckline of which nothing is seen."""


NECKLINE_OPTIONS: Final = NecklineOptions()


@dataclass(frozen=True, kw_only=True)
class _Candidates:
    """Curves of the family and how well the photo shows each as an edge."""

    depths: Floats
    """D, in neck widths."""

    exponents: Floats
    """P."""

    scores: Floats
    """D x P, CIELAB units."""

    def best(self) -> tuple[float, float, float]:
        """Return the highest score, and the depth and the exponent that have it."""
        row, column = np.unravel_index(int(self.scores.argmax()), self.scores.shape)
        score, depth = float(self.scores[row, column]), float(self.depths[row])
        return score, depth, float(self.exponents[column])


def find_neckline(
    photo: NecklinePhoto,
    predicted: PredictedNeckline | None = None,
    options: NecklineOptions = NECKLINE_OPTIONS,
) -> Neckline:
    """Find the edge of the front between the neck points.

    ``predicted`` is the network's neckline. An edge far from it must be clear, and it is used if
    no edge is.
    """
    inside = None if photo.has_collar else _find_inner_back(photo, predicted, options)
    if inside is not None and inside.depth > options.label_depth:
        return inside
    front = measure_front_distance(photo)
    candidates = _score_candidates(photo, front, predicted, options)
    score, depth, exponent = candidates.best()
    if inside is not None and (
        score < 2 * options.min_score or depth < inside.depth + options.label_depth
    ):
        return inside
    if score >= options.min_score:
        edge = snap_to_edge(photo, front, _curve(photo, depth, exponent))
        return _neckline(photo, move_above_trim(photo, edge), score, depth)
    if predicted is not None:
        return _predicted_in_garment(photo, predicted)
    depth, exponent = _usual_form(candidates, options, has_collar=photo.has_collar)
    curve = _curve(photo, depth, exponent)
    at = np.clip(curve[:, 0].astype(int), 0, len(photo.top_rows) - 1)
    rows = np.maximum(curve[:, 1], photo.top_rows[at])
    return _neckline(photo, np.stack([curve[:, 0], rows], axis=1), score, depth)


def _neckline(photo: NecklinePhoto, curve: Points, score: float, depth: float) -> Neckline:
    return Neckline(curve=curve, has_collar=photo.has_collar, edge_score=score, depth=depth)


def _find_inner_back(
    photo: NecklinePhoto, predicted: PredictedNeckline | None, options: NecklineOptions
) -> Neckline | None:
    """Return the edge around the inside of the back, or None if it contradicts the prediction."""
    found = trace_inner_back(photo)
    if found is None:
        return None
    moved = replace(found, curve=move_above_trim(photo, found.curve))
    if predicted is not None and _contradicts(moved, predicted, options):
        return None
    return moved


def _score_candidates(
    photo: NecklinePhoto,
    front: FrontDistance,
    predicted: PredictedNeckline | None,
    options: NecklineOptions,
) -> _Candidates:
    """Score all curves of the family as edges of the front."""
    width, half = photo.width, photo.half_chest_width
    fraction = np.linspace(-options.searched_width, options.searched_width, CURVE_POINTS)
    xs = photo.midline_x + fraction * width / 2
    columns = np.clip(xs.astype(int), 0, photo.mask.shape[1] - 1)
    end_rows = (float(photo.left[1]), float(photo.right[1]))
    line = chord(*end_rows, fraction)
    lowest = photo.armpit_row + options.reach_below_armpits * half - line.mean()
    most = options.max_depth_in_collar if photo.has_collar else options.max_depth
    deepest = min(most, lowest / max(width, 1.0))
    depths = np.linspace(
        options.min_depth, max(deepest, options.min_searched_depth), options.depth_count
    )
    exponents = np.array(EXPONENTS)
    drop = depths[:, None, None] * width
    rows = curve_rows(end_rows, fraction, drop=drop, exponent=exponents[None, :, None])
    scores = score_edges(photo, front, rows=rows, columns=columns)
    pointed = np.where(
        exponents[None, :] < options.max_pointed_exponent, options.pointed_cost_factor, 1.0
    )
    beyond = np.maximum(depths[:, None] - options.free_depth, 0)
    scores = scores - options.depth_cost * pointed * beyond
    if predicted is not None:
        below = (rows - _rows_at(predicted.curve(CURVE_POINTS), xs)) / max(width, 1.0)
        away = np.maximum(below, -options.above_prediction_factor * below).mean(axis=2)
        free = options.free_prediction_distance
        scores = scores - options.prediction_cost * np.maximum(away - free, 0)
    return _Candidates(depths=depths, exponents=exponents, scores=scores)


def _usual_form(
    candidates: _Candidates, options: NecklineOptions, *, has_collar: bool
) -> tuple[float, float]:
    """Return depth and exponent of a neckline without a clear edge."""
    if has_collar:
        return options.usual_collar_depth, options.usual_exponent
    least, most = options.usual_depths
    usual = ((candidates.depths > least) & (candidates.depths < most))[:, None]
    likely = replace(candidates, scores=np.where(usual, candidates.scores, -np.inf))
    score, depth, exponent = likely.best()
    if score < options.faint_score:
        return options.usual_depth, options.usual_exponent
    return depth, max(exponent, options.min_faint_exponent)


def _contradicts(traced: Neckline, predicted: PredictedNeckline, options: NecklineOptions) -> bool:
    """Whether a traced inside of the back is too far from the prediction to be one.

    Labels and tapes end above the front's edge, and a band of the front may be mistaken for the
    inside. Clear colours far below the predicted edge are the inside.
    """
    own = predicted.curve(CURVE_POINTS)
    away = np.abs(_rows_at(traced.curve, own[:, 0]) - own[:, 1]).mean() / predicted.width
    lowest = own[:, 1].max() + options.deeper_than_predicted * predicted.width
    is_deeper = traced.curve[:, 1].max() > lowest
    is_clear = traced.edge_score > options.clear_inside_score
    return bool(away > options.max_prediction_distance and not (is_deeper and is_clear))


def _rows_at(curve: Points, columns: Floats) -> Floats:
    """Return the rows of a curve from left to right; beyond its ends, those of its ends."""
    return np.asarray(np.interp(columns, curve[:, 0], curve[:, 1]))


def _curve(photo: NecklinePhoto, depth: float, exponent: float) -> Points:
    """Return the family's curve between the neck points, ``depth`` in neck widths."""
    fraction = np.linspace(-1, 1, CURVE_POINTS)
    xs = photo.midline_x + fraction * photo.width / 2
    end_rows = (float(photo.left[1]), float(photo.right[1]))
    rows = curve_rows(end_rows, fraction, drop=depth * photo.width, exponent=exponent)
    return np.stack([xs, rows], axis=1)


def _predicted_in_garment(photo: NecklinePhoto, predicted: PredictedNeckline) -> Neckline:
    """Return the network's curve, no higher than the garment."""
    curve, tops = predicted.curve(CURVE_POINTS), photo.top_rows
    at = np.clip(curve[:, 0].astype(int), 0, len(tops) - 1)
    known = tops[at] < curve[:, 1].max() + predicted.width
    rows = np.where(known, np.maximum(curve[:, 1], tops[at]), curve[:, 1])
    return _neckline(photo, np.stack([curve[:, 0], rows], axis=1), 0.0, predicted.depth)
