"""Remove the existing garment from a person's photo, by HR-VITON's geometry.

Lee et al., "High-Resolution Virtual Try-On with Misalignment and Occlusion-Handled Conditions"
(ECCV 2022), as the published code (sangyun884/HR-VITON) prepares the networks' inputs: VITON-HD's
shapes, but scaled with the person, wider at the shoulders, above the neck only, and without the
hands. If every joint of the torso is detected, the result equals that of the code.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from services.agnostic.core import (
    ARMS,
    BodyShapes,
    Drawing,
    Region,
    check_image,
    draw_arms,
    draw_shoulder,
    draw_torso,
    joint_or_shoulder,
    paint_grey,
)
from services.agnostic.torso import Torso, estimate_torso
from services.kit.types import Image, Keypoints, LabelMap

UNITS: Final = 16
"""Units of length between the shoulders; a unit is cut to whole pixels, and one is added."""
CANVAS_UNIT: Final = 20
"""Pixels of a unit at which this code's lengths equal VITON-HD's."""

HR_VITON_SHAPES: Final = BodyShapes(
    shoulder_line_width_px=240,
    shoulder_half_height_px=120,
    neck_half_width_px=100,
    neck_half_height_px=90,
    neck_rise_px=90,
)
"""The shapes of HR-VITON's published code; pixels at a unit of ``CANVAS_UNIT``."""

ARM_END_RADIUS_PX: Final = 80
"""Radius of the disc at an arm's last seen joint, beyond which its hand is kept.

Pixels at a unit of ``CANVAS_UNIT``.
"""


def image_agnostic(image: Image, labels: LabelMap, keypoints: Keypoints) -> Image:
    """Paint torso, arms and neck grey (128); put back face, hands, trousers, legs and shoes.

    ``image`` is H x W x 3, ``labels`` H x W CIHP ids, ``keypoints`` 25 x 3 in their pixels. If
    a joint of the torso was not seen, the labels of upper clothes, neck and arms turn grey as well.
    Raises InvalidRequest if sizes differ or the joints are not 25 x 3.
    """
    check_image(image, labels, keypoints)
    torso = estimate_torso(keypoints)
    if torso is None:
        return paint_grey(image, labels, None, np.zeros(labels.shape, np.bool_))
    drawing = _drawing(labels, torso)
    draw_torso(drawing, torso, HR_VITON_SHAPES)
    draw_arms(drawing, keypoints, torso, HR_VITON_SHAPES)
    return paint_grey(image, labels, torso, drawing.region(), _hands(labels, keypoints, torso))


def _drawing(labels: LabelMap, torso: Torso) -> Drawing:
    unit = int(np.linalg.norm(torso.left_shoulder - torso.right_shoulder) / UNITS) + 1
    # Joints may lie far outside the picture; a larger shape would cost time and hide no more.
    unit = min(unit, max(labels.shape))
    return replace(Drawing.on(labels), scale=unit / CANVAS_UNIT)


def _hands(labels: LabelMap, keypoints: Keypoints, torso: Torso) -> Region:
    """Return the pixels that are labelled as an arm and lie beyond its bones."""
    shapes = HR_VITON_SHAPES
    beyond = np.zeros(labels.shape, np.bool_)
    for arm, (_, *path) in ARMS:
        shoulder, elbow, wrist = (joint_or_shoulder(keypoints, torso, joint) for joint in path)
        drawing = _drawing(labels, torso)
        last = shoulder
        if shoulder is not None:
            draw_shoulder(drawing, shoulder, shapes)
        if shoulder is not None and elbow is not None:
            drawing.line(shoulder, elbow, shapes.arm_line_width_px)
            drawing.ellipse(elbow, shapes.arm_joint_radius_px, shapes.arm_joint_radius_px)
            last = elbow
        if elbow is not None and wrist is not None:
            drawing.line(elbow, wrist, shapes.arm_line_width_px)
            last = wrist
        if last is not None:
            drawing.ellipse(last, ARM_END_RADIUS_PX, ARM_END_RADIUS_PX)
        beyond |= (labels == arm) & ~drawing.region()
    return beyond
