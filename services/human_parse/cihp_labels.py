"""From the first division to CIHP's ids, by where things are on the body."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit, skin
from services.human_parse.coarse_classes import DRESS, FACE, HAIR, LOWER, OTHERS, SKIN, UPPER
from services.human_parse.parse_frame import (
    LEFT_LEG,
    RIGHT_LEG,
    Flags,
    ParseFrame,
    distance_to_chain,
)
from services.human_parse.regions import dilate
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, LabelMap


def assign_cihp_labels(
    image: Image, coarse: NDArray[np.uint8], worn: Flags, frame: ParseFrame
) -> LabelMap:
    """Turn the first division into CIHP ids, by where things are on the body.

    All H x W; ``worn`` is what the clothes network holds for a garment, which shoes are not.
    """
    labels = np.zeros(coarse.shape, np.uint8)
    labels[coarse == HAIR] = Label.HAIR
    labels[coarse == FACE] = Label.FACE
    labels[coarse == UPPER] = Label.UPPER
    labels[coarse == DRESS] = Label.DRESS
    bare = coarse == SKIN
    below = coarse == LOWER
    labels[below] = outfit.classify_bottom(below, bare, frame)
    parts = skin.assign_skin(bare, frame, _midriff(coarse, frame))
    labels[bare] = parts[bare]
    _name_others(image, labels, coarse == OTHERS)
    _shoes(labels, coarse, worn, frame)
    return labels


def _midriff(coarse: NDArray[np.uint8], frame: ParseFrame) -> Flags:
    """Skin right between a top and what is worn below it; a bare arm is longer, or further out."""
    rows = np.arange(coarse.shape[0], dtype=np.int32)[:, None]
    columns = np.arange(coarse.shape[1], dtype=np.float32)[None, :]
    bare = coarse == SKIN
    above = np.maximum.accumulate(np.where(bare, 0, rows), axis=0)
    last = coarse.shape[0] - 1
    below = np.minimum.accumulate(np.where(bare, last, rows)[::-1], axis=0)[::-1]
    over = np.take_along_axis(coarse, above, axis=0) == UPPER
    under = np.take_along_axis(coarse, below, axis=0) == LOWER
    inside = np.abs(columns - (frame.neck[0] + frame.hip[0]) / 2) < 0.45 * frame.shoulder_width
    short = below - above < 0.4 * frame.shoulder_width
    return np.asarray(bare & over & under & inside & short, np.bool_)


def _name_others(image: Image, labels: LabelMap, others: Flags) -> None:
    """Hats above the face, glasses on it; bags and chairs stay background."""
    face = labels == Label.FACE
    if not face.any() or not others.any():
        return
    rows = np.flatnonzero(face.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1])
    count, parts, stats, middles = cv2.connectedComponentsWithStats(others.astype(np.uint8))
    for part in range(1, count):
        where = parts == part
        on_face = np.count_nonzero(dilate(where, 3) & (face | (labels == Label.HAIR)))
        if not on_face:
            continue
        centre = float(middles[part][1])
        if centre < top + 0.25 * (bottom - top):
            labels[where] = Label.HAT
        elif centre < bottom:
            dark = float(np.median(image[where].max(axis=1))) < 70
            broad = stats[part][cv2.CC_STAT_AREA] > 0.04 * np.count_nonzero(face)
            labels[where] = Label.SUNGLASSES if dark and broad else Label.FACE


def _shoes(labels: LabelMap, coarse: NDArray[np.uint8], worn: Flags, frame: ParseFrame) -> None:
    """Name what is worn on the feet, where an ankle is seen."""
    clothes = (coarse == LOWER) | (coarse == UPPER) | (coarse == DRESS)
    rows, columns = np.nonzero((coarse == OTHERS) | (clothes & ~worn))
    y, x = rows.astype(np.float32), columns.astype(np.float32)
    cloth = coarse[rows, columns] != OTHERS
    for leg, other, label, heel in (
        (LEFT_LEG, RIGHT_LEG, Label.LEFT_SHOE, Joint.LEFT_HEEL),
        (RIGHT_LEG, LEFT_LEG, Label.RIGHT_SHOE, Joint.RIGHT_HEEL),
    ):
        ankle, toe = leg[2], leg[3]
        foot = frame.seen_points((heel, ankle, toe))
        if not frame.seen[ankle] or len(foot) < 2:
            continue
        away = distance_to_chain(x, y, foot)
        # Trousers end about the ankle; what is neither clothes nor skin may be the shaft of a boot.
        shaft = np.where(cloth, 0.0, 0.2 * frame.shoulder_width)
        near = (away < 0.3 * frame.shoulder_width) & (y > frame.points[ankle][1] - shaft)
        # In mid-stride the other shin may hang lower than this ankle.
        near &= ~cloth | (away < distance_to_chain(x, y, frame.seen_points(other[1:3])))
        labels[rows[near], columns[near]] = label
