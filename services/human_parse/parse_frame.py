"""Measure a person's joints, shoulder width and torso from the keypoints."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.joints import Joint
from services.kit.skeleton import PROPORTIONS, Skeleton, confident_joints
from services.kit.types import Keypoints

Point = NDArray[np.float32]
"""(x, y) in pixels."""

Flags = NDArray[np.bool_]
"""H x W booleans."""


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """Which keypoints count, and how long shoulders and torso are at least.

    Usual lengths of the body are in ``skeleton.PROPORTIONS``.
    """

    max_coordinate: int = 2
    """Largest coordinate of a keypoint that counts, in longer sides of the picture."""
    min_shoulder_width_px: float = 8.0
    """Width of the shoulders below which the silhouette is measured instead, and least width of
    those, in pixels of the picture that is measured."""
    silhouette_width_share: float = 0.5
    """Largest width of such shoulders, in widths of the silhouette."""
    silhouette_height_share: float = 0.3
    """Largest width of such shoulders, in heights of the silhouette."""
    min_torso_length: float = 0.5
    """Least length of the torso, in shoulder widths."""
    chest_row: float = 0.15
    """Row below the neck in which the chest's width is measured, in torso lengths."""
    min_chest_width: float = 0.65
    """Width of the silhouette there above which the person is seen from the front, in torso
    lengths."""
    max_folded_width: float = 0.3
    """Distance between the shoulder joints below which they were put in one place, in widths of
    the silhouette there."""


FRAME_OPTIONS: Final = FrameOptions()

CHEST_END: Final = 0.5
"""Height along the trunk (0 neck, 1 hip joints) of the lower end of the chest."""

_MIN_SQUARED_LENGTH: Final = 1e-6
"""Least divisor for the squared length of a segment, in pixels squared."""

LEFT_ARM: Final = (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST)
"""Joints of the left arm, from the body outward."""
RIGHT_ARM: Final = (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST)
"""Joints of the right arm, from the body outward."""
LEFT_LEG: Final = (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE, Joint.LEFT_BIG_TOE)
"""Joints of the left leg, from the body outward."""
RIGHT_LEG: Final = (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, Joint.RIGHT_BIG_TOE)
"""Joints of the right leg, from the body outward."""


@dataclass(frozen=True, kw_only=True)
class ParseFrame:
    """A person's joints and measures, seen or estimated; points and lengths in pixels."""

    points: NDArray[np.float32]
    """25 x 2: the keypoints."""
    seen: NDArray[np.bool_]
    """25: whether the keypoint was seen."""
    neck: Point
    """(x, y) of the neck's joint."""
    hip: Point
    """The middle of the hips."""
    shoulder_width: float
    """Distance between the shoulder joints that the person would show from the front."""
    torso_length: float
    """Distance from ``neck`` to ``hip``."""
    mirrored: bool
    """Whether the person's left is on the picture's left."""

    def scaled(self, factor: float) -> "ParseFrame":
        """Return the same frame in a picture ``factor`` times the size."""
        scale = np.float32(factor)
        return replace(
            self,
            points=self.points * scale,
            neck=self.neck * scale,
            hip=self.hip * scale,
            shoulder_width=self.shoulder_width * factor,
            torso_length=self.torso_length * factor,
        )

    def seen_points(self, joints: tuple[Joint, ...]) -> list[Point]:
        """Return the seen joints of a limb, from the body outward."""
        return [self.points[joint] for joint in joints if self.seen[joint]]

    def seen_or_hanging_points(self, joints: tuple[Joint, ...]) -> list[Point]:
        """Return the seen joints of a limb, else the ends of a limb that hangs straight down.

        A limb with fewer than two seen joints hangs from the one that is seen, or from the usual
        place of its first joint.
        """
        chain = self.seen_points(joints)
        if len(chain) > 1:
            return chain
        leg = joints in (LEFT_LEG, RIGHT_LEG)
        outward = np.float32(-1 if (joints in (LEFT_ARM, LEFT_LEG)) == self.mirrored else 1)
        if chain:
            start = chain[0]
        else:
            share = (
                PROPORTIONS.parse_half_hip_width if leg else PROPORTIONS.parse_half_shoulder_width
            )
            aside = share * self.shoulder_width
            start = (self.hip if leg else self.neck) + outward * np.array((aside, 0), np.float32)
        usual = PROPORTIONS.parse_leg_length if leg else PROPORTIONS.parse_arm_length
        length = usual * self.torso_length
        return [start, start + np.array((0, length), np.float32)]

    def arm(self, joints: tuple[Joint, Joint, Joint]) -> list[Point]:
        """Return the seen joints of an arm and, past the wrist, where the fingers end.

        An arm of which only the wrist is not seen is taken for a straight one.
        """
        chain = self.seen_points(joints)
        if len(chain) == 2 and not self.seen[joints[2]]:
            chain.append(chain[-1] + PROPORTIONS.parse_forearm * (chain[-1] - chain[-2]))
        if len(chain) > 1:
            chain.append(chain[-1] + PROPORTIONS.parse_hand * (chain[-1] - chain[-2]))
        return chain


