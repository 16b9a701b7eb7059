"""Choice of the seen skin, of the neck or of the arms, that gives new skin its tone."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_HAND_REACH: Final = 0.4
"""How far a bare hand sets the tone of skin, in shoulder widths."""

_ARM_REACH: Final = 0.9
"""How much farther a bare arm sets the tone of skin, in shoulder widths."""

_WHOLE_ARM_AREA: Final = 0.12
"""Area of bare arm that has the whole reach, in squares of the shoulder width."""

_MAX_HUE_DISTANCE: Final = 20.0
"""Largest distance from the person's median hue, in CIELAB's a and b. Dim skin, a pale palm and a
flushed cheek are nearer; a collar of another garment is farther."""


def select_skin_of_usual_hue(image: Floats, bare: Bool, face: Bool) -> Bool:
    """Return where ``bare`` or ``face`` have the hue of the person's usual skin.

    That is their median. ``image`` is H x W x 3, 0 to 255.
    """
    known = bare | face
    if not known.any():
        return known
    colours = np.float32(1 / 255) * image[known][:, None]
    hue = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[:, 0, 1:]
    found = np.zeros_like(known)
    found[known] = np.hypot(*(hue - np.median(hue, axis=0)).T) < _MAX_HUE_DISTANCE
    return found


def weigh_neck_against_arms(arms: Bool, neck: Bool, scale: float) -> Floats:
    """Return the weight of the neck's tone in new skin against the arms', H x W, 0 to 1.

    The nearer of the two counts for more, and the less is seen of the arms, the less far they
    count: a hand is no measure for a shoulder. ``scale``: the shoulder width in pixels.
    """
    reach = (
        _HAND_REACH + _ARM_REACH * min(float(arms.sum()) / (_WHOLE_ARM_AREA * scale**2), 1.0)
    ) * scale
    to_arms, to_neck = (
        cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) if part.any() else None
        for part in (arms, neck)
    )
    if to_arms is None:
        return np.ones(arms.shape, np.float32)
    share = np.asarray(to_arms / reach, np.float32)
    if to_neck is not None:
        between = to_arms / np.maximum(to_arms + to_neck, 1.0)
        share = np.asarray(np.maximum(share, between), np.float32)
    return smoothstep(share)
