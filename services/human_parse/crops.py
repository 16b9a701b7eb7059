"""Choose crops of the photo for the networks, and blend their answers.

The person segmenter reduces every crop to 256 x 256 pixels. So the head, the legs and a person who
is small in the photo are also cropped. The clothes network runs once, on the person's crop.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import ParseFrame
from services.kit.joints import Joint
from services.kit.raster.pixel_box import PixelBox

PersonProbabilities = NDArray[np.float32]
"""H x W x 6 float32 probabilities: background, hair, body skin, face skin, clothes, others."""

REDUCTION: Final = 2
"""Sides of the photo over those of the probabilities, which are coarser than the photo."""

FADE_WIDTH: Final = 0.08
"""Width of the margin over which a crop fades in, as a share of its sides."""


@dataclass(frozen=True, kw_only=True)
class CropOptions:
    """Which parts of the photo are cropped."""

    max_person_share: float = 0.5
    """Share of the picture below which the person gets a crop: of larger ones it shows no more than
    the whole picture does."""
    min_side_px: int = 32
    """Side below which a crop is left out, in pixels of the photo."""
    unseen_face_height: float = 0.6
    """Face above the neck if neither nose nor eyes are seen, in shoulder widths."""
    head_half_side: float = 1.15
    """Half the side of the head's crop, in shoulder widths."""
    min_leg_length: float = 1.2
    """Visible length of the legs above which they get a crop, in torso lengths."""
    legs_start: float = 0.5
    """Upper side of the legs' crop above the hips, in torso lengths."""


CROP_OPTIONS: Final = CropOptions()


@dataclass(frozen=True, kw_only=True)
class PersonBoxOptions:
    """How the box around the person is measured."""

    min_person_share: float = 0.01
    """Share of a row or column of the mask that the person must exceed there."""
    margin: float = 0.06
    """Margin of the box, as a share of its sides; ``margin_px`` is added."""
    margin_px: int = 8
    """Margin of the box in pixels of the photo; ``margin`` is added."""


PERSON_BOX_OPTIONS: Final = PersonBoxOptions()


