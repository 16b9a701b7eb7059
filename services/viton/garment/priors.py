"""What the network predicts of a garment, as the engine uses it beside the outline."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.kit.garment_attributes import LANDMARKS, SIDED, SLEEVES, GarmentAttributes
from services.viton.garment.neckline_curve import chord, curve_rows
from services.viton.geometry import Points, mirror_horizontally, point

MIN_CLASS_PROBABILITY: Final = 0.8
"""Probability of a class from which on it overrules the outline."""

MIN_LANDMARK_CONFIDENCE: Final = 0.5
"""Confidence of a landmark from which on it is used."""

_MAX_UNLIKELY_PROBABILITY: Final = 0.65
"""Probability of a sleeve's class up to which the sleeve may be none."""

_MAX_CAP_ARM_FRACTION: Final = 0.13
"""Fraction of the arm up to which such a sleeve is none."""

_UNPOINTED_NECKLINES: Final = ("round", "square", "boat", "high_neck")
"""Classes of necklines that have no point."""

_MIN_UNPOINTED_EXPONENT: Final = 1.9
"""Least exponent of their curve."""

_MIN_NECK_WIDTH_PX: Final = 8
"""Least width of a predicted neckline, in pixels of the photo."""

_DEPTH_RANGE: Final = (0.02, 2.5)
"""Depths of a neckline outside which the prediction makes no sense, in neck widths."""

_HALFWAY_DROP_RANGE: Final = (0.4, 0.97)
"""Least and largest drop halfway to the middle, of the drop in the middle: a V has 0.5."""


@dataclass(frozen=True)
class SidePrior:
    """What the network predicts of one half, in the frame in which that half is the left one."""

    points: dict[str, Points]
    """Landmarks by name, in pixels of the photo or of the flipped photo."""

    sleeve_length: str
    """Class of the sleeve; empty if the network is not sure."""

    sleeve_forced: bool = False
    """Whether there is a sleeve even if the outline shows none."""

    def with_forced_sleeve(self, sleeve_length: str) -> "SidePrior":
        """Return the prior with a sleeve of the given class, unless there is surely none."""
        if self.sleeve_length == "none":
            return self
        return replace(self, sleeve_length=sleeve_length, sleeve_forced=True)

    def is_near(self, name: str, place: Points, reach: float) -> bool:
        """Whether the landmark is within ``reach`` pixels of a place, or unknown."""
        at = self.points.get(name)
        return at is None or float(np.hypot(*(at - place))) <= reach


@dataclass(frozen=True)
class PredictedNeckline:
    """The front neckline as the network predicts it."""

    left_end: Points
    """Left neck point, in pixels of the photo."""

    right_end: Points
    """Right neck point, in pixels of the photo."""

    depth: float
    """Depth of the middle, in neck widths."""

    exponent: float
    """Form of the curve: 1 for a V, larger the rounder or squarer it is."""

    @property
    def width(self) -> float:
        """From end to end, in pixels of the photo."""
        return float(self.right_end[0] - self.left_end[0])

    def curve(self, count: int) -> Points:
        """Return ``count`` points from left to right, in pixels of the photo."""
        position = np.linspace(-1, 1, count)
        end_rows = (float(self.left_end[1]), float(self.right_end[1]))
        drop = self.depth * self.width
        rows = curve_rows(end_rows, position, drop=drop, exponent=self.exponent)
        return np.stack([chord(self.left_end[0], self.right_end[0], position), rows], axis=1)


def side_priors(
    attributes: GarmentAttributes, shape: tuple[int, int]
) -> tuple[SidePrior, SidePrior]:
    """Return the priors of the left half and, in the flipped photo, of the right half.

    ``shape`` is the photo's height and width.
    """
    left = _side_prior(attributes, "left", shape)
    right = _side_prior(attributes, "right", shape)
    flipped = {name: mirror_horizontally(at, shape[1]) for name, at in right.points.items()}
    return left, SidePrior(flipped, right.sleeve_length)


def _side_prior(attributes: GarmentAttributes, side: str, shape: tuple[int, int]) -> SidePrior:
    sleeves = predicted_sleeves(attributes)
    sleeve, probability = sleeves[0], attributes.left_sleeve_confidence
    if side == "right":
        sleeve, probability = sleeves[1], attributes.right_sleeve_confidence
    points = {}
    for name in SIDED:
        x, y, confidence = attributes.landmarks[LANDMARKS.index(f"{side}_{name}")]
        if confidence >= MIN_LANDMARK_CONFIDENCE:
            points[name] = point(
                float(np.clip(x, 0, shape[1] - 1)), float(np.clip(y, 0, shape[0] - 1))
            )
    sleeveless = sleeves == ("none", "none")
    is_sure = sleeveless or probability >= MIN_CLASS_PROBABILITY
    return SidePrior(points, sleeve if is_sure else "")


def predicted_sleeves(attributes: GarmentAttributes) -> tuple[str, str]:
    """Return the classes of the left and the right sleeve; empty if the network did not run."""
    left = _sleeve_or_none(
        attributes.left_sleeve,
        attributes.left_sleeve_confidence,
        attributes.left_sleeve_arm_fraction,
    )
    right = _sleeve_or_none(
        attributes.right_sleeve,
        attributes.right_sleeve_confidence,
        attributes.right_sleeve_arm_fraction,
    )
    return left, right


def _sleeve_or_none(name: str, probability: float, arm_fraction: float) -> str:
    is_unlikely = probability <= _MAX_UNLIKELY_PROBABILITY
    is_cap = arm_fraction <= _MAX_CAP_ARM_FRACTION
    return "none" if name in SLEEVES and is_unlikely and is_cap else name


def predicted_neckline(attributes: GarmentAttributes) -> PredictedNeckline | None:
    """Return the predicted front neckline, or None without a plausible one."""
    names = ("left_neck", "left_curve", "neck_bottom", "right_curve", "right_neck")
    points = attributes.landmarks[[LANDMARKS.index(n) for n in names]].astype(np.float64)
    width = float(points[4, 0] - points[0, 0])
    if points[:, 2].min() < MIN_LANDMARK_CONFIDENCE or width < _MIN_NECK_WIDTH_PX:
        return None
    line = np.interp(points[:, 0], points[[0, 4], 0], points[[0, 4], 1])
    drop = (points[:, 1] - line) / width
    depth = float(drop[2])
    if not _DEPTH_RANGE[0] < depth < _DEPTH_RANGE[1]:
        return None
    halfway = float(np.clip((drop[1] + drop[3]) / (2 * depth), *_HALFWAY_DROP_RANGE))
    exponent = float(np.log(1 - halfway) / np.log(0.5))
    if attributes.neckline in _UNPOINTED_NECKLINES:
        exponent = max(exponent, _MIN_UNPOINTED_EXPONENT)
    return PredictedNeckline(points[0, :2], points[4, :2], depth, exponent)
