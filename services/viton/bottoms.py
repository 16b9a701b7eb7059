"""Trousers, shorts and skirts: on the legs, under a top that hangs over them."""

from services.kit.cancellation import check_cancelled
from services.viton.garment.bottoms_landmarks import detect_bottoms_landmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.painting.bottoms_composition import assemble_bottoms
from services.viton.painting.bottoms_layer import render_bottoms
from services.viton.painting.rendering import Rendering, finish_rendering
from services.viton.parallel import run_both
from services.viton.person.measured_person import measure_person_lower_body
from services.viton.person.photo import PersonPhoto
from services.viton.placing.bottoms_placement import count_covered_legs_as_bottoms, place_bottoms


def wear_lower(person_photo: PersonPhoto, garment_photo: GarmentPhoto) -> Rendering:
    """Return the person in the trousers, shorts or skirt.

    Raises ``NoGarment``, ``NoPerson`` and ``LegsNotShown``.
    """
    legs, bottoms = run_both(
        lambda: person_photo.recall("lower body", lambda: measure_person_lower_body(person_photo)),
        lambda: garment_photo.recall(
            "bottoms", lambda: detect_bottoms_landmarks(garment_photo.mask)
        ),
    )
    placement = place_bottoms(bottoms, legs)
    layer = render_bottoms(garment_photo, bottoms, placement, legs)
    check_cancelled()
    stack = assemble_bottoms(
        count_covered_legs_as_bottoms(legs, placement), layer, placement.waistline
    )
    return finish_rendering(person_photo.image, stack, garment_photo.mask)
