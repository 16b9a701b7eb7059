"""From bottom to top: background, bare legs, the lower garment, top, arms, head, shoes."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.bare_legs import (
    find_removed_bottoms,
    hem_shadow_zone,
    inpaint_background,
    synthesise_bare_legs,
)
from services.viton.painting.contact_shadow import HEM, OVER_BOTTOMS, contact_shadow
from services.viton.painting.kept_regions import CHANGED_RIM_PX, cut_out_region
from services.viton.person.legs import LowerBody
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoes import select_shoes_over_hem
from services.viton.person.waistline import Waistline
from services.viton.placing.garment_layers import GarmentLayer
from services.viton.raster.layers import LayerStack, alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import choose_pixels, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class TopContinuationOptions:
    """How the existing top goes on below its edge."""

    rim_px: int = 5
    """Width of the top's rim whose colours are not continued, in pixels of the canvas."""
    min_area_px: int = 500
    """Area inside that rim below which nothing is continued, in pixels of the canvas."""
    reach: float = 0.1
    """How far the top goes on, in lengths of the torso."""


TOP_CONTINUATION_OPTIONS: Final = TopContinuationOptions()


def assemble_bottoms(
    legs: MeasuredLowerBody,
    garment: GarmentLayer,
    line: Waistline,
    options: TopContinuationOptions = TOP_CONTINUATION_OPTIONS,
) -> LayerStack:
    """Stack background, bare legs, the garment, and what lies over it.

    Pixels away from all that changes are the photo's.
    """
    photo, segmentation, body = legs.pixels, legs.segmentation, legs.body
    removed = find_removed_bottoms(segmentation)
    undressed, bare = _paint_bare_legs(photo, segmentation, body, removed)
    canvas = _extend_top(undressed, photo, segmentation, removed, body, options)
    shadow = contact_shadow(garment.alpha, HEM) * np.float32(HEM.strength)
    stack = LayerStack(canvas * to_three_channels(1 - shadow * bare))
    stack.add_garment_layer(garment.colour, garment.alpha, garment.flow)
    near = dilate(
        removed | (garment.alpha > 0) | (hem_shadow_zone(segmentation, body) > 0), CHANGED_RIM_PX
    )
    kept = [
        segmentation.arms,
        segmentation.head_and_torso_skin,
        select_shoes_over_hem(segmentation, body),
    ]
    if not line.visible:
        kept.insert(0, segmentation.upper_garment)
    for region in kept:
        if (region & near).any():
            cut = cut_out_region(photo, region, segmentation)
            cast = contact_shadow(cut.alpha, OVER_BOTTOMS)
            cast = cast * np.float32(OVER_BOTTOMS.strength) * garment.alpha
            stack.darken(cast)
            stack.add_layer(cut.colour, cut.sure_alpha * near)
    away = (~near).astype(np.float32)
    stack.replace(choose_pixels(~near, photo, stack.image), away)
    return stack


def _paint_bare_legs(
    photo: Floats, segmentation: PersonSegmentation, body: LowerBody, removed: Bool
) -> tuple[Floats, Floats]:
    """Return the photo without the existing bottoms, and the coverage of its bare legs, 0 to 1."""
    behind = inpaint_background(photo, segmentation)
    canvas = alpha_blend(
        photo, behind, np.maximum(antialias(removed, 1.0), removed.astype(np.float32))
    )
    colour, cover = synthesise_bare_legs(photo, segmentation, body)
    shown = cover * np.maximum(removed.astype(np.float32), hem_shadow_zone(segmentation, body))
    kept = (
        segmentation.shoes
        | segmentation.arms
        | segmentation.upper_garment
        | segmentation.head_and_torso_skin
    )
    shown = shown * (1 - kept.astype(np.float32))
    return alpha_blend(canvas, colour, shown), np.maximum(
        shown, antialias(segmentation.leg_skin & ~removed, 1.0)
    )


def _extend_top(
    canvas: Floats,
    photo: Floats,
    segmentation: PersonSegmentation,
    removed: Bool,
    body: LowerBody,
    options: TopContinuationOptions,
) -> Floats:
    """Continue the top a little below its edge, where the new waistband may lie lower.

    ``canvas`` and ``photo``: H x W x 3, 0 to 255. ``removed``: H x W, the existing bottoms.
    """
    rows = np.arange(removed.shape[0])[:, None]
    upper = erode(segmentation.upper_garment, options.rim_px)
    if upper.sum() < options.min_area_px:
        return canvas
    spread = pull_push(photo, upper)
    columns = np.arange(removed.shape[1])[None, :]
    inside = (columns > body.flanks_x[0][:, None]) & (columns < body.flanks_x[1][:, None])
    near = (
        dilate(segmentation.upper_garment, int(options.reach * body.torso_length))
        & removed
        & inside
        & (rows < body.hip_row)
    )
    return alpha_blend(canvas, spread, antialias(near, 1.0) * near)
