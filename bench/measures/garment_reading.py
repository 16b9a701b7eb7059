"""How well the try-on engine reads drawn garments: sleeve class, neckline's depth, landmarks."""

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

Compared: TypeAlias = dict[str, tuple[str, str]]
"""By question, the class drawn and the class found."""

LANDMARKS: Final = ("neck", "shoulder", "armpit", "hem", "cuff_outer", "cuff_inner")
"""Landmarks of one side that are compared."""

KINDS: Final = ("sleeves", "mount", "pose", "neck", "fit", "pattern", "tone", "opening", "hem")
"""Properties of a ``Spec`` by which the table is broken down."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read of one garment.

    ``found``: the sleeve class, or the error's name. ``depth``: found minus true, in neck widths.
    ``errors``: a landmark's distance from its place in chest widths, the mean of both sides.
    ``iou``: of the mask that was read from with the exact one.
    """

    number: int
    kinds: dict[str, str]
    found: str
    depth: float | None
    errors: dict[str, float]
    iou: float

    @property
    def right(self) -> bool:
        """Whether the sleeve class is the drawn one."""
        return self.found == self.kinds["sleeves"]


def read(
    number: int,
    drawn: Drawn,
    mask: Picture | None = None,
    attributes: GarmentAttributes = NO_ATTRIBUTES,
) -> Reading:
    """Read a garment from its photo and ``mask``, the exact one where none is given.

    ``attributes`` is what the network said of it.
    """
    kinds = {kind: str(getattr(drawn.spec, kind)) for kind in KINDS}
    used = drawn.mask if mask is None else mask
    both = int(np.count_nonzero((used > 0) & (drawn.mask > 0)))
    iou = both / max(int(np.count_nonzero((used > 0) | (drawn.mask > 0))), 1)
    try:
        garment = detect_top_landmarks(drawn.image, used, attributes)
    except TryOnError as error:
        return Reading(
            number=number, kinds=kinds, found=type(error).__name__, depth=None, errors={}, iou=iou
        )
    seen = "neck_bottom" in drawn.landmarks
    depth = garment.neckline.depth - drawn.depth if seen else None
    return Reading(
        number=number,
        kinds=kinds,
        found=garment.sleeve_length.value,
        depth=depth,
        errors=_errors(garment, drawn),
        iou=iou,
    )


def _errors(garment: TopLandmarks, drawn: Drawn) -> dict[str, float]:
    at = {name: np.array(place) for name, place in drawn.landmarks.items()}
    chest = float(np.hypot(*(at["left_armpit"] - at["right_armpit"])))
    found: dict[str, Points] = {}
    for side, own in (("left", garment.left), ("right", garment.right)):
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
    for name in LANDMARKS:
        pair = [f"{side}_{name}" for side in ("left", "right")]
        away = [float(np.hypot(*(found[p] - at[p]))) for p in pair if p in found and p in at]
        if away:
            errors[name] = float(np.mean(away)) / chest
    return errors


def compared(drawn: Drawn, attributes: GarmentAttributes) -> Compared:
    """Return what was drawn and what the network found, by question; not what has no answer."""
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


def shares(classes: Sequence[Compared]) -> dict[str, Any]:
    """Return for each question the share that is right and the confusion."""
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


def summary(readings: Sequence[Reading]) -> dict[str, Any]:
    """Return all figures, for a JSON file: means, the table by kind, and what went wrong."""
    return {
        "garments": len(readings),
        "sleeve_class_right": _share(readings),
        "neckline_depth_error": _depth(readings),
        "mask_iou": float(np.mean([r.iou for r in readings])),
        "landmark_error": {name: _landmark(readings, name) for name in LANDMARKS},
        "by_kind": {kind: _table(readings, kind) for kind in KINDS},
        "wrong": [asdict(r) for r in readings if not r.right],
    }


def confusion(readings: Iterable[Reading]) -> dict[str, dict[str, int]]:
    """Count the classes found for each class drawn."""
    counts: dict[str, dict[str, int]] = {}
    for r in readings:
        row = counts.setdefault(r.kinds["sleeves"], {})
        row[r.found] = row.get(r.found, 0) + 1
    return counts


def _table(readings: Sequence[Reading], kind: str) -> dict[str, Any]:
    values = sorted({r.kinds[kind] for r in readings})
    table = {}
    for value in values:
        own = [r for r in readings if r.kinds[kind] == value]
        table[value] = {
            "garments": len(own),
            "sleeve_class_right": _share(own),
            "confusion": confusion(own),
            "neckline_depth_error": _depth(own),
            "armpit_error": _landmark(own, "armpit"),
        }
    return table


def _share(readings: Sequence[Reading]) -> float:
    return float(np.mean([r.right for r in readings]))


def _depth(readings: Sequence[Reading]) -> float | None:
    errors = [abs(r.depth) for r in readings if r.depth is not None]
    return float(np.median(errors)) if errors else None


def _landmark(readings: Sequence[Reading], name: str) -> float | None:
    errors = [r.errors[name] for r in readings if name in r.errors]
    return float(np.median(errors)) if errors else None
