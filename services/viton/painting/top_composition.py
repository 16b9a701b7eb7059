"""From bottom to top: background, skin, hood, torso, trousers, arms, sleeves, head."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.painting.appearance import PersonAppearance
from services.viton.painting.around_neck import NeckLayers
from services.viton.painting.contact_shadow import CUFF, contact_shadow
from services.viton.painting.existing_garment import (
    find_bleed_zone,
    find_shaded_skin_zone,
    replace_existing_garment,
    shade_along_edge,
)
from services.viton.painting.legs_below_hem import LegsBelowHem
from services.viton.painting.own_arms import (
    OWN_ARMS_OPTIONS,
    OwnArmsOptions,
    add_own_arms,
    find_arm_hidden_by_sleeve,
    select_own_arms,
)
from services.viton.painting.shading import shade_sleeve
from services.viton.painting.skin import Skin
from services.viton.painting.slits import close_slits_beside_arms
from services.viton.painting.waistband import (
    WAISTBAND_RIM_OPTIONS,
    WaistbandRimOptions,
    measure_waistband_coverages,
    take_rim_colours_from_below,
)
from services.viton.person.measured_person import MeasuredPerson
from services.viton.person.segmentation import LABEL_ERROR_PX, PersonSegmentation
from services.viton.placing.garment_layers import GarmentLayers
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.placing.top_placement import TopPlacement
from services.viton.raster.alpha_matte import estimate_alpha_matte
from services.viton.raster.layers import WHOLE_IMAGE, LayerStack, Window, alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.planes import bounding_window, to_three_channels
from services.viton.raster.smoothing import antialias, gaussian_blur_in_window
from services.viton.side import PictureSide

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_NOISE_RIM_PX: Final = 6
"""Width of the rim of skin and garment where noise is not measured, in pixels of the canvas."""

_NOISE_MIN_COVERAGE: Final = 0.9
"""Coverage of the garment above which its noise is measured, 0 to 1."""

_SLEEVE_MARGIN_PX: Final = 2 * LABEL_ERROR_PX + 4
"""Width beside a sleeve in which it may throw its shadow, in pixels of the canvas."""

_HEAD_MIN_ALPHA: Final = 0.12
"""Fraction of the head in a mixed pixel below which it counts as none."""

_HIDDEN_ARM_REACH: Final = 0.2
"""Distance from the armhole up to which a new sleeve covers bare skin, in shoulder widths."""

_HIDDEN_ARM_RIM_PX: Final = 3
"""Width of the rim of a hidden arm that is painted anew, in pixels of the canvas."""

_MAX_ADDED_NOISE: Final = 1.2
"""Most noise that is added to the garment, as a standard deviation in levels."""

_ADDED_NOISE_FRACTION: Final = 0.2
"""Fraction of the missing noise that is added to the garment."""


@dataclass(frozen=True, kw_only=True)
class ArmShadowOptions:
    """The shadow of the arms on the torso beside them."""

    sigma_px: float = 9.0
    """Standard deviation of the shadow, in pixels of the canvas."""
    fade_in: float = 0.25
    """Depth below the armpits at which the shadow is full, in shoulder widths."""
    strength: float = 0.30
    """Fraction of the light that the full shadow takes."""


ARM_SHADOW_OPTIONS: Final = ArmShadowOptions()


@dataclass(frozen=True, kw_only=True)
class NewArmOptions:
    """Where the skin of an arm is made below the new sleeve."""

    cuff_overlap: float = 0.06
    """How far above the cuff the skin begins, as a fraction of the arm."""
    fade_in: float = 0.01
    """Length over which it begins, as a fraction of the arm."""
    rim_sigma_px: float = 0.8
    """Standard deviation of its rim, in pixels of the canvas."""


NEW_ARM_OPTIONS: Final = NewArmOptions()


@dataclass(frozen=True, kw_only=True)
class TopCompositionOptions:
    """How the layers of a garment with a torso and sleeves are joined."""

    arm_shadow: ArmShadowOptions = ARM_SHADOW_OPTIONS
    """The shadow of the arms on the torso."""
    new_arm: NewArmOptions = NEW_ARM_OPTIONS
    """Where arm skin is made."""
    own_arms: OwnArmsOptions = OWN_ARMS_OPTIONS
    """How the person's own arms are laid over what is new."""
    waistband_rim: WaistbandRimOptions = WAISTBAND_RIM_OPTIONS
    """The upper rim of a waistband over the garment."""


TOP_COMPOSITION_OPTIONS: Final = TopCompositionOptions()


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """All that the composition draws, made once; H x W on the canvas."""

    person: MeasuredPerson
    """The person in the existing outfit."""
    placement: TopPlacement
    """Where torso and sleeves lie on the canvas."""
    layers: GarmentLayers
    """Torso and sleeves sampled on the canvas."""
    appearance: PersonAppearance
    """The person's skin and the light on the torso."""
    neck: NeckLayers
    """Pieces of the garment around the neck."""
    zones: "_Zones"
    """What becomes of each part of the canvas."""
    waistband: tuple[Floats, Floats] | None
    """What the garment may cover from above, and the lower garment along its upper edge; 0 to 1."""
    torso: Floats
    """Coverage of the garment's torso, 0 to 1."""
    noise: Floats
    """H x W x 1: noise that the garment lacks beside the photo, in levels."""
    options: TopCompositionOptions
    """How the layers are joined."""


