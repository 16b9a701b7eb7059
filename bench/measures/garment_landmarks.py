"""How well garments' landmarks are detected in drawings: sleeves, neckline, landmarks, classes."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from services.kit.categories import GARMENT_CATEGORIES
from services.kit.errors import TryOnError
from services.kit.garment_attributes import (
    NECKLINES,
    NO_ATTRIBUTES,
    OPENINGS,
    SLEEVES,
    GarmentAttributes,
)
from services.viton.garment.landmarks import TopLandmarks
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.geometry import Points
from training.garment.drawn.photo import Drawn, Picture
from training.garment.examples import truth

ClassPairs: TypeAlias = dict[str, tuple[str, str]]
"""By question, the drawn class and the predicted class."""

COMPARED_LANDMARKS: Final = ("neck", "shoulder", "armpit", "hem", "cuff_outer", "cuff_inner")
"""Landmarks of a half that are compared."""

SPEC_PROPERTIES: Final = (
    "sleeves",
    "mount",
    "pose",
    "neck",
    "fit",
    "pattern",
    "tone",
    "opening",
    "hem",
)
"""Properties of a ``Spec`` by which the figures are grouped."""


@dataclass(frozen=True, kw_only=True)
class GarmentResult:
    """What was detected of one drawn garment, compared with what was drawn."""

    number: int
    """Number of the drawing."""

    spec_properties: dict[str, str]
    """The drawn garment's SPEC_PROPERTIES by name."""

    sleeve_class: str
    """Detected class of the sleeves, or the error's name."""

    depth_error: float | None
    """Detected minus drawn depth of the neckline, in neck widths; None if none is drawn."""

    landmark_errors: dict[str, float]
    """By landmark, its distance from the drawn place in chest widths, the mean of both halves."""

    mask_iou: float
    """Intersection over union of the used mask with the exact one."""

    @property
    def has_right_sleeve_class(self) -> bool:
        """Whether the sleeve class is the drawn one."""
        return self.sleeve_class == self.spec_properties["sleeves"]


def evaluate_garment(
    number: int,
    drawn: Drawn,
    mask: Picture | None = None,
    attributes: GarmentAttributes = NO_ATTRIBUTES,
) -> GarmentResult:
    """Detect a drawn garment's landmarks and compare them with the drawn ones.

    ``mask``: H x W, 255 on the garment; the exact one by default. ``attributes``: the network's.
    """
    properties = {name: str(getattr(drawn.spec, name)) for name in SPEC_PROPERTIES}
    used = drawn.mask if mask is None else mask
    both = int(np.count_nonzero((used > 0) & (drawn.mask > 0)))
    iou = both / max(int(np.count_nonzero((used > 0) | (drawn.mask > 0))), 1)
    try:
        garment = detect_top_landmarks(drawn.image, used, attributes)
    except TryOnError as error:
        return GarmentResult(
            number=number,
            spec_properties=properties,
            sleeve_class=type(error).__name__,
            depth_error=None,
            landmark_errors={},
            mask_iou=iou,
        )
    seen = "neck_bottom" in drawn.landmarks
    depth = garment.neckline.depth - drawn.depth if seen else None
    return GarmentResult(
        number=number,
        spec_properties=properties,
        sleeve_class=garment.sleeve_length.value,
        depth_error=depth,
        landmark_errors=_landmark_errors(garment, drawn),
        mask_iou=iou,
    )


def _landmark_errors(top: TopLandmarks, drawn: Drawn) -> dict[str, float]:
    at = {name: np.array(place) for name, place in drawn.landmarks.items()}
    chest = float(np.hypot(*(at["left_armpit"] - at["right_armpit"])))
    found: dict[str, Points] = {}
    for side, own in (("left", top.left), ("right", top.right)):
        places = {
            "neck": own.neck_point,
            "shoulder": own.shoulder_tip,
            "armpit": own.armpit,
            "hem": own.side_seam[-1],
        }
        if own.sleeve is not None:
            places["cuff_outer"] = own.sleeve.outer_edge[-1]
            places["cuff_inner"] = own.sleeve.inner_edge[-1]
        found |= {f"{side}_{name}": place for name, place in places.items()}
    errors = {}
    for name in COMPARED_LANDMARKS:
        pair = [f"{side}_{name}" for side in ("left", "right")]
        away = [float(np.hypot(*(found[p] - at[p]))) for p in pair if p in found and p in at]
        if away:
            errors[name] = float(np.mean(away)) / chest
    return errors


