"""Legs and feet."""

from typing import Final

import numpy as np

from services.densepose.canvas import F32, Canvas, Mask
from services.densepose.limbs import Limb, LimbWindow, limb_window
from services.densepose.parts import Part
from services.densepose.surface_body import SurfaceBody
from services.kit.joints import Joint

_HIP_HALF_WIDTH: Final = 0.31
"""Half width of a leg at the hip, in shoulder widths."""
_KNEE_HALF_WIDTH: Final = 0.2
"""Half width of a leg at the knee, in shoulder widths."""
_ANKLE_HALF_WIDTH: Final = 0.13
"""Half width of a leg at the ankle, in shoulder widths."""
_FOOT_HALF_WIDTH: Final = 0.15
"""Half width of a foot, in shoulder widths."""
_MAX_DISTANCE: Final = 1.35
"""Distance of a pixel from the leg's axis up to which it is the leg's, in half widths.

Trousers are wider than legs; a wide skirt is not the body.
"""
_FRONT_END_COSINE: Final = -0.05
"""Cosine of the angle around a leg, from the middle of its front, where the front ends."""
_HIDING_TURN_SINE: Final = 0.8
"""Sine of the body's turn from which on the near leg hides the far one."""
_HIDDEN_COST: Final = np.float32(0.5)
"""Distance added to a hidden leg's, in half widths."""
_EDGE_SINE: Final = 0.99
"""Sine of the largest visible angle around a leg: from the front nothing of its back shows."""


def paint_legs(canvas: Canvas, body: SurfaceBody) -> None:
    """Paint legs and feet; each pixel goes to the piece it is nearest to."""
    pieces: list[tuple[Part, LimbWindow, F32, bool]] = []
    nearest = np.full(canvas.shape, np.inf, np.float32)
    for right, chain in (
        (True, (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, Joint.RIGHT_BIG_TOE)),
        (False, (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE, Joint.LEFT_BIG_TOE)),
    ):
        hip, knee, ankle, toe = (body.joints[joint] for joint in chain)
        for part, start, end, halves in (
            (Part.RIGHT_UPPER_LEG_FRONT, hip, knee, (_HIP_HALF_WIDTH, _KNEE_HALF_WIDTH)),
            (Part.RIGHT_LOWER_LEG_FRONT, knee, ankle, (_KNEE_HALF_WIDTH, _ANKLE_HALF_WIDTH)),
            (Part.RIGHT_FOOT, ankle, toe, (_FOOT_HALF_WIDTH, _FOOT_HALF_WIDTH)),
        ):
            limb = Limb(start, end, body.shoulder_width)
            seen = limb_window(canvas.shape, limb, _MAX_DISTANCE * max(halves))
            own = part if right else _LEFT_PART[part]
            distance = _distance(limb, seen, halves)
            if (
                right is (body.yaw_radians < 0)
                and abs(np.sin(body.yaw_radians)) > _HIDING_TURN_SINE
            ):
                distance = distance + _HIDDEN_COST
            nearest[seen.window] = np.minimum(nearest[seen.window], distance)
            pieces.append((own, seen, distance, right))
    for part, seen, distance, right in pieces:
        where = (distance <= _MAX_DISTANCE) & (distance <= nearest[seen.window])
        _paint(canvas, body, part, seen, where, right=right)


_LEFT_PART: Final = {
    Part.RIGHT_UPPER_LEG_FRONT: Part.LEFT_UPPER_LEG_FRONT,
    Part.RIGHT_LOWER_LEG_FRONT: Part.LEFT_LOWER_LEG_FRONT,
    Part.RIGHT_FOOT: Part.LEFT_FOOT,
}
"""The left leg's part for each of the right leg's."""


def _distance(limb: Limb, seen: LimbWindow, halves: tuple[float, float]) -> F32:
    """Tell how far a pixel is from a limb, in the limb's half-widths there."""
    inner = np.clip(seen.along, 0, 1)
    half = halves[0] + inner * (halves[1] - halves[0])
    beyond = (seen.along - inner) * np.float32(limb.length / limb.shoulder_width)
    distance: F32 = (np.hypot(seen.across, beyond) / half).astype(np.float32)
    return distance


def _paint(
    canvas: Canvas, body: SurfaceBody, part: Part, seen: LimbWindow, where: Mask, *, right: bool
) -> None:
    along = np.clip(seen.along, 0, 1)
    if part in {Part.RIGHT_FOOT, Part.LEFT_FOOT}:
        across = seen.across if right else -seen.across
        aside = np.clip(0.5 + across / (2 * _FOOT_HALF_WIDTH), 0, 1)
        canvas.paint(seen.window, part, where & (seen.along > 0), along, aside)
        return
    # Around the leg from the middle of its front, to the person's right.
    half = np.interp(
        along,
        (0, 1),
        (_HIP_HALF_WIDTH, _KNEE_HALF_WIDTH)
        if part in _UPPER_PARTS
        else (_KNEE_HALF_WIDTH, _ANKLE_HALF_WIDTH),
    )
    angle = np.arcsin(np.clip(seen.across / half, -_EDGE_SINE, _EDGE_SINE)) + np.float32(
        body.yaw_radians
    )
    to_right = (1 + np.sin(angle)) / 2
    outwards = to_right if right else 1 - to_right
    behind = np.cos(angle) < _FRONT_END_COSINE
    canvas.paint(seen.window, Part(part - 2), where & behind, along, outwards)
    canvas.paint(seen.window, part, where & ~behind, along, outwards)


_UPPER_PARTS: Final = {Part.RIGHT_UPPER_LEG_FRONT, Part.LEFT_UPPER_LEG_FRONT}
"""Fronts of the thighs."""
