"""Light on a bare trunk: collarbones, belly, and the outline that turns away."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.person.body import Body

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_NAVEL_FRACTION: Final = 0.757
"""Place of the navel between shoulders (0) and hip joints (1): Drillis and Contini, 1966."""


@dataclass(frozen=True, kw_only=True)
class CollarboneShadingOptions:
    """Light on a bare upper chest; lengths in shoulder widths, rows from ``origin_rise`` down."""

    origin_rise: float = 0.11
    """Height of row 0 above the base of the neck."""
    first_row: float = -0.3
    """Row above which there is no shading."""
    end_row: float = 0.9
    """Row below which there is no shading."""
    bone_row: float = 0.03
    """Row of the collarbones where they meet at the midline."""
    bone_slope: float = 0.22
    """Rise of a collarbone per distance from the midline."""
    inner_end: float = 0.03
    """Distance from the midline at which a collarbone begins."""
    inner_fade: float = 0.06
    """Length over which a collarbone fades in, outwards of its inner end."""
    outer_end: float = 0.40
    """Distance from the midline at which a collarbone ends."""
    outer_fade: float = 0.15
    """Length over which a collarbone fades out, inwards of its outer end."""
    ridge_rise: float = 0.022
    """Distance of the lit ridge above the line of the bone."""
    ridge_spread: float = 0.020
    """Distance from the ridge at which its light has fallen to 1/e."""
    furrow_drop: float = 0.02
    """Distance of the dim furrow below the line of the bone."""
    furrow_spread: float = 0.022
    """Distance from the furrow at which its shade has fallen to 1/e."""
    furrow_depth: float = 1.3
    """Shade of the furrow, as a fraction of the light of the ridge."""
    notch_row: float = 0.03
    """Row of the notch between the collarbones."""
    notch_spread_x: float = 0.035
    """Distance across at which the notch's shade has fallen to 1/e."""
    notch_spread_y: float = 0.03
    """Distance down at which the notch's shade has fallen to 1/e."""
    chest_rise: float = 0.1
    """Height above row 0 at which the light of the chest begins."""
    chest_fade_in: float = 0.2
    """Length over which the light of the chest fades in."""
    chest_end: float = 0.8
    """Row at which the light of the chest ends."""
    chest_fade_out: float = 0.3
    """Length over which the light of the chest fades out."""
    ridge_light: float = 0.03
    """Light that the ridge adds, as a fraction of the skin's."""
    notch_shade: float = 0.035
    """Light that the notch takes, as a fraction of the skin's."""
    chest_light: float = 0.015
    """Light that the middle of the chest adds, as a fraction of the skin's."""
    side_shade: float = 0.34
    """Light that the sides take per squared distance from the midline, as a fraction."""
    max_side: float = 0.4
    """Distance from the midline beyond which the sides get no dimmer."""


COLLARBONE_SHADING_OPTIONS: Final = CollarboneShadingOptions()


@dataclass(frozen=True, kw_only=True)
class BellyShadingOptions:
    """Light on a bare belly; lengths in shoulder widths, from the navel and the midline."""

    reach_up: float = 0.45
    """Height above the navel at which the shading begins."""
    fade_in: float = 0.15
    """Length over which it fades in, going down."""
    reach_down: float = 0.4
    """Distance below the navel at which the shading ends."""
    fade_out: float = 0.1
    """Length over which it fades out, going down."""
    max_away: float = 0.5
    """Distance from the midline beyond which nothing changes."""
    groove_spread: float = 0.022
    """Distance from the midline at which the groove's shade has fallen to 1/e."""
    groove_fade: float = 0.06
    """Length above the navel over which the groove fades out."""
    navel_spread_x: float = 0.015
    """Distance across at which the navel's shade has fallen to 1/e."""
    navel_spread_y: float = 0.022
    """Distance down at which the navel's shade has fallen to 1/e."""
    rim_drop: float = 0.036
    """Distance of the lit rim below the navel."""
    rim_spread_x: float = 0.02
    """Distance across at which the rim's light has fallen to 1/e."""
    rim_spread_y: float = 0.014
    """Distance down at which the rim's light has fallen to 1/e."""
    muscle_edge: float = 0.17
    """Distance from the midline of the furrow beside the straight muscle."""
    muscle_edge_spread: float = 0.05
    """Distance from that furrow at which its shade has fallen to 1/e."""
    flank_start: float = 0.1
    """Distance from the midline at which the flank begins to get dimmer."""
    flank_width: float = 0.35
    """Length outwards of its start over which the flank gets dimmer."""
    flank_slope: float = 9.0
    """Growth of the flank's shade per shoulder width, in shades of the furrow."""
    rim_light: float = 0.06
    """Light that the rim adds, as a fraction of the skin's."""
    groove_shade: float = 0.025
    """Light that the groove takes, as a fraction of the skin's."""
    navel_shade: float = 0.2
    """Light that the navel takes, as a fraction of the skin's."""
    side_shade: float = 0.025
    """Light that the furrow beside the muscle takes, as a fraction of the skin's."""


BELLY_SHADING_OPTIONS: Final = BellyShadingOptions()


@dataclass(frozen=True, kw_only=True)
class OutlineShadingOptions:
    """How the bare trunk gets dimmer towards its outline."""

    width: float = 0.07
    """Distance from the outline at which the shade ends, in shoulder widths."""
    strength: float = 0.16
    """Fraction of the light that is missing at the outline."""


OUTLINE_SHADING_OPTIONS: Final = OutlineShadingOptions()


