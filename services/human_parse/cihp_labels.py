"""Turn coarse classes into CIHP ids, by their place on the body."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.human_parse import skin
from services.human_parse.bottoms import classify_bottom
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
from services.kit.raster.components import locate_components
from services.kit.raster.pixel_box import bounding_box
from services.kit.types import Image, LabelMap


@dataclass(frozen=True, kw_only=True)
class AccessoryOptions:
    """What is a hat and what are sunglasses."""

    reach_px: int = 3
    """Distance from face or hair up to which something is worn there, in pixels of the photo."""
    hat_centre: float = 0.25
    """Height of a hat's centre at most, as a share of the face from its top to its bottom."""
    glasses_max_level: int = 70
    """Median brightest channel of sunglasses at most, in levels of 0 to 255."""
    glasses_min_area: float = 0.04
    """Area of sunglasses at least, as a share of the face's."""


ACCESSORY_OPTIONS: Final = AccessoryOptions()


@dataclass(frozen=True, kw_only=True)
class ShoeOptions:
    """How far shoes reach."""

    boot_shaft: float = 0.2
    """Height of a boot's shaft above the ankle, in shoulder widths."""
    reach: float = 0.3
    """Distance of a shoe's pixels from the foot's joints at most, in shoulder widths."""
    min_joints: int = 2
    """Joints of a foot, ankle included, that must be seen for a shoe."""


SHOE_OPTIONS: Final = ShoeOptions()


@dataclass(frozen=True, kw_only=True)
class MidriffOptions:
    """How large a bare midriff is; a bare arm is longer, or lies further out."""

    half_width: float = 0.45
    """Half width of a midriff, in shoulder widths."""
    max_height: float = 0.4
    """Height of a midriff at most, in shoulder widths."""


MIDRIFF_OPTIONS: Final = MidriffOptions()


def assign_cihp_labels(
    image: Image, coarse: NDArray[np.uint8], clothes_mask: Flags, frame: ParseFrame
) -> LabelMap:
    """Turn coarse classes into CIHP ids, by their place on the body.

    ``image`` is H x W x 3, ``coarse`` and ``clothes_mask`` are H x W, ``frame`` is in pixels of the
    photo. ``clothes_mask`` marks what the clothes network takes for a garment, which shoes are not.
    """
    labels = np.zeros(coarse.shape, np.uint8)
    labels[coarse == HAIR] = Label.HAIR
    labels[coarse == FACE] = Label.FACE
    labels[coarse == UPPER] = Label.UPPER
    labels[coarse == DRESS] = Label.DRESS
    bare = coarse == SKIN
    below = coarse == LOWER
    labels[below] = classify_bottom(below, bare, frame)
    parts = skin.assign_skin(bare, frame, _midriff(coarse, frame))
    labels[bare] = parts[bare]
    with_hat = _label_hat_and_glasses(image, labels, coarse == OTHERS)
    return _label_shoes(with_hat, coarse, clothes_mask, frame)


def _midriff(
    coarse: NDArray[np.uint8], frame: ParseFrame, options: MidriffOptions = MIDRIFF_OPTIONS
) -> Flags:
    """Mark skin between a top and the garment below it, H x W."""
    bare = coarse == SKIN
    midriff = np.zeros(coarse.shape, np.bool_)
    columns = np.arange(coarse.shape[1], dtype=np.float32)
    middle = (frame.neck[0] + frame.hip[0]) / 2
    bare[:, np.abs(columns - middle) >= options.half_width * frame.shoulder_width] = False
    box = bounding_box(bare, 1)
    if not box.width:
        return midriff
    window = box.window
    bare, around = bare[window], coarse[window]
    rows = np.arange(bare.shape[0], dtype=np.int32)[:, None]
    last = bare.shape[0] - 1
    above = np.maximum.accumulate(np.where(bare, 0, rows), axis=0)
    below = np.minimum.accumulate(np.where(bare, last, rows)[::-1], axis=0)[::-1]
    over = np.take_along_axis(around, above, axis=0) == UPPER
    under = np.take_along_axis(around, below, axis=0) == LOWER
    short = below - above < options.max_height * frame.shoulder_width
    midriff[window] = bare & over & under & short
    return midriff


def _label_hat_and_glasses(
    image: Image, labels: LabelMap, others: Flags, options: AccessoryOptions = ACCESSORY_OPTIONS
) -> LabelMap:
    """Label hats above the face and glasses on it.

    ``others`` marks what is neither body nor clothes, H x W. Bags and chairs stay background.
    """
    face = labels == Label.FACE
    if not face.any() or not others.any():
        return labels
    head = face | (labels == Label.HAIR)
    labelled = labels.copy()
    rows = np.flatnonzero(face.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1])
    parts = locate_components(others)
    for part in range(1, parts.count):
        window = parts.window(part, options.reach_px)
        where = parts.labels[window] == part
        if not (dilate(where, options.reach_px) & head[window]).any():
            continue
        centre = float(parts.centroids[part][1])
        if centre < top + options.hat_centre * (bottom - top):
            labelled[window][where] = Label.HAT
        elif centre < bottom:
            dark = float(np.median(image[window][where].max(axis=1))) < options.glasses_max_level
            broad = parts.areas[part] > options.glasses_min_area * np.count_nonzero(face)
            labelled[window][where] = Label.SUNGLASSES if dark and broad else Label.FACE
    return labelled


def _label_shoes(
    labels: LabelMap,
    coarse: NDArray[np.uint8],
    clothes_mask: Flags,
    frame: ParseFrame,
    options: ShoeOptions = SHOE_OPTIONS,
) -> LabelMap:
    """Label what is on the feet as shoes, if an ankle is seen."""
    labelled = labels.copy()
    clothes = (coarse == LOWER) | (coarse == UPPER) | (coarse == DRESS)
    rows, columns = np.nonzero((coarse == OTHERS) | (clothes & ~clothes_mask))
    y, x = rows.astype(np.float32), columns.astype(np.float32)
    on_clothes = coarse[rows, columns] != OTHERS
    for leg, other, label, heel in (
        (LEFT_LEG, RIGHT_LEG, Label.LEFT_SHOE, Joint.LEFT_HEEL),
        (RIGHT_LEG, LEFT_LEG, Label.RIGHT_SHOE, Joint.RIGHT_HEEL),
    ):
        ankle, toe = leg[2], leg[3]
        foot = frame.seen_points((heel, ankle, toe))
        if not frame.seen[ankle] or len(foot) < options.min_joints:
            continue
        away = distance_to_chain(x, y, foot)
        # Trousers end about the ankle; what is neither clothes nor skin may be the shaft of a boot.
        shaft = np.where(on_clothes, 0.0, options.boot_shaft * frame.shoulder_width)
        near = (away < options.reach * frame.shoulder_width) & (y > frame.points[ankle][1] - shaft)
        # In mid-stride the other shin may hang lower than this ankle.
        near &= ~on_clothes | (away < distance_to_chain(x, y, frame.seen_points(other[1:3])))
        labelled[rows[near], columns[near]] = label
    return labelled
