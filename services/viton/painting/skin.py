"""The person's own skin, continued to where the new garment shows more of it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.painting.bare_arm import map_bare_arm
from services.viton.painting.bare_arm_edges import BareArmEdges, trace_bare_arm_edges
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
from services.viton.raster.planes import choose_pixels, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.ruled_warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SkinSamplingOptions:
    """Which pixels give the person's skin tone."""

    edge_px: int = 3
    """Distance from hair and from skin's edge within which pixels are mixed, in canvas pixels."""
    garment_margin_px: int = 20
    """Distance from the existing garment up to which skin is tinted by it, in canvas pixels."""
    min_neck_fraction: float = 0.15
    """Fraction of the neck beyond that margin below which the margin is the label error."""
    face_margin_px: int = 8
    """Distance from the edge of the face within which the face does not count, in canvas pixels."""
    face_weight: float = 0.15
    """Weight of a pixel of the face, in those of bare skin."""
    min_weight_px: float = 200.0
    """Sum of the weights below which all skin counts, in canvas pixels."""
    default_level: float = 170.0
    """Level of every channel if no skin is seen, 0 to 255."""


SKIN_SAMPLING_OPTIONS: Final = SkinSamplingOptions()

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
    """H x W x 3 each: factors on the albedo of the left and right arm, without texture."""
    texture: Floats
    """H x W: factors on the albedo that make it no paint."""
    mislabelled_hem: Bool
    """H x W: looks like skin beside the arms, but belongs to the existing garment's hem."""


@dataclass(frozen=True, kw_only=True)
class SeenSkin:
    """The person's skin as the photo shows it, H x W. It depends on the person alone."""

    bare: Bool
    """The lit bare skin of neck and arms."""
    weight: Floats
    """The weight of every pixel in the tone of the skin, 0 to 1."""
    texture: Floats
    """Factors on an even colour that make it no paint."""
    default_level: float
    """Level of every channel if no skin is seen, 0 to 255."""


def see_skin(
    image: Floats,
    segmentation: PersonSegmentation,
    options: SkinSamplingOptions = SKIN_SAMPLING_OPTIONS,
) -> SeenSkin:
    """Find the skin that gives the tone. ``image``: H x W x 3, 0 to 255."""
    face = erode(segmentation.face, options.face_margin_px)
    bare = _select_bare_skin(image, segmentation, face, options)
    return SeenSkin(
        bare=bare,
        weight=_weigh_seen_skin(segmentation, bare, face, options),
        texture=make_skin_texture(image, bare if bare.any() else face),
        default_level=options.default_level,
    )


def synthesise_skin(
    image: Floats,
    segmentation: PersonSegmentation,
    body: Body,
    arm_surfaces: tuple[RuledWarp, RuledWarp],
    light_direction_x: float,
    seen: SeenSkin,
) -> Skin:
    """Synthesise the person's skin under the existing garment, shaded like a body.

    ``image``: H x W x 3, 0 to 255, the person on the canvas. ``seen``: the skin in it.
    ``arm_surfaces``: the left and the right arm. ``light_direction_x``: where the light comes from,
    -1 left to 1 right.
    """
    bare_arms = seen.bare & segmentation.arms
    edges = [trace_bare_arm_edges(surface, segmentation) for surface in arm_surfaces]
    arm_maps = [
        map_bare_arm(surface, side.arm, segmentation, body, edge)
        for surface, side, edge in zip(arm_surfaces, body.sides, edges, strict=True)
    ]
    arm_alphas = [alpha for alpha, _ in arm_maps]
    trunk = rasterise_bare_trunk(segmentation, body)
    chest = join_bare_shoulders(trunk, arm_alphas, segmentation, body)
    trunk_light = shade_bare_trunk(chest, arm_alphas, body)
    left_light, right_light = (
        _shade_bare_arm(
            image,
            surface,
            _find_lit_part(surface, bare_arms, edge),
            across * -side.sign,
            trunk_light,
            light_direction_x,
        )
        for surface, side, (_, across), edge in zip(
            arm_surfaces, body.sides, arm_maps, edges, strict=True
        )
    )
    evenly_lit = _remove_arm_light(image, bare_arms, arm_surfaces, (left_light, right_light))
    tone = (
        pull_push(evenly_lit, seen.weight)
        if seen.weight.sum() > 0
        else np.full_like(image, seen.default_level)
    )
    neck = seen.bare & segmentation.torso_skin
    throat = continue_neck_colour(image, neck, tone, body)
    neck_weight = weigh_neck_against_arms(bare_arms, neck, body.shoulder_width)
    albedo = alpha_blend(tone, throat, neck_weight)
    textured_light = trunk_light * seen.texture
    return Skin(
        albedo=albedo,
        upper_chest_colour=albedo * to_three_channels(textured_light),
        trunk_alpha=chest,
        arm_alphas=(arm_alphas[0], arm_alphas[1]),
        arm_shading=(left_light, right_light),
        texture=seen.texture,
        mislabelled_hem=edges[0].mislabelled_hem | edges[1].mislabelled_hem,
    )


