"""The third stage of a dress: torso and sleeves as in a top, and a skirt without a seam to them."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.cutout import GarmentCutout, cut_out_garment
from services.viton.garment.dress_landmarks import DressLandmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.person.body import Body
from services.viton.person.dress_wearer import HIPS
from services.viton.person.legs import LowerBody
from services.viton.placing.garment_layers import Worn, below_shoulders, dress
from services.viton.placing.skirt import hang_skirt
from services.viton.placing.top_placement import TopPlacement, place_top, warp_torso
from services.viton.placing.warp_grid import Hung, Waistline, spread
from services.viton.raster.morphology import dilate
from services.viton.raster.ruled_warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class DressPlacement:
    """Where each part of a dress lies on the canvas."""

    top: TopPlacement
    skirt: Hung
    skirt_surface: RuledWarp
    """The skirt's grid rasterised on the canvas."""
    skirt_share: Floats
    """H x 1 x 1: how far the skirt's map has taken over from the torso's, 0 to 1."""


def place_dress(
    gown: DressLandmarks, body: Body, lower: LowerBody, shape: tuple[int, int]
) -> DressPlacement:
    """Place a dress on a body, on a canvas of ``shape``."""
    skirt = _skirt(gown, body, lower, shape)
    return DressPlacement(
        place_top(gown.top, body, shape), skirt, spread(skirt, shape), _share(lower, shape)
    )


def sample_dress(
    photo: GarmentPhoto, gown: DressLandmarks, placement: DressPlacement, body: Body
) -> Worn:
    """Sample the dress's layers from its photo; the torso goes on into the skirt."""
    torso, skirt = placement.top.torso, placement.skirt_surface
    share = placement.skirt_share
    torso_map = warp_torso(placement.top)
    blended = torso_map * (1 - share) + skirt.source * share
    joined = np.where(skirt.covered[..., None], blended, torso_map)
    cutout = _cut_dress(photo, gown, torso.gussets)
    layers = dress(cutout, joined.astype(np.float32), torso.seams, placement.top.sleeves)
    ended = below_shoulders(layers, body) if torso.straps else layers
    return _without_sides(ended, skirt, share[..., 0])


def _skirt(gown: DressLandmarks, body: Body, lower: LowerBody, shape: tuple[int, int]) -> Hung:
    tips = (body.left.shoulder_tip[1] + body.right.shoulder_tip[1]) / 2
    own = (gown.top.left.shoulder_tip[1] + gown.top.right.shoulder_tip[1]) / 2
    down = (body.existing_hem_row - tips) / max(gown.hip_row - own, 1.0)
    row = int(np.clip(lower.narrowest_row, 0, shape[0] - 1))
    waist = float(lower.flanks_x[1][row] - lower.flanks_x[0][row])
    across = waist / max(gown.skirt.width_at(gown.waist_row), 1.0)
    seat = float(lower.flanks_x[1][int(min(lower.hip_row, shape[0] - 1))]) - float(
        lower.flanks_x[0][int(min(lower.hip_row, shape[0] - 1))]
    )
    across = max(across, 0.92 * seat / max(gown.skirt.width_at(gown.hip_row), 1.0))
    hem = body.existing_hem_row + (gown.skirt.hem_row - gown.hip_row) * float(
        np.sqrt(down * across)
    )
    line = Waistline(np.full(shape[1], float(lower.narrowest_row)), shown=True)
    return hang_skirt(gown.skirt, lower, line, scale=across, hem=hem)


def _share(lower: LowerBody, shape: tuple[int, int]) -> Floats:
    """Return how far the skirt's map has taken over from the torso's, H x 1 x 1."""
    rows = np.arange(shape[0], dtype=np.float32)
    end = lower.hip_row - HIPS * lower.torso_length
    ramp = np.clip((rows - lower.narrowest_row) / max(end - lower.narrowest_row, 1.0), 0, 1)
    return np.asarray((ramp * ramp * (3 - 2 * ramp))[:, None, None], np.float32)


def _cut_dress(
    photo: GarmentPhoto, gown: DressLandmarks, gussets: tuple[float, float]
) -> GarmentCutout:
    """Return torso and sleeves cut out, the torso with the skirt."""
    pieces = cut_out_garment(photo.image, photo.mask, gown.top, gussets=gussets)
    rows = np.arange(photo.mask.shape[0])[:, None]
    below = np.clip((rows - gown.waist_row) / 3.0, 0, 1) * dilate(gown.body_mask, 2)
    torso = pieces.torso.copy()
    torso[..., 3] = np.maximum(torso[..., 3], 255 * pieces.alpha * below)
    return replace(pieces, torso=torso)


def _without_sides(layers: Worn, skirt: RuledWarp, share: Floats) -> Worn:
    """Return the layers with nothing beside the skirt, where its map does not reach."""
    beside = (share > 0.6) & ~skirt.covered
    return replace(layers, torso=np.where(beside, 0, layers.torso).astype(np.float32))


def flare_body(body: Body, skirt: Hung, lower: LowerBody) -> Body:
    """Return the body with the skirt's outline for its edges: cloth is lit as it falls."""
    sides = []
    rows = np.arange(len(body.midline_x))
    for side, column in zip(body.sides, (0, -1), strict=True):
        line = skirt.target[:, 1 if column == 0 else -2]
        edge = np.interp(rows, line[:, 1], line[:, 0])
        outer = np.where(
            rows > lower.narrowest_row,
            side.sign * np.maximum(side.sign * edge, side.sign * side.flank_x),
            side.flank_x,
        )
        sides.append(replace(side, flank_x=outer))
    return replace(body, left=sides[0], right=sides[1])
