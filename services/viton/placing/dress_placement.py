"""The third stage of a dress: torso and sleeves as in a top, joined to a skirt without a seam."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.easing import smoothstep
from services.viton.garment.cutout import GarmentPiece, cut_out_garment, finish_torso
from services.viton.garment.dress_landmarks import DressLandmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.person.body import Body
from services.viton.person.dress_wearer import TOP_END_ABOVE_HIPS
from services.viton.person.legs import LowerBody
from services.viton.person.waistline import Waistline
from services.viton.placing.garment_layers import (
    GarmentLayers,
    end_at_shoulders,
    sample_garment_layers,
)
from services.viton.placing.skirt import place_skirt
from services.viton.placing.top_placement import TopPlacement, place_top, warp_torso
from services.viton.placing.warp_grid import WarpGrid, rasterise_grid
from services.viton.raster.morphology import dilate
from services.viton.raster.planes import choose_pixels
from services.viton.raster.ruled_warp import RuledWarp

Floats: TypeAlias = NDArray[np.float32]

_HIP_FIT: Final = 0.92
"""Least width of a skirt at the hips, in body widths."""
_WAIST_FADE_PX: Final = 3.0
"""Height below the waist over which the skirt joins the torso's cutout, in photo pixels."""
_MASK_REACH_PX: Final = 2
"""Distance beyond the dress's mask up to which the skirt is cut out, in photo pixels."""
_SKIRT_ALONE: Final = 0.6
"""Weight of the skirt's map above which nothing lies beside the skirt's surface."""


@dataclass(frozen=True)
class DressPlacement:
    """Where each part of a dress lies on the canvas."""

    top: TopPlacement
    """Where the dress's torso and sleeves lie."""
    skirt: WarpGrid
    """The skirt as a grid of pairs of points, on the canvas and in the photo."""
    skirt_surface: RuledWarp
    """The skirt's grid rasterised on the canvas."""
    skirt_weight: Floats
    """H x 1 x 1: weight of the skirt's map against the torso's, 0 to 1."""


def place_dress(
    dress: DressLandmarks, body: Body, lower_body: LowerBody, shape: tuple[int, int]
) -> DressPlacement:
    """Place a dress on a body, on a canvas of ``shape``."""
    skirt = _place_skirt(dress, body, lower_body, shape)
    return DressPlacement(
        place_top(dress.top, body, shape),
        skirt,
        rasterise_grid(skirt, shape),
        _skirt_weight(lower_body, shape),
    )


def sample_dress(
    garment_photo: GarmentPhoto, dress: DressLandmarks, placement: DressPlacement, body: Body
) -> GarmentLayers:
    """Sample the dress's layers from its photo; the torso goes on into the skirt."""
    torso, skirt = placement.top.torso, placement.skirt_surface
    weight = placement.skirt_weight
    torso_map = warp_torso(placement.top)
    blended = torso_map * (1 - weight) + skirt.flow * weight
    joined = choose_pixels(skirt.covered, blended, torso_map)
    cutout = garment_photo.recall(
        "dress cutout", lambda: cut_out_garment(garment_photo.image, garment_photo.mask, dress.top)
    )
    torso_piece = finish_torso(cutout.torso, dress.top, torso.gusset_fractions)
    layers = sample_garment_layers(
        _with_skirt(torso_piece, cutout.alpha, dress),
        cutout.sleeves,
        joined.astype(np.float32),
        torso.armhole_seams,
        placement.top.sleeves,
    )
    ended = end_at_shoulders(layers, body) if torso.hangs_from_straps else layers
    return _remove_beside_skirt(ended, skirt, weight[..., 0])


def _place_skirt(
    dress: DressLandmarks, body: Body, lower_body: LowerBody, shape: tuple[int, int]
) -> WarpGrid:
    """Place the skirt below the torso, at the larger scale of waist and hips."""
    tips = (body.left.canvas_shoulder_tip[1] + body.right.canvas_shoulder_tip[1]) / 2
    own = (dress.top.left.shoulder_tip[1] + dress.top.right.shoulder_tip[1]) / 2
    down = (body.existing_hem_row - tips) / max(dress.hip_row - own, 1.0)
    row = int(np.clip(lower_body.narrowest_row, 0, shape[0] - 1))
    waist = float(lower_body.flanks_x[1][row] - lower_body.flanks_x[0][row])
    by_waist = waist / max(dress.skirt.width_at(dress.waist_row), 1.0)
    hip_row = int(min(lower_body.hip_row, shape[0] - 1))
    hips = float(lower_body.flanks_x[1][hip_row]) - float(lower_body.flanks_x[0][hip_row])
    by_hips = _HIP_FIT * hips / max(dress.skirt.width_at(dress.hip_row), 1.0)
    across = max(by_waist, by_hips)
    length = (dress.skirt.hem_row - dress.hip_row) * float(np.sqrt(down * across))
    hem = body.existing_hem_row + length
    line = Waistline(np.full(shape[1], float(lower_body.narrowest_row)), visible=True)
    return place_skirt(dress.skirt, lower_body, line, scale=across, hem=hem)


def _skirt_weight(lower_body: LowerBody, shape: tuple[int, int]) -> Floats:
    """Return the weight of the skirt's map against the torso's, H x 1 x 1, 0 to 1."""
    rows = np.arange(shape[0], dtype=np.float32)
    end = lower_body.hip_row - TOP_END_ABOVE_HIPS * lower_body.torso_length
    weight = smoothstep(
        (rows - lower_body.narrowest_row) / max(end - lower_body.narrowest_row, 1.0)
    )
    return np.asarray(weight[:, None, None], np.float32)


def _with_skirt(torso: GarmentPiece, alpha: Floats, dress: DressLandmarks) -> GarmentPiece:
    """Return the torso with the skirt. ``alpha``: coverage of the whole dress, H x W, 0 to 1."""
    first = max(int(dress.waist_row), 0)
    rows = np.arange(first, alpha.shape[0], dtype=np.float32)[:, None]
    below = np.clip((rows - np.float32(dress.waist_row)) / np.float32(_WAIST_FADE_PX), 0, 1)
    cover = torso.coverage.copy()
    skirt = alpha[first:] * below * dilate(dress.body_mask, _MASK_REACH_PX)[first:]
    cover[first:] = np.maximum(cover[first:], skirt)
    return replace(torso, coverage=cover)


def _remove_beside_skirt(layers: GarmentLayers, skirt: RuledWarp, weight: Floats) -> GarmentLayers:
    """Return the layers with nothing beside the skirt's surface."""
    beside = (weight > _SKIRT_ALONE) & ~skirt.covered
    alpha = np.where(beside, 0, layers.torso.alpha).astype(np.float32)
    return replace(layers, torso=replace(layers.torso, alpha=alpha))


def follow_skirt_outline(body: Body, skirt: WarpGrid, lower_body: LowerBody) -> Body:
    """Return the body with flanks on the skirt's outline, for the shading of the skirt."""
    sides = []
    rows = np.arange(len(body.midline_x))
    for side, column in zip(body.sides, (0, -1), strict=True):
        line = skirt.canvas_points[:, 1 if column == 0 else -2]
        edge = np.interp(rows, line[:, 1], line[:, 0])
        outer = np.where(
            rows > lower_body.narrowest_row,
            side.sign * np.maximum(side.sign * edge, side.sign * side.flank_x),
            side.flank_x,
        )
        sides.append(replace(side, flank_x=outer))
    return replace(body, left=sides[0], right=sides[1])
