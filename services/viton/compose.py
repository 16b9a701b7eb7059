"""From bottom to top: background, skin, torso, trousers, arms, sleeves, head."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from services.viton.body import Body, BodySide, polygon
from services.viton.cut import Cut
from services.viton.fill import blurred, dilated, eroded, matte, pull_push, soft
from services.viton.fit import SleeveFit
from services.viton.geometry import Points
from services.viton.layers import contact as _contact
from services.viton.layers import grain as _grain
from services.viton.layers import over as _over
from services.viton.regions import Regions
from services.viton.warp import Strip, sample

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_BAND: Final = 8
_HAZE: Final = 22.0
_CHIN: Final = 45
_STEEP: Final = 0.7
_PLAIN: Final = 26.0
_DIM: Final = 32.0


@dataclass(frozen=True)
class Worn:
    """The garment on the canvas: coverage (0 to 1) and colours of the torso and of each sleeve."""

    torso: Floats
    torso_colour: Floats
    sleeves: tuple[Floats, Floats]
    sleeve_colours: tuple[Floats, Floats]


@dataclass(frozen=True)
class Skin:
    """The person's skin.

    ``tone``: its colour continued everywhere; ``throat``: the neck's, continued over the upper
    chest and shaded like one; ``chest`` and ``arms``: where it would show if nothing were worn
    there, 0 to 1; ``arm_light``: how brightly a round arm is lit across.
    """

    tone: Floats
    throat: Floats
    chest: Floats
    arms: tuple[Floats, Floats]
    arm_light: tuple[Floats, Floats]


def dress(
    cut: Cut,
    torso_map: Floats,
    seams: tuple[Points, ...],
    strips: tuple[Strip, Strip],
    fits: tuple[SleeveFit, SleeveFit],
) -> Worn:
    """Sample the garment; at the armhole the sleeve's map turns into the torso's without a seam.

    ``seams``: polygons beside the armholes that are cloth however the torso's edge was bent.
    """
    torso = sample(cut.torso, torso_map)
    for ring in seams:
        cloth = 255 * polygon((torso.shape[0], torso.shape[1]), ring)
        torso[..., 3] = np.maximum(torso[..., 3], cloth)
    coverage, colours = [], []
    for layer, strip, fit in zip((cut.left, cut.right), strips, fits, strict=True):
        if fit.cuff == 0.0:
            coverage.append(np.zeros(torso.shape[:2], np.float32))
            colours.append(torso[..., :3])
            continue
        ramp = np.clip(strip.along / (0.30 * fit.cuff), 0, 1)
        ramp = (ramp * ramp * (3 - 2 * ramp))[..., None]
        source = ramp * strip.source + (1 - ramp) * torso_map
        sleeve = sample(layer, source.astype(np.float32))
        start = np.clip(strip.along / 0.003, 0, 1)
        reach = 0.5 * _ease(strip, fit) + 0.03
        beside = np.clip((reach - np.abs(strip.across - 0.5)) * 24 + 0.5, 0, 1)
        alpha = np.maximum(sleeve[..., 3] / 255 * beside, _arm_cover(strip, fit))
        round_off = 1 - np.clip(np.abs(strip.across - 0.5) / (0.5 * _ease(strip, fit)), 0, 1) ** 2
        until = fit.cuff - 0.010 + 0.007 * round_off
        ends = np.clip((until - strip.along) * 220 + 0.5, 0, 1)
        alpha = alpha * strip.covered * start * ends
        coverage.append(blurred(alpha.astype(np.float32), 0.8))
        colours.append(sleeve[..., :3])
    return Worn(
        np.asarray(torso[..., 3] / 255, np.float32),
        torso[..., :3],
        (coverage[0], coverage[1]),
        (colours[0], colours[1]),
    )


def _arm_cover(strip: Strip, fit: SleeveFit) -> Floats:
    """Return the arm down to the cuff: cloth covers it, whatever the photo's outline there."""
    wide = 0.5 * _ease(strip, fit)
    inside = np.clip((wide - np.abs(strip.across - 0.5)) * 24 + 0.5, 0, 1)
    return np.asarray(inside, np.float32)


