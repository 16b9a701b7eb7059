"""The window around the upper body: all of the photo that a top can change."""

from typing import Final

import numpy as np

from services.kit.joints import Joint
from services.kit.labels import ARM_LABELS, Label
from services.kit.skeleton import seen_by_place
from services.kit.types import Keypoints
from services.viton.person.photo import PersonPhoto
from services.viton.person.segmentation import UPPER_GARMENT_LABELS
from services.viton.raster.layers import Window

_MARGIN_BESIDE_PX: Final = 40
"""Margin to both sides of the person, in pixels of the canvas."""

_MARGIN_ABOVE_PX: Final = 24
"""Margin above the person, in pixels of the canvas."""

_MARGIN_BELOW: Final = 0.14
"""Margin below the existing garment, arms and hips, in heights of the photo."""

_UPPER_BODY_LABELS: Final = (*UPPER_GARMENT_LABELS, *ARM_LABELS, Label.TORSO_SKIN)
"""Labels that a new top may change."""

_HIP_JOINTS: Final = (Joint.MID_HIP, Joint.RIGHT_HIP, Joint.LEFT_HIP)
"""Joints of the hips."""


def find_upper_body_window(person_photo: PersonPhoto) -> Window:
    """Return the rows and columns around head, arms, existing top and hips; all without a top."""
    labels, keypoints = person_photo.labels, person_photo.keypoints
    height, width = labels.shape
    rows = np.flatnonzero((labels > 0).any(axis=1))
    upper = np.flatnonzero(np.isin(labels, _UPPER_BODY_LABELS).any(axis=1))
    if not len(upper):
        return slice(0, height), slice(0, width)
    hips = max(float(keypoints[joint, 1]) for joint in _HIP_JOINTS)
    last = max(float(upper[-1]), hips) + _MARGIN_BELOW * height
    bottom = int(np.clip(last, 1, height))
    top = max(int(rows[0]) - _MARGIN_ABOVE_PX, 0)
    columns = np.flatnonzero((labels[top:bottom] > 0).any(axis=0))
    seen = keypoints[seen_by_place(keypoints).seen, 0]
    left = min(float(columns[0]), float(seen.min(initial=width))) - _MARGIN_BESIDE_PX
    right = max(float(columns[-1]), float(seen.max(initial=0))) + _MARGIN_BESIDE_PX
    return slice(top, bottom), slice(max(int(left), 0), min(int(right) + 1, width))


def shift_keypoints(keypoints: Keypoints, window: Window) -> Keypoints:
    """Return the joints in the window's pixels; those that were not seen stay at the origin."""
    start = np.array([window[1].start, window[0].start], np.float32)
    shifted = keypoints.copy()
    for joint in shifted:
        if joint[0] > 0 or joint[1] > 0:
            joint[:2] -= start
            # No joint that was seen may fall where it would count as unseen.
            joint[1] = joint[1] if joint[0] > 0 else max(joint[1], 0.5)
    return shifted


def crop_to_window(person_photo: PersonPhoto, window: Window) -> PersonPhoto:
    """Return the part of the photo inside the window."""
    return PersonPhoto(
        np.ascontiguousarray(person_photo.image[window]),
        shift_keypoints(person_photo.keypoints, window),
        np.ascontiguousarray(person_photo.labels[window]),
        person_photo.memo,
    )
