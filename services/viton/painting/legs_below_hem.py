"""Bare legs below the hem of a dress, and shoes over it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.bare_legs import (
    find_existing_bottoms,
    hem_shadow_zone,
    synthesise_bare_legs,
)
from services.viton.painting.contact_shadow import HEM, contact_shadow
from services.viton.painting.kept_over_bottoms import CHANGED_RIM_PX, cut_out_region
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.shoes import select_shoes_over_hem
from services.viton.placing.garment_layers import GarmentLayers
from services.viton.raster.morphology import dilate
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class LegsBelowHem:
    """Layers from below to above."""

    skin: tuple[Floats, Floats]
    """Bare legs: colours H x W x 3, 0 to 255, and coverage H x W, 0 to 1."""
    shadow: Floats
    """H x W: the fraction of light that the hem takes from the legs."""
    shoes: tuple[Floats, Floats] | None
    """Shoes: colours and coverage as of ``skin``; None without any."""


def render_legs_below_hem(legs: MeasuredLowerBody, layers: GarmentLayers) -> LegsBelowHem:
    """Make the bare legs, the hem's shadow on them and the shoes below a dress."""
    segmentation, body = legs.segmentation, legs.body
    existing_bottoms = find_existing_bottoms(segmentation)
    colour, cover = synthesise_bare_legs(legs.pixels, segmentation, body)
    clothed = layers.alpha
    kept = (segmentation.shoes | segmentation.arms | segmentation.head_and_torso_skin).astype(
        np.float32
    )
    shown = (
        cover
        * np.maximum(existing_bottoms.astype(np.float32), hem_shadow_zone(segmentation, body))
        * (1 - kept)
    )
    bare = np.maximum(shown, antialias(segmentation.leg_skin, 1.0)) * (1 - clothed)
    cast = contact_shadow(layers.torso.alpha, HEM) * np.float32(HEM.strength)
    near = dilate(existing_bottoms | (layers.torso.alpha > 0), CHANGED_RIM_PX)
    return LegsBelowHem((colour, shown * (1 - clothed)), cast * bare, _shoes_over_hem(legs, near))


def _shoes_over_hem(legs: MeasuredLowerBody, near: Bool) -> tuple[Floats, Floats] | None:
    """Return the colours and the coverage of the shoes inside ``near``; None without any."""
    shoes = select_shoes_over_hem(legs.segmentation, legs.body)
    if not (shoes & near).any():
        return None
    cut = cut_out_region(legs.pixels, shoes, legs.segmentation)
    return cut.colour, cut.sure_alpha * near