def _ease(strip: Strip, fit: SleeveFit) -> Floats:
    """Return the sleeve's width in arm widths, per pixel."""
    at = strip.along.astype(np.float32) * (len(fit.ease) - 1)
    return np.asarray(np.interp(at, np.arange(len(fit.ease)), fit.ease), np.float32)


def flesh(image: Floats, parts: Regions, body: Body, strips: tuple[Strip, Strip]) -> Skin:
    """Return the person's skin, continued under the worn garment and shaded like a body."""
    shape = parts.top.shape
    own = eroded(parts.neck | parts.arms, 3) & ~dilated(parts.hair, 3)
    bare = own & ~dilated(parts.top, 20)
    if bare[parts.neck].sum() < 0.15 * max(int(parts.neck.sum()), 1):
        bare |= own & parts.neck & ~dilated(parts.top, _BAND)
    face = eroded(parts.face, 8)
    weight = np.where(bare, 1.0, np.where(face, 0.15, 0.0)).astype(np.float32)
    if weight.sum() < 200:
        weight = (parts.neck | parts.arms | parts.face).astype(np.float32)
    tone = pull_push(image, weight) if weight.sum() > 0 else np.full_like(image, 170.0)
    throat = _throat(image, bare & parts.neck, tone, body)
    arms, light = [], []
    for strip in strips:
        width = np.abs(strip.across - 0.5) * 2
        edge = np.clip((1.0 - width) * 14 + 0.5, 0, 1) * strip.covered
        arms.append(edge.astype(np.float32))
        rounded = 1.02 - 0.20 * np.clip(np.abs((strip.across - 0.42) * 2), 0, 1.2) ** 2.4
        light.append(rounded.astype(np.float32))
    chest = np.maximum(_trunk(shape, body), _column(shape, body))
    return Skin(tone, throat, chest, (arms[0], arms[1]), (light[0], light[1]))


def _throat(image: Floats, bare: Bool, tone: Floats, body: Body) -> Floats:
    """Return the tone of the neck's lit part, continued over the chest with its own grain."""
    if bare.sum() < 0.02 * body.unit**2:
        return np.asarray(tone * _relief(bare.shape, body)[..., None], np.float32)
    grey = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    dim = float(np.percentile(grey[bare], _CHIN))
    lit = bare * np.clip((grey - dim + 12.0) / 12.0, 0, 1)
    near = pull_push(image, lit.astype(np.float32))
    usual = np.median(image[bare & (grey >= dim)], axis=0)
    away = cv2.distanceTransform((~bare).astype(np.uint8), cv2.DIST_L2, 5)
    fade = np.clip(away / (0.30 * body.unit), 0, 1)[..., None]
    colour = near * (1 - fade) + usual * np.array([0.965, 0.945, 0.935], np.float32) * fade
    grain = blurred(0.9 * _grain(image, bare), 0.6)
    grain = grain[..., None] if grain.ndim == 2 else grain
    return np.asarray((colour + grain) * _relief(bare.shape, body)[..., None], np.float32)


def _relief(shape: tuple[int, int], body: Body) -> Floats:
    """Light on a bare upper chest: faint collarbones, and a little less of it to both sides."""
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = (xs - np.float32(body.neck[0])) / np.float32(body.unit)
    down = (ys - np.float32(body.neck[1])) / np.float32(body.unit) + np.float32(0.11)
    away = np.abs(across)
    bone = down - (0.03 - 0.22 * away)
    run = np.clip((away - 0.03) / 0.06, 0, 1) * np.clip((0.40 - away) / 0.15, 0, 1)
    ridge = np.exp(-(((bone + 0.022) / 0.020) ** 2)) - 1.3 * np.exp(-(((bone - 0.02) / 0.022) ** 2))
    hollow = np.exp(-((across / 0.035) ** 2) - ((down - 0.03) / 0.03) ** 2)
    below = np.clip((down + 0.1) / 0.2, 0, 1) * np.clip((0.8 - down) / 0.3, 0, 1)
    light = (
        1 + 0.022 * ridge * run - 0.03 * hollow + below * (0.02 - 0.30 * np.minimum(away, 0.4) ** 2)
    )
    return np.asarray(light, np.float32)