def measure_frame(
    keypoints: Keypoints, person: Flags, options: FrameOptions = FRAME_OPTIONS
) -> ParseFrame:
    """Measure a person's frame from the keypoints, and what they lack from the silhouette.

    ``keypoints`` are 25 x 3, in pixels of the picture of the mask ``person``, H x W. Any of them
    may be missing. The frame is in pixels of that picture.
    """
    points = keypoints[:, :2].astype(np.float32)
    # Far outside the picture nothing is seen; "not" catches NaN as well.
    senseless = ~(np.abs(points) <= options.max_coordinate * max(person.shape)).all(axis=1)
    seen = confident_joints(keypoints) & ~senseless

    middle = Skeleton(points, seen).middle

    def length(first: Point | None, second: Point | None) -> float:
        if first is None or second is None:
            return 0.0
        return float(np.hypot(*(first - second)))

    neck = middle(Joint.NECK)
    if neck is None:
        neck = middle(Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    hip = middle(Joint.MID_HIP)
    if hip is None:
        hip = middle(Joint.LEFT_HIP, Joint.RIGHT_HIP)
    shoulders = length(middle(Joint.LEFT_SHOULDER), middle(Joint.RIGHT_SHOULDER))
    ears = length(middle(Joint.LEFT_EAR), middle(Joint.RIGHT_EAR))
    width = max(
        shoulders,
        length(neck, hip) / PROPORTIONS.parse_longest_torso,
        PROPORTIONS.parse_shoulder_width * ears,
    )
    left, top, right, bottom = _bounds(person)
    if width < options.min_shoulder_width_px:
        by_width = options.silhouette_width_share * (right - left)
        by_height = options.silhouette_height_share * (bottom - top)
        width = max(options.min_shoulder_width_px, min(by_width, by_height))
    if neck is None:
        nose = middle(Joint.NOSE)
        if nose is not None:
            neck = nose + np.array((0, PROPORTIONS.parse_nose_height * width), np.float32)
        else:
            below_top = PROPORTIONS.parse_head_height * width
            neck = np.array(((left + right) / 2, top + below_top), np.float32)
    if hip is None:
        hip = neck + np.array((0, PROPORTIONS.parse_torso_length * width), np.float32)
    torso = max(length(neck, hip), options.min_torso_length * width)
    if shoulders and _are_shoulders_folded(person, neck, shoulders, torso, options):
        seen[[*LEFT_ARM, *RIGHT_ARM]] = False
    return ParseFrame(
        points=points,
        seen=seen,
        neck=neck,
        hip=hip,
        shoulder_width=width,
        torso_length=torso,
        mirrored=_mirrored(points, seen),
    )


def _are_shoulders_folded(
    person: Flags, neck: Point, shoulders: float, torso: float, options: FrameOptions
) -> bool:
    """Return whether both shoulders were put in one place on a person seen from the front.

    Pose networks do this if the head lies outside the picture. The arms are then wrong as well.
    ``shoulders`` is the distance between the joints, ``torso`` the torso's length, both in pixels.
    """
    row = int(np.clip(neck[1] + options.chest_row * torso, 0, person.shape[0] - 1))
    across = np.count_nonzero(person[row])
    return bool(
        across > options.min_chest_width * torso and shoulders < options.max_folded_width * across
    )


def _bounds(person: Flags) -> tuple[float, float, float, float]:
    rows = np.flatnonzero(person.any(axis=1))
    columns = np.flatnonzero(person.any(axis=0))
    if not rows.size:
        height, width = person.shape
        return 0.0, 0.0, float(width), float(height)
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _mirrored(points: NDArray[np.float32], seen: NDArray[np.bool_]) -> bool:
    for left, right in (
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
        (Joint.LEFT_HIP, Joint.RIGHT_HIP),
        (Joint.LEFT_EYE, Joint.RIGHT_EYE),
    ):
        if seen[left] and seen[right]:
            return bool(points[left, 0] < points[right, 0])
    return False


def distance_to_chain(x: Point, y: Point, chain: list[Point]) -> NDArray[np.float32]:
    """Return the distance in pixels of each (``x``, ``y``) to a chain of points, inf to none."""
    if not chain:
        return np.full(x.shape, np.inf, np.float32)
    best = np.full(x.shape, np.inf, np.float32)
    for start, end in pairwise(chain if len(chain) > 1 else chain * 2):
        dx, dy = (float(v) for v in end - start)
        across, down = x - start[0], y - start[1]
        along = (across * dx + down * dy) / max(dx * dx + dy * dy, _MIN_SQUARED_LENGTH)
        np.clip(along, 0, 1, out=along)
        across -= along * dx
        down -= along * dy
        np.minimum(best, across * across + down * down, out=best)
    return np.sqrt(best)


def height_along_trunk(shape: tuple[int, ...], frame: ParseFrame) -> NDArray[np.float32]:
    """Return the height of each pixel along the trunk, H x W: 0 at the neck, 1 at the hip joints.

    ``shape`` is (H, W); ``frame`` is in pixels of that picture.
    """
    axis = (frame.hip - frame.neck) / np.float32(frame.torso_length)
    y = np.arange(shape[0], dtype=np.float32)[:, None] - frame.neck[1]
    x = np.arange(shape[1], dtype=np.float32)[None, :] - frame.neck[0]
    return np.asarray((x * axis[0] + y * axis[1]) / frame.torso_length, np.float32)
