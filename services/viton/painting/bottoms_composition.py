"""From bottom to top: background, bare legs, the lower garment, top, arms, head, shoes."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.bare_legs import (
    find_removed_bottoms,
    hem_shadow_zone,
    inpaint_background,
    synthesise_bare_legs,
)
from services.viton.painting.bottoms_layer import Laid
from services.viton.painting.shading import contact_shadow
from services.viton.person.legs import LowerBody
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoes import select_shoes_over_hem
from services.viton.placing.warp_grid import Waistline
from services.viton.raster.alpha_matte import estimate_alpha_matte
from services.viton.raster.layers import LayerStack, alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LABEL_ERROR_PX: Final = 7
"""How far an edge of the label map may lie from the true one, in pixels of the canvas."""


def assemble_bottoms(legs: MeasuredLowerBody, laid: Laid, line: Waistline) -> LayerStack:
    """Stack background, bare legs, the garment, and what lies over it."""
    photo, worn, body = legs.pixels, legs.segmentation, legs.body
    gone = find_removed_bottoms(worn)
    undressed, bare = _paint_bare_legs(photo, worn, body, gone)
    canvas = _extend_top(undressed, photo, worn, gone, body)
    shadow = contact_shadow(laid.coverage, 6.0, 3.0) * np.float32(0.22)
    stack = LayerStack(canvas * to_three_channels(1 - shadow * bare))
    stack.add_garment_layer(laid.colour, laid.coverage, laid.source)
    near = dilate(gone | (laid.coverage > 0) | (hem_shadow_zone(worn, body) > 0), 2)
    back = worn.bottoms | worn.leg_skin
    kept = [worn.arms, worn.head_and_torso_skin, select_shoes_over_hem(worn, body)]
    if not line.visible:
        kept.insert(0, worn.upper_garment)
    for region in kept:
        if (region & near).any():
            alpha, colour = estimate_alpha_matte(photo, region, back, _LABEL_ERROR_PX)
            cast = contact_shadow(alpha, 5.0, 4.0) * np.float32(0.28) * laid.coverage
            stack.darken(cast)
            stack.add_layer(colour, np.clip((alpha - 0.45) / 0.55, 0, 1) * near)
    away = (~near).astype(np.float32)
    stack.replace(np.where(to_three_channels(away) > 0, photo, stack.image), away)
    return stack


def _paint_bare_legs(
    photo: Floats, worn: PersonSegmentation, body: LowerBody, gone: Bool
) -> tuple[Floats, Floats]:
    """Return the photo without the worn lower garment, and where its bare legs are, 0 to 1."""
    behind = inpaint_background(photo, worn)
    canvas = alpha_blend(photo, behind, np.maximum(antialias(gone, 1.0), gone.astype(np.float32)))
    colour, cover = synthesise_bare_legs(photo, worn, body)
    shown = cover * np.maximum(gone.astype(np.float32), hem_shadow_zone(worn, body))
    kept = worn.shoes | worn.arms | worn.upper_garment | worn.head_and_torso_skin
    shown = shown * (1 - kept.astype(np.float32))
    return alpha_blend(canvas, colour, shown), np.maximum(
        shown, antialias(worn.leg_skin & ~gone, 1.0)
    )


def _extend_top(
    canvas: Floats, photo: Floats, worn: PersonSegmentation, gone: Bool, body: LowerBody
) -> Floats:
    """Continue the top a little below its edge, where the new waistband may lie lower."""
    rows = np.arange(gone.shape[0])[:, None]
    upper = erode(worn.upper_garment, 5)
    if upper.sum() < 500:
        return canvas
    spread = pull_push(photo, upper.astype(np.float32))
    columns = np.arange(gone.shape[1])[None, :]
    inside = (columns > body.flanks_x[0][:, None]) & (columns < body.flanks_x[1][:, None])
    near = (
        dilate(worn.upper_garment, int(0.1 * body.torso_length))
        & gone
        & inside
        & (rows < body.hip_row)
    )
    return alpha_blend(canvas, spread, antialias(near, 1.0) * near)
