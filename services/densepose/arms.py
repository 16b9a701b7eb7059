"""Paint arms and hands."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.densepose.canvas import F32, Canvas, Floats
from services.densepose.limbs import Edges, Limb, interpolate_profile, limb_window, measure_edges
from services.densepose.parts import Part
from services.densepose.surface_body import SurfaceBody, View
from services.kit.joints import Joint


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Upper arm or forearm; lengths across its axis are in shoulder widths."""

    outside: Part
    """The part that is the right arm's outside."""
    inner: F32
    """Usual edge towards the body, along the limb."""
    outer: F32
    """Usual edge away from the body, along the limb."""
    widest: float
    """Distance from the axis up to which an edge of the outline is the arm's."""
    starts: float
    """Place along the limb, start 0 and end 1, where the piece begins."""
    seam: tuple[tuple[float, ...], tuple[float, ...]]
    """Places along the limb, and the angle in degrees where its outside ends at the front."""


_UPPER_AT: Final = (-0.2, -0.1, 0.0, 0.15, 0.3, 0.5, 0.7, 1.0)
"""Places along the upper arm, shoulder 0 and elbow 1, that its profiles are given at."""
_UPPER: Final = _Piece(
    outside=Part.RIGHT_UPPER_ARM_OUTSIDE,
    # The armhole slants outwards above the shoulder joint.
    inner=interpolate_profile(_UPPER_AT, (0.06, 0.0, -0.06, -0.095, -0.115, -0.13, -0.14, -0.14)),
    outer=interpolate_profile(_UPPER_AT, (0.1, 0.12, 0.14, 0.15, 0.14, 0.13, 0.12, 0.11)),
    widest=0.23,
    starts=-0.2,
    seam=((0.0, 1.0), (64.0, 64.0)),
)
"""The upper arm of an average adult."""
_LOWER_AT: Final = (-0.1, 0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
"""Places along the forearm, elbow 0 and wrist 1, that its profiles are given at."""
_LOWER: Final = _Piece(
    outside=Part.RIGHT_LOWER_ARM_OUTSIDE,
    inner=interpolate_profile(
        _LOWER_AT, (-0.13, -0.13, -0.125, -0.115, -0.1, -0.085, -0.085, -0.085)
    ),
    outer=interpolate_profile(_LOWER_AT, (0.11, 0.11, 0.12, 0.12, 0.11, 0.095, 0.085, 0.08)),
    widest=0.18,
    # A little above the elbow joint.
    starts=-0.04,
    # Of a hanging arm the thumb points ahead, so that the forearm's outside turns to the front.
    seam=((0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0), (76.0, 85.0, 92.0, 98.0, 113.0, 145.0, 180.0)),
)
"""The forearm of an average adult."""
_BACK_SEAM_DEGREES: Final = -150.0
"""Angle of the seam behind the arm."""
_ELBOW_RADIUS: Final = 0.13
"""Radius of the elbow, in shoulder widths."""
_HAND_START: Final = 0.97
"""Place along the forearm, elbow 0 and wrist 1, where the hand begins."""
_HAND_LENGTH: Final = 0.56
"""Length of the hand, in shoulder widths."""
_HAND_HALF_WIDTH: Final = 0.125
"""Half width of the hand, in shoulder widths."""
_FINGERTIP_LENGTH: Final = 0.16
"""Length of the hand's rounded end, in shoulder widths."""
_HAND_OFFSET: Final = 0.03
"""Distance of the hand from the forearm's axis, towards the body, in shoulder widths."""


def paint_arm(canvas: Canvas, body: SurfaceBody, *, right: bool) -> None:
    """Paint an arm from hand to shoulder; nothing where its elbow was not seen."""
    shoulder, elbow, wrist = (
        (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST)
        if right
        else (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST)
    )
    if not body.seen[elbow]:
        return
    if body.seen[wrist]:
        forearm = Limb(body.joints[elbow], body.joints[wrist], body.shoulder_width)
        _paint_hand(canvas, forearm, right=right)
        _paint_piece(canvas, body, _LOWER, forearm, right=right)
    upper = Limb(body.joints[shoulder], body.joints[elbow], body.shoulder_width)
    _paint_piece(canvas, body, _UPPER, upper, right=right)


def _paint_hand(canvas: Canvas, forearm: Limb, *, right: bool) -> None:
    """Paint a paddle with round fingertips."""
    shoulder_width = forearm.shoulder_width
    step = (forearm.end - forearm.start) / np.float32(forearm.length)
    start = forearm.start + np.float32(_HAND_START * forearm.length) * step
    hand = Limb(start, start + np.float32(_HAND_LENGTH * shoulder_width) * step, shoulder_width)
    seen = limb_window(canvas.shape, hand, _HAND_HALF_WIDTH + _HAND_OFFSET)
    across = (seen.across if right else -seen.across) + np.float32(_HAND_OFFSET)
    beyond = np.maximum(seen.along * _HAND_LENGTH - (_HAND_LENGTH - _FINGERTIP_LENGTH), 0)
    reached = np.hypot(beyond / _FINGERTIP_LENGTH, across / _HAND_HALF_WIDTH) <= 1
    canvas.paint(
        seen.window,
        Part.RIGHT_HAND if right else Part.LEFT_HAND,
        (seen.along >= 0) & reached,
        np.clip(seen.along, 0, 1),
        np.clip((1 + across / _HAND_HALF_WIDTH) / 2, 0, 1),
    )


def _paint_piece(
    canvas: Canvas, body: SurfaceBody, piece: _Piece, limb: Limb, *, right: bool
) -> None:
    """Paint the upper or the lower arm, split into its outside and its inside."""
    seen = limb_window(canvas.shape, limb, piece.widest)
    low, high = _measured(canvas, body, piece, limb, right=right).at(seen.along)
    aside = (seen.across - (low + high) / 2) / np.maximum((high - low) / 2, 1e-3)
    beyond = (seen.along - 1) * np.float32(limb.length / limb.shoulder_width)
    cap = np.hypot(beyond, seen.across) <= _ELBOW_RADIUS
    where = (seen.across >= low) & (seen.across <= high) & (seen.along >= piece.starts)
    where &= (seen.along <= 1) | cap
    along = np.clip(seen.along, 0, 1)
    angle = _angle(body.yaw_radians, aside if right else -aside, right=right)
    front = np.interp(along, *piece.seam)
    behind = np.mod(front - angle, 360)
    wide = front - _BACK_SEAM_DEGREES
    outside = behind <= wide
    first = piece.outside if right else Part(piece.outside - 1)
    canvas.paint(seen.window, first, where & outside, along, behind / wide)
    inward = (360 - behind) / (360 - wide)
    canvas.paint(seen.window, Part(first - 2), where & ~outside, along, inward)


def _measured(
    canvas: Canvas, body: SurfaceBody, piece: _Piece, limb: Limb, *, right: bool
) -> Edges:
    wide = np.full_like(piece.inner, piece.widest)
    if right is not (body.view is View.BACK):
        return measure_edges(canvas.person, limb, (piece.inner, piece.outer), (-wide, wide))
    return measure_edges(canvas.person, limb, (-piece.outer, -piece.inner), (-wide, wide))


def _angle(yaw_radians: float, outwards: Floats, *, right: bool) -> F32:
    """Return the angle around the arm, in degrees, forwards from its outermost line.

    ``outwards`` is the pixel's place across the arm, 1 at the edge that points away from a body
    that faces the camera and -1 at the other.
    """
    visible = np.degrees(np.arccos(np.clip(outwards, -1, 1)))
    angle: F32 = (visible - np.degrees(yaw_radians) * (1 if right else -1)).astype(np.float32)
    return angle
