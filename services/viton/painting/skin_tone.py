"""Choice of the seen skin, of the neck or of the arms, that gives new skin its tone."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.person.body import Body
from services.viton.raster.planes import bounding_window, to_luma, to_three_channels
from services.viton.raster.pull_push import pull_push

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

_MIN_FACE_PX: Final = 600
"""Pixels of a face below which its brightness is no measure, in pixels of the canvas."""

_SHADE_FRACTION: Final = 0.62
"""Fraction of the face's median brightness below which skin is in the shade."""


@dataclass(frozen=True, kw_only=True)
class UpperChestToneOptions:
    """How the neck's colour is continued over the chest."""

    min_neck_area: float = 0.02
    """Least area of bare neck that is continued, in squared shoulder widths."""
    lit_percentile: int = 45
    """Percentile of the brightness of the neck from which on it is lit."""
    lit_ramp: float = 12.0
    """Range of brightness below that in which the neck counts less and less, in levels."""
    fade: float = 0.30
    """Distance from the neck over which its colour becomes the chest's, in shoulder widths."""
    dimming: tuple[float, float, float] = (0.965, 0.945, 0.935)
    """Colour of the chest as a fraction of the neck's: red, green, blue."""


UPPER_CHEST_TONE_OPTIONS: Final = UpperChestToneOptions()


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
    fraction = np.asarray(to_arms / reach, np.float32)
    if to_neck is not None:
        between = to_arms / np.maximum(to_arms + to_neck, 1.0)
        fraction = np.asarray(np.maximum(fraction, between), np.float32)
    return smoothstep(fraction)


def select_lit_skin(image: Floats, face: Bool) -> Bool:
    """Return where skin is lit: not in a deep shade, such as the chin's, that hides its tone."""
    luma = to_luma(image)
    if face.sum() < _MIN_FACE_PX:
        return np.ones(face.shape, bool)
    return np.asarray(luma > _SHADE_FRACTION * float(np.median(luma[face])))


def continue_neck_colour(
    image: Floats,
    bare: Bool,
    tone: Floats,
    body: Body,
    options: UpperChestToneOptions = UPPER_CHEST_TONE_OPTIONS,
) -> Floats:
    """Return the tone of the neck's lit part, continued over the chest: H x W x 3, 0 to 255.

    Where too little of the neck is bare, this is ``tone``.
    """
    if bare.sum() < options.min_neck_area * body.shoulder_width**2:
        return tone
    luma = to_luma(image)
    dim = float(np.percentile(luma[bare], options.lit_percentile))
    ramp = options.lit_ramp
    lit = bare * np.clip((luma - dim + ramp) / ramp, 0, 1)
    near = pull_push(image, lit.astype(np.float32))
    usual = np.median(image[bare & (luma >= dim)], axis=0)
    far = (usual * np.array(options.dimming)).astype(np.float32)
    throat = np.empty_like(near)
    # A whole row of it, because numpy is slow at repeating three values.
    throat[:] = np.tile(far, (near.shape[1], 1))
    reach = options.fade * body.shoulder_width
    window = bounding_window(bare, int(reach) + 2)
    if window is not None:
        away = cv2.distanceTransform((~bare[window]).astype(np.uint8), cv2.DIST_L2, 5)
        fade = to_three_channels(np.clip(away / reach, 0, 1))
        throat[window] = near[window] + fade * (throat[window] - near[window])
    return throat
