"""From bottom to top: background, skin, hood, torso, trousers, arms, sleeves, head."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.painting.around_neck import NeckPieces
from services.viton.painting.bare_body import own_limbs
from services.viton.painting.occlusion import beside_arms, under_sleeve, waistband
from services.viton.painting.shading import contact, sleeve_light
from services.viton.painting.skin import Skin, light_from
from services.viton.person.body import Body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.garment_layers import Worn
from services.viton.placing.sleeve import SleeveFit
from services.viton.raster.fill import (
    antialias,
    bounding_window,
    dilate,
    erode,
    estimate_alpha_matte,
    estimate_noise_level,
    gaussian_blur,
    make_noise,
    pull_push,
    to_three_channels,
)
from services.viton.raster.layers import WHOLE_IMAGE, LayerStack, alpha_blend
from services.viton.raster.warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_BAND: Final = 8
_HAZE: Final = 22.0
_SEAM: Final = 14
_FULLY: Final = 1.3
"""The steepness of the way over from new skin to what is seen."""
_SLIVER: Final = 5
_RIM: Final = 3
_EDGE_SHADE: Final = 0.20
_SOFT_SHADE: Final = 0.12
_CUFF_SHADE: Final = 0.24
_RIM_SHADE: Final = 0.16
_MOST_NOISE: Final = 1.2
_NOISE_SHARE: Final = 0.2


def assemble(
    image: Floats,
    parts: PersonSegmentation,
    body: Body,
    *,
    worn: Worn,
    skin: Skin,
    strips: tuple[RuledWarp, RuledWarp],
    fits: tuple[SleeveFit, SleeveFit],
    neck: NeckPieces,
    light: Floats,
) -> LayerStack:
    """Stack all layers; ``light`` falls on the torso."""
    slant = light_from(image, parts)
    old = dilate(parts.upper_garment, _BAND)
    hidden = [
        under_sleeve(parts, s, f, b, 0.2 * body.shoulder_width)
        for s, f, b in zip(strips, fits, body.sides, strict=True)
    ]
    no_arm = hidden[0] | hidden[1] | skin.rest
    arms = own_limbs(parts, strips, body) & ~no_arm
    stays = parts.head | parts.lower_body | arms | (parts.arms & ~no_arm)
    gone = (old | dilate(no_arm, 3)) & ~stays
    # Under the rims of the arms lies what is new, so that no old rim shows through.
    gone |= dilate(gone, _BAND // 2 + 1) & arms
    gone |= dilate(gone & (np.maximum(*skin.arms) > 0.5), _SEAM) & arms
    canvas = _base(image, parts, skin, gone, body.existing_hem_row)
    canvas = alpha_blend(canvas, skin.throat, _hazy(parts))
    stack = LayerStack(_edge_shadow(canvas, worn.torso, _skin_zone(parts, skin, gone)))
    if neck.behind is not None:
        stack.add_garment_layer(*neck.behind)
    front = _arm_shadow(skin, worn, body, arms)
    bare = [
        a * _synthetic(parts, gone, s, f) for a, s, f in zip(skin.arms, strips, fits, strict=True)
    ]
    limbs = arms | (np.maximum(bare[0], bare[1]) > 0.5) | (np.maximum(*worn.sleeves) > 0.5)
    torso = beside_arms(worn.torso, parts, limbs, skin.chest > 0.5, body)
    grained = make_noise(torso.shape, _missing_noise(image, parts, worn))
    waist = waistband(image, parts, body) if body.existing_top_tucked else None
    if waist is not None:
        torso = torso * waist[0]
        front = front * (1 - 0.2 * gaussian_blur(parts.lower_body.astype(np.float32), 4.0))
    near = bounding_window(torso > 0, 0) or WHOLE_IMAGE
    cloth = worn.torso_colour[near] * to_three_channels((light * front)[near]) + grained[near]
    stack.add_garment_layer(np.clip(cloth, 0, 255), torso[near], worn.torso_source[near], near)
    if neck.stand is not None:
        lit = np.clip(neck.stand.colour * to_three_channels(light), 0, 255)
        stack.add_garment_layer(*neck.stand._replace(colour=lit))
    if waist is not None:
        stack.add_layer(_inwards(image, waist[1]), waist[1])
    for cover, round_light in zip(bare, skin.arm_light, strict=True):
        near = bounding_window(cover > 0, 0) or WHOLE_IMAGE
        stack.add_layer(skin.tone[near] * round_light[near], cover[near], near)
    _in_front(stack, image, arms, parts, (torso, np.maximum(bare[0], bare[1])))
    for index, (strip, cover) in enumerate(zip(strips, worn.sleeves, strict=True)):
        window = bounding_window(cover > 0, 2 * _BAND + 4)
        if window is None:
            continue
        limb = np.maximum(skin.arms[index][window], antialias(arms[window], 1.0))
        cast = contact(cover[window], 4.0, 1.5) * limb * (1 - torso[window])
        stack.darken(_CUFF_SHADE * cast, window)
        lit = sleeve_light(strip, fits[index], body.sides[index], light, slant)
        colour = (
            worn.sleeve_colours[index][window] * to_three_channels(lit[window]) + grained[window]
        )
        source = worn.sleeve_sources[index][window]
        stack.add_garment_layer(np.clip(colour, 0, 255), cover[window], source, window)
    head, head_colour = estimate_alpha_matte(image, parts.head, parts.upper_garment, _BAND, 0.12)
    near = bounding_window(head > 0, 0) or WHOLE_IMAGE
    stack.add_layer(head_colour[near], head[near], near)
    return stack


def _inwards(image: Floats, lower: Floats) -> Floats:
    """Return the image with the colours along the upper rim of ``lower`` taken from below it."""
    window = bounding_window(lower > 0, 4)
    if window is None:
        return image
    part = lower[window]
    deep = np.zeros(part.shape, bool)
    deep[_RIM:] = part[:-_RIM] > 0.95
    close = pull_push(image[window], (deep & (part > 0.95)).astype(np.float32), 1)
    result = image.copy()
    rim = (part > 0) & ~deep
    result[window] = alpha_blend(
        image[window], close, np.minimum(antialias(rim, 0.7), dilate(rim, 1))
    )
    return result


def _in_front(
    stack: LayerStack,
    image: Floats,
    arms: Bool,
    parts: PersonSegmentation,
    new: tuple[Floats, Floats],
) -> None:
    """Lay the person's own arms over what is new, free of whatever was behind their edges.

    ``new``: the coverage of the torso's cloth, along which their rims lose the light that the worn
    garment threw on them, and that of new skin, into which they go over without a step.
    """
    window = bounding_window(arms, 4 * _BAND)
    if window is None:
        return
    below, photo, front = stack.image[window], image[window], arms[window]
    torso, skin = new[0][window], new[1][window]
    back = dilate(front, 3 * _BAND) & ~front & ~parts.head[window]
    alpha, colour = estimate_alpha_matte(photo, front, back, _BAND // 2 + 1, 0.4)
    alpha = np.maximum(alpha * dilate(front, 2), antialias(erode(front, 4), 1.0))
    # A sliver of it beside an arm that is seen wider or narrower than it was made is no joint.
    joint = (skin > 0.5) & ~front
    joint = dilate(erode(joint, _SLIVER), _SLIVER) & joint
    if joint.any():
        away = cv2.distanceTransform((~joint).astype(np.uint8), cv2.DIST_L2, 3)
        new_share = np.clip(_FULLY * (1 - away / _SEAM), 0, 1)
        new_share = skin * new_share * new_share * (3 - 2 * new_share)
        alpha = np.asarray(alpha * (1 - new_share), np.float32)
    rim = contact(torso * ~front, 2.0, 0.0) * (1 - skin)
    colour = colour * to_three_channels(1 - _RIM_SHADE * rim)
    mixed = alpha_blend(below, colour, alpha)
    changed = np.abs(below - photo).max(axis=-1) > 1.5
    changed &= dilate(~front, _SEAM)
    kept = np.where(front[..., None], photo, below)
    stack.replace(alpha_blend(kept, mixed, antialias(dilate(changed, 3), 1.0)), alpha, window)


def _base(image: Floats, parts: PersonSegmentation, skin: Skin, gone: Bool, waist: float) -> Floats:
    """Return the photo with the worn garment replaced by what would be behind it."""
    near = bounding_window(gone, 2 * _BAND)
    if near is None:
        return image
    away = ~dilate(parts.person, 9)
    behind = pull_push(image, away.astype(np.float32))
    noise = make_noise(gone.shape, estimate_noise_level(image, away))
    behind = behind[near] + to_three_channels(noise[near][..., 0])
    rows = np.arange(gone.shape[0])[near[0], None]
    below = rows > waist
    if (gone[near] & below).any() and parts.lower_body.any():
        # Beside the trousers a sleeve hid more of them, not the ground.
        own = pull_push(image, erode(parts.lower_body, 4).astype(np.float32))[near]
        to_ground = cv2.distanceTransform(parts.person.astype(np.uint8), cv2.DIST_L2, 3)
        to_lower = cv2.distanceTransform((~parts.lower_body).astype(np.uint8), cv2.DIST_L2, 3)
        nearer = np.clip((to_ground - to_lower)[near] / 3.0 + 0.5, 0, 1) * below
        behind = alpha_blend(behind, own, nearer)
    filled = alpha_blend(behind, skin.throat[near], skin.chest[near])
    edge = np.maximum(antialias(gone[near], 1.2), gone[near]) * ~erode(parts.head, 3)[near]
    result = image.copy()
    result[near] = alpha_blend(image[near], filled, edge)
    return result


def _missing_noise(image: Floats, parts: PersonSegmentation, worn: Worn) -> float:
    """Return part of the noise that the new cloth lacks beside the photo, in levels."""
    own = estimate_noise_level(image, erode(parts.torso_skin | parts.arms | parts.face, 6))
    new = estimate_noise_level(worn.torso_colour, erode(worn.torso > 0.9, 6))
    return min(_NOISE_SHARE * float(np.sqrt(max(own * own - new * new, 0.0))), _MOST_NOISE)


def _hazy(parts: PersonSegmentation) -> Floats:
    """Bare neck so near the worn garment that its colour has bled into the skin, 0 to 1."""
    away = cv2.distanceTransform((~parts.upper_garment).astype(np.uint8), cv2.DIST_L2, 3)
    near = np.clip((_HAZE - away) / (_HAZE - _BAND), 0, 1)
    return np.asarray(near * near * (3 - 2 * near) * antialias(parts.torso_skin, 1.5), np.float32)


def _edge_shadow(canvas: Floats, torso: Floats, zone: Floats) -> Floats:
    """Darken the skin along the garment's edge: a fine line close by, a soft shadow farther out."""
    shade = _EDGE_SHADE * contact(torso, 1.6, 0.0) + _SOFT_SHADE * contact(torso, 4.0, -2.0)
    return canvas * to_three_channels(1 - shade * (1 - torso) * zone)


