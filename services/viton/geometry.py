"""Curves in the plane: (N, 2) float64 arrays of (x, y) in pixels."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
"""N x 2 (x, y) in pixels; a single point is an array of two numbers."""

Floats: TypeAlias = NDArray[np.float64]
"""Numbers along a curve, or one for every row or column of a picture."""

Bool: TypeAlias = NDArray[np.bool_]
"""An H x W mask, or one truth value for every row, column or point."""

EPSILON: Final = 1e-6
"""Least length that is divided by, in pixels."""

_END_POINTS: Final = 6
"""Last points of a polyline, the first and the last of which give the direction beyond it."""


def point(x: float, y: float) -> Points:
    """Return one point, (x, y) in pixels."""
    return np.array([x, y], np.float64)


def arc_length(curve: Points) -> float:
    """Return the arc length of a polyline, in pixels."""
    return float(np.hypot(*np.diff(curve, axis=0).T).sum())


def resample_polyline(curve: Points, count: int, end: float = 1.0) -> Points:
    """Return ``count`` points evenly spaced over the first ``end`` (0 to 1) of a polyline."""
    steps = np.hypot(*np.diff(curve, axis=0).T) + EPSILON
    along = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0.0, along[-1] * end, count)
    return np.stack([np.interp(wanted, along, curve[:, i]) for i in (0, 1)], axis=1)


def points_at_fractions(curve: Points, fraction: NDArray[np.float64]) -> Points:
    """Return the points at fractions of a polyline's length; beyond 1 the line runs on straight."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    total = max(float(steps[-1]), EPSILON)
    inside = np.clip(fraction, 0, 1) * total
    found = np.stack([np.interp(inside, steps, curve[:, i]) for i in (0, 1)], axis=1)
    ahead = curve[-1] - curve[-min(_END_POINTS, len(curve))]
    ahead = ahead / max(float(np.hypot(ahead[0], ahead[1])), EPSILON)
    beyond = np.maximum(fraction - 1, 0)[:, None] * total
    return np.asarray(found + beyond * ahead)


def unit_vector(vector: Points) -> Points:
    """Return the vector scaled to length one; the zero vector stays zero."""
    return vector / max(float(np.hypot(vector[0], vector[1])), EPSILON)


def distance(a: Points, b: Points) -> float:
    """Return the distance between two points, in pixels."""
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def mirror_horizontally(curve: Points, width: float) -> Points:
    """Return the curve as seen in the picture flipped left to right."""
    flipped = curve.copy()
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped
