"""Paint head, neck and torso."""

from typing import Final

import numpy as np

from services.densepose.canvas import Canvas, Floats, offsets, window_around
from services.densepose.parts import Part
from services.densepose.surface_body import SurfaceBody
from services.kit.joints import Joint

_HEAD_AT: Final = (-2.0, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.4, 1.52)
"""Heights above the middle of the ears, in half widths of the head."""
_HEAD_HALF: Final = (0.8, 0.7, 0.68, 0.8, 1.0, 1.07, 1.06, 0.98, 0.74, 0.5, 0.0)
"""Half widths of head and neck at these heights, in half widths of the head."""
_HEAD_BOTTOM: Final = -2.0
"""Height where the neck ends, on the same scale."""
_HEAD_SPLIT_PER_NOSE: Final = 0.4
"""Distance from the axis at which the head's halves meet, in the nose's, as in DensePose's maps."""
_HEAD_WINDOW_MARGIN: Final = 1.8
"""Margin of the painted window around head and neck, in half widths of the head."""
_COLLAR_HEIGHT: Final = 0.23
"""Height of the collar above the neck joint, in shoulder widths."""
_COLLAR_CURVE: Final = 1.5
"""Rise of the collar beside the neck, over the square of the distance, in shoulder widths."""
_TORSO_AT: Final = (-0.3, 0.0, 0.2, 0.5, 0.8, 1.0, 1.3)
"""Places along the torso, neck 0 and hips 1."""
_TORSO_HALF: Final = (0.6, 0.62, 0.58, 0.52, 0.58, 0.68, 0.62)
"""Half widths of the torso at these places, in shoulder widths."""
_TORSO_WINDOW_MARGIN: Final = 0.8
"""Margin of the painted window around the neck and the hips, in shoulder widths."""
_TORSO_EDGE: Final = 0.8
"""Distance from the axis at which the torso is seen edge-on, in its half width."""
_TORSO_DEPTH: Final = 0.6
"""Depth of the torso, as a share of its width."""
_FRONT_END_COSINE: Final = -0.1
"""Cosine of the angle around the torso where the front ends: a little behind the flank."""
_EDGE_SINE: Final = 0.99
"""Sine of the largest visible angle around the torso: from the front nothing of the back shows."""
_SHOULDER_SLOPE_AT: Final = (0.0, 0.18, 0.5, 0.6)
"""Distances from the torso's axis, in shoulder widths."""
_SHOULDER_SLOPE_HEIGHT: Final = (0.3, 0.27, 0.17, 0.1)
"""Heights of the shoulders above the neck joint at these distances, in shoulder widths."""
_GROIN_AT: Final = (0.0, 0.05, 0.1, 0.2, 0.32, 0.47, 0.6)
"""Distances from the torso's axis, in shoulder widths."""
_GROIN_DEPTH: Final = (0.23, 0.17, 0.1, 0.03, -0.01, -0.06, -0.1)
"""Depths below the mid hip where the legs begin at these distances, in shoulder widths."""
_GAP_DEPTH_RANGE: Final = (0.0, 0.33)
"""Depths below the mid hip in which the groin's gap is searched, in shoulder widths.

The crotch of loose trousers hangs lower.
"""
_GAP_HALF_WIDTH: Final = 0.15
"""Half width of that search, in shoulder widths."""
_GAP_ROW_STEP: Final = 0.01
"""Step of that search down the body, in shoulder widths."""
_GAP_COLUMN_STEP: Final = 0.02
"""Step of that search across the body, in shoulder widths."""


def paint_head(canvas: Canvas, body: SurfaceBody) -> None:
    """Paint skull and neck, split between the nose and the head's middle."""
    head = body.head
    radius = head.radius
    neck = body.joints[Joint.NECK]
    window = window_around(
        canvas.shape, np.stack([head.centre, neck]), _HEAD_WINDOW_MARGIN * radius
    )
    x, y = offsets(window, head.centre)
    aside = (-x * head.up[1] + y * head.up[0]) / radius
    above = (x * head.up[0] + y * head.up[1]) / radius
    half = np.interp(above, _HEAD_AT, _HEAD_HALF, left=0.0, right=0.0).astype(np.float32)
    nx, ny = offsets(window, neck)
    over = -(nx * body.trunk_direction[0] + ny * body.trunk_direction[1]) / body.shoulder_width
    beside = (nx * body.trunk_direction[1] - ny * body.trunk_direction[0]) / body.shoulder_width
    where = (np.abs(aside) <= half) & (over > _COLLAR_HEIGHT + _COLLAR_CURVE * beside**2)
    towards_left = (aside - _HEAD_SPLIT_PER_NOSE * head.nose) * head.left
    along = (_HEAD_AT[-1] - above) / (_HEAD_AT[-1] - _HEAD_BOTTOM)
    around = np.abs(towards_left) / 2
    canvas.paint(window, Part.HEAD_LEFT, where & (towards_left > 0), along, around)
    canvas.paint(window, Part.HEAD_RIGHT, where & (towards_left <= 0), along, around)


