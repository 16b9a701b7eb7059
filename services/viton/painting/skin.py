"""The person's own skin, continued to where the new garment shows more of it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.painting.bare_arm import map_bare_arm
from services.viton.painting.bare_arm_edges import find_bare_arm_edges
from services.viton.painting.bare_trunk import join_bare_shoulders, rasterise_bare_trunk
from services.viton.painting.bare_trunk_light import shade_bare_trunk
from services.viton.painting.round_arm_light import MIN_LIT_ARM_PX, shade_round_arm
from services.viton.painting.skin_texture import make_skin_texture
from services.viton.painting.skin_tone import (
    continue_neck_colour,
    select_lit_skin,
    select_skin_of_usual_hue,
    weigh_neck_against_arms,
)
from services.viton.person.body import Body
from services.viton.person.segmentation import LABEL_ERROR_PX, PersonSegmentation
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.pull_push import pull_push
from services.viton.raster.ruled_warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SkinSampling:
    """Which pixels tell the person's skin tone; distances in pixels of the canvas."""

    edge_px: int = 3
    """Distance from the edge of skin, and from hair, within which pixels are mixed."""
    garment_margin_px: int = 20
    """Distance from the existing garment within which its shade and its colour lie on skin."""
    min_neck_fraction: float = 0.15
    """Fraction of the neck beyond that margin below which the margin is the label error."""
    face_margin_px: int = 8
    """Distance from the edge of the face within which it is not looked at."""
    face_weight: float = 0.15
    """Weight of a pixel of the face, in pixels of bare skin."""
    min_weight: float = 200.0
    """Sum of the weights below which all skin counts, in pixels."""
    default_level: float = 170.0
    """Level of every channel if no skin is seen, 0 to 255."""


SKIN_SAMPLING: Final = SkinSampling()
"""The engine's options."""

_SHOULDER_BLEND_FRACTION: Final = 0.24
"""Fraction of the arm over which its light blends into the shoulder."""

_SHOULDER_BLEND_LEVEL: Final = 1.1
"""Fraction of the trunk's light at the top of the arm, before it is limited to 1 and eased."""


@dataclass(frozen=True, kw_only=True)
class Skin:
    """The person's skin on the canvas, continued under the existing garment."""

    albedo: Floats
    """H x W x 3: its evenly lit colour everywhere, 0 to 255."""
    upper_chest_colour: Floats
    """H x W x 3: the same, shaded like an upper chest."""
    trunk_alpha: Floats
    """H x W: coverage of the bare neck and trunk, 0 to 1."""
    arm_alphas: tuple[Floats, Floats]
    """H x W each: coverage of the bare left and right arm, 0 to 1."""
    arm_shading: tuple[Floats, Floats]
    """H x W x 3 each: factors on the albedo of the left and right arm."""
    mislabelled_hem: Bool
    """H x W: looks like skin beside the arms, but belongs to the existing garment's hem."""


def synthesise_skin(
    image: Floats,
    segmentation: PersonSegmentation,
    body: Body,
    arm_surfaces: tuple[RuledWarp, RuledWarp],
    light_direction_x: float,
) -> Skin:
    """Synthesise the person's skin under the existing garment, shaded like a body.

    ``image``: H x W x 3, 0 to 255, the person on the canvas.
    ``arm_surfaces``: the left and the right arm. ``light_direction_x``: where the light comes from,
    -1 left to 1 right.
    """
    sampling = SKIN_SAMPLING
    shape = segmentation.upper_garment.shape
    own = erode(segmentation.torso_skin | segmentation.arms, sampling.edge_px) & ~dilate(
        segmentation.hair, sampling.edge_px
    )
    bare = own & ~dilate(segmentation.upper_garment, sampling.garment_margin_px)
    neck_px = max(int(segmentation.torso_skin.sum()), 1)
    if bare[segmentation.torso_skin].sum() < sampling.min_neck_fraction * neck_px:
        bare |= own & segmentation.torso_skin & ~dilate(segmentation.upper_garment, LABEL_ERROR_PX)
    face = erode(segmentation.face, sampling.face_margin_px)
    bare &= select_skin_of_usual_hue(image, bare, face) & select_lit_skin(image, face)
    weight = np.where(bare, 1.0, np.where(face, sampling.face_weight, 0.0)).astype(np.float32)
    if weight.sum() < sampling.min_weight:
        weight = (segmentation.torso_skin | segmentation.arms | segmentation.face).astype(
            np.float32
        )
    texture = make_skin_texture(image, bare if bare.any() else face)
    seen = bare & segmentation.arms
    edges = [find_bare_arm_edges(surface, segmentation) for surface in arm_surfaces]
    bare_arms = [
        map_bare_arm(surface, side.arm, segmentation, body, edge)
        for surface, side, edge in zip(arm_surfaces, body.sides, edges, strict=True)
    ]
    arms = [cover for cover, _ in bare_arms]
    chest = join_bare_shoulders(rasterise_bare_trunk(segmentation, body), arms, segmentation, body)
    trunk_light = shade_bare_trunk(chest, arms, body)
    # What is seen of a round arm is dimmer towards its edges than its colour is.
    even = image.copy()
    light = []
    for surface, side, (_, across), edge in zip(
        arm_surfaces, body.sides, bare_arms, edges, strict=True
    ):
        own = np.ones((*shape, 3), np.float32)
        near = surface.window
        covered = surface.covered[near]
        there = (seen[near] & covered)[..., None]
        lit_part = edge.light_reference_skin[near] & there[..., 0]
        lit_part = lit_part if lit_part.sum() > MIN_LIT_ARM_PX else there[..., 0]
        lit = shade_round_arm(image[near], lit_part, across[near] * -side.sign, light_direction_x)
        # On the shoulder the arm goes over into the trunk.
        joint = (
            smoothstep(_SHOULDER_BLEND_LEVEL - surface.along[near] / _SHOULDER_BLEND_FRACTION)
            * covered
        )[..., None]
        own[near] = joint * trunk_light[near][..., None] + (1 - joint) * lit
        even[near] = np.where(there, even[near] / own[near], even[near])
        light.append(own)
    tone = (
        pull_push(even, weight) if weight.sum() > 0 else np.full_like(image, sampling.default_level)
    )
    neck = bare & segmentation.torso_skin
    throat = continue_neck_colour(image, neck, tone, body)
    tone = alpha_blend(tone, throat, weigh_neck_against_arms(seen, neck, body.shoulder_width))
    light_on = trunk_light * texture
    return Skin(
        albedo=tone,
        upper_chest_colour=tone * light_on[..., None],
        trunk_alpha=chest,
        arm_alphas=(arms[0], arms[1]),
        arm_shading=(light[0] * texture[..., None], light[1] * texture[..., None]),
        mislabelled_hem=edges[0].mislabelled_hem | edges[1].mislabelled_hem,
    )
