"""The person's own skin, continued to where the new garment shows more of it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.geometry import Points, unit_vector
from services.viton.painting.bare_body import (
    BareArmEdges,
    bare_trunk_alpha,
    find_bare_arm_edges,
    join_bare_shoulders,
)
from services.viton.painting.skin_tone import select_skin_of_usual_hue, weigh_neck_against_arms
from services.viton.person.arm import ARM_SAMPLES, Arm
from services.viton.person.body import Body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.layers import alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import estimate_noise_level, make_noise
from services.viton.raster.planes import to_luma, to_three_channels
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.pull_push import pull_push
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.smoothing import gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_LABEL_ERROR_PX: Final = 8
"""How far an edge of the label map may lie from the true one, in pixels of the canvas."""

_MIN_SKIN_PX: Final = 600
"""Least pixels of an arm that show its light, and of a face that show its shade."""

_SHADE_FRACTION: Final = 0.62
"""Fraction of the face's median brightness below which skin is in the shade."""

_NAVEL_FRACTION: Final = 0.757
"""Place of the navel between shoulders (0) and hip joints (1): Drillis and Contini, 1966."""


@dataclass(frozen=True, kw_only=True)
class SkinSampling:
    """Which pixels tell the person's skin tone; distances in pixels of the canvas."""

    edge_px: int = 3
    """Distance from the edge of skin, and from hair, within which pixels are mixed."""
    garment_margin_px: int = 20
    """Distance from the existing garment within which its shade and its colour lie on skin."""
    min_neck_share: float = 0.15
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
"""Share of the trunk's light at the top of the arm, before it is limited to 1 and eased."""


@dataclass(frozen=True, kw_only=True)
class LightDirection:
    """How the face tells on which side the light is."""

    face_margin_px: int = 6
    """Distance from the edge of the face within which it is not looked at, in canvas pixels."""
    min_face_px: int = 400
    """Least pixels of a face that tell it."""
    full_contrast: float = 0.2
    """Difference between the halves that means light from one side, as a fraction of their sum."""


LIGHT_DIRECTION: Final = LightDirection()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class SkinTexture:
    """The blotches and the noise of synthesised skin."""

    seed: int = 11
    """Seed of the blotches."""
    blotches: tuple[tuple[int, float], ...] = ((5, 0.5), (14, 0.8), (36, 1.0))
    """(Size in pixels of the canvas, strength against the other sizes) of the blotches."""
    mottle_strength: float = 0.010
    """Standard deviation of a blotch of strength 1, as a fraction of the skin's light."""
    default_level: float = 128.0
    """Brightness of the skin if none is seen, 0 to 255."""
    min_level: float = 30.0
    """Least brightness of the skin that noise is measured against, 0 to 255."""
    noise_gain: float = 1.3
    """Noise before it is blurred, in the photo's noise."""
    noise_sigma_px: float = 0.6
    """Standard deviation of the blur of the noise, in pixels of the canvas."""


SKIN_TEXTURE: Final = SkinTexture()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class BareArmShape:
    """How a bare arm's coverage ends at its edges, on the shoulder and at the hand."""

    edge_half_width: float = 0.09
    """Half width of an arm that sets how steep its edges are, in shoulder widths."""
    min_edge_half_width_px: float = 4.0
    """Least such half width, in pixels of the canvas."""
    edge_steepness: float = 0.7
    """Fall of the coverage at an edge, per pixel of that half width."""
    joint_share: float = 0.35
    """Fraction of the arm over which its inner side leaves the trunk."""
    joint_steepness: float = 1.5
    """Fall of the coverage on the inner side at the shoulder, per half width of the arm."""
    hand_overlap_px: float = 16.0
    """How far a new arm reaches over the seen hand, in pixels of the canvas."""
    taper_sample: int = 78
    """Sample of the arm from which it tapers towards the seen hand."""
    max_taper_run: float = 1.2
    """Place along the taper beyond which its width stays the same, in lengths of the taper."""
    taper_steepness: float = 40.0
    """Growth of the taper's share where it takes over from the strip, per length of the arm."""


