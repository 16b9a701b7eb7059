"""Background and bare legs behind the existing bottoms."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.geometry import Points, point
from services.viton.person.legs import KNEE, Leg, LowerBody
from services.viton.person.segmentation import LOWER_BODY_LABEL_ERROR_PX, PersonSegmentation
from services.viton.raster.layers import WHOLE_IMAGE, Window
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.planes import to_three_channels
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.pull_push import pull_push
from services.viton.raster.ruled_warp import rasterise_ruled_surface
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LOCAL_TONE_REACH: Final = 0.35
"""Distance over which a leg's own tone fades to the usual one, in torso lengths."""

_HEM_SHADOW_REACH: Final = 0.22
"""How far below the existing hem its shadow lies on the legs, in torso lengths."""

_HEM_SHADOW_AT_HEM: Final = 1.15
"""Shadow at the hem before it is limited to 1 and eased: it is full for a little way below."""

_LEG_EXTENSION: Final = 0.15
"""How far legs are continued beyond the ankle, in torso lengths."""

_EXTENSION_SAMPLES: Final = 12
"""Samples of that continuation."""

_MIN_LEG_AREA: Final = 0.02
"""Least area of bare legs that shows their tone, in squares of the torso length."""

_MIN_ARM_AREA: Final = 0.004
"""Least area of bare arms or face that shows the tone, in squares of the torso length."""

_BACKGROUND_MARGIN_PX: Final = 9
"""Distance from the person at which the background is plain, in pixels of the canvas."""

_LEG_SKIN_RIM_PX: Final = 1.0
"""Standard deviation of the rim of the seen legs' coverage, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class RoundLegOptions:
    """Light on a round leg.

    Lights are factors on the colour of evenly lit skin. Positions along the leg are samples, from
    the hip down. Distances from the axis are half widths of the leg.
    """

    surface_margin: float = 0.1
    """How far the shaded surface reaches beyond either edge, in widths of the leg."""
    columns: int = 7
    """Places across the shaded surface."""
    axis: float = 0.46
    """Place of the brightest line, from the outer edge 0 to the inner edge 1."""
    max_distance: float = 1.15
    """Distance from the axis beyond which the light falls no further."""
    axis_light: float = 1.02
    """Light at the axis."""
    edge_loss: float = 0.24
    """Light lost at an edge."""
    falloff_exponent: float = 2.2
    """Exponent of that loss over the distance from the axis."""
    light_beside: float = 0.85
    """Light outside the legs' surfaces."""
    blur_px: float = 1.5
    """Standard deviation of the light's blur, in pixels of the canvas."""
    cap_rise: int = 1
    """How far the knee cap lies above the knee joint."""
    cap_length: float = 5.0
    """Distance from the knee cap's middle, along the leg, at which its light is down to 1/e."""
    cap_half_width: float = 0.7
    """Distance from the axis at which the knee cap's light ends."""
    cap_gain: float = 0.022
    """Light gained on the knee cap."""
    pit_drop: int = 8
    """How far the shade below the knee cap lies below the knee joint."""
    pit_length: float = 4.0
    """Distance from that shade's middle, along the leg, at which it is down to 1/e."""
    pit_half_width: float = 0.9
    """Distance from the axis at which that shade ends."""
    pit_loss: float = 0.035
    """Light lost in that shade."""
    calf_place: float = 0.66
    """Place of the calf along the extended leg, as a fraction of it from the hip."""
    calf_length: float = 12.0
    """Distance from the calf's middle, along the leg, at which its light is down to 1/e."""
    calf_half_width: float = 0.5
    """Distance from the axis at which the calf's light ends."""
    calf_gain: float = 0.02
    """Light gained on the calf."""


ROUND_LEG_OPTIONS: Final = RoundLegOptions()


