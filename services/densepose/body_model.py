"""A body of limbs laid over the joints, its arms as wide as the outline shows them.

Each pixel of the outline goes to the limb it lies on, arms before head before torso and legs.
Coordinates are pixels, x to the right, y down.
"""

from typing import Final

import numpy as np

from services.densepose import surface_body as anatomy
from services.densepose.arms import paint_arm
from services.densepose.canvas import F32, Canvas, Mask
from services.densepose.legs import paint_legs
from services.densepose.trunk import paint_head, paint_torso

_FAR_ARM_YAW_RADIANS: Final = np.pi / 4
"""Turn of the body beyond which the far arm lies behind the torso."""


def draw_parts(keypoints: F32, person: Mask) -> Canvas:
    """Draw a body over 25 x 3 joints, within a person's pixels.

    Those too far from any limb (loose clothes, hair) are background; without a shoulder all are.
    """
    canvas = Canvas(person)
    body = anatomy.fit_surface_body(keypoints, *canvas.shape)
    if body is None:
        return canvas
    turned = _FAR_ARM_YAW_RADIANS < abs(body.yaw_radians) < np.pi - _FAR_ARM_YAW_RADIANS
    far_right = turned and body.yaw_radians < 0
    far_left = turned and body.yaw_radians > 0
    for right, far in ((True, far_right), (False, far_left)):
        if not far:
            paint_arm(canvas, body, right=right)
    paint_head(canvas, body)
    paint_torso(canvas, body)
    for right, far in ((True, far_right), (False, far_left)):
        if far:
            paint_arm(canvas, body, right=right)
    paint_legs(canvas, body)
    return canvas