def _select_bare_skin(
    image: Floats, segmentation: PersonSegmentation, face: Bool, options: SkinSamplingOptions
) -> Bool:
    """Return the lit bare skin of neck and arms, H x W, away from the existing garment.

    ``face``: H x W, the inner part of the face.
    """
    skin = segmentation.torso_skin | segmentation.arms
    unmixed = erode(skin, options.edge_px) & ~dilate(segmentation.hair, options.edge_px)
    bare = unmixed & ~dilate(segmentation.upper_garment, options.garment_margin_px)
    neck_px = max(int(segmentation.torso_skin.sum()), 1)
    if bare[segmentation.torso_skin].sum() < options.min_neck_fraction * neck_px:
        beside_label = dilate(segmentation.upper_garment, LABEL_ERROR_PX)
        bare |= unmixed & segmentation.torso_skin & ~beside_label
    return bare & select_skin_of_usual_hue(image, bare, face) & select_lit_skin(image, face)


def _weigh_seen_skin(
    segmentation: PersonSegmentation, bare: Bool, face: Bool, options: SkinSamplingOptions
) -> Floats:
    """Return the weight of every pixel in the tone of the skin, H x W, 0 to 1."""
    weight = np.where(bare, 1.0, np.where(face, options.face_weight, 0.0)).astype(np.float32)
    if weight.sum() >= options.min_weight_px:
        return weight
    skin = segmentation.torso_skin | segmentation.arms | segmentation.face
    return skin.astype(np.float32)


def _find_lit_part(surface: RuledWarp, bare_arms: Bool, edges: BareArmEdges) -> Bool:
    """Return the skin whose light is measured, in the surface's window.

    It is that next below the existing sleeve if there is enough of it, else all of the bare arm.
    """
    near = surface.window
    bare_arm = bare_arms[near] & surface.covered[near]
    reference = edges.light_reference_skin[near] & bare_arm
    return reference if reference.sum() > MIN_LIT_ARM_PX else bare_arm


def _shade_bare_arm(
    image: Floats,
    surface: RuledWarp,
    lit_part: Bool,
    across: Floats,
    trunk_light: Floats,
    light_direction_x: float,
) -> Floats:
    """Return the light on a bare arm, H x W x 3; 1 outside the surface's window.

    ``lit_part``: where the light is measured, in that window. ``across``: H x W, from -1 to 1, from
    left to right.
    """
    near = surface.window
    round_light = shade_round_arm(image[near], lit_part, across[near], light_direction_x)
    # On the shoulder the arm goes over into the trunk.
    joint = (
        smoothstep(_SHOULDER_BLEND_LEVEL - surface.along[near] / _SHOULDER_BLEND_FRACTION)
        * surface.covered[near]
    )
    light = np.ones(image.shape, np.float32)
    light[near] = to_three_channels(joint * trunk_light[near]) + (
        to_three_channels(1 - joint) * round_light
    )
    return light


def _remove_arm_light(
    image: Floats,
    bare_arms: Bool,
    surfaces: tuple[RuledWarp, RuledWarp],
    lights: tuple[Floats, Floats],
) -> Floats:
    """Return the image with the bare arms evenly lit: they are dimmer towards their edges."""
    evenly_lit = image.copy()
    for surface, light in zip(surfaces, lights, strict=True):
        near = surface.window
        bare_arm = bare_arms[near] & surface.covered[near]
        evenly_lit[near] = choose_pixels(bare_arm, evenly_lit[near] / light[near], evenly_lit[near])
    return evenly_lit