def paint_torso(canvas: Canvas, body: SurfaceBody) -> None:
    """Paint the torso down to the groin, split at the flanks when it is turned."""
    neck, middle = body.joints[Joint.NECK], body.joints[Joint.MID_HIP]
    margin = _TORSO_WINDOW_MARGIN * body.shoulder_width
    window = window_around(canvas.shape, np.stack([neck, middle]), margin)
    length = max(float(np.linalg.norm(middle - neck)), 1.0)
    x, y = offsets(window, neck)
    along = (x * body.trunk_direction[0] + y * body.trunk_direction[1]) / length
    aside = (x * body.trunk_direction[1] - y * body.trunk_direction[0]) / body.shoulder_width
    half = np.interp(along, _TORSO_AT, _TORSO_HALF).astype(np.float32)
    below = (along - 1) * length / body.shoulder_width
    tip = measure_groin(canvas, body)
    ends = np.interp(np.abs(aside), _GROIN_AT, _GROIN_DEPTH) + (tip - _GROIN_DEPTH[0])
    slope = np.interp(np.abs(aside), _SHOULDER_SLOPE_AT, _SHOULDER_SLOPE_HEIGHT).astype(np.float32)
    where = (
        (np.abs(aside) <= half) & (-along * length / body.shoulder_width < slope) & (below < ends)
    )
    place = _angle(body.yaw_radians, aside / (_TORSO_EDGE * half))
    from_collar = (along * length / body.shoulder_width + _COLLAR_HEIGHT) / (
        length / body.shoulder_width + _COLLAR_HEIGHT + tip
    )
    to_right = (1 + np.sin(place)) / 2
    front = np.cos(place) >= _FRONT_END_COSINE
    canvas.paint(window, Part.TORSO_FRONT, where & front, from_collar, to_right)
    canvas.paint(window, Part.TORSO_BACK, where & ~front, from_collar, to_right)


def measure_groin(canvas: Canvas, body: SurfaceBody) -> float:
    """Return the depth below the mid hip where the legs part, in shoulder widths.

    It is the top of the gap between them, and the usual depth if no gap is seen.
    """
    middle = body.joints[Joint.MID_HIP]
    low, high = _GAP_DEPTH_RANGE
    rows = np.arange(low, high, _GAP_ROW_STEP)
    across = np.arange(-_GAP_HALF_WIDTH, _GAP_HALF_WIDTH, _GAP_COLUMN_STEP)
    aside = np.array([body.trunk_direction[1], -body.trunk_direction[0]])
    places = (
        middle
        + rows[:, None, None] * body.trunk_direction * body.shoulder_width
        + across[:, None] * aside * body.shoulder_width
    )
    columns, rows_of = np.rint(places).astype(int).transpose(2, 0, 1)
    height, width = canvas.shape
    inside = (columns >= 0) & (columns < width) & (rows_of >= 0) & (rows_of < height)
    gap = inside & ~canvas.person[rows_of.clip(0, height - 1), columns.clip(0, width - 1)]
    gap[:, [0, -1]] = False
    first = int(np.argmax(gap.any(axis=1)))
    if not gap.any() or first == 0:
        return _GROIN_DEPTH[0]
    return float(rows[first])


def _angle(yaw_radians: float, aside: Floats) -> Floats:
    """Return the angle around the torso, in radians, from its front to the person's right.

    ``aside`` is -1 and 1 at the edges of the torso as seen.
    """
    # The outline of an ellipse that is turned; each pixel shows its nearer side.
    tilt = float(np.arctan2(_TORSO_DEPTH * np.sin(yaw_radians), np.cos(yaw_radians)))
    return np.arcsin(np.clip(-aside, -_EDGE_SINE, _EDGE_SINE)) + tilt