BARE_ARM_SHAPE: Final = BareArmShape()
"""The engine's options."""

_WRIST_SAMPLES: Final = 12
"""Last samples of an arm's middle that tell where it points."""


@dataclass(frozen=True, kw_only=True)
class CuffSearch:
    """How the line between an existing sleeve and the hand is looked for."""

    forearm_start: int = 62
    """Sample of the arm at which the forearm begins that a sleeve has to cover."""
    forearm_end: int = 94
    """Sample of the arm at which that forearm ends."""
    min_covered: float = 0.6
    """Fraction of the forearm's samples that lie on the existing garment."""
    reach: float = 0.45
    """Farthest place of the line from the wrist joint, in shoulder widths."""
    reach_back: float = 0.35
    """How far before the wrist joint the line may lie along the arm, in shoulder widths."""
    touch_px: int = 4
    """Farthest pixel of the hand from the sleeve that is on the line, in pixels of the canvas."""
    min_px: int = 12
    """Least pixels of a line."""
    corner_percentiles: tuple[int, int] = (3, 97)
    """Percentiles of the place across the arm at which the line's corners lie."""
    min_length: float = 0.7
    """Shortest line, in half widths of the arm at the wrist."""
    max_length: float = 3.6
    """Longest line, in half widths of the arm at the wrist."""


CUFF_SEARCH: Final = CuffSearch()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class RoundArm:
    """How light falls on a round arm, and how its own light is measured across its width."""

    max_light: float = 1.03
    """Light where the arm faces it, before all of it is scaled to a mean of 1."""
    edge_shade: float = 0.26
    """Fraction of the light that is missing at the edge of a round limb."""
    light_turn: float = 0.5
    """Angle by which light from the side moves the brightest place, in radians."""
    channel_exponents: tuple[float, float, float] = (0.85, 1.05, 1.15)
    """Exponents of the fall-off of light on a round limb: red, green, blue."""
    bins: int = 11
    """Bins across an arm's width in which its light is measured."""
    min_bin_px: int = 25
    """Pixels that a bin must exceed to be measured."""
    min_level: float = 20.0
    """Least usual level of a channel that light is measured against, 0 to 255."""
    min_measured: float = 0.5
    """Least light that is measured, in usual levels."""
    max_measured: float = 1.25
    """Most light that is measured, in usual levels."""
    round_share: float = 0.1
    """Weight of a round limb's light where the arm's own is measured."""
    own_share: float = 0.9
    """Weight of the arm's own light there."""
    outer_bin_light: float = 0.93
    """Light of the outermost bins, as a fraction of their neighbours'."""
    samples: int = 96
    """Samples across an arm's width in which its light is looked up."""
    sigma: float = 5.0
    """Standard deviation of the blur of these samples, in samples."""


ROUND_ARM: Final = RoundArm()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class CollarboneShading:
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


COLLARBONE_SHADING: Final = CollarboneShading()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class BellyShading:
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


BELLY_SHADING: Final = BellyShading()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class OutlineShading:
    """How the bare trunk gets dimmer towards its outline."""

    width: float = 0.07
    """Distance from the outline at which the shade ends, in shoulder widths."""
    strength: float = 0.16
    """Fraction of the light that is missing at the outline."""


OUTLINE_SHADING: Final = OutlineShading()
"""The engine's options."""


@dataclass(frozen=True, kw_only=True)
class UpperChestTone:
    """How the neck's colour is continued over the chest."""

    min_neck_area: float = 0.02
    """Least area of bare neck that is continued, in squared shoulder widths."""
    lit_percentile: int = 45
    """Percentile of the brightness of the neck from which on it is lit."""
    lit_ramp: float = 12.0
    """Range of brightness below that in which the neck counts less and less, in levels."""
    fade: float = 0.30
    """Distance from the neck over which its colour becomes the chest's, in shoulder widths."""
    dimming: tuple[float, float, float] = (0.965, 0.945, 0.935)
    """Colour of the chest as a fraction of the neck's: red, green, blue."""


