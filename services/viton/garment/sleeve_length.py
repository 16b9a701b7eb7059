"""The class of a garment's sleeves: the outline's measure and the network's prediction, weighed.

On drawn garments the network is nearly always right that there is no sleeve, and it finds hidden
ones. On photos it takes short sleeves for longer ones, which the outline measures better. The
weights were set by hand with 400 drawn tops and 62 photos in view (docs/quality/README.md).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.garment_attributes import SLEEVES, GarmentAttributes
from services.viton.garment.landmarks import GarmentHalf, Sleeve, SleeveLength
from services.viton.garment.priors import predicted_sleeves
from services.viton.geometry import arc_length, distance

_SIZE_EXPONENTS: Final = (0.3, 0.4, 0.3)
"""Weights of armhole, torso length and cuff width in the garment's size, a geometric mean."""

_ELBOW_REACH: Final = 2.1
"""Reach of a sleeve to the elbow, in sizes of the garment."""

_FOREARM_REACH: Final = 2.5
"""Reach of a sleeve that ends on the forearm, in sizes of the garment."""

_MAX_SIDE_RATIO: Final = 1.35
"""Ratio of the longer to the shorter sleeve's reach above which only the shorter one counts."""

_MAX_REACH: Final = 5.5
"""Largest reach that a sleeve can have, in sizes of the garment."""

_MAX_SHORT_REACH: Final = 3.0
"""Largest reach that a short sleeve can have, in sizes of the garment."""

_MIN_LONG_ARM_FRACTION: Final = 0.75
"""Least fraction of the arm that a long sleeve covers."""

_PROBABILITY_RANGE: Final = (0.02, 0.98)
"""Range to which probabilities are clipped, so that their log odds are bounded."""

_UNCERTAIN_FRACTION: Final = 0.5
"""Fraction of the remaining probability that goes to a long sleeve if a three-quarter one covers
too little of the arm for it."""

_NEVER_LONG_LOG_ODDS: Final = -4.0
"""Log odds of a long sleeve if the class is none or short."""


@dataclass(frozen=True, kw_only=True)
class LogOddsTerm:
    """What a feature adds to the log odds: ``weight * (value - zero) / unit``, within bounds."""

    zero: float = 0.0
    """Value of the feature that adds nothing."""

    unit: float = 1.0
    """Difference of the feature that counts once: about how far the measure is off."""

    weight: float = 1.0
    """What one unit adds."""

    bounds: tuple[float, float] = (-np.inf, np.inf)
    """Least and largest that it adds."""

    def log_odds(self, value: float) -> float:
        """Return what a value of the feature adds."""
        return float(np.clip(self.weight * ((value - self.zero) / self.unit), *self.bounds))


@dataclass(frozen=True, kw_only=True)
class SleeveLogOdds:
    """The weights of all features, one row each."""

    past_elbow_arm_fraction: LogOddsTerm = LogOddsTerm(zero=0.68, unit=0.05)
    """Past the elbow or short: predicted fraction of the arm, if the outline's reach is known."""

    past_elbow_arm_fraction_alone: LogOddsTerm = LogOddsTerm(zero=0.6, unit=0.05)
    """Past the elbow or short: predicted fraction of the arm, if the outline shows no sleeve."""

    past_elbow_class: LogOddsTerm = LogOddsTerm(weight=0.3)
    """Past the elbow or short: log odds of the predicted class. They say little beside the
    fraction of the arm."""

    past_elbow_outline: LogOddsTerm = LogOddsTerm(unit=0.1, bounds=(-2.0, 0.5))
    """Past the elbow or short: logarithm of the outline's reach in reaches to the elbow. A longer
    outline counts less: ties and wide cuts lengthen it."""

    long_class: LogOddsTerm = LogOddsTerm()
    """Long or three-quarter: log odds of the predicted class."""

    long_outline: LogOddsTerm = LogOddsTerm(unit=0.5, bounds=(-0.3, 0.3))
    """Long or three-quarter: logarithm of the outline's reach in reaches to the forearm."""


SLEEVE_LOG_ODDS: Final = SleeveLogOdds()


@dataclass(frozen=True, kw_only=True)
class SleeveEvidence:
    """What the network predicts of both sleeves."""

    sleeves_present: tuple[bool, bool]
    """Whether the left and the right half have a sleeve."""

    arm_fraction: float
    """Fraction of the arm that the sleeves cover."""

    past_elbow_log_odds: float
    """Log odds of a sleeve past the elbow against a short one."""

    long_log_odds: float
    """Log odds of a long sleeve against a three-quarter one."""


def sleeve_evidence(attributes: GarmentAttributes) -> SleeveEvidence | None:
    """Return what the network predicts of the sleeves, or None if it did not run."""
    left, right = predicted_sleeves(attributes)
    sides = (
        (left, attributes.left_sleeve_confidence, attributes.left_sleeve_arm_fraction),
        (right, attributes.right_sleeve_confidence, attributes.right_sleeve_arm_fraction),
    )
    if any(name not in SLEEVES for name, _, _ in sides):
        return None
    present = [name != "none" for name, _, _ in sides]
    asked = [side for side, own in zip(sides, present, strict=True) if own] or list(sides)
    fractions = [max(far, _MIN_LONG_ARM_FRACTION * (name == "long")) for name, _, far in asked]
    return SleeveEvidence(
        sleeves_present=(present[0], present[1]),
        arm_fraction=float(np.mean(fractions)),
        past_elbow_log_odds=float(np.mean([_past_elbow(name, sure) for name, sure, _ in asked])),
        long_log_odds=float(np.mean([_long(*own) for own in asked])),
    )


