"""What a network read of a garment, as one side of it needs it: in the frame of its left side."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.kit.garment_attributes import LANDMARKS, SIDED, SLEEVES, GarmentAttributes
from services.viton.garment.neckline_curve import chord, curve_rows
from services.viton.garment.silhouette import Ints, SilhouetteProfiles
from services.viton.geometry import Points, mirror_horizontally, point

MIN_CLASS_PROBABILITY: Final = 0.8
"""The least probability of a class that overrules what the outline says."""

MIN_LANDMARK_CONFIDENCE: Final = 0.5
"""The least confidence of a landmark."""


_LIKELY: Final = 0.65
_CAP: Final = 0.13
"""A sleeve that is not likely, and covers no more of the arm than this, is none."""

_ROUNDED: Final = ("round", "square", "boat", "high_neck")
_ROUND: Final = 1.9
"""Necklines without a point, and the least power of their form."""


@dataclass(frozen=True)
class SidePrior:
    """A side's landmarks by name, and its sleeve's class, empty where the network is not sure.

    ``insisted``: there is a sleeve although the outline shows none.
    """

    points: dict[str, Points]
    sleeve_length: str
    sleeve_forced: bool = False

    def with_forced_sleeve(self, sleeve: str) -> "SidePrior":
        """Return the same with a sleeve of a class that was settled otherwise."""
        return (
            self
            if self.sleeve_length == "none"
            else SidePrior(self.points, sleeve, sleeve_forced=True)
        )

    def is_near(self, name: str, place: Points, reach: float) -> bool:
        """Whether the landmark is within ``reach`` pixels of a place, or unknown."""
        at = self.points.get(name)
        return at is None or float(np.hypot(*(at - place))) <= reach


@dataclass(frozen=True)
class PredictedNeckline:
    """The front neckline as the network sees it: its ends, its depth in neck widths, its form.

    ``power`` is 1 for a V and larger the rounder or the squarer it is.
    """

    left_end: Points
    right_end: Points
    depth: float
    exponent: float

    @property
    def width(self) -> float:
        """From end to end, in pixels."""
        return float(self.right_end[0] - self.left_end[0])

    def curve(self, count: int) -> Points:
        """Return ``count`` points from left to right."""
        position = np.linspace(-1, 1, count)
        end_rows = (float(self.left_end[1]), float(self.right_end[1]))
        drop = self.depth * self.width
        rows = curve_rows(end_rows, position, drop=drop, exponent=self.exponent)
        return np.stack([chord(self.left_end[0], self.right_end[0], position), rows], axis=1)


def side_priors(
    attributes: GarmentAttributes, shape: tuple[int, int]
) -> tuple[SidePrior, SidePrior]:
    """Return what is known of the left side, and of the right one in the flipped picture."""
    left = _side_prior(attributes, "left", shape)
    right = _side_prior(attributes, "right", shape)
    flipped = {name: mirror_horizontally(at, shape[1]) for name, at in right.points.items()}
    return left, SidePrior(flipped, right.sleeve_length)


def _side_prior(attributes: GarmentAttributes, side: str, shape: tuple[int, int]) -> SidePrior:
    sleeves = predicted_sleeves(attributes)
    sleeve, sure = sleeves[0], attributes.left_sleeve_confidence
    if side == "right":
        sleeve, sure = sleeves[1], attributes.right_sleeve_confidence
    points = {}
    for name in SIDED:
        x, y, confidence = attributes.landmarks[LANDMARKS.index(f"{side}_{name}")]
        if confidence >= MIN_LANDMARK_CONFIDENCE:
            points[name] = point(
                float(np.clip(x, 0, shape[1] - 1)), float(np.clip(y, 0, shape[0] - 1))
            )
    bare = sleeves == ("none", "none")
    return SidePrior(points, sleeve if bare or sure >= MIN_CLASS_PROBABILITY else "")


def predicted_sleeves(attributes: GarmentAttributes) -> tuple[str, str]:
    """Return the classes of the left and the right sleeve, empty where nothing was read."""
    left = _sleeve(
        attributes.left_sleeve,
        attributes.left_sleeve_confidence,
        attributes.left_sleeve_arm_fraction,
    )
    right = _sleeve(
        attributes.right_sleeve,
        attributes.right_sleeve_confidence,
        attributes.right_sleeve_arm_fraction,
    )
    return left, right


def _sleeve(name: str, sure: float, reach: float) -> str:
    return "none" if name in SLEEVES and sure <= _LIKELY and reach <= _CAP else name


def predicted_neckline(attributes: GarmentAttributes) -> PredictedNeckline | None:
    """Return the neckline's form, or None where the network saw none."""
    rows = [LANDMARKS.index(n) for n in ("left_neck", "left_curve", "neck_bottom")]
    rows += [LANDMARKS.index(n) for n in ("right_curve", "right_neck")]
    points = attributes.landmarks[rows].astype(np.float64)
    width = float(points[4, 0] - points[0, 0])
    if points[:, 2].min() < MIN_LANDMARK_CONFIDENCE or width < 8:
        return None
    line = np.interp(points[:, 0], points[[0, 4], 0], points[[0, 4], 1])
    drop = (points[:, 1] - line) / width
    depth = float(drop[2])
    if not 0.02 < depth < 2.5:
        return None
    ratio = float(np.clip((drop[1] + drop[3]) / (2 * depth), 0.4, 0.97))
    ends = points[0, :2], points[4, :2]
    power = float(np.log(1 - ratio) / np.log(0.5))
    return PredictedNeckline(
        *ends, depth, max(power, _ROUND) if attributes.neckline in _ROUNDED else power
    )


def trace_inner_seam(o: SilhouetteProfiles, guess: SidePrior, armpit: Points) -> Ints:
    """Return the column that parts sleeve and torso in each row below the armpit.

    A gap of background parts them; where they touch, the sleeve's edge as the network sees it.
    """
    seam = o.inner_columns.copy()
    path = [armpit, *(guess.points[n] for n in ("elbow_inner", "cuff_inner") if n in guess.points)]
    down = [path[0]]
    for place in path[1:]:
        if place[1] > down[-1][1] + 1:
            down.append(place)
    last = min(int(down[-1][1]), o.hem_row)
    rows = np.arange(int(armpit[1]), last + 1)
    if len(rows) < 2:
        return seam
    edge = np.interp(rows, [p[1] for p in down], [p[0] for p in down]).astype(np.int64)
    touching = o.inner_columns[rows] < edge
    seam[rows] = np.where(touching, edge, o.inner_columns[rows])
    return seam
