"""Where the parts of a garment are, from its photo, its mask and a network's reading."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import NoGarment
from services.kit.garments import UNREAD, GarmentReading
from services.viton.armpits import agree, find_armpit, told
from services.viton.garment_outline import axis_of, largest, outline
from services.viton.geometry import distance, length
from services.viton.neckline import find_neckline
from services.viton.pieces import SLEEVE_SAMPLES, Garment, Side, Sleeve, SleeveKind
from services.viton.prior import Guess, front, guesses
from services.viton.sides import joined, mirrored, neck_points, paired, side_of

__all__ = ["SLEEVE_SAMPLES", "Garment", "Side", "Sleeve", "SleeveKind", "describe", "largest"]


_MIN_AREA: Final = 0.004
_SIZE: Final = (0.3, 0.4, 0.3)
_ELBOW: Final = 1.87
_FOREARM: Final = 2.9


def describe(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], reading: GarmentReading = UNREAD
) -> Garment:
    """Find a garment's landmarks.

    ``image``: H x W x 3 RGB; ``mask``: H x W, 255 on the garment; ``reading``: what a network read.
    The outline decides where it is clear, the network where it is not. Raises ``NoGarment`` where
    there is nothing that could be worn on the upper body.
    """
    whole = largest(mask > 127)
    rows = np.flatnonzero(whole.any(axis=1))
    if whole.sum() < _MIN_AREA * whole.size or rows[-1] - rows[0] < 32:
        raise NoGarment(
            "No garment was found in the garment's photo; send one garment on a plain ground."
        )
    axis = axis_of(whole)
    width = whole.shape[1]
    left = outline(whole, axis)
    right = outline(whole[:, ::-1], width - 1 - axis)
    known = guesses(reading, whole.shape)
    ruled = agree(find_armpit(left), find_armpit(right), left, right)
    pits = [told(o, p, g) for o, p, g in zip((left, right), ruled, known, strict=True)]
    half = max((right.axis + left.axis - pits[0].at[0] - pits[1].at[0]) / 2, 0.04 * width)
    necks = neck_points((left, right), known, half)
    sides = [
        side_of(o, pit, neck, half, guess)
        for o, pit, neck, guess in zip((left, right), pits, necks, known, strict=True)
    ]
    first, second = sides[0], mirrored(sides[1], width)
    first, second = paired(first, second, whole)
    neckline = find_neckline(
        image,
        whole,
        left.top,
        first.neck,
        second.neck,
        ends=(float(first.tip[0]) + 0.025 * half, float(second.tip[0]) - 0.025 * half),
        half=half,
        chest=float(first.armpit[1]),
        seen=front(reading),
    )
    first = joined(first, neckline.curve[0], left.top)
    second = joined(second, neckline.curve[-1], left.top)
    torso = whole.copy()
    for side in (first, second):
        if side.sleeve is not None:
            torso &= ~side.sleeve.mask
    kind = _kind_told(known, first, second) or sleeve_kind(first, second)
    return Garment(first, second, neckline, kind, half, torso)


def _kind_told(known: Sequence[Guess], first: Side, second: Side) -> SleeveKind | None:
    """Return the class that the network is sure of, for the sides that have a sleeve."""
    pairs = zip((first, second), known, strict=True)
    classes = {g.sleeve for side, g in pairs if side.sleeve is not None}
    if len(classes) != 1 or not classes <= {"short", "mid", "long"}:
        return None
    return SleeveKind(classes.pop())


def sleeve_kind(left: Side, right: Side) -> SleeveKind:
    """Return the class by the sleeves' reach."""
    reach = sleeve_reach(left, right)
    if reach == 0:
        return SleeveKind.NONE
    if reach < _ELBOW:
        return SleeveKind.SHORT
    return SleeveKind.MID if reach < _FOREARM else SleeveKind.LONG


def sleeve_reach(left: Side, right: Side) -> float:
    """Return how far the cuffs are from the axis with the arms spread, in sizes of the garment.

    The size is a mean of what does not change with the sleeve's length: armhole, the torso's length
    and the cuff, which is narrower the nearer it is to the wrist. Widths of the torso say less, for
    cloth around a mannequin looks narrower than cloth laid flat. 0 without sleeves.
    """
    axis = float(left.tip[0] + right.tip[0]) / 2
    sleeves = [(s, s.sleeve) for s in (left, right) if s.sleeve is not None]
    if not sleeves:
        return 0.0
    reach = np.mean([abs(float(s.tip[0]) - axis) + length(own.outer) for s, own in sleeves])
    armhole = np.mean([distance(s.tip, s.armpit) for s, _ in sleeves])
    cuff = np.mean([distance(own.outer[-1], own.inner[-1]) for _, own in sleeves])
    tall = np.mean([s.edge[-1, 1] - s.tip[1] for s in (left, right)])
    parts = np.maximum([armhole, tall, cuff], 1.0)
    return float(reach) / float(np.exp(np.log(parts) @ _SIZE))
