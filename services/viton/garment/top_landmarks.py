"""The landmarks of a top, from its photo, its mask and the network's attributes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.raster.components import largest_component
from services.viton.garment.armpits import (
    can_carry_sleeve,
    find_armpit,
    mirror_missing_sleeve,
    reconcile_with_prior,
)
from services.viton.garment.collar_back import find_collar_back
from services.viton.garment.cuff_opening import trim_cuff_inside
from services.viton.garment.halves import (
    drop_small_sleeves,
    find_half,
    find_neck_points,
    join_to_neckline,
    mirror_half,
)
from services.viton.garment.hood import split_off_hood
from services.viton.garment.landmarks import (
    NO_GARMENT,
    BackNeckPiece,
    GarmentHalf,
    Neckline,
    TopLandmarks,
)
from services.viton.garment.neckline import find_neckline
from services.viton.garment.neckline_photo import NecklinePhoto, blur_lab
from services.viton.garment.priors import SidePrior, predicted_neckline, side_priors
from services.viton.garment.silhouette import (
    Bool,
    Ints,
    SilhouetteProfiles,
    find_symmetry_axis,
    measure_profiles,
)
from services.viton.garment.sleeve_length import classify_sleeve_length, contradicts_outline
from services.viton.garment.stand_collar import find_stand_collar

_MIN_AREA_FRACTION: Final = 0.004
"""Least area of a garment, as a fraction of the photo's."""

_MIN_HEIGHT_PX: Final = 32
"""Least height of a garment, in pixels of the photo."""

_MIN_HALF_CHEST_WIDTH: Final = 0.04
"""Least half width of the chest, as a fraction of the photo's width."""

_SHOULDER_MARGIN: Final = 0.025
"""From the shoulder tips to where the neckline may lie, in half chest widths."""


def detect_top_landmarks(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], attributes: GarmentAttributes = NO_ATTRIBUTES
) -> TopLandmarks:
    """Detect the landmarks of a top, in pixels of its photo.

    ``image``: H x W x 3, RGB. ``mask``: H x W, 255 on the garment. ``attributes``: the network's.
    The outline decides if it is clear, else the network. Raises ``NoGarment`` if the mask holds
    nothing that can be worn on the upper body.
    """
    whole, hood = split_off_hood(largest_component(mask > 127), attributes)
    rows = np.flatnonzero(whole.any(axis=1))
    is_small = whole.sum() < _MIN_AREA_FRACTION * whole.size
    if is_small or rows[-1] - rows[0] < _MIN_HEIGHT_PX:
        raise NoGarment(NO_GARMENT)
    axis_x = find_symmetry_axis(whole)
    flipped_axis_x = whole.shape[1] - 1 - axis_x
    profiles = measure_profiles(whole, axis_x), measure_profiles(whole[:, ::-1], flipped_axis_x)
    priors = side_priors(attributes, whole.shape)
    halves = _find_halves(profiles, priors)
    carriers = [
        can_carry_sleeve(*own)
        for own in zip(profiles, priors, strict=True)
        if own[1].sleeve_length != "none"
    ]
    sleeve_length = classify_sleeve_length(
        attributes, halves.left, halves.right, can_carry_sleeves=all(carriers)
    )
    if contradicts_outline(sleeve_length, halves.left, halves.right):
        forced = [prior.with_forced_sleeve(sleeve_length.value) for prior in priors]
        halves = _find_halves(profiles, forced)
    top_rows = profiles[0].top_rows
    lab = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.uint8)
    photo = _neckline_photo(lab, whole, top_rows, halves)
    neckline = find_neckline(photo, predicted_neckline(attributes))
    left = join_to_neckline(halves.left, neckline.curve[0], top_rows)
    right = join_to_neckline(halves.right, neckline.curve[-1], top_rows)
    stand, back = None, hood
    if hood is None:
        stand, back = _find_collar(whole, neckline, attributes, top_rows)
    lightness = np.ascontiguousarray(lab[..., 0])
    return TopLandmarks(
        left=_trim_cuff(left, lightness),
        right=_trim_cuff(right, lightness),
        neckline=neckline,
        sleeve_length=sleeve_length,
        half_chest_width=halves.half_chest_width,
        torso_mask=_without_sleeves(whole, (left, right)),
        back_neck_piece=back,
        stand_collar_mask=stand,
    )


@dataclass(frozen=True)
class _Halves:
    """Both halves of a top."""

    left: GarmentHalf
    """The half on the photo's left."""
    right: GarmentHalf
    """The half on the photo's right."""
    half_chest_width: float
    """Half the distance between the armpits, in pixels of the photo."""


def _find_halves(
    profiles: tuple[SilhouetteProfiles, SilhouetteProfiles], priors: Sequence[SidePrior]
) -> _Halves:
    """Find both halves. Profiles and priors of the right half are those of the flipped photo."""
    left, right = profiles
    width = left.mask.shape[1]
    outlined = mirror_missing_sleeve(find_armpit(left), find_armpit(right), left, right)
    armpits = [reconcile_with_prior(*own) for own in zip(profiles, outlined, priors, strict=True)]
    chest = right.axis_x + left.axis_x - armpits[0].position[0] - armpits[1].position[0]
    half = max(chest / 2, _MIN_HALF_CHEST_WIDTH * width)
    necks = find_neck_points(profiles, priors, half)
    first, second = (
        find_half(own, armpit, neck, half, prior)
        for own, armpit, neck, prior in zip(profiles, armpits, necks, priors, strict=True)
    )
    kept = drop_small_sleeves(first, mirror_half(second, width), left.mask)
    return _Halves(*kept, half)


def _neckline_photo(
    lab: NDArray[np.uint8], mask: Bool, top_rows: Ints, halves: _Halves
) -> NecklinePhoto:
    """Measure the photo (H x W x 3, CIELAB) for the search of the neckline."""
    margin = _SHOULDER_MARGIN * halves.half_chest_width
    return NecklinePhoto(
        lab=blur_lab(lab),
        mask=mask,
        top_rows=top_rows,
        left=halves.left.neck_point,
        right=halves.right.neck_point,
        column_limits=(
            float(halves.left.shoulder_tip[0]) + margin,
            float(halves.right.shoulder_tip[0]) - margin,
        ),
        half_chest_width=halves.half_chest_width,
        armpit_row=float(halves.left.armpit[1]),
    )


def _find_collar(
    whole: Bool, neckline: Neckline, attributes: GarmentAttributes, top_rows: Ints
) -> tuple[Bool | None, BackNeckPiece | None]:
    """Return the mask of a stand collar, else the back of a folded collar."""
    stand = find_stand_collar(whole, top_rows, neckline, attributes)
    return stand, find_collar_back(whole, neckline, attributes) if stand is None else None


def _without_sleeves(whole: Bool, halves: tuple[GarmentHalf, GarmentHalf]) -> Bool:
    torso = whole.copy()
    for half in halves:
        if half.sleeve is not None:
            torso &= ~half.sleeve.mask
    return torso


def _trim_cuff(half: GarmentHalf, lightness: NDArray[np.uint8]) -> GarmentHalf:
    if half.sleeve is None:
        return half
    return replace(half, sleeve=trim_cuff_inside(lightness, half.sleeve))
