"""Which parts of the photo the networks look at, and how their looks are joined.

The person segmenter sees 256x256 pixels whatever it is shown, so the body, the trunk, the legs and
the head are also shown on their own. The clothes network looks once, at the person.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import ParseFrame
from services.kit.joints import Joint

PersonProbabilities = NDArray[np.float32]
"""H x W x 6 float32 probabilities: background, hair, body skin, face skin, clothes, others."""

FADE: Final = 0.08
"""Width of the margin in which a closer look fades in, as a share of its sides."""

ROOMY: Final = 0.75
"""A person who fills less than this share of the picture is looked at again on their own."""

LEGS: Final = 1.2
"""Legs that show more of themselves than this share of the trunk get a look of their own."""

REDUCTION: Final = 2
"""The probabilities are coarser than the photo, so they are fused at this fraction of its sides."""


def reduced_length(side: int) -> int:
    """Return the length in the reduced picture of a side of the photo."""
    return -(-side // REDUCTION)


@dataclass(frozen=True)
class PixelBox:
    """A rectangle of whole pixels; ``right`` and ``bottom`` lie just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        """The rectangle as an index into H x W arrays."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def detail_crops(
    first: PersonProbabilities, frame: ParseFrame, height: int, width: int
) -> list[PixelBox]:
    """Return what to look at again after a look at the whole picture: body, trunk, legs, head.

    ``first`` is that look, of any size; ``body`` and the boxes are in pixels of the photo, which
    measures ``height`` x ``width``.
    """
    person = person_box(first, frame, height, width)
    boxes = []
    if (person.right - person.left) * (person.bottom - person.top) < ROOMY * height * width:
        boxes.append(person)
    neck_x, neck_y = (float(v) for v in frame.neck)
    hip_y = float(frame.hip[1])
    foot = max(hip_y, neck_y + frame.torso_length) + 0.5 * frame.shoulder_width
    trunk = (person.left, neck_y - 0.4 * frame.shoulder_width, person.right, foot)
    seen = [j for j in (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE) if frame.seen[j]]
    face_x, face_y = (
        (float(v) for v in frame.points[seen].mean(axis=0))
        if seen
        else (neck_x, neck_y - 0.6 * frame.shoulder_width)
    )
    reach = 1.15 * frame.shoulder_width
    middle_x, middle_y = (face_x + neck_x) / 2, (face_y + neck_y) / 2
    head = (middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach)
    sights = [trunk, head]
    if person.bottom - hip_y > LEGS * frame.torso_length:
        sights.insert(
            1, (person.left, hip_y - 0.5 * frame.torso_length, person.right, person.bottom)
        )
    boxes += [_box(sides, height, width) for sides in sights]
    return [box for box in boxes if min(box.right - box.left, box.bottom - box.top) >= 32]


def blend_crops(crops: list[tuple[PixelBox, PersonProbabilities]]) -> PersonProbabilities:
    """Lay looks over each other, later ones on top, each fading in from its sides.

    The first look must cover the whole picture. A side that lies on the frame does not fade. The
    result has 1/REDUCTION of the picture's sides.
    """
    height, width = reduced_length(crops[0][0].bottom), reduced_length(crops[0][0].right)
    whole = _scale(crops[0][1], height, width)
    for look, stack in crops[1:]:
        box = _reduced(look)
        high, wide = box.bottom - box.top, box.right - box.left
        weight = np.outer(
            _ramp(high, rises=box.top > 0, falls=box.bottom < height),
            _ramp(wide, rises=box.left > 0, falls=box.right < width),
        )[..., None]
        inside = whole[box.window]
        inside += weight * (_scale(stack, high, wide) - inside)
    return whole


def paste_crop(
    probabilities: PersonProbabilities, box: PixelBox, height: int, width: int
) -> PersonProbabilities:
    """Lay what was seen in ``box`` onto a whole picture of which nothing else is known.

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


def person_box(first: PersonProbabilities, frame: ParseFrame, height: int, width: int) -> PixelBox:
    """Return the box around the person, from the first look and the keypoints.

    ``first`` is that look, of any size; ``body`` and the box are in pixels of the photo, which
    measures ``height`` x ``width``.
    """
    across, down = width / first.shape[1], height / first.shape[0]
    person = first[..., 0] < 0.5
    rows = np.flatnonzero(person.mean(axis=1) > 0.01)
    columns = np.flatnonzero(person.mean(axis=0) > 0.01)
    x = [float(v) for v in frame.points[frame.seen, 0]]
    y = [float(v) for v in frame.points[frame.seen, 1]]
    if rows.size and columns.size:
        x += [float(columns[0]) * across, float(columns[-1]) * across]
        y += [float(rows[0]) * down, float(rows[-1]) * down]
    if not x:
        return PixelBox(0, 0, width, height)
    pad_x, pad_y = 0.06 * (max(x) - min(x)) + 8, 0.06 * (max(y) - min(y)) + 8
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
    fade = max(1, round(FADE * size))
    ramp = np.ones(size, np.float32)
    slope = (np.arange(fade, dtype=np.float32) + 1) / (fade + 1)
    if rises:
        ramp[:fade] = slope
    if falls:
        ramp[-fade:] = np.minimum(ramp[-fade:], slope[::-1])
    return ramp
