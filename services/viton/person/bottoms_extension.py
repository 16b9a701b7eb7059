"""Bottoms under the existing top, extended to the waist for a new top that is shorter."""

from dataclasses import replace
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from services.kit.errors import LegsNotShown
from services.kit.labels import BOTTOMS_LABELS, Label
from services.kit.types import LabelMap
from services.viton.geometry import Bool, Floats
from services.viton.person.legs import LowerBody, measure_lower_body
from services.viton.person.photo import PersonPhoto
from services.viton.person.segmentation import LEG_SKIN_LABELS, UPPER_GARMENT_LABELS
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import erode
from services.viton.raster.planes import to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import gaussian_blur

Colours: TypeAlias = NDArray[np.float32]

_MIN_ROW_FRACTION: Final = 0.3
"""Least width of a row of the existing top, in the body's width."""

_SEARCH_REACH: Final = 0.3
"""How far from the existing top's hem bottoms are looked for, in torso lengths."""

_MIN_BOTTOMS_AREA: Final = 0.05
"""Least area of bottoms that is continued, in squares of the torso length."""

_MAX_HEM_BELOW_CROTCH: Final = 0.12
"""How far below the crotch the existing top may end, in torso lengths."""

_LABEL_RIM_PX: Final = 4
"""Rows below the hem whose colours are not the bottoms' own, in pixels of the canvas."""

_HEM_SHADOW: Final = 0.03
"""Rows below the hem in the existing top's shadow, in torso lengths."""

_HEM_MEDIAN_PX: Final = 15
"""Window of the median that smooths the hem, in pixels of the canvas."""

_MIN_WIDTH_AT_HEM: Final = 0.8
"""Least width of bottoms at the hem, in the body's width; a hand may hide their sides."""

_WAISTBAND_HEIGHT: Final = 0.065
"""Height of a waistband, in torso lengths."""

_WAISTBAND_SEAM_SHADE: Final = 0.16
"""Fraction of the light that is missing at the seam below a waistband."""

_WAISTBAND_SAG: Final = 0.03
"""How much lower a waistband lies in the middle, in torso lengths."""


def extend_bottoms_to_waist(person_photo: PersonPhoto) -> PersonPhoto | None:
    """Return the photo and its CIHP labels with the trousers or the skirt up to the waist.

    What the existing top hides of them mirrors what is seen below it; of a dress it is the dress
    itself. None where legs or bottoms are not seen, or the top hides where the legs part.
    """
    person, keypoints, labels = person_photo.image, person_photo.keypoints, person_photo.labels
    try:
        body, _ = measure_lower_body(keypoints, labels, min_shown_below_hips=0.0)
    except LegsNotShown:
        return None
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    left, right = (edge[:, None] for edge in body.flanks_x)
    trunk = (columns > left) & (columns < right) & (rows >= body.waistband_row)
    top = np.isin(labels, UPPER_GARMENT_LABELS)
    filled = np.flatnonzero((trunk & top).sum(axis=1) > _MIN_ROW_FRACTION * (right - left)[:, 0])
    if not len(filled):
        dress = trunk & (labels == Label.DRESS)
        relabelled = np.where(dress, np.uint8(Label.SKIRT), labels)
        return replace(person_photo, labels=relabelled) if dress.any() else None
    hem = int(filled[-1])
    near = np.abs(rows - hem) < _SEARCH_REACH * body.torso_length
    kind = _visible_bottoms(labels[near], body.torso_length)
    if kind is None or hem > body.crotch[1] + _MAX_HEM_BELOW_CROTCH * body.torso_length:
        return None
    seen = labels == kind
    line = _hem_line(near & top) + max(_LABEL_RIM_PX, _HEM_SHADOW * body.torso_length)
    left, right = (
        edge[:, None] for edge in _bottoms_outline(near & (rows > hem) & seen, body, hem)
    )
    middle = body.midline_x[int(body.waistband_row)]
    half = np.where(columns < middle, middle - left, right - middle)
    fraction = (columns - middle) / np.maximum(half, 1)
    below = (
        rows
        - body.waistband_row
        - _WAISTBAND_SAG * body.torso_length * np.clip(1 - fraction**2, 0, 1)
    )
    within = (columns > left) & (columns < right) & (below >= 0) & (rows < line)
    hidden = within & (top | seen | (labels == Label.BACKGROUND))
    mirrored = _mirror_at_line(person.astype(np.float32), erode(seen, _LABEL_RIM_PX), line)
    seam = np.abs(below - _WAISTBAND_HEIGHT * body.torso_length) < 1
    mirrored *= to_three_channels(
        1 - _WAISTBAND_SEAM_SHADE * gaussian_blur(seam.astype(np.float32), 1.0)
    )
    made = np.where(hidden[..., None], np.clip(np.rint(mirrored), 0, 255), person).astype(np.uint8)
    return replace(person_photo, image=made, labels=np.where(hidden, np.uint8(kind), labels))


def _visible_bottoms(labels: LabelMap, torso: float) -> Label | None:
    """Return the label of the bottoms among ``labels``; None if too little of them is visible."""
    counts = np.bincount(labels, minlength=len(Label))
    kind = max(BOTTOMS_LABELS, key=lambda label: int(counts[label]))
    bare = sum(int(counts[label]) for label in LEG_SKIN_LABELS)
    return kind if counts[kind] > max(_MIN_BOTTOMS_AREA * torso**2, bare) else None


def _bottoms_outline(seen: Bool, lower_body: LowerBody, hem: int) -> tuple[Floats, Floats]:
    """Return both outlines of the bottoms, an x for every row, straight from waistband to hem."""
    rows = np.arange(seen.shape[0], dtype=np.float64)
    band = int(lower_body.waistband_row)
    middle = float(lower_body.midline_x[hem])
    columns = np.flatnonzero(seen.any(axis=0))
    ends = (columns[0], columns[-1]) if len(columns) else (middle, middle)
    least = [
        middle + _MIN_WIDTH_AT_HEM * (float(edge[hem]) - middle) for edge in lower_body.flanks_x
    ]
    at_hem = min(ends[0], least[0]), max(ends[1], least[1])
    left, right = (
        np.interp(rows, [band, hem], [edge[band], end])
        for edge, end in zip(lower_body.flanks_x, at_hem, strict=True)
    )
    return left, right


def _hem_line(top: Bool) -> Floats:
    """Return the row at which the existing top ends, for every column."""
    height, width = top.shape
    known = np.flatnonzero(top.any(axis=0))
    last = height - 1 - top[::-1].argmax(axis=0)[known]
    smooth = median_filter(last.astype(np.float64), _HEM_MEDIAN_PX, mode="nearest")
    return np.asarray(np.interp(np.arange(width), known, smooth))


def _mirror_at_line(photo: Colours, seen: Bool, line: Floats) -> Colours:
    """Return what is seen below a line, above it: folds and light go on, and meet at the line."""
    rows, columns = np.mgrid[: seen.shape[0], : seen.shape[1]].astype(np.float32)
    mirrored_rows = np.maximum(rows, 2 * line.astype(np.float32) - rows)
    known, colours = (
        np.asarray(cv2.remap(part, columns, mirrored_rows, cv2.INTER_LINEAR), np.float32)
        for part in (seen.astype(np.float32), photo)
    )
    return alpha_blend(pull_push(colours, known), colours, known)
