"""From bottom to top: background, skin, hood, torso, trousers, arms, sleeves, head."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.painting.appearance import PersonAppearance
from services.viton.painting.around_neck import NeckLayers
from services.viton.painting.bare_body import select_own_arms
from services.viton.painting.contact_shadow import (
    ARM_RIM,
    CUFF,
    NECKLINE_LINE,
    NECKLINE_SOFT,
    contact_shadow,
)
from services.viton.painting.legs_below_hem import LegsBelowHem
from services.viton.painting.occlusion import (
    close_slits_beside_arms,
    find_arm_under_sleeve,
    measure_waistband_coverages,
)
from services.viton.painting.shading import shade_sleeve
from services.viton.painting.skin import Skin
from services.viton.person.body import Body
from services.viton.person.measured_person import MeasuredPerson
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.garment_layers import GarmentLayers
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.placing.top_placement import TopPlacement
from services.viton.raster.alpha_matte import estimate_alpha_matte
from services.viton.raster.layers import WHOLE_IMAGE, LayerStack, alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.planes import bounding_window, to_three_channels
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LABEL_ERROR_PX: Final = 8
"""How far an edge of the label map may lie from the true one, in pixels of the canvas."""

_BLEED_REACH_PX: Final = 22.0
"""How far the existing garment's colour may have bled into bare skin, in pixels of the canvas."""

_SKIN_SEAM_PX: Final = 14
"""Width of the seam between new skin and seen skin, in pixels of the canvas."""

_SKIN_SEAM_STEEPNESS: Final = 1.3
"""Slope of the blend from new skin to seen skin; 1 spans the whole seam."""

_MIN_SEAM_RADIUS_PX: Final = 5
"""Radius below which new skin beside an arm is a sliver and no seam, in pixels of the canvas."""

_WAISTBAND_RIM_PX: Final = 3
"""Height of the upper rim of a waistband that takes its colours from below, in pixels of the
canvas."""

_MAX_ADDED_NOISE: Final = 1.2
"""Most noise that is added to the garment, as a standard deviation in levels."""

_ADDED_NOISE_FRACTION: Final = 0.2
"""Fraction of the missing noise that is added to the garment."""


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """All that the composition draws, made once; H x W on the canvas."""

    person: MeasuredPerson
    placement: TopPlacement
    layers: GarmentLayers
    appearance: PersonAppearance
    neck: NeckLayers
    zones: "_Zones"
    waistband: tuple[Floats, Floats] | None
    """What the garment may cover from above, and the lower garment along its upper edge; 0 to 1."""
    torso: Floats
    """Coverage of the garment's torso, 0 to 1."""
    noise: Floats
    """H x W x 1: noise that the garment lacks beside the photo, in levels."""


@dataclass(frozen=True, kw_only=True)
class _Zones:
    """Parts of the canvas by what becomes of them, H x W."""

    own_arms: Bool
    """The person's arms as the photo shows them; they stay in front of the garment."""
    replaced: Bool
    """The existing garment and its rims, painted anew."""
    new_arms: tuple[Floats, Floats]
    """Arm skin to be made, left and right, 0 to 1."""


def assemble_top(
    person: MeasuredPerson,
    placement: TopPlacement,
    layers: GarmentLayers,
    appearance: PersonAppearance,
    neck: NeckLayers,
) -> LayerStack:
    """Stack all layers of a garment with a torso and sleeves, and of the person around it."""
    zones = _find_zones(person, placement, appearance.skin)
    body = person.body
    band = (
        measure_waistband_coverages(person.pixels, person.segmentation, body)
        if body.existing_top_tucked
        else None
    )
    scene = _Scene(
        person=person,
        placement=placement,
        layers=layers,
        appearance=appearance,
        neck=neck,
        zones=zones,
        waistband=band,
        torso=_torso_alpha(person, layers, appearance.skin, zones, band),
        noise=make_noise(
            layers.torso.alpha.shape,
            _missing_noise_level(person.pixels, person.segmentation, layers),
        ),
    )
    stack = LayerStack(_paint_base(scene))
    if neck.back_piece is not None:
        stack.add_garment_layer(*neck.back_piece)
    _add_torso(stack, scene)
    _add_stand_collar(stack, scene)
    _add_waistband(stack, scene)
    _add_new_arms(stack, scene)
    add_own_arms(
        stack,
        person.pixels,
        zones.own_arms,
        person.segmentation,
        (scene.torso, _either(zones.new_arms)),
    )
    for side in (0, 1):
        _add_sleeve(stack, scene, side)
    _add_head(stack, person)
    return stack


