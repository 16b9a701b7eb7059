"""A person's joints with what follows from them: which were seen, and usual proportions.

``PROPORTIONS`` is the one table of anthropometric numbers. Services estimate the same length by
different factors: each row says whose it is. Making them equal would change the pictures.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.joints import Joint

Place: TypeAlias = NDArray[np.floating]
"""One point (x, y), in pixels."""


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Usual lengths of an adult's parts, as shares of other lengths of the same body."""

    parse_nose_height: float = 0.6
    """Nose above the neck, in shoulder widths (human_parse)."""
    parse_head_height: float = 0.75
    """Top of the silhouette above the neck if no nose is seen, in shoulder widths (human_parse)."""

    agnostic_torso_length: float = 1.6
    """Middle of the shoulders to middle of the hips, in shoulder widths (agnostic)."""
    parse_torso_length: float = 1.5
    """Neck to hips, in shoulder widths (human_parse)."""
    surface_torso_length: float = 1.55
    """Neck to hips, in shoulder widths (densepose)."""
    try_on_torso_length: float = 1.5
    """Shoulders to hips, in shoulder widths (viton)."""

    parse_longest_torso: float = 1.25 * 1.5
    """Longest torso, in shoulder widths: shoulders beside a longer one are turned (human_parse)."""
    parse_shoulder_width: float = 1.6
    """Least width of the shoulders, in distances between the ears (human_parse)."""
    surface_shoulder_width: float = 0.62
    """Least width of the shoulders, in torso lengths: narrower ones are turned (densepose)."""
    outline_shoulder_width: float = 0.5
    """Least width of the shoulders, in torso lengths: narrower ones are turned (openpose)."""
    try_on_shoulder_width: float = 0.55
    """Least width of the shoulders, in torso lengths: narrower ones are turned (viton)."""

    agnostic_hip_width: float = 2 / 3
    """Distance between the hip joints, in shoulder widths (agnostic)."""
    parse_half_hip_width: float = 0.3
    """Middle of the hips to an unseen hip joint, in shoulder widths (human_parse)."""
    surface_half_hip_width: float = 0.33
    """Half the distance between the hip joints, in shoulder widths (densepose)."""
    try_on_half_hip_width: float = 0.33
    """Half the distance between the hip joints, in shoulder widths (viton)."""

    parse_half_shoulder_width: float = 0.5
    """Neck to an unseen shoulder joint, in shoulder widths (human_parse)."""
    try_on_upper_arm: float = 0.85
    """Fall from the shoulder joint to an unseen elbow, in shoulder widths (viton)."""
    try_on_elbow_spread: float = 0.08
    """Distance outwards of an unseen elbow from the shoulder joint, in shoulder widths (viton)."""
    parse_arm_length: float = 1.2
    """Length of an arm that hangs unseen, in torso lengths (human_parse)."""
    parse_forearm: float = 0.85
    """Elbow to wrist, in lengths of the upper arm (human_parse)."""
    surface_forearm: float = 0.85
    """Elbow to wrist, in shoulder widths (densepose)."""
    try_on_forearm: float = 0.8
    """Elbow to wrist, in shoulder widths (viton)."""

    parse_hand: float = 0.5
    """Wrist to finger tips, in forearms (human_parse)."""
    outline_hand: float = 0.6
    """Wrist to finger tips, in forearms (openpose)."""
    dress_hand: float = 0.45
    """Wrist to finger tips, in forearms (viton, beside a dress)."""
    try_on_hand: float = 0.3
    """Wrist to finger tips, in shoulder widths (viton)."""

    parse_leg_length: float = 2.2
    """Length of a leg that hangs unseen, in torso lengths (human_parse)."""
    surface_thigh: float = 1.35
    """Hip to knee, in shoulder widths (densepose)."""
    outline_thigh: float = 0.8
    """Hip to knee, in torso lengths (openpose)."""
    try_on_thigh: float = 0.72
    """Hip to knee, in torso lengths (viton)."""
    surface_shin: float = 1.3
    """Knee to ankle, in shoulder widths (densepose)."""
    try_on_shin: float = 0.74
    """Knee to ankle, in torso lengths (viton)."""
    surface_foot: float = 0.4
    """Ankle to big toe, in shoulder widths (densepose)."""


PROPORTIONS: Final = Proportions()
"""The table that all services use."""


@dataclass(frozen=True)
class Skeleton:
    """BODY_25 joints of one person, 25 each."""

    points: NDArray[np.floating]
    """25 x 2: (x, y) in pixels; meaningless for a joint that was not seen."""
    seen: NDArray[np.bool_]
    """25: which joints were seen."""

    def point(self, joint: Joint) -> Place | None:
        """Return a joint's place; None if it was not seen."""
        return self.points[joint] if self.seen[joint] else None

    def all_seen(self, *joints: Joint) -> bool:
        """Return whether all of these joints were seen."""
        return all(bool(self.seen[joint]) for joint in joints)

    def middle(self, *joints: Joint) -> Place | None:
        """Return the mean place of joints; None unless all of them were seen."""
        if not self.all_seen(*joints):
            return None
        return np.asarray(np.mean([self.points[joint] for joint in joints], axis=0))


def confident_joints(joints: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which of N x 3 joints have a confidence above 0, the rule of most services."""
    return np.asarray(joints[:, 2] > 0, np.bool_)


def seen_by_place(keypoints: NDArray[np.floating]) -> Skeleton:
    """Return the joints of 25 x 3 keypoints; those right of or below the origin were seen."""
    return Skeleton(keypoints[:, :2], np.asarray((keypoints[:, :2] > 0).any(axis=1)))


def seen_by_finite_place(keypoints: NDArray[np.floating]) -> Skeleton:
    """Return the joints of 25 x 3 keypoints; those anywhere but at the origin were seen.

    A place that is not a finite number counts as unseen.
    """
    points = keypoints[:, :2]
    placed = (points != 0).any(axis=1) & np.isfinite(points).all(axis=1)
    return Skeleton(points, np.asarray(placed, np.bool_))
