"""The garment as it is cut out of its photo: colours without the background, and soft masks."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import largest_component
from services.kit.raster.guided_filter import filter_by_grey
from services.viton.garment.background_bleed import (
    USUAL_BLEED_DEPTH_PX,
    background_bleed_depth,
    decontaminate_colours,
)
from services.viton.garment.landmarks import TopLandmarks
from services.viton.geometry import Points
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import (
    bounding_window,
    mean_channel_std,
    to_luma,
    to_three_channels,
)
from services.viton.raster.polygon import rasterise_polygon
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]

_SEAM = 14
_OVERLAP = 4
_SHADE = 4
_PLAIN = 30.0
_DEEP = 0.78
_EVENLY = 0.75
_BLACK = 10.0
_HUE = 0.2


@dataclass(frozen=True)
class GarmentCutout:
    """H x W x 4 float32 pictures: RGB 0 to 255 and coverage 0 to 255.

    ``whole`` is the coverage of all of the garment, H x W, 0 to 1.
    """

    torso: Floats
    left_sleeve: Floats
    right_sleeve: Floats
    alpha: Floats


def cut_out_garment(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    garment: TopLandmarks,
    *,
    gussets: tuple[float, float],
) -> GarmentCutout:
    """Cuts torso and sleeves out of the photo, with some cloth beyond each seam to overlap.

    ``gussets``: how much of one to add below either armpit, 0 to 1.

    Colours are continued outwards from well inside the mask, so that no edge picks up background.
    """
    hard = mask > 127
    bled, coverage = extract_colours_and_alpha(image, hard)
    bled = _lifted(_evened(bled, hard), garment)
    opening = _opening(garment, hard.shape)
    front = coverage * (1 - opening)
    sleeves = [
        np.zeros(hard.shape, bool) if s.sleeve is None else s.sleeve.mask for s in garment.halves
    ]
    torso = np.maximum(
        front * antialias(dilate(garment.torso_mask, _OVERLAP), 0.7),
        _gussets(garment, gussets, hard.shape),
    )
    whole = largest_component(torso > 0.5)
    parts = [to_rgba(bled, torso * dilate(whole, 2))]
    for s, side in zip(sleeves, garment.halves, strict=True):
        near = antialias(dilate(s, _SEAM), 1.0) if s.any() else np.zeros_like(front)
        parts.append(to_rgba(_own(bled, s, float(side.armpit[1])), front * near))
    return GarmentCutout(parts[0], parts[1], parts[2], coverage)


def extract_colours_and_alpha(
    image: NDArray[np.uint8], hard: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the photo's colours continued outwards from the mask, and a soft mask, 0 to 1."""
    colours = image.astype(np.float32)
    depth = background_bleed_depth(colours, hard)
    if depth > USUAL_BLEED_DEPTH_PX + 1:
        colours = decontaminate_colours(colours, hard, depth)
    safe = erode(hard, USUAL_BLEED_DEPTH_PX)
    bled = pull_push(colours, safe.astype(np.float32), 1)
    cv2.copyTo(colours, safe.astype(np.uint8), bled)
    coverage = np.zeros(hard.shape, np.float32)
    near = bounding_window(hard, 4 * _SHADE)
    if near is not None:
        luma = to_luma(colours[near]) / np.float32(255)
        refined = np.clip(filter_by_grey(antialias(hard[near], 1.0), luma, 4, 1e-3), 0, 1)
        rim = np.clip((refined - 0.25) / 0.6, 0, 1) * dilate(hard[near], 3)
        coverage[near] = np.maximum(rim, safe[near])
    return bled, coverage