def _find_zones(person: MeasuredPerson, placement: TopPlacement, skin: Skin) -> _Zones:
    parts, body = person.segmentation, person.body
    sleeves = placement.sleeves
    under_sleeves = [
        find_arm_under_sleeve(parts, sleeve, side, 0.2 * body.shoulder_width)
        for sleeve, side in zip(sleeves, body.sides, strict=True)
    ]
    no_arm = under_sleeves[0] | under_sleeves[1] | skin.hem_residue
    own_arms = select_own_arms(parts, (sleeves[0].surface, sleeves[1].surface), body) & ~no_arm
    stays = parts.head | parts.lower_body | own_arms | (parts.arms & ~no_arm)
    hidden = (dilate(parts.upper_garment, _LABEL_ERROR_PX) | dilate(no_arm, 3)) & ~stays
    # Under the rims of the arms lies what is new, so that no old rim shows through.
    under_rims = hidden | dilate(hidden, _LABEL_ERROR_PX // 2 + 1) & own_arms
    beside_skin = dilate(under_rims & (_either(skin.arm_alphas) > 0.5), _SKIN_SEAM_PX) & own_arms
    replaced = under_rims | beside_skin
    left, right = (
        arm * _new_arm_alpha(parts, replaced, sleeve)
        for arm, sleeve in zip(skin.arm_alphas, sleeves, strict=True)
    )
    return _Zones(own_arms=own_arms, replaced=replaced, new_arms=(left, right))


def _either(pair: tuple[Floats, Floats]) -> Floats:
    """Return the larger of the left and the right coverage."""
    return np.maximum(*pair)


def _torso_alpha(
    person: MeasuredPerson,
    layers: GarmentLayers,
    skin: Skin,
    zones: _Zones,
    band: tuple[Floats, Floats] | None,
) -> Floats:
    """Return the coverage of the garment's torso: up to the arms and down to the waistband."""
    made = _either(zones.new_arms) > 0.5
    limbs = zones.own_arms | made | (layers.sleeves_alpha > 0.5)
    torso = close_slits_beside_arms(
        layers.torso.alpha, person.segmentation, limbs, skin.trunk_alpha > 0.5, person.body
    )
    return torso if band is None else torso * band[0]


def _paint_base(scene: _Scene) -> Floats:
    """Return background and skin, and the garment's shadow on them."""
    person, skin, replaced = scene.person, scene.appearance.skin, scene.zones.replaced
    parts = person.segmentation
    base = _replace_existing_garment(
        person.pixels, parts, skin, replaced, person.body.existing_hem_row
    )
    clear = alpha_blend(base, skin.upper_chest_colour, _bleed_zone(parts))
    return _shade_along_edge(clear, scene.layers.torso.alpha, _skin_zone(parts, skin, replaced))


def _add_torso(stack: LayerStack, scene: _Scene) -> None:
    layers = scene.layers
    light = scene.appearance.torso_shading * _light_beside_arms(scene)
    near = bounding_window(scene.torso > 0, 0) or WHOLE_IMAGE
    colour = layers.torso.colour[near] * to_three_channels(light[near]) + scene.noise[near]
    stack.add_garment_layer(
        np.clip(colour, 0, 255), scene.torso[near], layers.torso.source[near], near
    )


def _light_beside_arms(scene: _Scene) -> Floats:
    """Return the light that arms and a lower garment over it leave on the torso."""
    person = scene.person
    light = _arm_shading(scene.appearance.skin, scene.layers, person.body, scene.zones.own_arms)
    if scene.waistband is None:
        return light
    return light * (1 - 0.2 * gaussian_blur(person.segmentation.lower_body.astype(np.float32), 4.0))


def _add_stand_collar(stack: LayerStack, scene: _Scene) -> None:
    stand = scene.neck.stand_collar
    if stand is not None:
        lit = np.clip(stand.colour * to_three_channels(scene.appearance.torso_shading), 0, 255)
        stack.add_garment_layer(*stand._replace(colour=lit))


def _add_waistband(stack: LayerStack, scene: _Scene) -> None:
    if scene.waistband is not None:
        lower = scene.waistband[1]
        stack.add_layer(_colours_from_inside(scene.person.pixels, lower), lower)


def _add_new_arms(stack: LayerStack, scene: _Scene) -> None:
    skin = scene.appearance.skin
    for cover, light in zip(scene.zones.new_arms, skin.arm_shading, strict=True):
        near = bounding_window(cover > 0, 0) or WHOLE_IMAGE
        stack.add_layer(skin.albedo[near] * light[near], cover[near], near)


def _add_sleeve(stack: LayerStack, scene: _Scene, side: int) -> None:
    """Add the left (0) or the right (1) sleeve and its shadow on the arm."""
    layers, appearance = scene.layers, scene.appearance
    sleeve = layers.sleeves[side]
    cover = sleeve.alpha
    window = bounding_window(cover > 0, 2 * _LABEL_ERROR_PX + 4)
    if window is None:
        return
    own_arms = antialias(scene.zones.own_arms[window], 1.0)
    arm = np.maximum(appearance.skin.arm_alphas[side][window], own_arms)
    cast = contact_shadow(cover[window], CUFF) * arm * (1 - scene.torso[window])
    stack.darken(CUFF.strength * cast, window)
    light = shade_sleeve(
        scene.placement.sleeves[side],
        scene.person.body.sides[side],
        appearance.torso_shading,
        appearance.light_direction_x,
    )
    colour = sleeve.colour[window] * to_three_channels(light[window]) + scene.noise[window]
    source = sleeve.source[window]
    stack.add_garment_layer(np.clip(colour, 0, 255), cover[window], source, window)


def _add_head(stack: LayerStack, person: MeasuredPerson) -> None:
    parts = person.segmentation
    alpha, colour = estimate_alpha_matte(
        person.pixels, parts.head, parts.upper_garment, _LABEL_ERROR_PX, 0.12
    )
    near = bounding_window(alpha > 0, 0) or WHOLE_IMAGE
    stack.add_layer(colour[near], alpha[near], near)


def add_legs(stack: LayerStack, legs: LegsBelowHem) -> None:
    """Add the legs below a dress's hem, the hem's shadow, and the shoes over it."""
    stack.add_layer(*legs.skin)
    stack.darken(legs.shadow)
    if legs.shoes is not None:
        stack.add_layer(*legs.shoes)


def _colours_from_inside(image: Floats, lower: Floats) -> Floats:
    """Return the image with the colours along the upper rim of ``lower`` taken from below it."""
    window = bounding_window(lower > 0, 4)
    if window is None:
        return image
    part = lower[window]
    deep = np.zeros(part.shape, bool)
    deep[_WAISTBAND_RIM_PX:] = part[:-_WAISTBAND_RIM_PX] > 0.95
    close = pull_push(image[window], (deep & (part > 0.95)).astype(np.float32), 1)
    result = image.copy()
    rim = (part > 0) & ~deep
    result[window] = alpha_blend(
        image[window], close, np.minimum(antialias(rim, 0.7), dilate(rim, 1))
    )
    return result


def add_own_arms(
    stack: LayerStack,
    image: Floats,
    arms: Bool,
    parts: PersonSegmentation,
    new: tuple[Floats, Floats],
) -> None:
    """Add the person's own arms over what is new, free of whatever was behind their edges.

    ``new``: the coverage of the torso's cloth, along which their rims lose the light that the worn
    garment threw on them, and that of new skin, into which they go over without a step.
    """
    window = bounding_window(arms, 4 * _LABEL_ERROR_PX)
    if window is None:
        return
    below, photo, front = stack.image[window], image[window], arms[window]
    torso, skin = new[0][window], new[1][window]
    back = dilate(front, 3 * _LABEL_ERROR_PX) & ~front & ~parts.head[window]
    alpha, colour = estimate_alpha_matte(photo, front, back, _LABEL_ERROR_PX // 2 + 1, 0.4)
    alpha = np.maximum(alpha * dilate(front, 2), antialias(erode(front, 4), 1.0))
    # A sliver of it beside an arm that is seen wider or narrower than it was made is no joint.
    joint = (skin > 0.5) & ~front
    joint = dilate(erode(joint, _MIN_SEAM_RADIUS_PX), _MIN_SEAM_RADIUS_PX) & joint
    if joint.any():
        away = cv2.distanceTransform((~joint).astype(np.uint8), cv2.DIST_L2, 3)
        new_share = np.clip(_SKIN_SEAM_STEEPNESS * (1 - away / _SKIN_SEAM_PX), 0, 1)
        new_share = skin * new_share * new_share * (3 - 2 * new_share)
        alpha = np.asarray(alpha * (1 - new_share), np.float32)
    rim = contact_shadow(torso * ~front, ARM_RIM) * (1 - skin)
    colour = colour * to_three_channels(1 - ARM_RIM.strength * rim)
    mixed = alpha_blend(below, colour, alpha)
    changed = np.abs(below - photo).max(axis=-1) > 1.5
    changed &= dilate(~front, _SKIN_SEAM_PX)
    kept = np.where(front[..., None], photo, below)
    stack.replace(alpha_blend(kept, mixed, antialias(dilate(changed, 3), 1.0)), alpha, window)


def _replace_existing_garment(
    image: Floats, parts: PersonSegmentation, skin: Skin, replaced: Bool, waist: float
) -> Floats:
    """Return the photo with the existing garment replaced by background, bottoms and skin."""
    near = bounding_window(replaced, 2 * _LABEL_ERROR_PX)
    if near is None:
        return image
    away = ~dilate(parts.person, 9)
    behind = pull_push(image, away.astype(np.float32))
    noise = make_noise(replaced.shape, estimate_noise_level(image, away))
    behind = behind[near] + to_three_channels(noise[near][..., 0])
    rows = np.arange(replaced.shape[0])[near[0], None]
    below = rows > waist
    if (replaced[near] & below).any() and parts.lower_body.any():
        # Beside the trousers a sleeve hid more of them, not the ground.
        own = pull_push(image, erode(parts.lower_body, 4).astype(np.float32))[near]
        to_ground = cv2.distanceTransform(parts.person.astype(np.uint8), cv2.DIST_L2, 3)
        to_lower = cv2.distanceTransform((~parts.lower_body).astype(np.uint8), cv2.DIST_L2, 3)
        nearer = np.clip((to_ground - to_lower)[near] / 3.0 + 0.5, 0, 1) * below
        behind = alpha_blend(behind, own, nearer)
    filled = alpha_blend(behind, skin.upper_chest_colour[near], skin.trunk_alpha[near])
    edge = np.maximum(antialias(replaced[near], 1.2), replaced[near]) * ~erode(parts.head, 3)[near]
    result = image.copy()
    result[near] = alpha_blend(image[near], filled, edge)
    return result


def _missing_noise_level(image: Floats, parts: PersonSegmentation, layers: GarmentLayers) -> float:
    """Return the noise to add to the garment, beside the photo's, in levels."""
    own = estimate_noise_level(image, erode(parts.torso_skin | parts.arms | parts.face, 6))
    new = estimate_noise_level(layers.torso.colour, erode(layers.torso.alpha > 0.9, 6))
    return min(
        _ADDED_NOISE_FRACTION * float(np.sqrt(max(own * own - new * new, 0.0))), _MAX_ADDED_NOISE
    )


def _bleed_zone(parts: PersonSegmentation) -> Floats:
    """Return the bare neck into which the existing garment's colour has bled, 0 to 1."""
    away = cv2.distanceTransform((~parts.upper_garment).astype(np.uint8), cv2.DIST_L2, 3)
    near = smoothstep((_BLEED_REACH_PX - away) / (_BLEED_REACH_PX - _LABEL_ERROR_PX))
    return np.asarray(near * antialias(parts.torso_skin, 1.5), np.float32)


def _shade_along_edge(canvas: Floats, torso: Floats, zone: Floats) -> Floats:
    """Darken the skin along the garment's edge: a fine line close by, a soft shadow farther out."""
    close = NECKLINE_LINE.strength * contact_shadow(torso, NECKLINE_LINE)
    shade = close + NECKLINE_SOFT.strength * contact_shadow(torso, NECKLINE_SOFT)
    return canvas * to_three_channels(1 - shade * (1 - torso) * zone)


def _skin_zone(parts: PersonSegmentation, skin: Skin, replaced: Bool) -> Floats:
    zone = (parts.torso_skin | (replaced & (skin.trunk_alpha > 0.5))).astype(np.float32)
    return gaussian_blur(zone, 1.0)


def _arm_shading(skin: Skin, layers: GarmentLayers, body: Body, kept: Bool) -> Floats:
    """Light left on the torso beside the arms, clothed or bare; the armhole itself casts none."""
    arms = np.maximum(np.maximum(*skin.arm_alphas), layers.sleeves_alpha)
    arms = np.maximum(arms, kept.astype(np.float32))
    near = gaussian_blur(arms, 9.0) * (1 - arms)
    rows = np.arange(arms.shape[0], dtype=np.float32)
    armpit = (body.left.armpit[1] + body.right.armpit[1]) / 2
    below = np.clip((rows - armpit) / (0.25 * body.shoulder_width), 0, 1)
    return np.asarray(1 - 0.30 * near * below[:, None], np.float32)


def _new_arm_alpha(parts: PersonSegmentation, replaced: Bool, sleeve: PlacedSleeve) -> Floats:
    """Return where arm skin is synthesised: under the existing garment, below the new cuff."""
    strip, cuff = sleeve.surface, sleeve.fit.cuff_fraction
    below_cuff = np.clip((strip.along - cuff + 0.06) / 0.01, 0, 1) if cuff > 0 else 1.0
    shown = np.where(strip.covered, below_cuff, 1.0)
    # The arm lay inside the existing garment's outline.
    held = replaced & ~parts.lower_body & (parts.upper_garment | parts.arms | parts.torso_skin)
    return np.asarray(antialias(held, 0.8) * dilate(held, 1) * shown, np.float32)
