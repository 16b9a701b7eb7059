"""What a try-on must leave alone: everything outside the edit mask, and what nobody edits."""

from typing import Final

import numpy as np

from bench.measures.regions import (
    ARMS,
    LOWER,
    Bool,
    Worn,
    grown,
    unchanged,
)
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, Mask

NEAR: Final = 0.06
"""In shoulder widths: what is this near the old or the new garment may change with it."""
VISIBLE: Final = 2
"""Levels of 255: a greater change is one."""


def outside_edit_mask(picture: Image, person: Image, edit_mask: Mask) -> float:
    """Count the pixels that differ from the photo although the edit mask is 0 there; 0 is right."""
    return float(np.count_nonzero(~unchanged(picture, person) & (edit_mask == 0)))


def touched(worn: Worn) -> dict[str, float | None]:
    """Measure how much of face, hair, hands, lower body and background changed: per cent of each.

    Judged without an edit mask: what has the same label in the photo and in the picture and is
    farther than ``NEAR`` from the old and the new garment must be the photo's, within ``VISIBLE``
    levels. ``touched`` is the share of all of them together; None where a part is not seen.
    """
    away = ~grown(worn.old_region | worn.region, NEAR * worn.unit)
    changed = ~unchanged(worn.picture, worn.person, VISIBLE)
    before, after = worn.person_labels, worn.labels
    same = before == after
    hands = np.isin(before, ARMS) & _beyond_wrists(worn.keypoints, before.shape, worn.unit)
    # A lower garment or a dress changes the lower body.
    lower = np.isin(before, LOWER) & (worn.category == "upper")
    parts = {
        "face": (before == Label.FACE) & same,
        "hair": (before == Label.HAIR) & same,
        "hands": hands & np.isin(after, ARMS),
        "lower": lower & np.isin(after, LOWER),
        "background": (before == Label.BACKGROUND) & same,
    }
    everything = np.zeros(away.shape, bool)
    figures: dict[str, float | None] = {}
    for name, part in parts.items():
        figures[f"touched.{name}"] = _share(changed, part & away)
        everything |= part & away
    return {"touched": _share(changed, everything), **figures}


def _beyond_wrists(keypoints: Keypoints, shape: tuple[int, ...], unit: float) -> Bool:
    """Return the discs in which hands are: around wrists, on the far side from the elbow."""
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    discs = np.zeros(shape[:2], bool)
    arms = ((Joint.LEFT_ELBOW, Joint.LEFT_WRIST), (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST))
    for elbow, wrist in arms:
        if min(keypoints[elbow, 2], keypoints[wrist, 2]) <= 0:
            continue
        x, y = keypoints[wrist, :2]
        along = keypoints[wrist, :2] - keypoints[elbow, :2]
        beyond = (xs - x) * along[0] + (ys - y) * along[1] > 0
        discs |= beyond & (np.hypot(xs - x, ys - y) < 0.6 * unit)
    return discs


def _share(of: Bool, part: Bool) -> float | None:
    total = np.count_nonzero(part)
    return 100 * np.count_nonzero(of & part) / total if total > 50 else None