@dataclass(frozen=True, kw_only=True)
class BareTrunkShadingOptions:
    """Light on a bare trunk."""

    collarbones: CollarboneShadingOptions = COLLARBONE_SHADING_OPTIONS
    """Light on the upper chest."""
    belly: BellyShadingOptions = BELLY_SHADING_OPTIONS
    """Light on the belly."""
    outline: OutlineShadingOptions = OUTLINE_SHADING_OPTIONS
    """Shade along the outline."""


BARE_TRUNK_SHADING_OPTIONS: Final = BareTrunkShadingOptions()


def shade_bare_trunk(
    chest: Floats,
    arms: list[Floats],
    body: Body,
    options: BareTrunkShadingOptions = BARE_TRUNK_SHADING_OPTIONS,
) -> Floats:
    """Return the light on bare chest and belly, H x W, 1 where it is as usual.

    ``chest`` and ``arms``: H x W each, coverages of the bare trunk and the bare arms, 0 to 1.
    """
    shape = (chest.shape[0], chest.shape[1])
    return (
        _collarbone_shading(shape, body, options.collarbones)
        * _belly_shading(shape, body, options.belly)
        * _outline_shading(chest, arms, body, options.outline)
    )


def _collarbone_shading(
    shape: tuple[int, int], body: Body, chest: CollarboneShadingOptions
) -> Floats:
    """Return the light on a bare upper chest, H x W, 1 where it is as usual.

    There are faint collarbones. To both sides there is a little less light.
    """
    ys = np.arange(shape[0], dtype=np.float32)[:, None]
    xs = np.arange(shape[1], dtype=np.float32)[None, :]
    across = (xs - np.float32(body.neck_base[0])) / np.float32(body.shoulder_width)
    down = (ys - np.float32(body.neck_base[1])) / np.float32(body.shoulder_width) + np.float32(
        chest.origin_rise
    )
    away = np.abs(across)
    light = np.ones(shape, np.float32)
    rows = np.flatnonzero((down[:, 0] > chest.first_row) & (down[:, 0] < chest.end_row))
    if not len(rows):
        return light
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    down = down[part]
    bone = down - (chest.bone_row - chest.bone_slope * away)
    run = np.clip((away - chest.inner_end) / chest.inner_fade, 0, 1) * np.clip(
        (chest.outer_end - away) / chest.outer_fade, 0, 1
    )
    ridge = np.exp(
        -(((bone + chest.ridge_rise) / chest.ridge_spread) ** 2)
    ) - chest.furrow_depth * np.exp(-(((bone - chest.furrow_drop) / chest.furrow_spread) ** 2))
    notch = np.exp(
        -((across / chest.notch_spread_x) ** 2)
        - ((down - chest.notch_row) / chest.notch_spread_y) ** 2
    )
    below = np.clip((down + chest.chest_rise) / chest.chest_fade_in, 0, 1) * np.clip(
        (chest.chest_end - down) / chest.chest_fade_out, 0, 1
    )
    light[part] += (
        chest.ridge_light * ridge * run
        - chest.notch_shade * notch
        + below * (chest.chest_light - chest.side_shade * np.minimum(away, chest.max_side) ** 2)
    )
    return light


def _belly_shading(shape: tuple[int, int], body: Body, belly: BellyShadingOptions) -> Floats:
    """Return the light on a bare belly, H x W, 1 where it is as usual.

    The middle line is dim down to the navel. To both sides there is less light.
    """
    light = np.ones(shape, np.float32)
    navel_y = body.neck_base[1] + _NAVEL_FRACTION * (body.hip_row - body.neck_base[1])
    down = ((np.arange(shape[0]) - navel_y) / body.shoulder_width).astype(np.float32)
    rows = np.flatnonzero((down > -belly.reach_up) & (down < belly.reach_down))
    if not len(rows):
        return light
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    down = down[part, None]
    across = (np.arange(shape[1])[None, :] - body.midline_x[part, None]) / body.shoulder_width
    away = np.minimum(np.abs(across), belly.max_away).astype(np.float32)
    fade = np.clip((down + belly.reach_up) / belly.fade_in, 0, 1) * np.clip(
        (belly.reach_down - down) / belly.fade_out, 0, 1
    )
    groove = np.exp(-((away / belly.groove_spread) ** 2)) * np.clip(-down / belly.groove_fade, 0, 1)
    navel = np.exp(-((away / belly.navel_spread_x) ** 2) - (down / belly.navel_spread_y) ** 2)
    rim = np.exp(
        -((away / belly.rim_spread_x) ** 2) - ((down - belly.rim_drop) / belly.rim_spread_y) ** 2
    )
    sides = np.exp(
        -(((away - belly.muscle_edge) / belly.muscle_edge_spread) ** 2)
    ) + belly.flank_slope * np.clip(away - belly.flank_start, 0, belly.flank_width)
    light[part] += fade * (
        belly.rim_light * rim
        - belly.groove_shade * groove
        - belly.navel_shade * navel
        - belly.side_shade * sides
    )
    return light


def _outline_shading(
    chest: Floats, arms: list[Floats], body: Body, options: OutlineShadingOptions
) -> Floats:
    """Return less light where the bare trunk turns away from the eye, at the outline: H x W."""
    whole = np.maximum(chest, np.maximum(arms[0], arms[1])) > 0.5
    inside = cv2.distanceTransform(whole.astype(np.uint8), cv2.DIST_L2, 3)
    rim = np.clip(1 - inside / (options.width * body.shoulder_width), 0, 1)
    return np.asarray(1 - options.strength * rim * rim, np.float32)
