"""Dresses: torso and sleeves as in tops, and a skirt that goes on from them without a seam."""

from dataclasses import replace

from services.kit.cancellation import check_cancelled
from services.viton.garment.dress_landmarks import detect_dress_landmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.painting.appearance import PersonAppearance, render_skin
from services.viton.painting.around_neck import make_neck_layers
from services.viton.painting.existing_shading import estimate_bottoms_shading
from services.viton.painting.legs_below_hem import render_legs_below_hem
from services.viton.painting.light_direction import estimate_light_direction_x
from services.viton.painting.rendering import Rendering, finish_rendering
from services.viton.painting.shading import shade_torso
from services.viton.painting.top_composition import add_legs, assemble_top
from services.viton.parallel import run_both
from services.viton.person.dress_wearer import DressWearer, measure_dress_wearer
from services.viton.person.measured_person import MeasuredPerson, with_raised_armpits
from services.viton.person.photo import PersonPhoto
from services.viton.placing.dress_placement import (
    DressPlacement,
    follow_skirt_outline,
    place_dress,
    sample_dress,
)


def wear_dress(person_photo: PersonPhoto, garment_photo: GarmentPhoto) -> Rendering:
    """Return the person in the dress, without the existing outfit.

    Raises ``NoGarment``, ``NoPerson`` and ``LegsNotShown``.
    """
    wearer, dress = run_both(
        lambda: person_photo.recall("dress wearer", lambda: measure_dress_wearer(person_photo)),
        lambda: garment_photo.recall(
            "dress",
            lambda: detect_dress_landmarks(
                garment_photo.image, garment_photo.mask, garment_photo.attributes
            ),
        ),
    )
    person = with_raised_armpits(wearer.without_bottoms, dress.top.sleeveless_sides)
    placement = place_dress(dress, person.body, wearer.lower_body.body, person_photo.shape)
    lit_body = follow_skirt_outline(person.body, placement.skirt, wearer.lower_body.body)
    in_dress = replace(person, body=lit_body)
    appearance, layers = run_both(
        lambda: _render_appearance(wearer, person, in_dress, placement),
        lambda: sample_dress(garment_photo, dress, placement, person.body),
    )
    check_cancelled()
    neck = make_neck_layers(dress.top, garment_photo.image, layers.torso, person, appearance.skin)
    stack = assemble_top(in_dress, placement.top, layers, appearance, neck)
    check_cancelled()
    add_legs(stack, render_legs_below_hem(wearer.lower_body, layers))
    return finish_rendering(person_photo.image, stack, garment_photo.mask)


def _render_appearance(
    wearer: DressWearer, person: MeasuredPerson, in_dress: MeasuredPerson, placement: DressPlacement
) -> PersonAppearance:
    """Make skin and light; top and bottoms of the existing outfit both show how they are lit."""
    before, legs = wearer.as_photographed, wearer.lower_body
    light_direction_x = estimate_light_direction_x(before.pixels, before.segmentation)
    light = shade_torso(before.pixels, before.segmentation, in_dress.body, light_direction_x)
    check_cancelled()
    return PersonAppearance(
        render_skin(person, placement.top, light_direction_x),
        light * estimate_bottoms_shading(legs.pixels, legs.segmentation),
        light_direction_x,
    )
