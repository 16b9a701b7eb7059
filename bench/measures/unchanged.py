"""Measure changes that a try-on must not make, outside the edit mask and the garments."""

from typing import Final

import numpy as np

from bench.measures.regions import (
    ARMS,
    LOWER,
    Bool,
    TryOnImages,
    dilate_or_erode,
    unchanged,
)
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, Mask

NEAR: Final = 0.06
"""Distance from the existing or new garment, in shoulder widths, where pixels may change."""

VISIBLE: Final = 2
"""Largest change that does not count, in levels of 255."""


def outside_edit_mask(picture: Image, person: Image, edit_mask: Mask) -> float:
    """Count the pixels that differ from the photo where the edit mask is 0; 0 is right."""
    return float(np.count_nonzero(~unchanged(picture, person) & (edit_mask == 0)))


def touched(images: TryOnImages) -> dict[str, float | None]:
    """Measure the changed share of face, hair, hands, lower body and background, in per cent.

    No edit mask is needed. A pixel of the same label in photo and picture, farther than ``NEAR``
    from the existing and the new garment, must equal the photo within ``VISIBLE`` levels.
    ``touched`` is the share of all parts together. None if a part is not visible.
    """
    away = ~dilate_or_erode(
        images.existing_garment_region | images.garment_region, NEAR * images.shoulder_width_px
    )
    changed = ~unchanged(images.picture, images.person, VISIBLE)
    before, after = images.person_labels, images.labels
    same = before == after
    hands = np.isin(before, ARMS) & _beyond_wrists(
        images.keypoints, before.shape, images.shoulder_width_px
    )
    # A lower garment or a dress changes the lower body.
    lower = np.isin(before, LOWER) & (images.category == "upper")
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
    """Return the discs of the hands: around the wrists, on the far side from the elbow."""
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
