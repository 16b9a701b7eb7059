"""Dresses: torso and sleeves as in tops, and a skirt that goes on from them without a seam."""

from dataclasses import replace
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton.garment.cutout import GarmentCutout, cut_out_garment
from services.viton.garment.dress_landmarks import DressLandmarks, detect_dress_landmarks
from services.viton.painting.around_neck import lay_pieces
from services.viton.painting.bare_legs import bare_legs, removed, rim
from services.viton.painting.composition import assemble
from services.viton.painting.existing_shading import folds
from services.viton.painting.shading import contact, torso_light
from services.viton.painting.shoes import over_hem, without_hems
from services.viton.painting.skin import flesh, light_from
from services.viton.person.body import Body, measure_body, raise_bare_armpits
from services.viton.person.legs import LowerBody, measure_lower_body
from services.viton.person.segmentation import PersonSegmentation, count_as_upper_garment
from services.viton.placing.garment_layers import Worn, below_shoulders, dress
from services.viton.placing.skirt import hang_skirt
from services.viton.placing.sleeve import ACROSS, fit_sleeve
from services.viton.placing.torso import fit_torso
from services.viton.placing.warp_grid import Hung, Waistline, spread
from services.viton.raster.fill import antialias, dilate, estimate_alpha_matte
from services.viton.raster.layers import LayerStack
from services.viton.raster.warp import RuledWarp, rasterise_ruled_surface, thin_plate_spline_map

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_BAND: Final = 7
_HIPS: Final = 0.06
_HAND: Final = 0.45
_HALF_ARM: Final = 0.13


def wear_dress(
    person: Image,
    keypoints: Keypoints,
    labels: LabelMap,
    garment: Image,
    mask: Mask,
    *,
    attributes: GarmentAttributes = NO_ATTRIBUTES,
) -> LayerStack:
    """Return the person in the dress, without what was worn before.

    ``attributes`` is what a network read of the dress. Raises ``NoGarment``, ``NoPerson`` and
    ``LegsNotShown``.
    """
    shape = (labels.shape[0], labels.shape[1])
    gown = detect_dress_landmarks(garment, mask, attributes)
    body, parts = measure_body(keypoints, labels)
    lower, worn = measure_lower_body(keypoints, labels, least=0.0)
    worn = without_hems(person, worn, lower)
    body = _to_hips(body, lower)
    photo = person.astype(np.float32)
    before = parts
    parts = _undressed(parts, worn, body, lower)
    torso = fit_torso(gown.top, body)
    body = raise_bare_armpits(body, gown.top.sleeveless_sides)
    first, second = (
        fit_sleeve(gown.top, g, body, b) for g, b in zip(gown.top.halves, body.sides, strict=True)
    )
    strips = (
        rasterise_ruled_surface(first.target, first.source, ACROSS, shape),
        rasterise_ruled_surface(second.target, second.source, ACROSS, shape),
    )
    hung = _skirt(gown, body, lower, shape)
    laid = spread(hung, shape)
    warped = thin_plate_spline_map(torso.target, torso.source, shape)
    share = _share(lower, shape)
    joined = np.where(laid.covered[..., None], warped * (1 - share) + laid.source * share, warped)
    pieces = _pieces(garment, mask, gown, torso.gussets)
    layers = dress(pieces, joined.astype(np.float32), torso.seams, strips, (first, second))
    layers = below_shoulders(layers, body) if torso.straps else layers
    layers = _below(layers, laid, share[..., 0])
    skin = flesh(photo, parts, body, strips)
    flared = _flared(body, hung, lower)
    stack = assemble(
        photo,
        parts,
        flared,
        worn=layers,
        skin=skin,
        strips=strips,
        fits=(first, second),
        neck=lay_pieces(gown.top, garment, layers, parts=parts, body=body, skin=skin),
        light=torso_light(photo, before, flared, light_from(photo, before)) * folds(photo, worn),
    )
    _add_legs(stack, photo, worn, lower, layers)
    return stack


def _to_hips(body: Body, lower: LowerBody) -> Body:
    """Return the body as it is for a top that ends at the hips, and no trousers over it."""
    hips = lower.hip_row - _HIPS * lower.torso_length
    start = int(lower.narrowest_row)
    sides = []
    for side, edge in zip(body.sides, lower.flanks_x, strict=True):
        joined = side.flank_x.copy()
        run = max(int(0.15 * lower.torso_length), 1)
        fade = np.clip((np.arange(len(joined)) - (start - run)) / run, 0, 1)
        sides.append(replace(side, flank_x=joined * (1 - fade) + edge * fade))
    return replace(
        body,
        left=sides[0],
        right=sides[1],
        existing_hem_row=float(hips),
        existing_top_tucked=False,
        cropped_by_frame=False,
    )


