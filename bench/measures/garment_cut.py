"""Measure the garment's cut in a picture: length of the sleeves, depth of the neckline."""

from typing import Final

import numpy as np

from bench.measures.regions import Bool, TryOnImages, dilate_or_erode
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Keypoints

CLASSES: Final = (("none", 0.14), ("short", 0.52), ("three_quarter", 0.86), ("long", np.inf))
"""Largest end of each sleeve class on the arm: 0 shoulder, about 0.5 elbow, 1 wrist."""

_STEPS: Final = 120
"""Number of samples along an arm."""

_GAP: Final = 0.06
"""Longest bare part within a sleeve, as a share of the arm."""

_BREADTHS: Final = (0.15, 0.98)
"""Least and largest width of a neckline, in shoulder widths."""

_LEVEL: Final = 1.0
"""Largest height of a side's highest point above the neckline's end, in pixels of the canvas."""


def sleeve_reach(images: TryOnImages) -> float | None:
    """Return the end of the sleeves on the arm: 0 shoulder, 1 wrist.

    The garment is followed along shoulder, elbow and wrist to its end. The longer of both arms
    counts, because a hidden arm reads short. None if no whole arm is detected.
    """
    region, keypoints = dilate_or_erode(images.garment_region, 2), images.keypoints
    arms = (
        (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
        (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    )
    reaches = [
        _reach(region, keypoints, arm) for arm in arms if min(keypoints[joint, 2] for joint in arm)
    ]
    return max(reaches) if reaches else None


def sleeve_class(reach: float) -> str:
    """Classify the end of a sleeve: ``none``, ``short``, ``three_quarter`` or ``long``."""
    return next(name for name, limit in CLASSES if reach < limit)


def _reach(region: Bool, keypoints: Keypoints, arm: tuple[Joint, Joint, Joint]) -> float:
    points = np.array([keypoints[joint, :2] for joint in arm], np.float64)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    marks = np.concatenate([[0.0], np.cumsum(lengths)]) / max(float(lengths.sum()), 1e-6)
    along = np.linspace(0, 1, _STEPS)
    xs, ys = (np.interp(along, marks, points[:, axis]) for axis in (0, 1))
    height, width = region.shape
    at = (
        np.clip(np.rint(ys), 0, height - 1).astype(int),
        np.clip(np.rint(xs), 0, width - 1).astype(int),
    )
    covered = region[at]
    bare = 0
    last = 0.0
    for place, cloth in zip(along, covered, strict=True):
        bare = 0 if cloth else bare + 1
        if bare > _GAP * _STEPS:
            break
        last = float(place) if cloth else last
    return last


def neckline_depth(images: TryOnImages) -> float | None:
    """Return the neckline's depth as a fraction of its width: 0 closed, about 1 a deep V.

    The garment's upper edge between the shoulders is followed column by column. The two highest
    points beside the neck are the ends of the neckline. The depth is the distance of the lowest
    point below the line between the ends, divided by the distance of the ends. None if hair hides
    an end.
    """
    region, labels, keypoints = images.garment_region, images.labels, images.keypoints
    neck, left, right = (
        keypoints[joint] for joint in (Joint.NECK, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    )
    if min(neck[2], left[2], right[2]) <= 0:
        return None
    first, last = sorted((float(left[0]), float(right[0])))
    columns = np.arange(max(round(first), 0), min(round(last) + 1, region.shape[1]))
    column_has = region[:, columns].any(axis=0)
    middle = round(float(neck[0]) - columns[0]) if len(columns) else 0
    if len(columns) < 20 or not column_has.all() or not 0 < middle < len(columns) - 1:
        return None
    top = region[:, columns].argmax(axis=0).astype(np.float64)
    # On a level shoulder the end is the point nearest to the neck.
    starts = int(np.flatnonzero(top[:middle] <= top[:middle].min() + _LEVEL)[-1])
    ends = middle + int(np.flatnonzero(top[middle:] <= top[middle:].min() + _LEVEL)[0])
    span = ends - starts
    if not _BREADTHS[0] * len(columns) < span < _BREADTHS[1] * len(columns):
        return None
    hair = np.isin(labels, (Label.HAIR, Label.HAT))
    for end in (starts, ends):
        x, y = columns[end], int(top[end])
        if hair[max(y - 12, 0) : y + 4, max(x - 8, 0) : x + 9].any():
            return None
    line = np.interp(np.arange(starts, ends + 1), (starts, ends), (top[starts], top[ends]))
    depth = float((top[starts : ends + 1] - line).max())
    return max(depth, 0.0) / span