UPPER_CHEST_TONE: Final = UpperChestTone()
"""The engine's options."""


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
    hem_residue: Bool
    """H x W: looks like skin beside the arms, but belongs to the existing garment's hem."""


def synthesise_skin(
    image: Floats,
    parts: PersonSegmentation,
    body: Body,
    strips: tuple[RuledWarp, RuledWarp],
    slant: float,
) -> Skin:
    """Synthesise the person's skin under the existing garment, shaded like a body.

    ``image``: H x W x 3, 0 to 255, the person on the canvas.
    ``strips``: the left and the right arm. ``slant``: where the light comes from, -1 left
    to 1 right.
    """
    sampling = SKIN_SAMPLING
    shape = parts.upper_garment.shape
    own = erode(parts.torso_skin | parts.arms, sampling.edge_px) & ~dilate(
        parts.hair, sampling.edge_px
    )
    bare = own & ~dilate(parts.upper_garment, sampling.garment_margin_px)
    neck_px = max(int(parts.torso_skin.sum()), 1)
    if bare[parts.torso_skin].sum() < sampling.min_neck_share * neck_px:
        bare |= own & parts.torso_skin & ~dilate(parts.upper_garment, _LABEL_ERROR_PX)
    face = erode(parts.face, sampling.face_margin_px)
    bare &= select_skin_of_usual_hue(image, bare, face) & _select_lit_skin(image, face)
    weight = np.where(bare, 1.0, np.where(face, sampling.face_weight, 0.0)).astype(np.float32)
    if weight.sum() < sampling.min_weight:
        weight = (parts.torso_skin | parts.arms | parts.face).astype(np.float32)
    texture = _skin_texture(image, bare if bare.any() else face)
    seen = bare & parts.arms
    edges = [find_bare_arm_edges(strip, parts) for strip in strips]
    bare_arms = [
        _bare_arm_map(strip, side.arm, parts, body, edge)
        for strip, side, edge in zip(strips, body.sides, edges, strict=True)
    ]
    arms = [cover for cover, _ in bare_arms]
    chest = join_bare_shoulders(bare_trunk_alpha(parts, body), arms, parts, body)
    trunk_light = (
        _collarbone_shading(shape, body)
        * _belly_shading(shape, body)
        * _outline_shading(chest, arms, body)
    )
    # What is seen of a round arm is dimmer towards its edges than its colour is.
    even = image.copy()
    light = []
    for strip, side, (_, across), edge in zip(strips, body.sides, bare_arms, edges, strict=True):
        own = np.ones((*shape, 3), np.float32)
        near = strip.window
        covered = strip.covered[near]
        there = (seen[near] & covered)[..., None]
        lit_part = edge.reference_skin[near] & there[..., 0]
        lit_part = lit_part if lit_part.sum() > _MIN_SKIN_PX else there[..., 0]
        lit = _shade_round_arm(image[near], lit_part, across[near] * -side.sign, slant)
        # On the shoulder the arm goes over into the trunk.
        joint = (
            smoothstep(_SHOULDER_BLEND_LEVEL - strip.along[near] / _SHOULDER_BLEND_FRACTION)
            * covered
        )[..., None]
        own[near] = joint * trunk_light[near][..., None] + (1 - joint) * lit
        even[near] = np.where(there, even[near] / own[near], even[near])
        light.append(own)
    tone = (
        pull_push(even, weight) if weight.sum() > 0 else np.full_like(image, sampling.default_level)
    )
    neck = bare & parts.torso_skin
    throat = _upper_chest_colour(image, neck, tone, body)
    tone = alpha_blend(tone, throat, weigh_neck_against_arms(seen, neck, body.shoulder_width))
    light_on = trunk_light * texture
    return Skin(
        albedo=tone,
        upper_chest_colour=tone * light_on[..., None],
        trunk_alpha=chest,
        arm_alphas=(arms[0], arms[1]),
        arm_shading=(light[0] * texture[..., None], light[1] * texture[..., None]),
        hem_residue=edges[0].hem_residue | edges[1].hem_residue,
    )