@dataclass(frozen=True, kw_only=True)
class _Zones:
    """Parts of the canvas by what becomes of them, H x W."""

    own_arms: Bool
    """The person's arms as the photo shows them; they stay in front of the garment."""
    existing_top: Bool
    """The existing garment and its rims, painted anew."""
    new_arms: tuple[Floats, Floats]
    """Arm skin to be made, left and right, 0 to 1."""


def assemble_top(
    person: MeasuredPerson,
    placement: TopPlacement,
    layers: GarmentLayers,
    appearance: PersonAppearance,
    neck: NeckLayers,
    options: TopCompositionOptions = TOP_COMPOSITION_OPTIONS,
) -> LayerStack:
    """Stack all layers of a garment with a torso and sleeves, and of the person around it."""
    zones = _find_zones(person, placement, appearance.skin, options)
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
        options=options,
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
        options.own_arms,
    )
    for side in PictureSide:
        _add_sleeve(stack, scene, side)
    _add_head(stack, person)
    return stack


def _find_zones(
    person: MeasuredPerson, placement: TopPlacement, skin: Skin, options: TopCompositionOptions
) -> _Zones:
    segmentation, body = person.segmentation, person.body
    sleeves = placement.sleeves
    hidden_by_sleeves = [
        find_arm_hidden_by_sleeve(
            segmentation, sleeve, side, _HIDDEN_ARM_REACH * body.shoulder_width
        )
        for sleeve, side in zip(sleeves, body.sides, strict=True)
    ]
    no_arm = hidden_by_sleeves[0] | hidden_by_sleeves[1] | skin.mislabelled_hem
    own_arms = (
        select_own_arms(segmentation, (sleeves[0].surface, sleeves[1].surface), body) & ~no_arm
    )
    stays = segmentation.head | segmentation.lower_body | own_arms | (segmentation.arms & ~no_arm)
    hidden = dilate(segmentation.upper_garment, LABEL_ERROR_PX) | dilate(no_arm, _HIDDEN_ARM_RIM_PX)
    hidden &= ~stays
    # Under the rims of the arms lies what is new, so that no old rim shows through.
    under_rims = hidden | dilate(hidden, LABEL_ERROR_PX // 2 + 1) & own_arms
    beside_skin = dilate(under_rims & (_either(skin.arm_alphas) > 0.5), options.own_arms.seam_px)
    beside_skin &= own_arms
    existing_top = under_rims | beside_skin
    left, right = (
        arm * _new_arm_alpha(segmentation, existing_top, sleeve, options.new_arm)
        for arm, sleeve in zip(skin.arm_alphas, sleeves, strict=True)
    )
    return _Zones(own_arms=own_arms, existing_top=existing_top, new_arms=(left, right))


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
    person, skin, existing_top = scene.person, scene.appearance.skin, scene.zones.existing_top
    segmentation = person.segmentation
    base = replace_existing_garment(
        person.pixels, segmentation, skin, existing_top, person.body.existing_hem_row
    )
    bleed = find_bleed_zone(segmentation)
    near = bounding_window(bleed > 0, 0)
    if near is not None:
        base[near] = alpha_blend(base[near], skin.upper_chest_colour[near], bleed[near])
    shade_along_edge(
        base, scene.layers.torso.alpha, find_shaded_skin_zone(segmentation, skin, existing_top)
    )
    return base


def _add_torso(stack: LayerStack, scene: _Scene) -> None:
    layers = scene.layers
    near = bounding_window(scene.torso > 0, 0)
    if near is None:
        return
    light = scene.appearance.torso_shading[near] * _light_beside_arms(scene, near)
    colour = layers.torso.colour[near] * to_three_channels(light) + scene.noise[near]
    stack.add_garment_layer(
        np.clip(colour, 0, 255), scene.torso[near], layers.torso.flow[near], near
    )


def _light_beside_arms(scene: _Scene, window: Window) -> Floats:
    """Return the light that arms and a lower garment over it leave on the torso, in a window."""
    person = scene.person
    light = _arm_shading(scene, scene.options.arm_shadow, window)
    if scene.waistband is None:
        return light
    rim = scene.options.waistband_rim
    lower = person.segmentation.lower_body.astype(np.float32)
    cast = gaussian_blur_in_window(lower, rim.shadow_sigma_px, window)
    return light * (1 - rim.shadow * cast)


def _add_stand_collar(stack: LayerStack, scene: _Scene) -> None:
    stand = scene.neck.stand_collar
    if stand is not None:
        lit = np.clip(stand.colour * to_three_channels(scene.appearance.torso_shading), 0, 255)
        stack.add_garment_layer(*stand._replace(colour=lit))


def _add_waistband(stack: LayerStack, scene: _Scene) -> None:
    if scene.waistband is not None:
        lower = scene.waistband[1]
        stack.add_layer(
            take_rim_colours_from_below(scene.person.pixels, lower, scene.options.waistband_rim),
            lower,
        )


def _add_new_arms(stack: LayerStack, scene: _Scene) -> None:
    skin = scene.appearance.skin
    for cover, light in zip(scene.zones.new_arms, skin.arm_shading, strict=True):
        near = bounding_window(cover > 0, 0)
        if near is not None:
            textured = light[near] * to_three_channels(skin.texture[near])
            stack.add_layer(skin.albedo[near] * textured, cover[near], near)


def _add_sleeve(stack: LayerStack, scene: _Scene, side: PictureSide) -> None:
    """Add a sleeve and its shadow on the arm."""
    layers, appearance = scene.layers, scene.appearance
    sleeve = layers.sleeves[side]
    cover = sleeve.alpha
    window = bounding_window(cover > 0, _SLEEVE_MARGIN_PX)
    if window is None:
        return
    own_arms = antialias(scene.zones.own_arms[window], scene.options.own_arms.rim_sigma_px)
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
    flow = sleeve.flow[window]
    stack.add_garment_layer(np.clip(colour, 0, 255), cover[window], flow, window)


def _add_head(stack: LayerStack, person: MeasuredPerson) -> None:
    colour, alpha, window = person.recall(
        "head", lambda: _cut_out_head(person.pixels, person.segmentation)
    )
    stack.add_layer(colour, alpha, window)


def _cut_out_head(image: Floats, segmentation: PersonSegmentation) -> tuple[Floats, Floats, Window]:
    """Return the colour (H x W x 3) and the coverage (H x W) of the head, and their window."""
    alpha, colour = estimate_alpha_matte(
        image, segmentation.head, segmentation.upper_garment, LABEL_ERROR_PX, _HEAD_MIN_ALPHA
    )
    window = bounding_window(alpha > 0, 0) or WHOLE_IMAGE
    return colour[window].copy(), alpha[window].copy(), window


def add_legs(stack: LayerStack, legs: LegsBelowHem) -> None:
    """Add the legs below a dress's hem, the hem's shadow, and the shoes over it."""
    stack.add_layer(*legs.skin)
    stack.darken(legs.shadow)
    if legs.shoes is not None:
        stack.add_layer(*legs.shoes)


def _missing_noise_level(
    image: Floats, segmentation: PersonSegmentation, layers: GarmentLayers
) -> float:
    """Return the noise to add to the garment, beside the photo's, in levels."""
    skin = erode(segmentation.torso_skin | segmentation.arms | segmentation.face, _NOISE_RIM_PX)
    own = estimate_noise_level(image, skin)
    inside_torso = erode(layers.torso.alpha > _NOISE_MIN_COVERAGE, _NOISE_RIM_PX)
    new = estimate_noise_level(layers.torso.colour, inside_torso)
    return min(
        _ADDED_NOISE_FRACTION * float(np.sqrt(max(own * own - new * new, 0.0))), _MAX_ADDED_NOISE
    )


def _arm_shading(scene: _Scene, options: ArmShadowOptions, window: Window) -> Floats:
    """Return the light left on the torso beside the arms, clothed or bare, in a window, 0 to 1.

    The armhole itself casts no shadow.
    """
    body = scene.person.body
    new_arms = np.maximum(*scene.appearance.skin.arm_alphas)
    without_own = np.maximum(new_arms, scene.layers.sleeves_alpha)
    arms = np.maximum(without_own, scene.zones.own_arms.astype(np.float32))
    near = gaussian_blur_in_window(arms, options.sigma_px, window) * (1 - arms[window])
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)
    armpit = (body.left.canvas_armpit[1] + body.right.canvas_armpit[1]) / 2
    below = np.clip((rows - armpit) / (options.fade_in * body.shoulder_width), 0, 1)
    return np.asarray(1 - options.strength * near * below[:, None], np.float32)


def _new_arm_alpha(
    segmentation: PersonSegmentation,
    existing_top: Bool,
    sleeve: PlacedSleeve,
    options: NewArmOptions,
) -> Floats:
    """Return where arm skin is synthesised: under the existing garment, below the new cuff."""
    surface, cuff = sleeve.surface, sleeve.fit.cuff_fraction
    start = (surface.along - cuff + options.cuff_overlap) / options.fade_in
    below_cuff = np.clip(start, 0, 1) if cuff > 0 else 1.0
    shown = np.where(surface.covered, below_cuff, 1.0)
    # The arm lay inside the existing garment's outline.
    held = (
        existing_top
        & ~segmentation.lower_body
        & (segmentation.upper_garment | segmentation.arms | segmentation.torso_skin)
    )
    return np.asarray(antialias(held, options.rim_sigma_px) * dilate(held, 1) * shown, np.float32)