@dataclass(frozen=True, kw_only=True)
class BareLegsOptions:
    """Where the tone of bare legs is read, what stands in for it, and how legs are lit."""

    fabric_margin_px: int = 10
    """Distance from clothes within which skin is not read, in canvas pixels."""
    leg_rim_px: int = 4
    """Width of the legs' rim that is not read, in canvas pixels."""
    shoe_margin_px: int = 8
    """Distance from shoes within which legs are not read, in canvas pixels."""
    dark_part_of_hem_shadow: float = 0.7
    """Part of the hem shadow's reach within which legs are not read if enough is seen below."""
    min_light: float = 0.6
    """Least light that is taken out of the seen legs, as a factor on their colour."""
    arm_rim_px: int = 5
    """Width of the arms' rim that is not read, in canvas pixels."""
    face_rim_px: int = 6
    """Width of the rim of the head's and torso's skin that is not read, in canvas pixels."""
    hair_margin_px: int = 4
    """Distance from the hair within which that skin is not read, in canvas pixels."""
    unknown_skin_level: float = 170.0
    """Level of all three channels where no skin is seen, 0 to 255."""
    legs_to_other_skin: float = 1.05
    """Brightness of legs that are not seen, in that of the skin that is."""
    pores_noise: float = 0.8
    """Noise of the skin, in standard deviations of the photo's noise."""
    pores_blur_px: float = 0.7
    """Standard deviation of the blur of that noise, in canvas pixels."""
    light: RoundLegOptions = ROUND_LEG_OPTIONS
    """Light on a round leg."""


BARE_LEGS_OPTIONS: Final = BareLegsOptions()


def inpaint_background(
    image: Floats, segmentation: PersonSegmentation, window: Window = WHOLE_IMAGE
) -> Floats:
    """Return the photo's background continued behind the person, in a window."""
    away = ~dilate(segmentation.person, _BACKGROUND_MARGIN_PX)
    behind = pull_push(image, away)[window]
    noise = make_noise(away.shape, estimate_noise_level(image, away))[window]
    return behind + to_three_channels(noise[..., 0])


def synthesise_bare_legs(
    image: Floats,
    segmentation: PersonSegmentation,
    lower_body: LowerBody,
    options: BareLegsOptions = BARE_LEGS_OPTIONS,
) -> tuple[Floats, Floats]:
    """Return the bare legs' colour and coverage (0 to 1): the person's skin, round and lit."""
    shape = (segmentation.leg_skin.shape[0], segmentation.leg_skin.shape[1])
    light = np.full(shape, options.light.light_beside, np.float32)
    coverage = np.zeros(shape, np.float32)
    for leg in sorted(lower_body.legs, key=lambda leg: float(leg.centreline[-1, 1])):
        outer, inner = _extended_edges(leg, lower_body.torso_length)
        cover = rasterise_polygon(shape, np.concatenate([outer, inner[::-1]]))
        light = light * (1 - cover) + _shade_round_leg(outer, inner, shape, options.light) * cover
        coverage = np.maximum(coverage, cover)
    colour = _leg_albedo(image, segmentation, lower_body, light, options) * to_three_channels(light)
    return np.clip(colour, 0, 255), coverage


def _extended_edges(leg: Leg, torso: float) -> tuple[Points, Points]:
    down = np.linspace(0, 1, _EXTENSION_SAMPLES + 1)[1:, None] * point(0.0, _LEG_EXTENSION * torso)
    outer = np.concatenate([leg.outer_edge, leg.outer_edge[-1:] + down])
    inner = np.concatenate([leg.inner_edge, leg.inner_edge[-1:] + down])
    return outer, inner


def _shade_round_leg(
    outer: Points, inner: Points, shape: tuple[int, int], round_leg: RoundLegOptions
) -> Floats:
    """Return the light on a round leg: less towards its edges, a little less below the knee cap."""
    margin = round_leg.surface_margin
    across = np.linspace(-margin, 1 + margin, round_leg.columns)
    canvas_points = (
        outer[:, None] * (1 - across[None, :, None]) + inner[:, None] * across[None, :, None]
    )
    whole = rasterise_ruled_surface(canvas_points, np.zeros_like(canvas_points), across, shape)
    surface = whole.windowed
    distance = np.clip(np.abs((surface.across - round_leg.axis) * 2), 0, round_leg.max_distance)
    light = round_leg.axis_light - round_leg.edge_loss * distance**round_leg.falloff_exponent
    at = surface.along * len(outer)
    cap = _bump((at - KNEE + round_leg.cap_rise) / round_leg.cap_length)
    cap = cap * np.clip(1 - distance / round_leg.cap_half_width, 0, 1)
    pit = _bump((at - KNEE - round_leg.pit_drop) / round_leg.pit_length)
    pit = pit * np.clip(1 - distance / round_leg.pit_half_width, 0, 1)
    calf = _bump((at - round_leg.calf_place * len(outer)) / round_leg.calf_length)
    calf = calf * np.clip(1 - distance / round_leg.calf_half_width, 0, 1)
    light = light + round_leg.cap_gain * cap - round_leg.pit_loss * pit + round_leg.calf_gain * calf
    lit = np.full(shape, round_leg.light_beside, np.float32)
    lit[surface.window] = np.where(surface.covered, light, round_leg.light_beside)
    return gaussian_blur(lit, round_leg.blur_px)