def _skin_zone(parts: PersonSegmentation, skin: Skin, gone: Bool) -> Floats:
    zone = (parts.torso_skin | (gone & (skin.chest > 0.5))).astype(np.float32)
    return gaussian_blur(zone, 1.0)


def _arm_shadow(skin: Skin, worn: Worn, body: Body, kept: Bool) -> Floats:
    """Light left on the torso beside the arms, clothed or bare; the armhole itself casts none."""
    arms = np.maximum(np.maximum(*skin.arms), np.maximum(*worn.sleeves))
    arms = np.maximum(arms, kept.astype(np.float32))
    near = gaussian_blur(arms, 9.0) * (1 - arms)
    rows = np.arange(arms.shape[0], dtype=np.float32)
    armpit = (body.left.armpit[1] + body.right.armpit[1]) / 2
    below = np.clip((rows - armpit) / (0.25 * body.shoulder_width), 0, 1)
    return np.asarray(1 - 0.30 * near * below[:, None], np.float32)


def _synthetic(parts: PersonSegmentation, gone: Bool, strip: RuledWarp, fit: SleeveFit) -> Floats:
    """Where arm skin has to be made: under the worn garment, below the new cuff."""
    shown = np.clip((strip.along - fit.cuff + 0.06) / 0.01, 0, 1) if fit.cuff > 0 else 1.0
    shown = np.where(strip.covered, shown, 1.0)
    # The worn garment's outline held the arm: beyond it there is none.
    held = gone & ~parts.lower_body & (parts.upper_garment | parts.arms | parts.torso_skin)
    return np.asarray(antialias(held, 0.8) * dilate(held, 1) * shown, np.float32)
