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
    Drawing,
    Region,
    check_image,
    draw_arms,
    draw_trunk,
    joint_or_shoulder,
    paint_grey,
)
from services.agnostic.torso import Torso, estimate_torso
from services.kit.types import Image, Keypoints, LabelMap

UNITS: Final = 16
"""Units of length between the shoulders; a unit is cut to whole pixels, and one is added."""
CANVAS_UNIT: Final = 20
"""Pixels of a unit at which this code's lengths equal VITON-HD's."""


def image_agnostic(image: Image, labels: LabelMap, keypoints: Keypoints) -> Image:
    """Paint torso, arms and neck grey (128); put back face, hands, trousers, legs and shoes.

    ``image`` is H x W x 3, ``labels`` H x W CIHP ids, ``keypoints`` 25 x 3 in their pixels. Where
    the torso's joints are not all seen, what is labelled as upper clothes, neck or arms turns grey
    as well. Raises InvalidRequest where sizes differ or the joints are not 25 x 3.
    """
    check_image(image, labels, keypoints)
    torso = estimate_torso(keypoints)
    if torso is None:
        return paint_grey(image, labels, None, np.zeros(labels.shape, np.bool_))
    drawn = _body(_drawing(labels, torso), keypoints, torso)
    return paint_grey(image, labels, torso, drawn, _hands(labels, keypoints, torso))


def _drawing(labels: LabelMap, torso: Torso) -> Drawing:
    unit = int(np.linalg.norm(torso.left_shoulder - torso.right_shoulder) / UNITS) + 1
    # Joints may lie far outside the picture; a larger shape would cost time and hide no more.
    unit = min(unit, max(labels.shape))
    return replace(Drawing.on(labels), scale=unit / CANVAS_UNIT)


def _body(drawing: Drawing, keypoints: Keypoints, torso: Torso) -> Region:
    drawing.line(torso.right_shoulder, torso.left_shoulder, 240)
    drawing.ellipse(torso.right_shoulder, 100, 120)
    drawing.ellipse(torso.left_shoulder, 100, 120)
    draw_trunk(drawing, torso)
    drawing.rectangle(torso.neck - (0, 90 * drawing.scale), 100, 90)
    draw_arms(drawing, keypoints, torso)
    return drawing.region()


def _hands(labels: LabelMap, keypoints: Keypoints, torso: Torso) -> Region:
    """Find what is labelled as an arm and lies beyond its bones."""
    beyond = np.zeros(labels.shape, np.bool_)
    for arm, (_, *path) in ARMS:
        shoulder, elbow, wrist = (joint_or_shoulder(keypoints, torso, joint) for joint in path)
        drawing = _drawing(labels, torso)
        last = shoulder
        if shoulder is not None:
            drawing.ellipse(shoulder, 100, 120)
        if shoulder is not None and elbow is not None:
            drawing.line(shoulder, elbow, 200)
            drawing.ellipse(elbow, 100, 100)
            last = elbow
        if elbow is not None and wrist is not None:
            drawing.line(elbow, wrist, 200)
            last = wrist
        if last is not None:
            drawing.ellipse(last, 80, 80)
        beyond |= (labels == arm) & ~drawing.region()
    return beyond
