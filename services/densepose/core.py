"""A 24-part surface map of a person, drawn from joints and outline.

A body of tapered limbs is laid over the joints; each pixel of the outline goes to the limb it lies
on, arms before head before torso and legs. Coordinates are pixels, x to the right, y down; lengths
named in units are shares of ``Body.unit``. Left and right are the person's own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.densepose import body as anatomy
from services.densepose.body import Body, Head, View
from services.densepose.parts import U8, Part
from services.kit.joints import Joint

F32 = NDArray[np.float32]
Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

INSIDE: Final = 128
"""Outline values from here on are the person."""

# Half-widths in units.
_SHOULDER, _ELBOW, _WRIST = 0.125, 0.125, 0.09
_HAND, _HAND_LENGTH = 0.145, 0.56
_HIP, _KNEE, _ANKLE, _FOOT = 0.31, 0.2, 0.13, 0.15
_NECK, _NECK_ABOVE = 0.18, 0.23
_TORSO_AT: Final = (-0.3, 0.0, 0.2, 0.5, 0.8, 1.0, 1.3)
_TORSO_HALF: Final = (0.5, 0.52, 0.48, 0.43, 0.48, 0.56, 0.5)
# Towards the torso the arm begins with this share of its half-width, and has all of it at the
# armpit, this share of the way to the elbow.
_ARMHOLE, _ARMPIT = 0.5, 0.4
# How high the torso reaches over the neck joint beside it: the slope of the shoulders, in units.
_SLOPE_ASIDE: Final = (0.0, 0.18, 0.5, 0.6)
_SLOPE_ABOVE: Final = (0.3, 0.27, 0.15, 0.1)
# Where the torso ends and the legs begin: aside of the mid hip, below it, both in units.
_GROIN_ASIDE: Final = (0.0, 0.05, 0.17, 0.32, 0.47, 0.6)
_GROIN_BELOW: Final = (0.31, 0.24, 0.13, 0.05, -0.01, -0.06)
# The outside of an arm seen from the front, as a share of its width, at shoulder, elbow and wrist.
_OUTSIDE_UPPER: Final = (0.28, 0.3)
_OUTSIDE_LOWER: Final = (0.35, 0.85)
# How far, in half-widths, a pixel of the outline may lie from a limb: clothes are looser than the
# body, and long hair and wide skirts are not the body at all.
_SLACK_ARM, _SLACK_HAND, _SLACK_LEG, _SLACK_TORSO, _SLACK_HEAD = 1.25, 1.2, 1.35, 1.25, 1.05


@dataclass(frozen=True)
class Surface:
    """``parts`` H x W with ids 0 to 24; ``u`` (across) and ``v`` (along) H x W, 0 to 255."""

    parts: U8
    u: U8
    v: U8


@dataclass(frozen=True)
class Limb:
    """A tapered limb between two joints, its half-widths in pixels at both."""

    start: F32
    end: F32
    start_half: float
    end_half: float


@dataclass(frozen=True)
class _Reach:
    """A window of the picture as a limb sees it.

    ``along`` is 0 at the start and 1 at the end; ``across`` is signed, in half-widths, positive to
    the right of who walks from start to end; ``distance`` to the limb is in half-widths.
    """

    window: tuple[slice, slice]
    along: F32
    across: F32
    distance: F32


class _Canvas:
    """The map while it is painted; what is painted first stays."""

    def __init__(self, silhouette: U8) -> None:
        self.free: Mask = silhouette >= INSIDE
        self.parts: U8 = np.zeros(silhouette.shape, np.uint8)
        self.u: U8 = np.zeros(silhouette.shape, np.uint8)
        self.v: U8 = np.zeros(silhouette.shape, np.uint8)

    def paint(
        self, window: tuple[slice, slice], part: Part, where: Mask, u: Floats, v: Floats
    ) -> None:
        """Give the free pixels of ``where`` to a part; ``u`` and ``v`` are in 0..1."""
        chosen = where & self.free[window]
        self.parts[window][chosen] = part
        self.u[window][chosen] = _byte(u[chosen])
        self.v[window][chosen] = _byte(v[chosen])
        self.free[window] &= ~chosen


def estimate_surface(keypoints: F32, silhouette: U8) -> Surface:
    """Map a person's pixels to body parts.

    ``keypoints`` is 25 x 3 (BODY_25), ``silhouette`` H x W, 0 to 255. Pixels outside the outline,
    and those too far from any limb (loose clothes, hair), are background. Without a shoulder
    everything is background.
    """
    height, width = silhouette.shape
    canvas = _Canvas(silhouette)
    body = anatomy.build(keypoints, height, width)
    if body is not None:
        _paint_arms(canvas, body)
        if body.head is not None:
            _paint_head(canvas, body, body.head)
        _paint_torso(canvas, body)
        _paint_legs(canvas, body)
    return Surface(canvas.parts, canvas.u, canvas.v)


def _f32(values: Floats) -> F32:
    return values.astype(np.float32, copy=False)


def _byte(values: Floats) -> U8:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _window(shape: tuple[int, ...], points: F32, margin: float) -> tuple[slice, slice]:
    """Cut the picture down to the box of some points and a margin."""
    low = np.floor(points.min(axis=0) - margin).astype(int)
    high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    left, right = np.clip([low[0], high[0]], 0, shape[1])
    top, bottom = np.clip([low[1], high[1]], 0, shape[0])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _offsets(window: tuple[slice, slice], origin: F32) -> tuple[F32, F32]:
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - origin[1]
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None] - origin[0]
    return columns, rows


def reach(shape: tuple[int, ...], limb: Limb, slack: float) -> _Reach:
    """See the part of a picture within ``slack`` half-widths of a limb as the limb does."""
    margin = slack * max(limb.start_half, limb.end_half)
    window = _window(shape, np.stack([limb.start, limb.end]), margin)
    step = limb.end - limb.start
    length = max(float(np.linalg.norm(step)), 1.0)
    dx, dy = float(step[0]) / length, float(step[1]) / length
    x, y = _offsets(window, limb.start)
    along = (x * dx + y * dy) / length
    inner = np.clip(along, 0, 1)
    half = limb.start_half + inner * (limb.end_half - limb.start_half)
    sideways = y * dx - x * dy
    beyond = (along - inner) * length
    distance = np.hypot(sideways, beyond) / half
    return _Reach(window, _f32(along), _f32(sideways / half), _f32(distance))


def _paint_arms(canvas: _Canvas, body: Body) -> None:
    """Paint both arms, nearest pixels first, hands before the forearms they end."""
    unit = body.unit
    for joints, right in (
        ((Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST), True),
        ((Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST), False),
    ):
        shoulder, elbow, wrist = (body.joints[joint] for joint in joints)
        if not body.seen[joints[1]]:
            continue
        upper = Limb(shoulder, elbow, _SHOULDER * unit, _ELBOW * unit)
        if body.seen[joints[2]]:
            lower = Limb(elbow, wrist, _ELBOW * unit, _WRIST * unit)
            _paint_hand(canvas, body, lower, right=right)
            _paint_arm(canvas, body, lower, upper, right=right)
        _paint_arm(canvas, body, upper, None, right=right)


def _paint_hand(canvas: _Canvas, body: Body, forearm: Limb, *, right: bool) -> None:
    step = forearm.end - forearm.start
    direction = (step / max(float(np.linalg.norm(step)), 1.0)).astype(np.float32)
    unit = np.float32(body.unit)
    start = forearm.end - direction * np.float32(0.03) * unit
    middle = forearm.end + direction * np.float32(_HAND_LENGTH - _HAND) * unit
    hand = Limb(start, middle, _WRIST * 1.2 * body.unit, _HAND * body.unit)
    seen = reach(canvas.parts.shape, hand, _SLACK_HAND)
    where = (seen.along > 0) & (seen.distance <= _SLACK_HAND)
    part = Part.RIGHT_HAND if right else Part.LEFT_HAND
    canvas.paint(seen.window, part, where, (seen.across + 1) / 2, seen.along)


def _paint_arm(canvas: _Canvas, body: Body, limb: Limb, above: Limb | None, *, right: bool) -> None:
    """Paint one half of an arm, split into its outside and inside.

    ``above`` is the upper arm when ``limb`` is the forearm.
    """
    seen = reach(canvas.parts.shape, limb, _SLACK_ARM)
    # Towards the body the arm ends with its own width, or it would take from the torso; at the
    # shoulder the torso reaches up to the joint.
    outward = seen.across if right else -seen.across
    inner = np.float32(1.0)
    if above is None:
        inner = _ARMHOLE + (1 - _ARMHOLE) * np.clip(seen.along / _ARMPIT, 0, 1)
    allowed = np.where(outward > 0, np.float32(_SLACK_ARM), inner)
    where = seen.distance <= allowed
    if above is not None:
        where &= (seen.along > 0) & (seen.along <= 1)
    from_outside = (1 - np.clip(outward / allowed, -1, 1)) / 2
    low, high = _OUTSIDE_LOWER if above is not None else _OUTSIDE_UPPER
    edge = low + (high - low) * np.clip(seen.along, 0, 1)
    if body.view is View.BACK:
        edge = 1 - edge
    outside = from_outside < edge
    first = Part.RIGHT_UPPER_ARM_OUTSIDE if above is None else Part.RIGHT_LOWER_ARM_OUTSIDE
    shift = 0 if right else 1
    canvas.paint(seen.window, Part(first - shift), where & outside, from_outside, seen.along)
    canvas.paint(seen.window, Part(first - 2 - shift), where & ~outside, from_outside, seen.along)


def _paint_head(canvas: _Canvas, body: Body, head: Head) -> None:
    """Paint skull and neck, split along the nose."""
    radius = head.radius
    neck = body.joints[Joint.NECK]
    window = _window(canvas.parts.shape, np.stack([head.centre, neck]), 1.8 * radius)
    x, y = _offsets(window, head.centre)
    aside = -x * head.up[1] + y * head.up[0]
    above = x * head.up[0] + y * head.up[1]
    skull = np.hypot(aside / radius, (above - 0.2 * radius) / (1.33 * radius)) <= _SLACK_HEAD
    throat = reach(
        canvas.parts.shape,
        Limb(head.centre, neck, 0.7 * radius, _NECK * body.unit),
        1.3,
    )
    # The collar: a little higher beside the neck than in front of it.
    nx, ny = _offsets(throat.window, neck)
    over = -(nx * body.down[0] + ny * body.down[1]) / body.unit
    beside = (nx * body.down[1] - ny * body.down[0]) / body.unit
    collar = over > _NECK_ABOVE + 1.5 * beside**2
    stem = np.zeros(canvas.parts.shape, bool)
    stem[throat.window] = (throat.distance <= 1.3) & (throat.along > 0) & collar
    where = skull | stem[window]
    shoulder_line = _offsets(window, neck)
    low = shoulder_line[0] * body.down[0] + shoulder_line[1] * body.down[1]
    where &= low < -0.12 * body.unit
    towards_left = (aside / radius - head.nose) * head.left
    v = (1.53 - above / radius) / 2.8
    u = np.abs(towards_left) / 2
    canvas.paint(window, Part.HEAD_LEFT, where & (towards_left > 0), u, v)
    canvas.paint(window, Part.HEAD_RIGHT, where & (towards_left <= 0), u, v)


def _paint_torso(canvas: _Canvas, body: Body) -> None:
    neck, middle = body.joints[Joint.NECK], body.joints[Joint.MID_HIP]
    window = _window(canvas.parts.shape, np.stack([neck, middle]), 0.8 * body.unit)
    length = max(float(np.linalg.norm(middle - neck)), 1.0)
    x, y = _offsets(window, neck)
    along = (x * body.down[0] + y * body.down[1]) / length
    aside = (x * body.down[1] - y * body.down[0]) / body.unit
    half = np.interp(along, _TORSO_AT, _TORSO_HALF).astype(np.float32)
    below = (along - 1) * length / body.unit
    groin = np.interp(np.abs(aside), _GROIN_ASIDE, _GROIN_BELOW).astype(np.float32)
    slope = np.interp(np.abs(aside), _SLOPE_ASIDE, _SLOPE_ABOVE).astype(np.float32)
    above = -along * length / body.unit
    where = (np.abs(aside) <= _SLACK_TORSO * half) & (above < slope) & (below < groin)
    u = (aside / half + 1) / 2
    v = (along + 0.1) / 1.2
    if body.view is View.SIDE:
        front = aside * body.ahead > 0
    else:
        front = np.full(where.shape, body.view is View.FRONT)
    canvas.paint(window, Part.TORSO_FRONT, where & front, u, v)
    canvas.paint(window, Part.TORSO_BACK, where & ~front, u, v)


def _paint_legs(canvas: _Canvas, body: Body) -> None:
    """Paint legs and feet; each pixel goes to the leg it is nearer to."""
    shape = canvas.parts.shape
    nearest = np.full(shape, np.inf, np.float32)
    pieces: list[tuple[Part, _Reach, bool]] = []
    for right, chain in (
        (True, (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, Joint.RIGHT_BIG_TOE)),
        (False, (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE, Joint.LEFT_BIG_TOE)),
    ):
        hip, knee, ankle, toe = (body.joints[joint] for joint in chain)
        thigh = Limb(hip, knee, _HIP * body.unit, _KNEE * body.unit)
        shin = Limb(knee, ankle, _KNEE * body.unit, _ANKLE * body.unit)
        foot = Limb(ankle, toe, _FOOT * body.unit, _FOOT * body.unit)
        front = 0 if right else 1
        for first, limb in (
            (Part.RIGHT_UPPER_LEG_FRONT, thigh),
            (Part.RIGHT_LOWER_LEG_FRONT, shin),
        ):
            pieces.append((Part(first + front), reach(shape, limb, _SLACK_LEG), right))
        pieces.append(
            (
                Part.RIGHT_FOOT if right else Part.LEFT_FOOT,
                reach(shape, foot, _SLACK_LEG),
                right,
            )
        )
    for _, seen, _ in pieces:
        nearest[seen.window] = np.minimum(nearest[seen.window], seen.distance)
    for part, seen, _ in pieces:
        where = (seen.distance <= _SLACK_LEG) & (seen.distance <= nearest[seen.window])
        u, v = (seen.across + 1) / 2, seen.along
        if part in {Part.RIGHT_FOOT, Part.LEFT_FOOT}:
            canvas.paint(seen.window, part, where & (seen.along > 0), u, v)
            continue
        behind = _behind(body, seen)
        canvas.paint(seen.window, Part(part - 2), where & behind, u, v)
        canvas.paint(seen.window, part, where & ~behind, u, v)


def _behind(body: Body, seen: _Reach) -> Mask:
    """Tell which pixels of a leg show its back."""
    if body.view is View.SIDE:
        # Walking down the leg, the picture's right lies at the left hand.
        return seen.across * body.ahead > 0
    return np.full(seen.across.shape, body.view is View.BACK)
