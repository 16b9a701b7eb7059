"""Masks of the arms, drawn along their joints with some room."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.labels import Label
from services.kit.skeleton import PROPORTIONS
from services.viton.geometry import Bool, unit_vector
from services.viton.person.joints import Joints


@dataclass(frozen=True, kw_only=True)
class ArmMaskOptions:
    """How thick the lines are that cover arms and hands, in shoulder widths."""

    arm_thickness: float = 0.24
    """Thickness of the line that covers an arm with some room."""
    hand_thickness: float = 0.36
    """Thickness of the line that covers a hand with some room."""


ARM_MASK_OPTIONS: Final = ArmMaskOptions()

_MIN_SLEEVE_FRACTION: Final = 0.5
"""Fraction of a forearm's middle line under the dress label from which the dress has a sleeve."""

_FOREARM_HALF_WIDTH: Final = 0.1
"""Half the width of a forearm in its sleeve, in torso lengths."""

_HAND_ABOVE_WRIST: Final = 0.1
"""Height above the higher wrist joint at which the hands begin, in torso lengths."""

_FOREARM_SAMPLES: Final = 20
"""Samples along the middle line of a forearm."""

_MIN_BARE_ARM_AREA: Final = 0.04
"""Bare arm above the hands from which a dress has no long sleeves, in squared torso lengths."""


def draw_arm_mask(
    joints: Joints, shape: tuple[int, int], options: ArmMaskOptions = ARM_MASK_OPTIONS
) -> Bool:
    """Return where arms and hands may be, H x W, as broad as they are with some room."""
    scale = joints.shoulder_width
    area = np.zeros(shape, np.uint8)
    thick, hand_thick = int(options.arm_thickness * scale), int(options.hand_thickness * scale)
    for arm in zip(joints.shoulders, joints.elbows, joints.wrists, strict=True):
        hand = arm[2] + PROPORTIONS.try_on_hand * scale * unit_vector(arm[2] - arm[1])
        bones = np.round(np.array([*arm, hand])).astype(np.int32)
        cv2.polylines(area, [bones[:3]], isClosed=False, color=1, thickness=thick)
        cv2.line(area, bones[2].tolist(), bones[3].tolist(), 1, hand_thick)
    return area > 0


def draw_sleeved_forearm_mask(
    labels: NDArray[np.uint8], joints: Joints, torso_length: float
) -> Bool:
    """Return where the forearms are, H x W, if a dress has sleeves that cover them; else nothing.

    ``torso_length``: from shoulders to hips, in pixels.
    """
    near = np.zeros(labels.shape, np.uint8)
    height, width = labels.shape
    hands = int(min(wrist[1] for wrist in joints.wrists) - _HAND_ABOVE_WRIST * torso_length)
    bare = np.isin(labels[: max(hands, 0)], (Label.LEFT_ARM, Label.RIGHT_ARM))
    if bare.sum() > _MIN_BARE_ARM_AREA * torso_length**2:
        return near > 0
    for elbow, wrist in zip(joints.elbows, joints.wrists, strict=True):
        path = np.linspace(elbow, wrist, _FOREARM_SAMPLES)
        xs = np.clip(path[:, 0], 0, width - 1).astype(int)
        ys = np.clip(path[:, 1], 0, height - 1).astype(int)
        if (labels[ys, xs] == Label.DRESS).mean() > _MIN_SLEEVE_FRACTION:
            ends = [tuple(np.round(p).astype(int).tolist()) for p in (elbow, wrist)]
            thickness = max(int(2 * _FOREARM_HALF_WIDTH * torso_length), 1)
            cv2.line(near, ends[0], ends[1], 1, thickness)
    return near > 0
