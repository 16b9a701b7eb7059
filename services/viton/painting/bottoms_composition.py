"""From bottom to top: background, bare legs, the lower garment, top, arms, head, shoes."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.bare_legs import (
    find_existing_bottoms,
    hem_shadow_zone,
    inpaint_background,
    synthesise_bare_legs,
)
from services.viton.painting.contact_shadow import HEM, OVER_BOTTOMS, contact_shadow
from services.viton.painting.kept_over_bottoms import CHANGED_RIM_PX, cut_out_region
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
    waistline: Waistline,
    options: TopContinuationOptions = TOP_CONTINUATION_OPTIONS,
) -> LayerStack:
    """Stack background, bare legs, the garment, and what lies over it.

    Pixels away from all that changes are the photo's.
    """
    person_photo, segmentation, body = legs.pixels, legs.segmentation, legs.body
    existing_bottoms = find_existing_bottoms(segmentation)
    undressed, bare = _paint_bare_legs(person_photo, segmentation, body, existing_bottoms)
    canvas = _extend_top(undressed, person_photo, segmentation, existing_bottoms, body, options)
    shadow = contact_shadow(garment.alpha, HEM) * np.float32(HEM.strength)
    stack = LayerStack(canvas * to_three_channels(1 - shadow * bare))
    stack.add_garment_layer(garment.colour, garment.alpha, garment.flow)
    near = dilate(
        existing_bottoms | (garment.alpha > 0) | (hem_shadow_zone(segmentation, body) > 0),
        CHANGED_RIM_PX,
    )
    kept = [
        segmentation.arms,
        segmentation.head_and_torso_skin,
        select_shoes_over_hem(segmentation, body),
    ]
    if not waistline.visible:
        kept.insert(0, segmentation.upper_garment)
    for region in kept:
        if (region & near).any():
            cut = cut_out_region(person_photo, region, segmentation)
            cast = contact_shadow(cut.alpha, OVER_BOTTOMS)
            cast = cast * np.float32(OVER_BOTTOMS.strength) * garment.alpha
            stack.darken(cast)
            stack.add_layer(cut.colour, cut.sure_alpha * near)
    away = (~near).astype(np.float32)
    stack.replace(choose_pixels(~near, person_photo, stack.image), away)
    return stack


def _paint_bare_legs(
    person_photo: Floats,
    segmentation: PersonSegmentation,
    lower_body: LowerBody,
    existing_bottoms: Bool,
) -> tuple[Floats, Floats]:
    """Return the photo without the existing bottoms, and the coverage of its bare legs, 0 to 1."""
    behind = inpaint_background(person_photo, segmentation)
    canvas = alpha_blend(
        person_photo,
        behind,
        np.maximum(antialias(existing_bottoms, 1.0), existing_bottoms.astype(np.float32)),
    )
    colour, cover = synthesise_bare_legs(person_photo, segmentation, lower_body)
    shown = cover * np.maximum(
        existing_bottoms.astype(np.float32), hem_shadow_zone(segmentation, lower_body)
    )
    kept = (
        segmentation.shoes
        | segmentation.arms
        | segmentation.upper_garment
        | segmentation.head_and_torso_skin
    )
    shown = shown * (1 - kept.astype(np.float32))
    return alpha_blend(canvas, colour, shown), np.maximum(
        shown, antialias(segmentation.leg_skin & ~existing_bottoms, 1.0)
    )


def _extend_top(
    canvas: Floats,
    person_photo: Floats,
    segmentation: PersonSegmentation,
    existing_bottoms: Bool,
    lower_body: LowerBody,
    options: TopContinuationOptions,
) -> Floats:
    """Continue the top a little below its edge, where the new waistband may lie lower.

    ``canvas`` and ``person_photo``: H x W x 3, 0 to 255. ``existing_bottoms``: H x W.
    """
    rows = np.arange(existing_bottoms.shape[0])[:, None]
    upper = erode(segmentation.upper_garment, options.rim_px)
    if upper.sum() < options.min_area_px:
        return canvas
    spread = pull_push(person_photo, upper)
    columns = np.arange(existing_bottoms.shape[1])[None, :]
    inside = (columns > lower_body.flanks_x[0][:, None]) & (
        columns < lower_body.flanks_x[1][:, None]
    )
    near = (
        dilate(segmentation.upper_garment, int(options.reach * lower_body.torso_length))
        & existing_bottoms
        & inside
        & (rows < lower_body.hip_row)
    )
    return alpha_blend(canvas, spread, antialias(near, 1.0) * near)
