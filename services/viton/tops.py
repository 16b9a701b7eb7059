"""Tops: a torso and two sleeves, in the part of the photo that they can change."""

from typing import Final

from services.kit.cancellation import check_cancelled
from services.viton.garment.landmarks import TopLandmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.painting.appearance import render_appearance
from services.viton.painting.around_neck import make_neck_layers
from services.viton.painting.rendering import Rendering, finish_rendering, paste_back
from services.viton.painting.top_composition import assemble_top
from services.viton.parallel import run_both
from services.viton.person.bottoms_extension import extend_bottoms_to_waist
from services.viton.person.measured_person import (
    MeasuredPerson,
    measure_person,
    with_raised_armpits,
)
from services.viton.person.photo import PersonPhoto
from services.viton.person.upper_body_window import crop_to_window, find_upper_body_window
from services.viton.placing.top_placement import place_top, sample_top
from services.viton.placing.torso import fit_torso

_MAX_LENGTH_RATIO: Final = 1.3
"""Length of the existing top, in lengths of the new one, above which its waist is uncovered."""


def wear_upper(person_photo: PersonPhoto, garment_photo: GarmentPhoto) -> Rendering:
    """Return the person in the top. Raises ``NoGarment`` and ``NoPerson``."""
    window = find_upper_body_window(person_photo)
    cropped_photo = crop_to_window(person_photo, window)

    photographed, top = run_both(
        lambda: cropped_photo.recall("person", lambda: measure_person(cropped_photo)),
        lambda: garment_photo.recall(
            "top",
            lambda: detect_top_landmarks(
                garment_photo.image, garment_photo.mask, garment_photo.attributes
            ),
        ),
    )
    person = with_raised_armpits(_with_waist_shown(photographed, top), top.sleeveless_sides)
    placement = place_top(top, person.body, cropped_photo.shape)
    appearance, layers = run_both(
        lambda: render_appearance(person, placement),
        lambda: sample_top(garment_photo, top, placement, person.body),
    )
    check_cancelled()
    neck = make_neck_layers(top, garment_photo.image, layers.torso, person, appearance.skin)
    stack = assemble_top(person, placement, layers, appearance, neck)
    check_cancelled()
    rendering = finish_rendering(cropped_photo.image, stack, garment_photo.mask)
    return paste_back(person_photo.image, window, rendering)


def _with_waist_shown(person: MeasuredPerson, top: TopLandmarks) -> MeasuredPerson:
    """Return the person with bottoms up to the waist, if the top is too short to cover it."""
    body = person.body
    if (
        body.existing_top_tucked
        or body.cropped_by_frame
        or fit_torso(top, body).existing_length_ratio <= _MAX_LENGTH_RATIO
    ):
        return person
    extended = extend_bottoms_to_waist(person.photo)
    return person if extended is None else measure_person(extended)