def compare_classes(drawn: Drawn, attributes: GarmentAttributes) -> ClassPairs:
    """Return the drawn and the predicted class of every question that has an answer."""
    classes, _ = truth(drawn)
    found = (
        ("category", GARMENT_CATEGORIES, attributes.category),
        ("left sleeve", SLEEVES, attributes.left_sleeve),
        ("right sleeve", SLEEVES, attributes.right_sleeve),
        ("neckline", NECKLINES, attributes.neckline),
        ("opening", OPENINGS, attributes.opening),
    )
    pairs = zip(found, classes, strict=True)
    return {name: (table[wanted], own) for (name, table, own), wanted in pairs if wanted >= 0}


def class_accuracies(classes: Sequence[ClassPairs]) -> dict[str, Any]:
    """Return the share of right answers and the confusion matrix of each question."""
    figures: dict[str, Any] = {}
    for question in ("category", "left sleeve", "right sleeve", "neckline", "opening"):
        pairs = [own[question] for own in classes if question in own]
        counts: dict[str, dict[str, int]] = {}
        for wanted, found in pairs:
            row = counts.setdefault(wanted, {})
            row[found] = row.get(found, 0) + 1
        right = float(np.mean([wanted == found for wanted, found in pairs]))
        figures[question] = {"garments": len(pairs), "right": right, "confusion": counts}
    return figures


def summarise(readings: Sequence[GarmentResult]) -> dict[str, Any]:
    """Return all figures for a JSON file: means, figures by property, and the wrong garments."""
    return {
        "garments": len(readings),
        "sleeve_class_right": _sleeve_class_accuracy(readings),
        "neckline_depth_error": _median_depth_error(readings),
        "mask_iou": float(np.mean([r.mask_iou for r in readings])),
        "landmark_error": {
            name: _median_landmark_error(readings, name) for name in COMPARED_LANDMARKS
        },
        "by_kind": {kind: _figures_by_value(readings, kind) for kind in SPEC_PROPERTIES},
        "wrong": [asdict(r) for r in readings if not r.has_right_sleeve_class],
    }


def count_confusions(readings: Iterable[GarmentResult]) -> dict[str, dict[str, int]]:
    """Count the detected sleeve classes of each drawn class."""
    counts: dict[str, dict[str, int]] = {}
    for r in readings:
        row = counts.setdefault(r.spec_properties["sleeves"], {})
        row[r.sleeve_class] = row.get(r.sleeve_class, 0) + 1
    return counts


def _figures_by_value(readings: Sequence[GarmentResult], kind: str) -> dict[str, Any]:
    values = sorted({r.spec_properties[kind] for r in readings})
    table = {}
    for value in values:
        own = [r for r in readings if r.spec_properties[kind] == value]
        table[value] = {
            "garments": len(own),
            "sleeve_class_right": _sleeve_class_accuracy(own),
            "confusion": count_confusions(own),
            "neckline_depth_error": _median_depth_error(own),
            "armpit_error": _median_landmark_error(own, "armpit"),
        }
    return table


def _sleeve_class_accuracy(readings: Sequence[GarmentResult]) -> float:
    return float(np.mean([r.has_right_sleeve_class for r in readings]))


def _median_depth_error(readings: Sequence[GarmentResult]) -> float | None:
    errors = [abs(r.depth_error) for r in readings if r.depth_error is not None]
    return float(np.median(errors)) if errors else None


def _median_landmark_error(readings: Sequence[GarmentResult], name: str) -> float | None:
    errors = [r.landmark_errors[name] for r in readings if name in r.landmark_errors]
    return float(np.median(errors)) if errors else None