def reduced_length(side: int) -> int:
    """Return the length in the reduced picture of a side of the photo."""
    return -(-side // REDUCTION)


def detail_crops(
    first: PersonProbabilities,
    frame: ParseFrame,
    height: int,
    width: int,
    options: CropOptions = CROP_OPTIONS,
) -> list[PixelBox]:
    """Choose the crops of person, legs and head.

    ``first`` holds the whole picture's probabilities, of any size. ``frame`` and the boxes are in
    pixels of the photo, which measures ``height`` x ``width``.
    """
    person = person_box(first, frame, height, width)
    boxes = []
    if person.width * person.height < options.max_person_share * height * width:
        boxes.append(person)
    neck_x, neck_y = (float(v) for v in frame.neck)
    hip_y = float(frame.hip[1])
    seen = [j for j in (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE) if frame.seen[j]]
    face_x, face_y = (
        (float(v) for v in frame.points[seen].mean(axis=0))
        if seen
        else (neck_x, neck_y - options.unseen_face_height * frame.shoulder_width)
    )
    reach = options.head_half_side * frame.shoulder_width
    middle_x, middle_y = (face_x + neck_x) / 2, (face_y + neck_y) / 2
    head = (middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach)
    if person.bottom - hip_y > options.min_leg_length * frame.torso_length:
        legs_top = hip_y - options.legs_start * frame.torso_length
        boxes.append(_box((person.left, legs_top, person.right, person.bottom), height, width))
    boxes.append(_box(head, height, width))
    return [box for box in boxes if min(box.width, box.height) >= options.min_side_px]


def blend_crops(crops: list[tuple[PixelBox, PersonProbabilities]]) -> PersonProbabilities:
    """Blend crops, later ones on top, each fading in from its sides.

    The first crop must cover the whole picture. A side on the picture's border does not fade. The
    result has 1/REDUCTION of the picture's sides.
    """
    height, width = reduced_length(crops[0][0].bottom), reduced_length(crops[0][0].right)
    whole = _scale(crops[0][1], height, width)
    for look, stack in crops[1:]:
        box = _reduced(look)
        weight = np.outer(
            _ramp(box.height, rises=box.top > 0, falls=box.bottom < height),
            _ramp(box.width, rises=box.left > 0, falls=box.right < width),
        )[..., None]
        inside = whole[box.window]
        inside += weight * (_scale(stack, box.height, box.width) - inside)
    return whole


def paste_crop(
    probabilities: PersonProbabilities, box: PixelBox, height: int, width: int
) -> PersonProbabilities:
    """Paste probabilities of ``box`` onto a whole picture of background.

    ``probabilities`` is h x w x n float32, of any size, channel 0 being background. The picture
    measures ``height`` x ``width``; the result has 1/REDUCTION of its sides.
    """
    whole = np.zeros(
        (reduced_length(height), reduced_length(width), probabilities.shape[2]), np.float32
    )
    whole[..., 0] = 1
    left, top = box.left // REDUCTION, box.top // REDUCTION
    right, bottom = (
        min(whole.shape[1], reduced_length(box.right)),
        min(whole.shape[0], reduced_length(box.bottom)),
    )
    whole[top:bottom, left:right] = _scale(probabilities, bottom - top, right - left)
    return whole


def person_box(
    first: PersonProbabilities,
    frame: ParseFrame,
    height: int,
    width: int,
    options: PersonBoxOptions = PERSON_BOX_OPTIONS,
) -> PixelBox:
    """Return the box around the person, from probabilities and keypoints.

    ``first`` holds the whole picture's probabilities, of any size. ``frame`` and the box are in
    pixels of the photo, which measures ``height`` x ``width``.
    """
    across, down = width / first.shape[1], height / first.shape[0]
    person = first[..., 0] < 0.5
    rows = np.flatnonzero(person.mean(axis=1) > options.min_person_share)
    columns = np.flatnonzero(person.mean(axis=0) > options.min_person_share)
    x = [float(v) for v in frame.points[frame.seen, 0]]
    y = [float(v) for v in frame.points[frame.seen, 1]]
    if rows.size and columns.size:
        x += [float(columns[0]) * across, float(columns[-1]) * across]
        y += [float(rows[0]) * down, float(rows[-1]) * down]
    if not x:
        return PixelBox(0, 0, width, height)
    pad_x = options.margin * (max(x) - min(x)) + options.margin_px
    pad_y = options.margin * (max(y) - min(y)) + options.margin_px
    sides = (min(x) - pad_x, min(y) - pad_y, max(x) + pad_x, max(y) + pad_y)
    return _box(sides, height, width)


def _box(sides: tuple[float, float, float, float], height: int, width: int) -> PixelBox:
    left, top, right, bottom = sides
    return PixelBox(
        max(0, round(left)),
        max(0, round(top)),
        min(width, round(right)),
        min(height, round(bottom)),
    )


def _reduced(box: PixelBox) -> PixelBox:
    left, top = box.left // REDUCTION, box.top // REDUCTION
    return PixelBox(left, top, reduced_length(box.right), reduced_length(box.bottom))


def _scale(stack: PersonProbabilities, height: int, width: int) -> PersonProbabilities:
    scaled = cv2.resize(stack, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


def _ramp(size: int, *, rises: bool, falls: bool) -> NDArray[np.float32]:
    fade = max(1, round(FADE_WIDTH * size))
    ramp = np.ones(size, np.float32)
    slope = (np.arange(fade, dtype=np.float32) + 1) / (fade + 1)
    if rises:
        ramp[:fade] = slope
    if falls:
        ramp[-fade:] = np.minimum(ramp[-fade:], slope[::-1])
    return ramp
