"""The skeleton picture as OpenPose renders BODY_25 on black."""

from typing import Final

import cv2
import numpy as np

from services.openpose.core import F32, U8

COLOURS: Final = (
    (255, 0, 85),
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (255, 0, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (255, 0, 170),
    (170, 0, 255),
    (255, 0, 255),
    (85, 0, 255),
    (0, 0, 255),
    (0, 0, 255),
    (0, 0, 255),
    (0, 255, 255),
    (0, 255, 255),
    (0, 255, 255),
)
"""RGB of each joint, from OpenPose's include/openpose/pose/poseParametersRender.hpp."""
LIMBS: Final = (
    (1, 8),
    (1, 2),
    (1, 5),
    (2, 3),
    (3, 4),
    (5, 6),
    (6, 7),
    (8, 9),
    (9, 10),
    (10, 11),
    (8, 12),
    (12, 13),
    (13, 14),
    (1, 0),
    (0, 15),
    (15, 17),
    (0, 16),
    (16, 18),
    (14, 19),
    (19, 20),
    (14, 21),
    (11, 22),
    (22, 23),
    (11, 24),
)
"""Pairs of joints in drawing order, from the same file; a limb has its second joint's colour."""
_MIN_DRAWN_CONFIDENCE: Final = 0.05
"""Confidence above which a joint is drawn."""
_MIN_COUNTED_CONFIDENCE: Final = 0.1
"""Confidence above which a joint counts for the extent of the person."""
_DISC_DIAMETER: Final = 1 / 75
"""Diameter of a joint's disc, as a share of the square root of the picture's area."""
_LINE_THICKNESS: Final = 0.75
"""Thickness of a limb's line, in disc diameters."""
_MIN_RING_SHARE: Final = 0.05
"""Share of the picture up to which a person's joints are filled discs, above it rings."""


def draw_skeleton(keypoints: F32, height: int, width: int) -> U8:
    """Draw 25 x 3 joints on black, ``height`` x ``width`` x 3, opaque.

    Lines and discs grow with the square root of the picture's area and with the share of it that
    the person takes.
    """
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    counted = keypoints[keypoints[:, 2] > _MIN_COUNTED_CONFIDENCE, :2]
    if len(counted) < 2:
        return canvas
    extent = np.ptp(counted, axis=0)
    share = min(1.0, max(float(extent[0]) / width, float(extent[1]) / height))
    thickness = max(round(float(np.sqrt(height * width)) * _DISC_DIAMETER * share), 2)
    points = [(round(float(x)), round(float(y))) for x, y in keypoints[:, :2]]
    shown = keypoints[:, 2] > _MIN_DRAWN_CONFIDENCE
    for first, second in LIMBS:
        if shown[first] and shown[second]:
            cv2.line(
                canvas,
                points[first],
                points[second],
                COLOURS[second],
                round(thickness * _LINE_THICKNESS),
            )
    for joint, point in enumerate(points):
        if shown[joint]:
            rim = thickness if share > _MIN_RING_SHARE else cv2.FILLED
            cv2.circle(canvas, point, max(thickness // 2, 1), COLOURS[joint], rim)
    return canvas
