"""How long a garment's sleeves are: what the outline shows and what a network says, weighed.

On drawn garments the network is nearly always right that there is no sleeve, and it knows hidden
ones; on photos it takes short sleeves for longer ones, which the outline measures better.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.garment_attributes import SLEEVES, GarmentAttributes
from services.viton.garment.landmarks import GarmentHalf, Sleeve, SleeveLength
from services.viton.garment.priors import predicted_sleeves
from services.viton.geometry import arc_length, distance

_SIZE: Final = (0.3, 0.4, 0.3)
_ELBOW: Final = 2.1
_FOREARM: Final = 2.5
"""Reaches that end at the elbow and on the forearm."""

_UNLIKE: Final = 1.35
_FARTHEST: Final = 5.5
_LONG_SHORT: Final = 3.0

# Of photos and drawings alike: the network's reach between short sleeves and those to the forearm,
# without the outline's and with it, how far either measure strays, what the network's class counts
# beside its reach, and how much the outline's reach may count against both: less where it is
# longer, for ties and wide cuts lengthen an outline.
_LEAST_LONG: Final = 0.75
_REACH_ALONE: Final = 0.6
_REACH: Final = 0.68
_STRAYS: Final = 0.05
_SAID: Final = 0.3
_SHORT: Final = 0.1
_SHORTER: Final = 2.0
_LONGER: Final = 0.5
_LONG: Final = 0.5
_LONGEST: Final = 0.3


@dataclass(frozen=True)
class SleeveEvidence:
    """What a network says of both sleeves.

    ``there``: whether each side has one. ``reach``: the share of the arm that they cover.
    ``beyond``: the log odds of one that reaches beyond the elbow against a short one; ``long``:
    those of a long sleeve against one to the forearm.
    """

    sleeves_present: tuple[bool, bool]
    arm_fraction: float
    past_elbow_log_odds: float
    long_log_odds: float


def sleeve_evidence(attributes: GarmentAttributes) -> SleeveEvidence | None:
    """Return what the network says, or None where nothing was read."""
    left, right = predicted_sleeves(attributes)
    sides = (
        (left, attributes.left_sleeve_confidence, attributes.left_sleeve_arm_fraction),
        (right, attributes.right_sleeve_confidence, attributes.right_sleeve_arm_fraction),
    )
    if any(name not in SLEEVES for name, _, _ in sides):
        return None
    there = [name != "none" for name, _, _ in sides]
    asked = [s for s, own in zip(sides, there, strict=True) if own] or list(sides)
    reach = float(np.mean([max(far, _LEAST_LONG * (n == "long")) for n, _, far in asked]))
    beyond = float(np.mean([_beyond(name, sure) for name, sure, _ in asked]))
    long = float(np.mean([_long(*own) for own in asked]))
    return SleeveEvidence((there[0], there[1]), reach, beyond, long)


def _beyond(name: str, sure: float) -> float:
    own, other = np.log(np.clip([sure, 1 - sure], 0.02, 0.98))
    return float(other - own) if name == "short" else float(own - other)


def _long(name: str, sure: float, reach: float) -> float:
    """Return the log odds of ``long`` against ``three_quarter``.

    What is not said goes to the other, by half where the reach is not that of a long sleeve.
    """
    share = 0.5 if name == "three_quarter" and reach < _LEAST_LONG else 1.0
    own, other = np.log(np.clip([sure, share * (1 - sure)], 0.02, 0.98))
    if name == "long":
        return float(own - other)
    return float(other - own) if name == "three_quarter" else -4.0


def classify_sleeve_length(
    attributes: GarmentAttributes, left: GarmentHalf, right: GarmentHalf, *, hung: bool = True
) -> SleeveLength:
    """Return the class of the sleeves of a garment's two sides.

    ``hung``: whether the shoulders could carry sleeves that the outline does not show. A short
    sleeve that it does not show is a cap: it is worn as a part of the torso.
    """
    told, reach = sleeve_evidence(attributes), measure_sleeve_reach(left, right)
    if told is None:
        return _class_by_outline(reach)
    if not any(told.sleeves_present):
        return SleeveLength.NONE
    measured = 0 < reach <= _FARTHEST
    beyond = (told.arm_fraction - (_REACH if measured else _REACH_ALONE)) / _STRAYS
    beyond += _SAID * told.past_elbow_log_odds
    long = told.long_log_odds
    if measured:
        beyond += float(np.clip(np.log(reach / _ELBOW) / _SHORT, -_SHORTER, _LONGER))
        long += float(np.clip(np.log(reach / _FOREARM) / _LONG, -_LONGEST, _LONGEST))
    elif reach == 0 and beyond > 0 and not hung:
        return SleeveLength.NONE
    if beyond < 0:
        return SleeveLength.SHORT
    return SleeveLength.LONG if long > 0 else SleeveLength.THREE_QUARTER


def contradicts_outline(kind: SleeveLength, left: GarmentHalf, right: GarmentHalf) -> bool:
    """Whether the sleeves of both sides cannot be of a class: none, or far too long."""
    reach = measure_sleeve_reach(left, right)
    if kind is SleeveLength.SHORT:
        return reach > _LONG_SHORT
    return kind is not SleeveLength.NONE and (reach == 0 or reach > _FARTHEST)


def _class_by_outline(reach: float) -> SleeveLength:
    if reach == 0:
        return SleeveLength.NONE
    if reach < _ELBOW:
        return SleeveLength.SHORT
    return SleeveLength.THREE_QUARTER if reach < _FOREARM else SleeveLength.LONG


def measure_sleeve_reach(left: GarmentHalf, right: GarmentHalf) -> float:
    """Return how far the cuffs are from the axis with the arms spread, in sizes of the garment.

    The size is a mean of what does not change with the sleeve's length: armhole, the torso's length
    and the cuff, which is narrower the nearer it is to the wrist. Widths of the torso say less, for
    cloth around a mannequin looks narrower than cloth laid flat. Of two unlike sleeves the shorter
    counts: a tie or a hand makes one look longer. 0 without sleeves.
    """
    axis = float(left.shoulder_tip[0] + right.shoulder_tip[0]) / 2
    tall = float(np.mean([s.side_seam[-1, 1] - s.shoulder_tip[1] for s in (left, right)]))
    sleeves = [(s, s.sleeve) for s in (left, right) if s.sleeve is not None]
    reaches = [_reach(s, own, axis, tall) for s, own in sleeves]
    if not reaches:
        return 0.0
    low, high = min(reaches), max(reaches)
    return low if high > _UNLIKE * low else float(np.sqrt(low * high))


def _reach(side: GarmentHalf, own: Sleeve, axis: float, tall: float) -> float:
    far = abs(float(side.shoulder_tip[0]) - axis) + arc_length(own.outer_edge)
    cuff = distance(own.outer_edge[-1], own.inner_edge[-1])
    parts = np.maximum([distance(side.shoulder_tip, side.armpit), tall, cuff], 1.0)
    return far / float(np.exp(np.log(parts) @ _SIZE))
