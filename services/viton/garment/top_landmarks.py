"""Where the parts of a garment are, from its photo, its mask and a network's reading."""

from collections.abc import Sequence
from dataclasses import replace
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
from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.garment.neckline import find_neckline
from services.viton.garment.neckline_photo import NecklinePhoto, blurred_lab
from services.viton.garment.priors import SidePrior, predicted_neckline, side_priors
from services.viton.garment.silhouette import (
    Bool,
    SilhouetteProfiles,
    find_symmetry_axis,
    measure_profiles,
)
from services.viton.garment.sleeve_length import classify_sleeve_length, contradicts_outline
from services.viton.garment.stand_collar import find_stand_collar

_MIN_AREA_FRACTION: Final = 0.004


def detect_top_landmarks(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], attributes: GarmentAttributes = NO_ATTRIBUTES
) -> TopLandmarks:
    """Find a garment's landmarks.

    ``image``: H x W x 3 RGB; ``mask``: H x W, 255 on the garment; ``attributes``: what a network
    read. The outline decides where it is clear, the network where it is not. Raises ``NoGarment``
    where there is nothing that could be worn on the upper body.
    """
    whole, behind = split_off_hood(largest_component(mask > 127), attributes)
    rows = np.flatnonzero(whole.any(axis=1))
    if whole.sum() < _MIN_AREA_FRACTION * whole.size or rows[-1] - rows[0] < 32:
        raise NoGarment(
            "No garment was found in the garment's photo; send one garment on a plain ground."
        )
    axis = find_symmetry_axis(whole)
    width = whole.shape[1]
    left = measure_profiles(whole, axis)
    right = measure_profiles(whole[:, ::-1], width - 1 - axis)
    known = side_priors(attributes, whole.shape)
    first, second, half = _find_halves(whole, left, right, known)
    sleeved = [
        own for own in zip((left, right), known, strict=True) if own[1].sleeve_length != "none"
    ]
    kind = classify_sleeve_length(
        attributes, first, second, hung=all(can_carry_sleeve(*own) for own in sleeved)
    )
    if contradicts_outline(kind, first, second):
        insisted = tuple(g.with_forced_sleeve(kind.value) for g in known)
        first, second, half = _find_halves(whole, left, right, insisted)
    photo = NecklinePhoto(
        lab=blurred_lab(image),
        mask=whole,
        top_rows=left.top_rows,
        left=first.neck_point,
        right=second.neck_point,
        column_limits=(
            float(first.shoulder_tip[0]) + 0.025 * half,
            float(second.shoulder_tip[0]) - 0.025 * half,
        ),
        half_chest_width=half,
        armpit_row=float(first.armpit[1]),
    )
    neckline = find_neckline(photo, predicted_neckline(attributes))
    first = join_to_neckline(first, neckline.curve[0], left.top_rows)
    second = join_to_neckline(second, neckline.curve[-1], left.top_rows)
    torso = whole.copy()
    for side in (first, second):
        if side.sleeve is not None:
            torso &= ~side.sleeve.mask
    stand = (
        find_stand_collar(whole, left.top_rows, neckline, attributes) if behind is None else None
    )
    if behind is None and stand is None:
        behind = find_collar_back(whole, neckline, attributes)
    lightness = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0], np.uint8)
    first, second = (_trim_cuff(side, lightness) for side in (first, second))
    return TopLandmarks(first, second, neckline, kind, half, torso, behind, stand)


def _trim_cuff(side: GarmentHalf, lightness: NDArray[np.uint8]) -> GarmentHalf:
    if side.sleeve is None:
        return side
    return replace(side, sleeve=trim_cuff_inside(lightness, side.sleeve))


def _find_halves(
    whole: Bool, left: SilhouetteProfiles, right: SilhouetteProfiles, known: Sequence[SidePrior]
) -> tuple[GarmentHalf, GarmentHalf, float]:
    """Return the two sides and half the chest's width; ``right``: the outline flipped."""
    width = whole.shape[1]
    ruled = mirror_missing_sleeve(find_armpit(left), find_armpit(right), left, right)
    pits = [
        reconcile_with_prior(o, p, g) for o, p, g in zip((left, right), ruled, known, strict=True)
    ]
    half = max(
        (right.axis_x + left.axis_x - pits[0].position[0] - pits[1].position[0]) / 2, 0.04 * width
    )
    necks = find_neck_points((left, right), known, half)
    sides = [
        find_half(o, pit, neck, half, guess)
        for o, pit, neck, guess in zip((left, right), pits, necks, known, strict=True)
    ]
    return *drop_small_sleeves(sides[0], mirror_half(sides[1], width), whole), half
