"""Background and bare legs behind the existing bottoms."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.geometry import Points, point
from services.viton.person.legs import KNEE, Leg, LowerBody
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.planes import to_three_channels
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.pull_push import pull_push
from services.viton.raster.ruled_warp import rasterise_ruled_surface
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LABEL_ERROR_PX: Final = 7
"""How far an edge of the label map may lie from the true one, in pixels of the canvas."""

_LOCAL_TONE_REACH: Final = 0.35
"""Distance over which a leg's own tone fades to the usual one, in torso lengths."""

_HEM_SHADOW_REACH: Final = 0.22
"""How far below the existing hem its shadow lies on the legs, in torso lengths."""

_LEG_EXTENSION: Final = 0.15
"""How far legs are continued beyond the ankle, in torso lengths."""

_MIN_LEG_AREA: Final = 0.02
"""Least area of bare legs that shows their tone, in squares of the torso length."""

_MIN_ARM_AREA: Final = 0.004
"""Least area of bare arms or face that shows the tone, in squares of the torso length."""


def inpaint_background(image: Floats, parts: PersonSegmentation) -> Floats:
    """Return the photo's background continued behind the person."""
    away = ~dilate(parts.person, 9)
    behind = pull_push(image, away.astype(np.float32))
    return behind + to_three_channels(
        make_noise(away.shape, estimate_noise_level(image, away))[..., 0]
    )


def synthesise_bare_legs(
    image: Floats, parts: PersonSegmentation, body: LowerBody
) -> tuple[Floats, Floats]:
    """Return the bare legs' colour and coverage (0 to 1): the person's skin, round and lit."""
    shape = (parts.leg_skin.shape[0], parts.leg_skin.shape[1])
    light = np.full(shape, 0.85, np.float32)
    coverage = np.zeros(shape, np.float32)
    for leg in sorted(body.legs, key=lambda leg: float(leg.centreline[-1, 1])):
        outer, inner = _extended_edges(leg, body.torso_length)
        cover = rasterise_polygon(shape, np.concatenate([outer, inner[::-1]]))
        light = light * (1 - cover) + _shade_round_leg(outer, inner, shape) * cover
        coverage = np.maximum(coverage, cover)
    colour = _leg_albedo(image, parts, body, light) * to_three_channels(light)
    return np.clip(colour, 0, 255), coverage


def _extended_edges(leg: Leg, torso: float) -> tuple[Points, Points]:
    down = np.linspace(0, 1, 13)[1:, None] * point(0.0, _LEG_EXTENSION * torso)
    outer = np.concatenate([leg.outer_edge, leg.outer_edge[-1:] + down])
    inner = np.concatenate([leg.inner_edge, leg.inner_edge[-1:] + down])
    return outer, inner


def _shade_round_leg(outer: Points, inner: Points, shape: tuple[int, int]) -> Floats:
    """Return the light on a round leg: less towards its edges, a little less below the knee cap."""
    across = np.linspace(-0.1, 1.1, 7)
    target = outer[:, None] * (1 - across[None, :, None]) + inner[:, None] * across[None, :, None]
    whole = rasterise_ruled_surface(target, np.zeros_like(target), across, shape)
    surface = whole.windowed
    place = np.clip(np.abs((surface.across - 0.46) * 2), 0, 1.15)
    light = 1.02 - 0.24 * place**2.2
    at = surface.along * len(outer)
    cap = np.exp(-(((at - KNEE + 1) / 5.0) ** 2)) * np.clip(1 - place / 0.7, 0, 1)
    pit = np.exp(-(((at - KNEE - 8) / 4.0) ** 2)) * np.clip(1 - place / 0.9, 0, 1)
    calf = np.exp(-(((at - 0.66 * len(outer)) / 12.0) ** 2)) * np.clip(1 - place / 0.5, 0, 1)
    light = light + 0.022 * cap - 0.035 * pit + 0.02 * calf
    lit = np.full(shape, 0.85, np.float32)
    lit[surface.window] = np.where(surface.covered, light, 0.85)
    return gaussian_blur(lit, 1.5)


def _leg_albedo(image: Floats, parts: PersonSegmentation, body: LowerBody, light: Floats) -> Floats:
    """Return the colour of evenly lit skin everywhere: the legs' if they are seen, else the arms'.

    ``light`` is how brightly the legs are lit, which is taken out of what is seen of them.
    """
    near_fabric = dilate(parts.bottoms | parts.socks | parts.upper_garment, 10)
    legs = erode(parts.leg_skin, 4) & ~near_fabric & ~dilate(parts.shoes, 8)
    lit = legs & ~dilate(parts.bottoms, int(0.7 * _HEM_SHADOW_REACH * body.torso_length))
    legs = lit if lit.sum() > _MIN_LEG_AREA * body.torso_length**2 else legs
    if legs.sum() > _MIN_LEG_AREA * body.torso_length**2:
        even = image / to_three_channels(np.maximum(light, np.float32(0.6)))
        near = pull_push(even, legs.astype(np.float32))
        usual = np.median(even[legs], axis=0)
        away = cv2.distanceTransform((~legs).astype(np.uint8), cv2.DIST_L2, 5)
        fade = to_three_channels(np.clip(away / (_LOCAL_TONE_REACH * body.torso_length), 0, 1))
        tone, where = near * (1 - fade) + usual * fade, legs
    else:
        where = erode(parts.arms, 5) & ~near_fabric
        if where.sum() < _MIN_ARM_AREA * body.torso_length**2:
            where = erode(parts.head_and_torso_skin, 6) & ~dilate(parts.hair, 4)
        skin = image[where] if where.any() else np.full((1, 3), 170.0)
        tone = np.broadcast_to(1.05 * np.median(skin, axis=0), image.shape)
    pores = gaussian_blur(
        make_noise(where.shape, 0.8 * estimate_noise_level(image, where))[..., 0], 0.7
    )
    return np.asarray(tone + to_three_channels(pores), np.float32)


def find_removed_bottoms(parts: PersonSegmentation) -> Bool:
    """Return the existing bottoms and their blurred rim, which are painted anew."""
    keep = parts.upper_garment | parts.arms | parts.head_and_torso_skin | parts.shoes
    return np.asarray(dilate(parts.bottoms, _LABEL_ERROR_PX) & ~keep)


def hem_shadow_zone(parts: PersonSegmentation, body: LowerBody) -> Floats:
    """Bare leg so near the old hem that its shadow and colour lie on the skin, 0 to 1."""
    away = cv2.distanceTransform((~parts.bottoms).astype(np.uint8), cv2.DIST_L2, 5)
    share = 1.15 - away / (_HEM_SHADOW_REACH * body.torso_length)
    near = smoothstep(np.asarray(share, np.float32))
    return np.asarray(near * antialias(parts.leg_skin, 1.0), np.float32)
