"""What takes the place of the existing garment, and the rims it leaves on skin."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.painting.bare_legs import inpaint_background
from services.viton.painting.contact_shadow import NECKLINE_LINE, NECKLINE_SOFT, contact_shadow
from services.viton.painting.skin import Skin
from services.viton.person.segmentation import LABEL_ERROR_PX, PersonSegmentation
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import erode
from services.viton.raster.planes import bounding_window, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_BLEED_REACH_PX: Final = 22.0
"""How far the existing garment's colour may have bled into bare skin, in pixels of the canvas."""

_DISTANCE_ERROR_PX: Final = 3
"""Most by which OpenCV's distances up to ``_BLEED_REACH_PX`` are too short, in pixels."""

_SHADOW_REACH_PX: Final = 22
"""Distance beyond which the garment's edge casts no shadow: that of the soft one's blur and
offset, in pixels of the canvas."""

_BLEED_BLUR_PX: Final = 1.5
"""Standard deviation of that skin's rim, in pixels of the canvas."""

_SKIN_ZONE_BLUR_PX: Final = 1.0
"""Standard deviation of the rim of the skin that is shaded, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class ExistingGarmentOptions:
    """How the existing garment is painted over."""

    lower_rim_px: int = 4
    """Width of the rim of trousers or a skirt whose colours are not continued, in canvas pixels."""
    ground_blend_px: float = 3.0
    """Difference of the distances to ground and trousers in which both blend, in canvas pixels."""
    edge_sigma_px: float = 1.2
    """Standard deviation of the rim around what is painted anew, in canvas pixels."""
    head_rim_px: int = 3
    """Width of the head's rim that is painted anew, in canvas pixels."""


EXISTING_GARMENT_OPTIONS: Final = ExistingGarmentOptions()


def replace_existing_garment(
    image: Floats,
    segmentation: PersonSegmentation,
    skin: Skin,
    existing_top: Bool,
    waist: float,
    options: ExistingGarmentOptions = EXISTING_GARMENT_OPTIONS,
) -> Floats:
    """Return the photo with the existing garment replaced by background, bottoms and skin.

    The picture is a new one.
    """
    result = image.copy()
    near = bounding_window(existing_top, 2 * LABEL_ERROR_PX)
    if near is None:
        return result
    behind = inpaint_background(image, segmentation, near)
    rows = np.arange(existing_top.shape[0])[near[0], None]
    below = rows > waist
    if (existing_top[near] & below).any() and segmentation.lower_body.any():
        # Beside the trousers a sleeve hid more of them, not the ground.
        inside = erode(segmentation.lower_body, options.lower_rim_px)
        own = pull_push(image, inside)[near]
        to_ground = cv2.distanceTransform(segmentation.person.astype(np.uint8), cv2.DIST_L2, 3)
        to_lower = cv2.distanceTransform(
            (~segmentation.lower_body).astype(np.uint8), cv2.DIST_L2, 3
        )
        nearer = (to_ground - to_lower)[near] / options.ground_blend_px + 0.5
        nearer = np.clip(nearer, 0, 1) * below
        behind = alpha_blend(behind, own, nearer)
    filled = alpha_blend(behind, skin.upper_chest_colour[near], skin.trunk_alpha[near])
    edge = np.maximum(antialias(existing_top[near], options.edge_sigma_px), existing_top[near])
    edge = edge * ~erode(segmentation.head, options.head_rim_px)[near]
    result[near] = alpha_blend(image[near], filled, edge)
    return result


def find_bleed_zone(segmentation: PersonSegmentation) -> Floats:
    """Return the bare neck into which the existing garment's colour has bled, 0 to 1."""
    zone = antialias(segmentation.torso_skin, _BLEED_BLUR_PX)
    # In the window lies all of the garment that is as near to the neck as that.
    window = bounding_window(zone > 0, int(_BLEED_REACH_PX) + _DISTANCE_ERROR_PX)
    if window is not None:
        garment = segmentation.upper_garment[window]
        away = cv2.distanceTransform((~garment).astype(np.uint8), cv2.DIST_L2, 3)
        zone[window] *= smoothstep((_BLEED_REACH_PX - away) / (_BLEED_REACH_PX - LABEL_ERROR_PX))
    return zone


def shade_along_edge(canvas: Floats, torso: Floats, zone: Floats) -> None:
    """Darken the skin of the canvas, in place, along the garment's edge.

    The shadow is a fine line close by and soft farther out. ``torso``: coverage of the garment,
    ``zone``: the skin; both H x W, 0 to 1.
    """
    window = bounding_window(zone > 0, _SHADOW_REACH_PX)
    if window is None:
        return
    part = torso[window]
    close = NECKLINE_LINE.strength * contact_shadow(part, NECKLINE_LINE)
    shade = close + NECKLINE_SOFT.strength * contact_shadow(part, NECKLINE_SOFT)
    canvas[window] *= to_three_channels(1 - shade * (1 - part) * zone[window])


def find_shaded_skin_zone(
    segmentation: PersonSegmentation, skin: Skin, existing_top: Bool
) -> Floats:
    """Return the skin that the garment's edge shades, seen or made, H x W, 0 to 1."""
    zone = segmentation.torso_skin | (existing_top & (skin.trunk_alpha > 0.5))
    return antialias(zone, _SKIN_ZONE_BLUR_PX)
