"""How the person's skin and the light on the torso look where the garment changes them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.light_direction import estimate_light_direction_x
from services.viton.painting.shading import shade_torso
from services.viton.painting.skin import Skin, see_skin, synthesise_skin
from services.viton.person.measured_person import MeasuredPerson
from services.viton.placing.top_placement import TopPlacement

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class PersonAppearance:
    """Skin and light on the canvas."""

    skin: Skin
    """The skin that the garment may show."""
    torso_shading: Floats
    """H x W factors on the colours of the garment's torso."""
    light_direction_x: float
    """Where the light comes from: -1 left, 0 ahead, 1 right."""


def render_appearance(person: MeasuredPerson, placement: TopPlacement) -> PersonAppearance:
    """Make the person's skin and the light for a top placed on the person."""
    light_direction_x = estimate_light_direction_x(person.pixels, person.segmentation)
    return PersonAppearance(
        render_skin(person, placement, light_direction_x),
        shade_torso(person.pixels, person.segmentation, person.body, light_direction_x),
        light_direction_x,
    )


def render_skin(person: MeasuredPerson, placement: TopPlacement, light_direction_x: float) -> Skin:
    """Make the person's skin as far as the placed garment may show it."""
    left, right = placement.sleeves
    surfaces = left.surface, right.surface
    seen = person.recall("skin", lambda: see_skin(person.pixels, person.segmentation))
    return synthesise_skin(
        person.pixels, person.segmentation, person.body, surfaces, light_direction_x, seen
    )
