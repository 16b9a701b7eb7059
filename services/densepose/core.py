"""A 24-part surface map of a person, drawn from joints and outline.

A body of limbs is laid over the joints, its arms as wide as the outline shows them; each pixel of
the outline goes to the limb it lies on, arms before head before torso and legs. Coordinates are
pixels, x to the right, y down; lengths named in units are shares of ``Body.unit``. Left and right
are the person's own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.densepose import body as anatomy
from services.densepose.arms import paint_arm
from services.densepose.canvas import F32, Canvas
from services.densepose.legs import paint_legs
from services.densepose.parts import U8
from services.densepose.trunk import paint_head, paint_torso

INSIDE: Final = 128
"""Outline values from here on are the person."""
_FAR_ARM: Final = np.pi / 4
"""Turned farther than this, a person's far arm lies behind the torso."""


@dataclass(frozen=True)
class Surface:
    """``parts`` H x W with ids 0 to 24; ``u`` and ``v`` H x W, 0 to 255 for 0 to 1."""

    parts: U8
    u: U8
    v: U8


def estimate_surface(keypoints: F32, silhouette: U8) -> Surface:
    """Map a person's pixels to body parts.

    ``keypoints`` is 25 x 3 (BODY_25), ``silhouette`` H x W, 0 to 255. Pixels outside the outline,
    and those too far from any limb (loose clothes, hair), are background. Without a shoulder
    everything is background.
    """
    canvas = Canvas(silhouette >= INSIDE)
    body = anatomy.build(keypoints, *canvas.shape)
    if body is not None:
        turned = _FAR_ARM < abs(body.turn) < np.pi - _FAR_ARM
        far_right = turned and body.turn < 0
        far_left = turned and body.turn > 0
        for right, far in ((True, far_right), (False, far_left)):
            if not far:
                paint_arm(canvas, body, right=right)
        paint_head(canvas, body)
        paint_torso(canvas, body)
        for right, far in ((True, far_right), (False, far_left)):
            if far:
                paint_arm(canvas, body, right=right)
        paint_legs(canvas, body)
    return Surface(canvas.parts, canvas.u, canvas.v)
