"""From the first division to CIHP's ids, by where things are on the body."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit, skin
from services.human_parse.body import LEFT_LEG, RIGHT_LEG, Body, Flags, distance
from services.human_parse.kinds import DRESS, FACE, HAIR, LOWER, OTHERS, SKIN, UPPER
from services.human_parse.shapes import grow
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, LabelMap


def name(image: Image, kinds: NDArray[np.uint8], worn: Flags, body: Body) -> LabelMap:
    """Turn the first division into CIHP ids, by where things are on the body.

    All H x W; ``worn`` is what the clothes network holds for a garment, which shoes are not.
    """
    labels = np.zeros(kinds.shape, np.uint8)
    labels[kinds == HAIR] = Label.HAIR
    labels[kinds == FACE] = Label.FACE
    labels[kinds == UPPER] = Label.UPPER
    labels[kinds == DRESS] = Label.DRESS
    bare = kinds == SKIN
    below = kinds == LOWER
    labels[below] = outfit.lower_label(below, bare, body)
    parts = skin.divide(bare, body, _midriff(kinds, body))
    labels[bare] = parts[bare]
    _name_others(image, labels, kinds == OTHERS)
    _shoes(labels, kinds, worn, body)
    return labels


def _midriff(kinds: NDArray[np.uint8], body: Body) -> Flags:
    """Skin right between a top and what is worn below it; a bare arm is longer, or further out."""
    rows = np.arange(kinds.shape[0], dtype=np.int32)[:, None]
    columns = np.arange(kinds.shape[1], dtype=np.float32)[None, :]
    bare = kinds == SKIN
    above = np.maximum.accumulate(np.where(bare, 0, rows), axis=0)
    last = kinds.shape[0] - 1
    below = np.minimum.accumulate(np.where(bare, last, rows)[::-1], axis=0)[::-1]
    over = np.take_along_axis(kinds, above, axis=0) == UPPER
    under = np.take_along_axis(kinds, below, axis=0) == LOWER
    inside = np.abs(columns - (body.neck[0] + body.hip[0]) / 2) < 0.45 * body.width
    short = below - above < 0.4 * body.width
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
        on_face = np.count_nonzero(grow(where, 3) & (face | (labels == Label.HAIR)))
        if not on_face:
            continue
        centre = float(middles[part][1])
        if centre < top + 0.25 * (bottom - top):
            labels[where] = Label.HAT
        elif centre < bottom:
            dark = float(np.median(image[where].max(axis=1))) < 70
            broad = stats[part][cv2.CC_STAT_AREA] > 0.04 * np.count_nonzero(face)
            labels[where] = Label.SUNGLASSES if dark and broad else Label.FACE


def _shoes(labels: LabelMap, kinds: NDArray[np.uint8], worn: Flags, body: Body) -> None:
    """Name what is worn on the feet, where an ankle is seen."""
    clothes = (kinds == LOWER) | (kinds == UPPER) | (kinds == DRESS)
    rows, columns = np.nonzero((kinds == OTHERS) | (clothes & ~worn))
    y, x = rows.astype(np.float32), columns.astype(np.float32)
    cloth = kinds[rows, columns] != OTHERS
    for leg, other, label, heel in (
        (LEFT_LEG, RIGHT_LEG, Label.LEFT_SHOE, Joint.LEFT_HEEL),
        (RIGHT_LEG, LEFT_LEG, Label.RIGHT_SHOE, Joint.RIGHT_HEEL),
    ):
        ankle, toe = leg[2], leg[3]
        foot = body.limb((heel, ankle, toe))
        if not body.seen[ankle] or len(foot) < 2:
            continue
        away = distance(x, y, foot)
        # Trousers end about the ankle; what is neither clothes nor skin may be the shaft of a boot.
        shaft = np.where(cloth, 0.0, 0.2 * body.width)
        near = (away < 0.3 * body.width) & (y > body.points[ankle][1] - shaft)
        # In mid-stride the other shin may hang lower than this ankle.
        near &= ~cloth | (away < distance(x, y, body.limb(other[1:3])))
        labels[rows[near], columns[near]] = label
