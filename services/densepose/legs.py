"""Legs and feet."""

from typing import Final

import numpy as np

from services.densepose.canvas import F32, Canvas, Mask
from services.densepose.limbs import Limb, LimbWindow, limb_window
from services.densepose.parts import Part
from services.densepose.surface_body import SurfaceBody
from services.kit.joints import Joint

# Half-widths in units, and how many of them a pixel of the outline may lie from the leg: trousers
# are wider than legs, and a wide skirt is not the body at all.
_HIP, _KNEE, _ANKLE, _FOOT = 0.31, 0.2, 0.13, 0.15
_SLACK: Final = 1.35
_SEAM: Final = -0.05
"""Cosine of where the front of a leg ends, around it from its middle."""
_SIDEWAYS: Final = 0.8
"""Sine of the turn from which on the near leg hides the far one."""
_HIDDEN: Final = np.float32(0.5)
"""How much farther a hidden leg is from a pixel, in half-widths."""
_EDGE: Final = 0.99
"""Sine of the last that is seen of a leg's side: from the front nothing of its back."""


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
            (Part.RIGHT_UPPER_LEG_FRONT, hip, knee, (_HIP, _KNEE)),
            (Part.RIGHT_LOWER_LEG_FRONT, knee, ankle, (_KNEE, _ANKLE)),
            (Part.RIGHT_FOOT, ankle, toe, (_FOOT, _FOOT)),
        ):
            limb = Limb(start, end, body.shoulder_width)
            seen = limb_window(canvas.shape, limb, _SLACK * max(halves))
            own = part if right else _LEFT[part]
            distance = _distance(limb, seen, halves)
            if right is (body.yaw_radians < 0) and abs(np.sin(body.yaw_radians)) > _SIDEWAYS:
                distance = distance + _HIDDEN
            nearest[seen.window] = np.minimum(nearest[seen.window], distance)
            pieces.append((own, seen, distance, right))
    for part, seen, distance, right in pieces:
        where = (distance <= _SLACK) & (distance <= nearest[seen.window])
        _paint(canvas, body, part, seen, where, right=right)


_LEFT: Final = {
    Part.RIGHT_UPPER_LEG_FRONT: Part.LEFT_UPPER_LEG_FRONT,
    Part.RIGHT_LOWER_LEG_FRONT: Part.LEFT_LOWER_LEG_FRONT,
    Part.RIGHT_FOOT: Part.LEFT_FOOT,
}


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
        aside = np.clip(0.5 + across / (2 * _FOOT), 0, 1)
        canvas.paint(seen.window, part, where & (seen.along > 0), along, aside)
        return
    # Around the leg from the middle of its front, to the person's right.
    half = np.interp(along, (0, 1), (_HIP, _KNEE) if part in _UPPER else (_KNEE, _ANKLE))
    angle = np.arcsin(np.clip(seen.across / half, -_EDGE, _EDGE)) + np.float32(body.yaw_radians)
    to_right = (1 + np.sin(angle)) / 2
    outwards = to_right if right else 1 - to_right
    behind = np.cos(angle) < _SEAM
    canvas.paint(seen.window, Part(part - 2), where & behind, along, outwards)
    canvas.paint(seen.window, part, where & ~behind, along, outwards)


_UPPER: Final = {Part.RIGHT_UPPER_LEG_FRONT, Part.LEFT_UPPER_LEG_FRONT}
