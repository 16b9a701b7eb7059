"""Head, neck and torso."""

from typing import Final

import numpy as np

from services.densepose.canvas import Canvas, Floats, offsets, window_around
from services.densepose.parts import Part
from services.densepose.surface_body import SurfaceBody
from services.kit.joints import Joint

# Half-widths of head and neck, in half-widths of the head, at heights above the ears' middle.
_HEAD_AT: Final = (-2.0, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.4, 1.52)
_HEAD_HALF: Final = (0.8, 0.7, 0.68, 0.8, 1.0, 1.07, 1.06, 0.98, 0.74, 0.5, 0.0)
_HEAD_BOTTOM: Final = -2.0
# The halves of a head meet nearer its middle than the nose is, in DensePose's maps of turned heads.
_SPLIT_OF_NOSE: Final = 0.4
# The collar over the neck joint, in units: higher beside the neck than in front of it.
_COLLAR: Final = 0.23
_COLLAR_BESIDE: Final = 1.5
# Half-widths of the torso in units, at shares of the way from neck to hips.
_TORSO_AT: Final = (-0.3, 0.0, 0.2, 0.5, 0.8, 1.0, 1.3)
_TORSO_HALF: Final = (0.6, 0.62, 0.58, 0.52, 0.58, 0.68, 0.62)
_DEPTH: Final = 0.6
"""Of the torso, as a share of its width."""
_FLANK: Final = -0.1
"""Cosine of where the front ends, around the torso from its middle: a little behind the flank."""
_EDGE: Final = 0.99
"""Sine of the last that is seen of a flank: from the front nothing of the back."""
# How high the torso reaches over the neck joint beside it: the slope of the shoulders, in units.
_SLOPE_ASIDE: Final = (0.0, 0.18, 0.5, 0.6)
_SLOPE_ABOVE: Final = (0.3, 0.27, 0.17, 0.1)
# Where the torso ends and the legs begin: aside of the mid hip, below it, both in units.
_GROIN_ASIDE: Final = (0.0, 0.05, 0.1, 0.2, 0.32, 0.47, 0.6)
_GROIN_BELOW: Final = (0.23, 0.17, 0.1, 0.03, -0.01, -0.06, -0.1)
_GAP_BELOW: Final = (0.0, 0.33)
"""How far below the hips a gap between the legs may begin to tell where the groin is, in units; the
crotch of loose trousers hangs lower."""
_GAP_ASIDE: Final = 0.15


def paint_head(canvas: Canvas, body: SurfaceBody) -> None:
    """Paint skull and neck, split between the nose and the head's middle."""
    head = body.head
    radius = head.radius
    neck = body.joints[Joint.NECK]
    window = window_around(canvas.shape, np.stack([head.centre, neck]), 1.8 * radius)
    x, y = offsets(window, head.centre)
    aside = (-x * head.up[1] + y * head.up[0]) / radius
    above = (x * head.up[0] + y * head.up[1]) / radius
    half = np.interp(above, _HEAD_AT, _HEAD_HALF, left=0.0, right=0.0).astype(np.float32)
    nx, ny = offsets(window, neck)
    over = -(nx * body.trunk_direction[0] + ny * body.trunk_direction[1]) / body.shoulder_width
    beside = (nx * body.trunk_direction[1] - ny * body.trunk_direction[0]) / body.shoulder_width
    where = (np.abs(aside) <= half) & (over > _COLLAR + _COLLAR_BESIDE * beside**2)
    towards_left = (aside - _SPLIT_OF_NOSE * head.nose) * head.left
    along = (_HEAD_AT[-1] - above) / (_HEAD_AT[-1] - _HEAD_BOTTOM)
    around = np.abs(towards_left) / 2
    canvas.paint(window, Part.HEAD_LEFT, where & (towards_left > 0), along, around)
    canvas.paint(window, Part.HEAD_RIGHT, where & (towards_left <= 0), along, around)


def paint_torso(canvas: Canvas, body: SurfaceBody) -> None:
    """Paint the torso down to the groin, split at the flanks when it is turned."""
    neck, middle = body.joints[Joint.NECK], body.joints[Joint.MID_HIP]
    window = window_around(canvas.shape, np.stack([neck, middle]), 0.8 * body.shoulder_width)
    length = max(float(np.linalg.norm(middle - neck)), 1.0)
    x, y = offsets(window, neck)
    along = (x * body.trunk_direction[0] + y * body.trunk_direction[1]) / length
    aside = (x * body.trunk_direction[1] - y * body.trunk_direction[0]) / body.shoulder_width
    half = np.interp(along, _TORSO_AT, _TORSO_HALF).astype(np.float32)
    below = (along - 1) * length / body.shoulder_width
    tip = measure_groin(canvas, body)
    ends = np.interp(np.abs(aside), _GROIN_ASIDE, _GROIN_BELOW) + (tip - _GROIN_BELOW[0])
    slope = np.interp(np.abs(aside), _SLOPE_ASIDE, _SLOPE_ABOVE).astype(np.float32)
    where = (
        (np.abs(aside) <= half) & (-along * length / body.shoulder_width < slope) & (below < ends)
    )
    place = _angle(body.yaw_radians, aside / (0.8 * half))
    from_collar = (along * length / body.shoulder_width + _COLLAR) / (
        length / body.shoulder_width + _COLLAR + tip
    )
    to_right = (1 + np.sin(place)) / 2
    front = np.cos(place) >= _FLANK
    canvas.paint(window, Part.TORSO_FRONT, where & front, from_collar, to_right)
    canvas.paint(window, Part.TORSO_BACK, where & ~front, from_collar, to_right)


def measure_groin(canvas: Canvas, body: SurfaceBody) -> float:
    """How far below the mid hip the legs part, in units: at the top of the gap between them."""
    middle = body.joints[Joint.MID_HIP]
    low, high = _GAP_BELOW
    rows = np.arange(low, high, 0.01)
    across = np.arange(-_GAP_ASIDE, _GAP_ASIDE, 0.02)
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
        return _GROIN_BELOW[0]
    return float(rows[first])


def _angle(yaw_radians: float, aside: Floats) -> Floats:
    """How far around the torso a pixel lies from the middle of the front, to the person's right.

    ``aside`` is -1 and 1 at the edges of the torso as seen.
    """
    # The outline of an ellipse that is turned; each pixel shows its nearer side.
    tilt = float(np.arctan2(_DEPTH * np.sin(yaw_radians), np.cos(yaw_radians)))
    return np.arcsin(np.clip(-aside, -_EDGE, _EDGE)) + tilt
