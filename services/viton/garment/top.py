"""Where the parts of a garment are, from its photo, its mask and a network's reading."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.viton.garment.armpits import agree, find_armpit, hangs, told
from services.viton.garment.collar_back import back_of
from services.viton.garment.cuffs import without_inside
from services.viton.garment.halves import joined, mirrored, neck_points, paired, side_of
from services.viton.garment.hood import parted
from services.viton.garment.landmarks import Garment, Side
from services.viton.garment.neckline import find_neckline
from services.viton.garment.outline import Bool, Outline, axis_of, outline
from services.viton.garment.side_prior import Guess, front, guesses
from services.viton.garment.sleeve_length import at_odds, classify
from services.viton.garment.stand_collar import standing
from services.viton.raster.components import largest_component

_MIN_AREA: Final = 0.004


def describe(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], attributes: GarmentAttributes = NO_ATTRIBUTES
) -> Garment:
    """Find a garment's landmarks.

    ``image``: H x W x 3 RGB; ``mask``: H x W, 255 on the garment; ``attributes``: what a network
    read. The outline decides where it is clear, the network where it is not. Raises ``NoGarment``
    where there is nothing that could be worn on the upper body.
    """
    whole, behind = parted(largest_component(mask > 127), attributes)
    rows = np.flatnonzero(whole.any(axis=1))
    if whole.sum() < _MIN_AREA * whole.size or rows[-1] - rows[0] < 32:
        raise NoGarment(
            "No garment was found in the garment's photo; send one garment on a plain ground."
        )
    axis = axis_of(whole)
    width = whole.shape[1]
    left = outline(whole, axis)
    right = outline(whole[:, ::-1], width - 1 - axis)
    known = guesses(attributes, whole.shape)
    first, second, half = _sides(whole, left, right, known)
    sleeved = [own for own in zip((left, right), known, strict=True) if own[1].sleeve != "none"]
    kind = classify(attributes, first, second, hung=all(hangs(*own) for own in sleeved))
    if at_odds(kind, first, second):
        insisted = tuple(g.insisting(kind.value) for g in known)
        first, second, half = _sides(whole, left, right, insisted)
    neckline = find_neckline(
        image,
        whole,
        left.top,
        first.neck,
        second.neck,
        ends=(float(first.tip[0]) + 0.025 * half, float(second.tip[0]) - 0.025 * half),
        half=half,
        chest=float(first.armpit[1]),
        seen=front(attributes),
    )
    first = joined(first, neckline.curve[0], left.top)
    second = joined(second, neckline.curve[-1], left.top)
    torso = whole.copy()
    for side in (first, second):
        if side.sleeve is not None:
            torso &= ~side.sleeve.mask
    stand = standing(whole, left.top, neckline, attributes) if behind is None else None
    if behind is None and stand is None:
        behind = back_of(whole, neckline, attributes)
    lightness = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0], np.uint8)
    first, second = (_closed(side, lightness) for side in (first, second))
    return Garment(first, second, neckline, kind, half, torso, behind, stand)


def _closed(side: Side, lightness: NDArray[np.uint8]) -> Side:
    if side.sleeve is None:
        return side
    return replace(side, sleeve=without_inside(lightness, side.sleeve))


def _sides(
    whole: Bool, left: Outline, right: Outline, known: Sequence[Guess]
) -> tuple[Side, Side, float]:
    """Return the two sides and half the chest's width; ``right``: the outline flipped."""
    width = whole.shape[1]
    ruled = agree(find_armpit(left), find_armpit(right), left, right)
    pits = [told(o, p, g) for o, p, g in zip((left, right), ruled, known, strict=True)]
    half = max((right.axis + left.axis - pits[0].at[0] - pits[1].at[0]) / 2, 0.04 * width)
    necks = neck_points((left, right), known, half)
    sides = [
        side_of(o, pit, neck, half, guess)
        for o, pit, neck, guess in zip((left, right), pits, necks, known, strict=True)
    ]
    return *paired(sides[0], mirrored(sides[1], width), whole), half
