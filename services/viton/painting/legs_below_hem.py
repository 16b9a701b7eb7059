"""Bare legs below the hem of a dress, and shoes over it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.bare_legs import (
    find_removed_bottoms,
    hem_shadow_zone,
    synthesise_bare_legs,
)
from services.viton.painting.contact_shadow import HEM, contact_shadow
from services.viton.person.measured_person import MeasuredLowerBody
from services.viton.person.shoes import select_shoes_over_hem
from services.viton.placing.garment_layers import GarmentLayers
from services.viton.raster.alpha_matte import estimate_alpha_matte
from services.viton.raster.morphology import dilate
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_NEAR_PX: Final = 2
"""How far around what changes the shoes are laid over it, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class ShoesOverHem:
    """How the shoes of the photo are cut out."""

    label_error_px: int = 7
    """How far an edge of the label map may lie from the true one, in pixels of the canvas."""
    matte_start: float = 0.45
    """Estimated coverage, 0 to 1, up to which a pixel is not the shoes'."""
    matte_range: float = 0.55
    """Further coverage at which it is all the shoes'."""


SHOES_OVER_HEM: Final = ShoesOverHem()
"""The engine's options."""


@dataclass(frozen=True)
class LegsBelowHem:
    """Layers from below to above."""

    skin: tuple[Floats, Floats]
    """Bare legs: colours H x W x 3, 0 to 255, and coverage H x W, 0 to 1."""
    shadow: Floats
    """H x W: the share of light that the hem takes from the legs."""
    shoes: tuple[Floats, Floats] | None
    """Shoes: colours and coverage as of ``skin``; None without any."""


def render_legs_below_hem(legs: MeasuredLowerBody, layers: GarmentLayers) -> LegsBelowHem:
    """Make the bare legs, the hem's shadow on them and the shoes below a dress."""
    parts, body = legs.segmentation, legs.body
    removed = find_removed_bottoms(parts)
    colour, cover = synthesise_bare_legs(legs.pixels, parts, body)
    clothed = layers.alpha
    kept = (parts.shoes | parts.arms | parts.head_and_torso_skin).astype(np.float32)
    shown = (
        cover * np.maximum(removed.astype(np.float32), hem_shadow_zone(parts, body)) * (1 - kept)
    )
    bare = np.maximum(shown, antialias(parts.leg_skin, 1.0)) * (1 - clothed)
    cast = contact_shadow(layers.torso.alpha, HEM) * np.float32(HEM.strength)
    near = dilate(removed | (layers.torso.alpha > 0), _NEAR_PX)
    return LegsBelowHem((colour, shown * (1 - clothed)), cast * bare, _shoes_over_hem(legs, near))


def _shoes_over_hem(legs: MeasuredLowerBody, near: Bool) -> tuple[Floats, Floats] | None:
    """Return the colours and the coverage of the shoes inside ``near``; None without any."""
    options, parts = SHOES_OVER_HEM, legs.segmentation
    shoes = select_shoes_over_hem(parts, legs.body)
    if not (shoes & near).any():
        return None
    alpha, colour = estimate_alpha_matte(
        legs.pixels, shoes, parts.bottoms | parts.leg_skin, options.label_error_px
    )
    sure = (alpha - options.matte_start) / options.matte_range
    return colour, np.clip(sure, 0, 1) * near
