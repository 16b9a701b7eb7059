"""A try-on request drawn with rectangles, and seeded inputs: NumPy alone, the same everywhere."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.labels import PALETTE, Label
from services.kit.types import Image, LabelMap
from services.viton.contract import TryOnRequest

BODY: Final = (
    (Label.HAIR, 0.38, 0.05, 0.62, 0.22),
    (Label.FACE, 0.41, 0.09, 0.59, 0.22),
    (Label.TORSO_SKIN, 0.45, 0.20, 0.55, 0.26),
    (Label.LEFT_ARM, 0.70, 0.28, 0.80, 0.62),
    (Label.RIGHT_ARM, 0.20, 0.28, 0.30, 0.62),
    (Label.UPPER, 0.28, 0.24, 0.72, 0.60),
    (Label.PANTS, 0.32, 0.60, 0.68, 0.90),
    (Label.LEFT_LEG, 0.52, 0.86, 0.62, 0.96),
    (Label.RIGHT_LEG, 0.38, 0.86, 0.48, 0.96),
    (Label.SOCKS, 0.52, 0.95, 0.62, 0.97),
    (Label.LEFT_SHOE, 0.52, 0.96, 0.66, 1.0),
    (Label.RIGHT_SHOE, 0.34, 0.96, 0.48, 1.0),
    (Label.SCARF, 0.44, 0.25, 0.56, 0.28),
)
"""Label, left, top, right, bottom; of width and height."""
HANDS: Final = 0.55
"""Below it an arm stays in the labels without the garment."""
BONES: Final = (
    (0.48, 0.12, 0.52, 0.60, (255, 0, 0)),
    (0.25, 0.26, 0.75, 0.29, (255, 85, 0)),
    (0.23, 0.26, 0.26, 0.60, (170, 255, 0)),
    (0.74, 0.26, 0.77, 0.60, (0, 255, 170)),
    (0.40, 0.60, 0.43, 0.95, (0, 85, 255)),
    (0.57, 0.60, 0.60, 0.95, (0, 0, 255)),
)
SHIRT: Final = ((0.25, 0.20, 0.75, 0.80), (0.08, 0.20, 0.92, 0.42))
"""Body and sleeves of the garment in its photo."""


def request(height: int, width: int) -> TryOnRequest:
    """Draw a person of 13 labels and a striped shirt on a canvas of height x width."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shade = (40 * np.sin(17 * x / width) * np.cos(23 * y / height))[..., None]
    labels = np.zeros((height, width), np.uint8)
    for label, *box in BODY:
        labels[_box((height, width), box)] = label
    person = _bytes(np.array(PALETTE, np.float32)[labels] * 0.6 + 60 + shade)
    agnostic_labels = _without(labels, height)
    hidden = np.isin(labels, (Label.UPPER, Label.LEFT_ARM, Label.RIGHT_ARM, Label.TORSO_SKIN))
    agnostic = np.where(hidden[..., None], np.uint8(128), person)
    skeleton = np.zeros((height, width, 3), np.uint8)
    for *box, colour in BONES:
        skeleton[_box((height, width), box)] = colour
    mask = np.zeros((height, width), np.uint8)
    for place in SHIRT:
        mask[_box((height, width), place)] = 255
    stripes = 127 + 120 * np.sin(
        np.stack((x / width * 60, y / height * 45, (x + y) / width * 30), -1)
    )
    parts = np.where(labels > 0, labels % 5 + 1, 0).astype(np.uint8)
    return TryOnRequest(
        person=person,
        keypoints=np.zeros((25, 3), np.float32),
        skeleton=skeleton,
        labels=labels,
        agnostic_labels=agnostic_labels,
        agnostic_image=agnostic,
        part_labels=parts,
        part_image=_bytes(np.stack((parts * 40, x / width * 255, y / height * 255), -1)),
        garment=np.where(mask[..., None] > 0, _bytes(stripes), np.uint8(255)),
        garment_mask=mask,
    )


def _box(shape: tuple[int, int], box: Sequence[float]) -> tuple[slice, slice]:
    left, top, right, bottom = box
    rows, columns = np.rint(np.array([(top, bottom), (left, right)]).T * shape).T
    return slice(*map(int, rows)), slice(*map(int, columns))


def _bytes(values: NDArray[np.float32]) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _without(labels: LabelMap, height: int) -> LabelMap:
    taken = np.isin(labels, (Label.UPPER, Label.TORSO_SKIN))
    arms = np.isin(labels, (Label.LEFT_ARM, Label.RIGHT_ARM))
    arms[round(HANDS * height) :] = False
    return np.where(taken | arms, np.uint8(0), labels)
