"""The skeleton picture as OpenPose renders BODY_25 on black."""

from typing import Final

import cv2
import numpy as np

from services.openpose.core import F32, U8

# From https://github.com/CMU-Perceptual-Computing-Lab/openpose,
# include/openpose/pose/poseParametersRender.hpp: joints in order, and the limbs in drawing order. A
# limb has the colour of its second joint.
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
_SHOWN_FROM: Final = 0.05
_COUNTED_FROM: Final = 0.1
_DISC: Final = 1 / 75
_LINE: Final = 0.75
_SMALL: Final = 0.05


def draw_skeleton(keypoints: F32, height: int, width: int) -> U8:
    """Draw 25 x 3 joints on black, ``height`` x ``width`` x 3, opaque.

    Lines and discs grow with the square root of the picture's area and with the share of it that
    the person takes.
    """
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    counted = keypoints[keypoints[:, 2] > _COUNTED_FROM, :2]
    if len(counted) < 2:
        return canvas
    extent = np.ptp(counted, axis=0)
    share = min(1.0, max(float(extent[0]) / width, float(extent[1]) / height))
    thickness = max(round(float(np.sqrt(height * width)) * _DISC * share), 2)
    points = [(round(float(x)), round(float(y))) for x, y in keypoints[:, :2]]
    shown = keypoints[:, 2] > _SHOWN_FROM
    for first, second in LIMBS:
        if shown[first] and shown[second]:
            cv2.line(
                canvas, points[first], points[second], COLOURS[second], round(thickness * _LINE)
            )
    for joint, point in enumerate(points):
        if shown[joint]:
            rim = thickness if share > _SMALL else cv2.FILLED
            cv2.circle(canvas, point, max(thickness // 2, 1), COLOURS[joint], rim)
    return canvas