def _select_lit_skin(image: Floats, face: Bool) -> Bool:
    """Return where skin is not in so deep a shade, such as the chin's, that it tells no tone."""
    luma = to_luma(image)
    if face.sum() < _MIN_SKIN_PX:
        return np.ones(face.shape, bool)
    return np.asarray(luma > _SHADE_FRACTION * float(np.median(luma[face])))


def estimate_light_direction_x(image: Floats, parts: PersonSegmentation) -> float:
    """Return on which side of the picture the light is: -1 left, 0 ahead, 1 right."""
    bare = erode(parts.face, LIGHT_DIRECTION.face_margin_px)
    if bare.sum() < LIGHT_DIRECTION.min_face_px:
        return 0.0
    xs = np.nonzero(bare)[1]
    luma = to_luma(image)[bare]
    middle = float(np.median(xs))
    left, right = np.median(luma[xs < middle]), np.median(luma[xs >= middle])
    full = max(LIGHT_DIRECTION.full_contrast * float(left + right), 1.0)
    return float(np.clip((right - left) / full, -1, 1))


def _skin_texture(image: Floats, bare: Bool) -> Floats:
    """Return the light on skin that is no paint, H x W, 1 on average.

    It has the photo's noise, and faint blotches as skin has.
    """
    texture = SKIN_TEXTURE
    shape = (image.shape[0], image.shape[1])
    rng = np.random.default_rng(texture.seed)
    blotches = np.zeros(shape, np.float32)
    for size, share in texture.blotches:
        small = (max(shape[0] // size, 2), max(shape[1] // size, 2))
        coarse = rng.standard_normal(small, dtype=np.float32)
        blotches += share * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    bright = float(image[bare].mean()) if bare.any() else texture.default_level
    sharp = make_noise(shape, texture.noise_gain * estimate_noise_level(image, bare))[..., 0]
    noise = gaussian_blur(sharp, texture.noise_sigma_px)
    mottle = texture.mottle_strength * blotches
    return np.asarray(1 + mottle + noise / max(bright, texture.min_level), np.float32)


def _bare_arm_map(
    strip: RuledWarp, arm: Arm, parts: PersonSegmentation, body: Body, edges: BareArmEdges
) -> tuple[Floats, Floats]:
    """Return the arm's coverage down to the hand, and how far a pixel is from its middle.

    The distance is -1 on the outer edge and 1 on the inner one. Both are H x W.
    """
    shape = BARE_ARM_SHAPE
    across = (strip.across - edges.outer_across) / (edges.inner_across - edges.outer_across) * 2 - 1
    half_width = max(shape.edge_half_width * body.shoulder_width, shape.min_edge_half_width_px)
    # On the shoulder the arm's inner side goes over into the trunk.
    joint = np.clip(1 - strip.along / shape.joint_share, 0, 1) * (across > 0)
    steep = half_width * shape.edge_steepness + joint * (
        shape.joint_steepness - half_width * shape.edge_steepness
    )
    cover = np.clip((1.0 - np.abs(across)) * steep + 0.5 * (1 - joint), 0, 1) * strip.covered
    ends = _find_cuff_on_hand(arm, parts, body.shoulder_width)
    if ends is None:
        return cover.astype(np.float32), across.astype(np.float32)
    outer, inner = ends
    overlap = shape.hand_overlap_px * _hand_direction(arm)
    start = shape.taper_sample
    ring = np.stack([arm.outer_edge[start], outer, outer + overlap, inner + overlap, inner])
    ring = np.concatenate([ring, arm.inner_edge[start : start + 1]])
    more = rasterise_polygon((parts.upper_garment.shape[0], parts.upper_garment.shape[1]), ring)
    height, width = parts.upper_garment.shape
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    first, second = (
        (arm.outer_edge[start] + arm.inner_edge[start]) / 2,
        (outer + inner) / 2,
    )
    run = second - first
    share = (xs - first[0]) * run[0] + (ys - first[1]) * run[1]
    share = np.clip(share / max(float(run @ run), 1.0), 0, shape.max_taper_run).astype(np.float32)
    halves = [(i - o) / 2 for o, i in ((arm.outer_edge[start], arm.inner_edge[start]), ends)]
    side = halves[0] / max(float(np.hypot(*halves[0])), 1.0)
    wide = [float(np.hypot(*h)) for h in halves]
    radius = np.maximum(wide[0] + share * (wide[1] - wide[0]), 1.0)
    off_x, off_y = xs - first[0] - share * run[0], ys - first[1] - share * run[1]
    beyond = (off_x * side[0] + off_y * side[1]) / radius
    # The taper takes the place of the strip's last part.
    past_start = strip.along - start / (ARM_SAMPLES - 1)
    tail = np.clip(past_start * shape.taper_steepness, 0, 1) * strip.covered
    cover = cover * (1 - tail)
    across = np.where(more > cover, beyond, across)
    return np.maximum(cover, more).astype(np.float32), across.astype(np.float32)


def _hand_direction(arm: Arm) -> Points:
    """Return the unit vector along the end of the arm, towards the hand."""
    return unit_vector(arm.centreline[-1] - arm.centreline[-_WRIST_SAMPLES])


def _find_cuff_on_hand(
    arm: Arm, parts: PersonSegmentation, scale: float
) -> tuple[Points, Points] | None:
    """Return the outer and the inner corner of an existing sleeve on the hand; None without one.

    They lie on the line between hand and sleeve near the wrist, wherever the joint is.
    """
    search = CUFF_SEARCH
    height, width = parts.upper_garment.shape
    forearm = np.rint(arm.centreline[search.forearm_start : search.forearm_end]).astype(int)
    at = np.clip(forearm[:, 1], 0, height - 1), np.clip(forearm[:, 0], 0, width - 1)
    if parts.upper_garment[at].mean() < search.min_covered:
        return None
    reach = search.reach * scale
    x, y = arm.wrist
    rows = slice(max(int(y - reach), 0), max(int(y + reach), 1))
    columns = slice(max(int(x - reach), 0), max(int(x + reach), 1))
    near = parts.arms[rows, columns] & dilate(parts.upper_garment[rows, columns], search.touch_px)
    ys, xs = np.nonzero(near)
    if len(ys) < search.min_px:
        return None
    spots = np.stack([xs + columns.start, ys + rows.start], axis=1).astype(np.float64)
    off = spots - arm.wrist
    ahead = _hand_direction(arm)
    normal = arm.normal[-1]
    radius = float(arm.half_width[-1])
    keep = (np.hypot(off[:, 0], off[:, 1]) < reach) & (off @ ahead > -search.reach_back * scale)
    if keep.sum() < search.min_px:
        return None
    spots, lane = spots[keep], (off @ normal)[keep]
    low, high = np.percentile(lane, search.corner_percentiles)
    if not search.min_length * radius < high - low < search.max_length * radius:
        return None
    return spots[lane >= high].mean(axis=0), spots[lane <= low].mean(axis=0)


def _shade_round_arm(image: Floats, seen: Bool, across: Floats, slant: float) -> Floats:
    """Return how a round limb is lit, H x W x 3, 1 on its bright side.

    It is the limb's own light where it is seen bare, and a round one's elsewhere.
    A round limb is redder where it is dim. ``across``: -1 to 1 from edge to edge.
    ``slant``: where the light comes from in the frame of ``across``, -1 to 1.
    """
    option = ROUND_ARM
    turned = np.arcsin(np.clip(np.linspace(-1, 1, option.bins), -1, 1))
    light = (
        option.max_light
        - option.edge_shade
        + option.edge_shade * np.cos(turned - option.light_turn * slant)
    )
    profile = light[:, None] ** np.array(option.channel_exponents)
    if seen.sum() > _MIN_SKIN_PX:
        colours = image[seen]
        place = np.clip(
            np.rint((across[seen] + 1) / 2 * (option.bins - 1)), 0, option.bins - 1
        ).astype(int)
        usual = np.maximum(np.median(colours, axis=0), option.min_level)
        for index in range(1, option.bins - 1):
            own = colours[place == index] / usual
            if len(own) > option.min_bin_px:
                measured = np.clip(np.median(own, axis=0), option.min_measured, option.max_measured)
                profile[index] = option.round_share * profile[index] + option.own_share * measured
        profile[0] = option.outer_bin_light * profile[1]
        profile[-1] = option.outer_bin_light * profile[-2]
    profile = profile / profile[2:-2].mean(axis=0)
    places = np.linspace(0, option.bins - 1, option.samples)
    fine = np.stack(
        [np.interp(places, np.arange(option.bins), channel) for channel in profile.T], axis=1
    )
    fine = cv2.GaussianBlur(fine[None].astype(np.float32), (0, 0), option.sigma)[0]
    at = np.clip((across + 1) * ((option.samples - 1) / 2), 0, option.samples - 1).astype(np.int32)
    return np.asarray(fine[at], np.float32)


def _upper_chest_colour(image: Floats, bare: Bool, tone: Floats, body: Body) -> Floats:
    """Return the tone of the neck's lit part, continued over the chest: H x W x 3, 0 to 255.

    Where too little of the neck is bare, this is ``tone``.
    """
    if bare.sum() < UPPER_CHEST_TONE.min_neck_area * body.shoulder_width**2:
        return tone
    luma = to_luma(image)
    dim = float(np.percentile(luma[bare], UPPER_CHEST_TONE.lit_percentile))
    ramp = UPPER_CHEST_TONE.lit_ramp
    lit = bare * np.clip((luma - dim + ramp) / ramp, 0, 1)
    near = pull_push(image, lit.astype(np.float32))
    usual = np.median(image[bare & (luma >= dim)], axis=0)
    away = cv2.distanceTransform((~bare).astype(np.uint8), cv2.DIST_L2, 5)
    fade = to_three_channels(np.clip(away / (UPPER_CHEST_TONE.fade * body.shoulder_width), 0, 1))
    far = (usual * np.array(UPPER_CHEST_TONE.dimming)).astype(np.float32)
    return np.asarray(near + fade * (far - near), np.float32)


def _collarbone_shading(shape: tuple[int, int], body: Body) -> Floats:
    """Return the light on a bare upper chest, H x W, 1 where it is as usual.

    There are faint collarbones. To both sides there is a little less light.
    """
    chest = COLLARBONE_SHADING
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


def _belly_shading(shape: tuple[int, int], body: Body) -> Floats:
    """Return the light on a bare belly, H x W, 1 where it is as usual.

    The middle line is dim down to the navel. To both sides there is less light.
    """
    belly = BELLY_SHADING
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


def _outline_shading(chest: Floats, arms: list[Floats], body: Body) -> Floats:
    """Return less light where the bare trunk turns away from the eye, at the outline: H x W."""
    whole = np.maximum(chest, np.maximum(arms[0], arms[1])) > 0.5
    inside = cv2.distanceTransform(whole.astype(np.uint8), cv2.DIST_L2, 3)
    rim = np.clip(1 - inside / (OUTLINE_SHADING.width * body.shoulder_width), 0, 1)
    return np.asarray(1 - OUTLINE_SHADING.strength * rim * rim, np.float32)