def _undressed(
    parts: PersonSegmentation, worn: PersonSegmentation, body: Body, lower: LowerBody
) -> PersonSegmentation:
    """Count trousers or skirt as part of what the dress replaces, and a bare waist as body."""
    old = worn.bottoms | worn.upper_garment
    near = np.zeros(old.shape, np.uint8)
    for side in body.sides:
        arm = side.arm
        hand = arm.wrist + _HAND * (arm.wrist - arm.elbow)
        bones = np.round(np.concatenate([arm.centreline, [hand]])).astype(np.int32)
        cv2.polylines(
            near,
            [bones],
            isClosed=False,
            color=1,
            thickness=max(int(2 * _HALF_ARM * lower.torso_length), 1),
        )
    height, width = old.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    trunk = (columns > lower.flanks_x[0][:, None]) & (columns < lower.flanks_x[1][:, None])
    trunk &= (rows > lower.narrowest_row - 0.15 * lower.torso_length) & (rows < lower.hip_row)
    belly = parts.arms & trunk & (near == 0)
    return replace(
        count_as_upper_garment(parts, old),
        arms=parts.arms & ~belly,
        torso_skin=parts.torso_skin | belly,
    )


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
    end = lower.hip_row - _HIPS * lower.torso_length
    ramp = np.clip((rows - lower.narrowest_row) / max(end - lower.narrowest_row, 1.0), 0, 1)
    return np.asarray((ramp * ramp * (3 - 2 * ramp))[:, None, None], np.float32)


def _pieces(
    garment: Image, mask: Mask, gown: DressLandmarks, gussets: tuple[float, float]
) -> GarmentCutout:
    """Return torso and sleeves cut out, the torso with the skirt."""
    pieces = cut_out_garment(garment, mask, gown.top, gussets=gussets)
    rows = np.arange(mask.shape[0])[:, None]
    below = np.clip((rows - gown.waist_row) / 3.0, 0, 1) * dilate(gown.body_mask, 2)
    torso = pieces.torso.copy()
    torso[..., 3] = np.maximum(torso[..., 3], 255 * pieces.alpha * below)
    return replace(pieces, torso=torso)


def _below(layers: Worn, laid: RuledWarp, share: Floats) -> Worn:
    """Return the layers with nothing beside the skirt, where its map does not reach."""
    beside = (share > 0.6) & ~laid.covered
    return replace(layers, torso=np.where(beside, 0, layers.torso).astype(np.float32))


def _flared(body: Body, hung: Hung, lower: LowerBody) -> Body:
    """Return the body with the skirt's outline for its edges: cloth is lit as it falls."""
    sides = []
    rows = np.arange(len(body.midline_x))
    for side, column in zip(body.sides, (0, -1), strict=True):
        line = hung.target[:, 1 if column == 0 else -2]
        edge = np.interp(rows, line[:, 1], line[:, 0])
        outer = np.where(
            rows > lower.narrowest_row,
            side.sign * np.maximum(side.sign * edge, side.sign * side.flank_x),
            side.flank_x,
        )
        sides.append(replace(side, flank_x=outer))
    return replace(body, left=sides[0], right=sides[1])


def _add_legs(
    stack: LayerStack, photo: Floats, worn: PersonSegmentation, lower: LowerBody, layers: Worn
) -> None:
    """Lay legs below the hem, and shoes over it."""
    gone = removed(worn)
    colour, cover = bare_legs(photo, worn, lower)
    clothed = np.maximum(layers.torso, np.maximum(*layers.sleeves))
    kept = (worn.shoes | worn.arms | worn.head_and_torso_skin).astype(np.float32)
    shown = cover * np.maximum(gone.astype(np.float32), rim(worn, lower)) * (1 - kept)
    stack.add_layer(colour, shown * (1 - clothed))
    bare = np.maximum(shown, antialias(worn.leg_skin, 1.0)) * (1 - clothed)
    cast = contact(layers.torso, 6.0, 3.0) * np.float32(0.22)
    stack.darken(cast * bare)
    near = dilate(gone | (layers.torso > 0), 2)
    kept_shoes = over_hem(worn, lower)
    if (kept_shoes & near).any():
        alpha, shoes = estimate_alpha_matte(photo, kept_shoes, worn.bottoms | worn.leg_skin, _BAND)
        stack.add_layer(shoes, np.clip((alpha - 0.45) / 0.55, 0, 1) * near)