def _past_elbow(name: str, probability: float) -> float:
    """Return the log odds of a sleeve past the elbow against a short one."""
    own, other = np.log(np.clip([probability, 1 - probability], *_PROBABILITY_RANGE))
    return float(other - own) if name == "short" else float(own - other)


def _long(name: str, probability: float, arm_fraction: float) -> float:
    """Return the log odds of a long sleeve against a three-quarter one.

    The remaining probability goes to the other class, by half if the sleeve covers too little of
    the arm to be long.
    """
    is_shorter = name == "three_quarter" and arm_fraction < _MIN_LONG_ARM_FRACTION
    fraction = _UNCERTAIN_FRACTION if is_shorter else 1.0
    own, other = np.log(np.clip([probability, fraction * (1 - probability)], *_PROBABILITY_RANGE))
    if name == "long":
        return float(own - other)
    return float(other - own) if name == "three_quarter" else _NEVER_LONG_LOG_ODDS


def classify_sleeve_length(
    attributes: GarmentAttributes,
    left: GarmentHalf,
    right: GarmentHalf,
    *,
    can_carry_sleeves: bool = True,
    weights: SleeveLogOdds = SLEEVE_LOG_ODDS,
) -> SleeveLength:
    """Return the class of the sleeves of a garment's two halves.

    ``can_carry_sleeves``: whether the shoulders could carry sleeves that the outline does not
    show. A short sleeve that it does not show is a cap, a part of the torso.
    """
    evidence, reach = sleeve_evidence(attributes), measure_sleeve_reach(left, right)
    if evidence is None:
        return _class_by_outline(reach)
    if not any(evidence.sleeves_present):
        return SleeveLength.NONE
    is_measured = 0 < reach <= _MAX_REACH
    fraction = weights.past_elbow_arm_fraction_alone
    if is_measured:
        fraction = weights.past_elbow_arm_fraction
    past_elbow = fraction.log_odds(evidence.arm_fraction)
    past_elbow += weights.past_elbow_class.log_odds(evidence.past_elbow_log_odds)
    long = weights.long_class.log_odds(evidence.long_log_odds)
    if is_measured:
        past_elbow += weights.past_elbow_outline.log_odds(float(np.log(reach / _ELBOW_REACH)))
        long += weights.long_outline.log_odds(float(np.log(reach / _FOREARM_REACH)))
    elif reach == 0 and past_elbow > 0 and not can_carry_sleeves:
        return SleeveLength.NONE
    if past_elbow < 0:
        return SleeveLength.SHORT
    return SleeveLength.LONG if long > 0 else SleeveLength.THREE_QUARTER


def contradicts_outline(sleeve_length: SleeveLength, left: GarmentHalf, right: GarmentHalf) -> bool:
    """Whether the sleeves of both halves cannot be of a class: there are none, or far too long."""
    reach = measure_sleeve_reach(left, right)
    if sleeve_length is SleeveLength.SHORT:
        return reach > _MAX_SHORT_REACH
    return sleeve_length is not SleeveLength.NONE and (reach == 0 or reach > _MAX_REACH)


def _class_by_outline(reach: float) -> SleeveLength:
    if reach == 0:
        return SleeveLength.NONE
    if reach < _ELBOW_REACH:
        return SleeveLength.SHORT
    return SleeveLength.THREE_QUARTER if reach < _FOREARM_REACH else SleeveLength.LONG


def measure_sleeve_reach(left: GarmentHalf, right: GarmentHalf) -> float:
    """Measure the distance of the cuffs from the axis with the arms spread; 0 without sleeves.

    The unit is the size of the garment, a mean of what does not change with the sleeve's length:
    armhole, torso length and cuff width. Widths of the torso are worse: around a mannequin a
    garment looks narrower than laid flat. Of two unlike sleeves the shorter counts: a tie or a hand
    makes one look longer.
    """
    axis = float(left.shoulder_tip[0] + right.shoulder_tip[0]) / 2
    tall = float(np.mean([s.side_seam[-1, 1] - s.shoulder_tip[1] for s in (left, right)]))
    sleeves = [(s, s.sleeve) for s in (left, right) if s.sleeve is not None]
    reaches = [_reach(s, own, axis, tall) for s, own in sleeves]
    if not reaches:
        return 0.0
    low, high = min(reaches), max(reaches)
    return low if high > _MAX_SIDE_RATIO * low else float(np.sqrt(low * high))


def _reach(side: GarmentHalf, own: Sleeve, axis: float, tall: float) -> float:
    far = abs(float(side.shoulder_tip[0]) - axis) + arc_length(own.outer_edge)
    cuff = distance(own.outer_edge[-1], own.inner_edge[-1])
    parts = np.maximum([distance(side.shoulder_tip, side.armpit), tall, cuff], 1.0)
    return far / float(np.exp(np.log(parts) @ _SIZE_EXPONENTS))