def _trunk(shape: tuple[int, int], body: Body) -> Floats:
    """Return the trunk from the shoulder line to the waist."""
    last = shape[0] - 1
    xs = np.linspace(body.left.tip[0], body.right.tip[0], 24)
    line = np.interp(xs, np.arange(shape[1]), body.shoulder)
    ring = [np.stack([xs, line + 1.0], axis=1)]
    rows = np.linspace(0, 1, 12)
    for b, order in ((body.right, 1), (body.left, -1)):
        ys = b.armpit[1] + rows * (min(body.waist, last) - b.armpit[1])
        x = b.edge[np.clip(ys, 0, last).astype(int)]
        ring.append(np.stack([x - b.sign * 0.01 * body.unit, ys], axis=1)[::order])
    return polygon(shape, np.concatenate(ring))


def _column(shape: tuple[int, int], body: Body) -> Floats:
    """Return the neck, as far up as the chin may be."""
    x, y = body.neck
    wide = 0.165 * body.unit
    ring: Points = np.array(
        [
            [x - wide, y - 0.45 * body.unit],
            [x + wide, y - 0.45 * body.unit],
            [x + 1.2 * wide, y],
            [x - 1.2 * wide, y],
        ]
    )
    return polygon(shape, ring)


def shading(image: Floats, parts: Regions, body: Body) -> Floats:
    """Light on the torso: the worn garment's where it is plain, and the body's roundness."""
    shape = parts.top.shape
    rows = np.arange(shape[0])
    centre = (body.left.edge + body.right.edge)[rows] / 2
    half = np.maximum((body.right.edge - body.left.edge)[rows] / 2, 1.0)
    across = np.abs((np.arange(shape[1])[None, :] - centre[:, None]) / half[:, None])
    light = (1 - 0.14 * np.clip(across, 0, 1.1) ** 5).astype(np.float32)
    inside = eroded(parts.top, 7)
    if inside.sum() < 2000:
        return light
    if float(image[inside].std(axis=0).mean()) > _PLAIN:
        return light
    grey = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    flat = pull_push(np.dstack([grey] * 3), inside.astype(np.float32))[..., 0]
    closed = cv2.morphologyEx(flat, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    low = blurred(np.asarray(closed, np.float32), 7.0)
    # On dark cloth a few grey levels are gloss and noise, not light.
    lit = (low + _DIM) / (float(np.median(low[inside])) + _DIM)
    ratio = np.clip(lit, 0.78, 1.12) ** 0.8
    return np.asarray(light**0.5 * ratio, np.float32)


def assemble(
    image: Floats,
    parts: Regions,
    body: Body,
    *,
    worn: Worn,
    skin: Skin,
    strips: tuple[Strip, Strip],
    fits: tuple[SleeveFit, SleeveFit],
    light: Floats | None = None,
) -> Floats:
    """Stacks all layers and returns the picture, H x W x 3 float32.

    ``light`` falls on the torso; by default that of the worn garment.
    """
    light = shading(image, parts, body) if light is None else light
    shaded = worn.torso_colour * light[..., None]
    head, head_colour = matte(image, parts.head, parts.top, _BAND)
    old = dilated(parts.top, _BAND)
    hidden = [
        _under_sleeve(parts, s, f, b, 0.2 * body.unit)
        for s, f, b in zip(strips, fits, body.sides, strict=True)
    ]
    kept_arms = parts.arms & ~hidden[0] & ~hidden[1]
    arms, arm_colour = matte(image, kept_arms, parts.top, _BAND)
    gone = (old | dilated(hidden[0] | hidden[1], 3)) & ~(parts.head | parts.lower | kept_arms)
    canvas = _base(image, parts, skin, gone)
    canvas = _over(canvas, skin.throat, _hazy(parts))
    shadow = _contact(worn.torso, 5.0, -4.0) * 0.10
    canvas = canvas * (1 - (shadow * (1 - worn.torso) * _skin_zone(parts, skin, gone))[..., None])
    front = _arm_shadow(skin, worn, body, kept_arms)
    torso = _beside_arms(worn.torso, parts, kept_arms, body)
    if body.tucked:
        torso = torso * _above_waistband(parts, body)
        below = blurred(parts.lower.astype(np.float32), 4.0)
        front = front * (1 - 0.2 * below)
    canvas = _over(canvas, np.clip(shaded * front[..., None], 0, 255), torso)
    if body.tucked:
        lower, lower_colour = matte(image, parts.lower, parts.top, 4)
        canvas = _over(canvas, lower_colour, lower * old)
    for index, strip in enumerate(strips):
        bare = skin.arms[index] * _synthetic(parts, gone, strip, fits[index])
        toned = skin.tone * skin.arm_light[index][..., None]
        cast = _contact(worn.sleeves[index], 6.0, 0.0) * 0.22
        canvas = _over(canvas, toned * (1 - cast[..., None]), bare)
    tight = np.clip((arms - 0.45) / 0.55, 0, 1)
    arms = np.where(old, tight, arms) * dilated(kept_arms, 2)
    canvas = _over(canvas, arm_colour, arms)
    for index, strip in enumerate(strips):
        colour = worn.sleeve_colours[index] * _round_sleeve(strip, fits[index], light)[..., None]
        canvas = _over(canvas, np.clip(colour, 0, 255), worn.sleeves[index])
    return _over(canvas, head_colour, head)


def _beside_arms(torso: Floats, parts: Regions, arms: Bool, body: Body) -> Floats:
    """Let the torso reach an arm that the worn garment touched: no bright slit between the two."""
    wide = 2 * max(int(0.03 * body.unit), 1) + 1
    either = ((torso > 0.5) | arms).astype(np.uint8)
    closed = cv2.morphologyEx(either, cv2.MORPH_CLOSE, np.ones((1, wide), np.uint8)) > 0
    rows = np.arange(torso.shape[0])[:, None]
    top = min(body.left.armpit[1], body.right.armpit[1])
    slit = closed & dilated(parts.top, 4) & (rows > top) & (rows < body.waist) & ~parts.lower
    slit &= dilated(torso > 0.5, wide) & dilated(arms, wide // 2)
    slit |= dilated(slit, 4) & arms
    return np.maximum(torso, soft(slit, 0.8)).astype(np.float32)


def _above_waistband(parts: Regions, body: Body) -> Floats:
    """Coverage of what is above the trousers or skirt that the garment is tucked into."""
    height, width = parts.lower.shape
    seen = parts.lower.any(axis=0)
    columns = np.arange(width)
    near = slice(max(int(body.waist - 0.4 * body.unit), 0), int(body.waist + 0.9 * body.unit))
    band = parts.lower[near]
    found = band.any(axis=0) & seen
    if not found.any():
        return np.ones((height, width), np.float32)
    top = near.start + band.argmax(axis=0)
    line = np.interp(columns, columns[found], top[found].astype(np.float64))
    line = gaussian_filter1d(median_filter(line, 9), 1.5)
    middle = int(np.clip(body.middle[int(min(body.waist, height - 1))], 0, width - 1))
    slope = np.abs(np.gradient(gaussian_filter1d(line, 0.012 * body.unit)))
    ends = np.flatnonzero(~found | (slope > _STEEP))
    first = int(ends[ends < middle].max(initial=-1)) + 1
    last = int(ends[ends > middle].min(initial=width)) - 1
    if last - first > 0.3 * body.unit:
        beyond = np.maximum(np.maximum(first - columns, columns - last), 0)
        rim = line[np.clip(columns, first, last)] - 0.5 * np.minimum(beyond, 0.05 * body.unit)
        line = np.where(beyond > 0, rim, line)
    above = np.clip(line[None, :] + 5.0 - np.arange(height)[:, None], 0, 1)
    return np.asarray(above, np.float32)


def _under_sleeve(
    parts: Regions, strip: Strip, fit: SleeveFit, side: BodySide, reach: float
) -> Bool:
    """Return the bare arm that the new sleeve covers, rims included."""
    if fit.cuff == 0.0:
        return np.zeros(parts.arms.shape, bool)
    near = (np.abs(strip.across - 0.5) < 0.95) & (strip.along < fit.cuff - 0.05)
    hidden = parts.arms & strip.covered & near
    ys, xs = np.mgrid[: hidden.shape[0], : hidden.shape[1]].astype(np.float32)
    run = side.armpit - side.tip
    share = ((xs - side.tip[0]) * run[0] + (ys - side.tip[1]) * run[1]) / max(float(run @ run), 1.0)
    share = np.clip(share, 0, 1)
    away = np.hypot(xs - side.tip[0] - share * run[0], ys - side.tip[1] - share * run[1])
    bare = strip.covered & (strip.along >= fit.cuff - 0.05)
    beside = away < np.where(ys < side.armpit[1], 1.7 * reach, reach)
    return np.asarray(hidden | (parts.arms & ~bare & beside))


def _base(image: Floats, parts: Regions, skin: Skin, gone: Bool) -> Floats:
    """Return the photo with the worn garment replaced by what would be behind it."""
    away = ~dilated(parts.person, 9)
    behind = pull_push(image, away.astype(np.float32))
    behind = behind + _grain(image, away)
    filled = _over(behind, skin.throat, skin.chest)
    edge = np.maximum(soft(gone, 1.2), gone.astype(np.float32)) * ~eroded(parts.head, 3)
    return _over(image, filled, edge.astype(np.float32))


def _hazy(parts: Regions) -> Floats:
    """Bare neck so near the worn garment that its colour has bled into the skin, 0 to 1."""
    away = cv2.distanceTransform((~parts.top).astype(np.uint8), cv2.DIST_L2, 3)
    near = np.clip((_HAZE - away) / (_HAZE - _BAND), 0, 1)
    return np.asarray(near * near * (3 - 2 * near) * soft(parts.neck, 1.5), np.float32)


def _skin_zone(parts: Regions, skin: Skin, gone: Bool) -> Floats:
    zone = (parts.neck | (gone & (skin.chest > 0.5))).astype(np.float32)
    return blurred(zone, 1.0)


def _arm_shadow(skin: Skin, worn: Worn, body: Body, kept: Bool) -> Floats:
    """Light left on the torso beside the arms, clothed or bare; the armhole itself casts none."""
    arms = np.maximum(np.maximum(*skin.arms), np.maximum(*worn.sleeves))
    arms = np.maximum(arms, kept.astype(np.float32))
    near = blurred(arms, 9.0) * (1 - arms)
    rows = np.arange(arms.shape[0], dtype=np.float32)
    armpit = (body.left.armpit[1] + body.right.armpit[1]) / 2
    below = np.clip((rows - armpit) / (0.25 * body.unit), 0, 1)
    return np.asarray(1 - 0.30 * near * below[:, None], np.float32)


def _synthetic(parts: Regions, gone: Bool, strip: Strip, fit: SleeveFit) -> Floats:
    """Where arm skin has to be made: under the worn garment, below the new cuff."""
    shown = np.clip((strip.along - fit.cuff + 0.06) / 0.01, 0, 1) if fit.cuff > 0 else 1.0
    return np.asarray(soft(gone & ~parts.lower, 0.8) * dilated(gone, 1) * shown, np.float32)


def _round_sleeve(strip: Strip, fit: SleeveFit, light: Floats) -> Floats:
    """Return a sleeve's roundness; the torso's light where it leaves the shoulder."""
    if fit.cuff == 0.0:
        return np.ones(strip.along.shape, np.float32)
    ramp = np.clip(strip.along / (0.4 * fit.cuff), 0, 1)
    across = np.clip(np.abs((strip.across - 0.45) * 2), 0, 1.3)
    return np.asarray((1 - 0.20 * ramp * across**2.5) * (light * (1 - ramp) + ramp), np.float32)