def _bump(distance: Floats) -> Floats:
    """Return a bell of height 1 that is down to 1/e at the distance 1."""
    return np.asarray(np.exp(-(distance**2)))


def _leg_albedo(
    image: Floats,
    segmentation: PersonSegmentation,
    lower_body: LowerBody,
    light: Floats,
    options: BareLegsOptions,
) -> Floats:
    """Return the colour of evenly lit skin everywhere, H x W x 3, in levels.

    It is the legs' if they are seen, else the arms', else the face's.
    ``light``: how brightly the legs are lit, H x W. It is taken out of what is seen of them.
    """
    near_fabric = dilate(
        segmentation.bottoms | segmentation.socks | segmentation.upper_garment,
        options.fabric_margin_px,
    )
    legs = erode(segmentation.leg_skin, options.leg_rim_px) & ~near_fabric
    legs &= ~dilate(segmentation.shoes, options.shoe_margin_px)
    dark = options.dark_part_of_hem_shadow * _HEM_SHADOW_REACH * lower_body.torso_length
    lit = legs & ~dilate(segmentation.bottoms, int(dark))
    legs = lit if lit.sum() > _MIN_LEG_AREA * lower_body.torso_length**2 else legs
    if legs.sum() > _MIN_LEG_AREA * lower_body.torso_length**2:
        even = image / to_three_channels(np.maximum(light, np.float32(options.min_light)))
        near = pull_push(even, legs)
        usual = np.median(even[legs], axis=0)
        away = cv2.distanceTransform((~legs).astype(np.uint8), cv2.DIST_L2, 5)
        fade = to_three_channels(
            np.clip(away / (_LOCAL_TONE_REACH * lower_body.torso_length), 0, 1)
        )
        tone, where = near * (1 - fade) + usual * fade, legs
    else:
        where = erode(segmentation.arms, options.arm_rim_px) & ~near_fabric
        if where.sum() < _MIN_ARM_AREA * lower_body.torso_length**2:
            where = erode(segmentation.head_and_torso_skin, options.face_rim_px)
            where &= ~dilate(segmentation.hair, options.hair_margin_px)
        skin = image[where] if where.any() else np.full((1, 3), options.unknown_skin_level)
        tone = np.broadcast_to(options.legs_to_other_skin * np.median(skin, axis=0), image.shape)
    noise = make_noise(where.shape, options.pores_noise * estimate_noise_level(image, where))
    pores = gaussian_blur(noise[..., 0], options.pores_blur_px)
    return np.asarray(tone + to_three_channels(pores), np.float32)


def find_existing_bottoms(segmentation: PersonSegmentation) -> Bool:
    """Return the existing bottoms and their blurred rim, which are painted anew."""
    keep = (
        segmentation.upper_garment
        | segmentation.arms
        | segmentation.head_and_torso_skin
        | segmentation.shoes
    )
    return np.asarray(dilate(segmentation.bottoms, LOWER_BODY_LABEL_ERROR_PX) & ~keep)


def hem_shadow_zone(segmentation: PersonSegmentation, lower_body: LowerBody) -> Floats:
    """Return how far the existing hem's shadow and colour lie on the bare legs, H x W, 0 to 1."""
    away = cv2.distanceTransform((~segmentation.bottoms).astype(np.uint8), cv2.DIST_L2, 5)
    fraction = _HEM_SHADOW_AT_HEM - away / (_HEM_SHADOW_REACH * lower_body.torso_length)
    near = smoothstep(np.asarray(fraction, np.float32))
    return np.asarray(near * antialias(segmentation.leg_skin, _LEG_SKIN_RIM_PX), np.float32)
