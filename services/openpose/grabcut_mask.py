"""Cut a person out of a picture by its colours and the person's joints."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.joints import TRUNK_CORNERS, Joint
from services.kit.raster.guided_filter import filter_by_grey
from services.kit.skeleton import PROPORTIONS, confident_joints
from services.kit.types import Image, Keypoints, Mask
from services.openpose.core import EDGE_NOISE_VARIANCE, U8
from services.openpose.drawing import LIMBS

MAX_SIDE_PX: Final = 320
"""Longer side of the picture that GrabCut runs on, at most."""
_GRABCUT_ROUNDS: Final = 3
"""Iterations of GrabCut."""
_SURE_HALF_WIDTH: Final = 0.07
"""Half width of limbs, in shoulder widths, within which everything is the person."""
_LIKELY_HALF_WIDTH: Final = 0.15
"""Half width of limbs, in shoulder widths, within which a pixel is more likely the person."""
_POSSIBLE_HALF_WIDTH: Final = 0.4
"""Half width of limbs, in shoulder widths, beyond which everything is background."""
_HEAD_RADIUS: Final = 0.55
"""Radius of the head around the nose, in distances from nose to neck."""
_FOREARMS: Final = (
    (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
)
"""Both forearms, right first."""
_THIGHS: Final = ((Joint.RIGHT_HIP, Joint.RIGHT_KNEE), (Joint.LEFT_HIP, Joint.LEFT_KNEE))
"""Both thighs, right first."""
_MIN_SHOULDER_WIDTH: Final = 1 / 12
"""Shoulder width at least, as a share of the height that the joints take."""
_EDGE_REACH_PX: Final = 3
"""Pixels of the reduced picture by which the edge may move to follow the whole picture's."""


def person_mask_from_joints(image: Image, keypoints: Keypoints) -> Mask:
    """Cut the person out of an H x W x 3 picture: H x W, 0 to 255, soft at the edge.

    GrabCut (Rother, Kolmogorov and Blake 2004) with colours learned from limbs drawn between the
    joints (25 x 3), and nothing far from them; a guided filter then draws the edge.
    """
    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    drawn = keypoints * np.array((scale, scale, 1), np.float32)
    marks = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    for share, mark in (
        (_POSSIBLE_HALF_WIDTH, cv2.GC_PR_BGD),
        (_LIKELY_HALF_WIDTH, cv2.GC_PR_FGD),
        (_SURE_HALF_WIDTH, cv2.GC_FGD),
    ):
        marks[_draw_body(drawn, small.shape[0], small.shape[1], share)] = mark
    if (marks == cv2.GC_BGD).any() and (marks == cv2.GC_FGD).any():
        cv2.setRNGSeed(0)
        models = np.zeros((2, 1, 65), np.float64)
        cv2.grabCut(
            small, marks, (0, 0, 1, 1), models[0], models[1], _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK
        )
    inside = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    placed = np.asarray(cv2.resize(inside, (width, height)), np.float32)
    soft = filter_by_grey(placed, grey, max(1, round(_EDGE_REACH_PX / scale)), EDGE_NOISE_VARIANCE)
    return np.round(np.clip(soft, 0, 1) * 255).astype(np.uint8)


def _draw_body(keypoints: Keypoints, height: int, width: int, share: float) -> NDArray[np.bool_]:
    """Draw limbs, trunk and head of that thickness: H x W, true inside."""
    canvas: U8 = np.zeros((height, width), np.uint8)
    seen = confident_joints(keypoints)
    places = [(round(float(x)), round(float(y))) for x, y in keypoints[:, :2]]
    measure = _shoulder_width(keypoints, height)
    thick = max(1, round(2 * share * measure))
    for first, second in LIMBS:
        if seen[first] and seen[second]:
            cv2.line(canvas, places[first], places[second], 1, thick)
    for start, end in _lines_beyond_joints(keypoints):
        cv2.line(canvas, start, end, 1, thick)
    if seen[list(TRUNK_CORNERS)].all():
        corners = np.array([places[joint] for joint in TRUNK_CORNERS], np.int32)
        cv2.fillConvexPoly(canvas, cv2.convexHull(corners), 1)
        cv2.polylines(canvas, [corners], isClosed=True, color=1, thickness=thick)
    if seen[Joint.NOSE]:
        neck = keypoints[Joint.NECK, :2] if seen[Joint.NECK] else None
        nose = keypoints[Joint.NOSE, :2]
        reach = float(np.linalg.norm(nose - neck)) if neck is not None else measure
        radius = reach * _HEAD_RADIUS * (0.5 + 0.5 * share / _LIKELY_HALF_WIDTH)
        cv2.circle(canvas, places[Joint.NOSE], max(1, round(radius)), 1, cv2.FILLED)
    return canvas > 0


def _lines_beyond_joints(keypoints: Keypoints) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Lines for what has no joint of its own: hands, and legs that the picture cuts off."""
    lines = []
    for elbow, wrist in _FOREARMS:
        if keypoints[elbow, 2] > 0 and keypoints[wrist, 2] > 0:
            start = keypoints[wrist, :2]
            lines.append((start, start + PROPORTIONS.outline_hand * (start - keypoints[elbow, :2])))
    neck, middle = keypoints[Joint.NECK], keypoints[Joint.MID_HIP]
    if neck[2] > 0 and middle[2] > 0:
        for hip, knee in _THIGHS:
            if keypoints[hip, 2] > 0 and keypoints[knee, 2] == 0:
                start = keypoints[hip, :2]
                lines.append((start, start + PROPORTIONS.outline_thigh * (middle[:2] - neck[:2])))
    return [
        (
            (round(float(start[0])), round(float(start[1]))),
            (round(float(end[0])), round(float(end[1]))),
        )
        for start, end in lines
    ]


def _shoulder_width(keypoints: Keypoints, height: int) -> float:
    """Width of the shoulders, or what stands for it where they are unseen or seen from the side."""
    seen = confident_joints(keypoints)
    extent = float(np.ptp(keypoints[seen, 1])) if np.count_nonzero(seen) > 1 else float(height)
    right, left = Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER
    between = (
        float(np.linalg.norm(keypoints[right, :2] - keypoints[left, :2]))
        if seen[right] and seen[left]
        else 0.0
    )
    trunk = (
        PROPORTIONS.outline_shoulder_width
        * float(np.linalg.norm(keypoints[Joint.NECK, :2] - keypoints[Joint.MID_HIP, :2]))
        if seen[Joint.NECK] and seen[Joint.MID_HIP]
        else 0.0
    )
    return max(between, trunk, extent * _MIN_SHOULDER_WIDTH)