def _evened(colours: Floats, hard: NDArray[np.bool_]) -> Floats:
    """Take the studio's light off a plain garment: how bright it is does not depend on the place.

    A photo is often brighter above; a garment that is tucked in would then look paler than it is.
    """
    size = (colours.shape[1] // 8, colours.shape[0] // 8)
    inside = cv2.resize(erode(hard, 4).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.float32)
    known = inside > 0.99
    if known.sum() < 50 or float(small[known].std(axis=0).mean()) > _PLAIN:
        return colours
    wide = 0.10 * float(np.sqrt(known.sum()))
    luma = to_luma(small) * known
    slow = gaussian_blur(luma, wide) / np.maximum(
        gaussian_blur(known.astype(np.float32), wide), 1e-3
    )
    usual = float(np.median(slow[known]))
    gain = np.clip((usual + 8) / (slow + 8), 0.85, 1.15) ** np.float32(_EVENLY)
    gain = np.where(gaussian_blur(known.astype(np.float32), wide) > 0.02, gain, 1.0)
    full = cv2.resize(gain.astype(np.float32), colours.shape[1::-1])
    return colours * to_three_channels(np.asarray(full, np.float32))


def _lifted(colours: Floats, garment: TopLandmarks) -> Floats:
    """Lift the deep shade of the photo under a plain sleeve: worn, the arm is somewhere else."""
    for side in garment.halves:
        if side.sleeve is None or not side.sleeve.mask.any():
            continue
        reach = 0.45 * garment.half_chest_width
        low = np.maximum((side.armpit - reach).astype(int), 0)
        high = np.maximum((side.armpit + reach).astype(int), 1)
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        part = colours[window]
        fabric = erode(side.sleeve.mask, 3)
        usual = np.median(colours[fabric], axis=0) if fabric.any() else None
        if usual is None or part.size == 0 or mean_channel_std(colours, fabric) > _PLAIN:
            continue
        slow = gaussian_blur(to_luma(part), 2.0)
        lift = np.clip((_DEEP - slow / max(float(usual.mean()), 1.0)) / 0.3, 0, 1)
        ys = np.arange(window[0].start, window[0].start + part.shape[0], dtype=np.float32)
        xs = np.arange(window[1].start, window[1].start + part.shape[1], dtype=np.float32)
        away = np.hypot(xs[None, :] - side.armpit[0], ys[:, None] - side.armpit[1]) / reach
        share = np.clip(2 - 2 * away, 0, 1) * _alike(part, usual)
        colours = colours.copy()
        colours[window] = part + (share * lift)[..., None] * (_DEEP * usual - part)
    return colours


def _alike(part: Floats, usual: Floats) -> Floats:
    """Return 1 where colours (H x W x 3) are a shade of the usual one, 0 where of another hue."""
    soft_part = gaussian_blur(part, 2.0) + np.float32(_BLACK)
    whole = usual + np.float32(_BLACK)
    own = soft_part / to_three_channels(np.asarray(soft_part.mean(axis=2), np.float32))
    away = np.abs(own - whole / whole.mean()).max(axis=2)
    return np.asarray(np.clip(2 - away / _HUE, 0, 1), np.float32)


def _own(colours: Floats, sleeve: NDArray[np.bool_], armpit: float) -> Floats:
    """Continue a plain sleeve's colours over the torso that it touches below the armpit."""
    window = bounding_window(sleeve, 3 * _SEAM)
    inside = erode(sleeve, _SHADE)
    if window is None or not inside.any():
        return colours
    if mean_channel_std(colours, inside) > _PLAIN:
        return colours
    rows = np.arange(sleeve.shape[0])[:, None]
    beyond = (~inside & (rows > armpit))[window] & dilate(sleeve[window], 2 * _SEAM)
    part = colours[window]
    own = pull_push(part, inside[window].astype(np.float32), 1)
    result = colours.copy()
    result[window] = part + to_three_channels(antialias(beyond, 1.5)) * (own - part)
    return result


def _opening(garment: TopLandmarks, shape: tuple[int, int]) -> Floats:
    """Coverage of what lies above the front neckline: the inside of the back, its label."""
    curve = garment.neckline.curve
    ends = np.array([[curve[-1, 0], -8.0], [curve[0, 0], -8.0]])
    ring: Points = np.concatenate([curve, ends])
    cover = rasterise_polygon((shape[0], shape[1]), ring)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), np.float32)


def _gussets(garment: TopLandmarks, sizes: tuple[float, float], shape: tuple[int, ...]) -> Floats:
    """Cloth added to the torso below each sleeve's armpit, where arm and flank part on the body."""
    cover = np.zeros((shape[0], shape[1]), np.float32)
    for side, size in zip(garment.halves, sizes, strict=True):
        if side.sleeve is None or size == 0:
            continue
        outwards = np.sign(side.armpit[0] - garment.midline_x)
        wide, tall = 0.16 * size * garment.half_chest_width, 0.45 * size * garment.half_chest_width
        below = side.side_seam[side.side_seam[:, 1] < side.armpit[1] + tall]
        share = 1 - (below[:, 1] - side.armpit[1]) / tall
        rim = below + np.stack([outwards * wide * share, np.zeros(len(below))], axis=1)
        inner = below - np.stack(
            [outwards * np.full(len(below), 6.0), np.zeros(len(below))], axis=1
        )
        top = np.array([side.armpit + np.array([outwards * wide, -0.5 * wide])])
        start = np.array([side.armpit + np.array([-outwards * 6.0, -0.5 * wide])])
        cover = np.maximum(
            cover,
            rasterise_polygon((shape[0], shape[1]), np.concatenate([start, top, rim, inner[::-1]])),
        )
    return cover


def to_rgba(colours: Floats, coverage: Floats) -> Floats:
    """Return H x W x 4: the colours, and the coverage (0 to 1) brought to their range."""
    layer = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA), np.float32)
    layer[..., 3] = 255 * coverage
    return layer
