"""People for DensePose, as joints and outlines."""

import cv2
import numpy as np

from services.densepose.canvas import F32
from services.densepose.parts import U8

HEIGHT, WIDTH = 1024, 768
FRONT = {
    0: (384, 110),
    1: (384, 260),
    2: (264, 260),
    3: (214, 440),
    4: (190, 620),
    5: (504, 260),
    6: (554, 440),
    7: (578, 620),
    8: (384, 560),
    9: (314, 560),
    10: (310, 760),
    11: (306, 940),
    12: (454, 560),
    13: (458, 760),
    14: (462, 940),
    15: (366, 95),
    16: (402, 95),
    17: (326, 105),
    18: (442, 105),
    19: (480, 985),
    22: (288, 985),
}
MIRROR = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21]


def front() -> F32:
    joints = np.zeros((25, 3), np.float32)
    for index, place in FRONT.items():
        joints[index] = *place, 0.9
    return joints


def mirrored(joints: F32) -> F32:
    turned = joints[MIRROR].copy()
    turned[turned[:, 2] > 0, 0] = WIDTH - 1 - turned[turned[:, 2] > 0, 0]
    return turned


def silhouette(joints: F32) -> U8:
    """A figure of thick lines around the joints."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    points = [(int(x), int(y)) for x, y in joints[:, :2]]

    def line(first: int, second: int, width: int) -> None:
        if joints[first, 2] and joints[second, 2]:
            cv2.line(canvas, points[first], points[second], 255, width)

    for first, second in ((2, 3), (3, 4), (5, 6), (6, 7)):
        line(first, second, 50)
    for first, second in ((9, 10), (10, 11), (12, 13), (13, 14), (11, 22), (14, 19)):
        line(first, second, 90)
    line(0, 1, 90)
    cv2.ellipse(canvas, points[0], (70, 95), 0, 0, 360, 255, cv2.FILLED)
    torso = np.array([points[2], points[5], points[12], points[9]])
    cv2.fillConvexPoly(canvas, torso, 255)
    for wrist in (4, 7):
        if joints[wrist, 2]:
            x, y = points[wrist]
            cv2.ellipse(canvas, (x, y + 40), (25, 60), 0, 0, 360, 255, cv2.FILLED)
    return canvas
