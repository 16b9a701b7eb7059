"""The first stage of a dress: the person with and without the existing bottoms."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from services.kit.skeleton import PROPORTIONS
from services.viton.person.body import Body
from services.viton.person.legs import LowerBody
from services.viton.person.measured_person import (
    MeasuredLowerBody,
    MeasuredPerson,
    measure_person,
    measure_person_lower_body,
)
from services.viton.person.photo import PersonPhoto
from services.viton.person.segmentation import PersonSegmentation, count_as_upper_garment

TOP_END_ABOVE_HIPS: Final = 0.06
"""Height above the hip joints at which a dress becomes a skirt, in torso lengths."""

_ARM_HALF_WIDTH: Final = 0.13
"""Half the width of the line that covers an arm with some room, in torso lengths."""

_FADE_ROWS: Final = 0.15
"""Height above the waist over which the trunk's flank turns into the hips', in torso lengths."""

_MIDRIFF_ABOVE_WAIST: Final = 0.15
"""Height above the narrowest row from which bare skin counts as midriff, in torso lengths."""


@dataclass(frozen=True)
class DressWearer:
    """The person for whom a dress replaces top and bottoms."""

    as_photographed: MeasuredPerson
    """The person in the existing outfit."""
    without_bottoms: MeasuredPerson
    """Without bottoms: they count as a part of the top, which ends at the hips."""
    lower_body: MeasuredLowerBody
    """The lower body in the existing bottoms."""


def measure_dress_wearer(person_photo: PersonPhoto) -> DressWearer:
    """Segment and measure the person. Raises ``NoPerson`` and ``LegsNotShown``."""
    as_photographed = measure_person(person_photo)
    legs = replace(
        measure_person_lower_body(person_photo, min_shown_below_hips=0.0),
        pixels=as_photographed.pixels,
    )
    body = _end_top_at_hips(as_photographed.body, legs.body)
    segmentation = _remove_bottoms(as_photographed.segmentation, legs.segmentation, body, legs.body)
    without_bottoms = replace(
        as_photographed, segmentation=segmentation, body=body, segmented_as="without bottoms"
    )
    return DressWearer(as_photographed, without_bottoms, legs)


def _end_top_at_hips(body: Body, lower_body: LowerBody) -> Body:
    """Return the body as it is for a top that ends at the hips, and no trousers over it."""
    hips = lower_body.hip_row - TOP_END_ABOVE_HIPS * lower_body.torso_length
    start = int(lower_body.narrowest_row)
    sides = []
    for side, edge in zip(body.sides, lower_body.flanks_x, strict=True):
        joined = side.flank_x.copy()
        run = max(int(_FADE_ROWS * lower_body.torso_length), 1)
        fade = np.clip((np.arange(len(joined)) - (start - run)) / run, 0, 1)
        sides.append(replace(side, flank_x=joined * (1 - fade) + edge * fade))
    return replace(
        body,
        left=sides[0],
        right=sides[1],
        existing_hem_row=float(hips),
        existing_top_tucked=False,
        cropped_by_frame=False,
    )


def _remove_bottoms(
    segmentation: PersonSegmentation,
    lower_segmentation: PersonSegmentation,
    body: Body,
    lower_body: LowerBody,
) -> PersonSegmentation:
    """Count trousers or skirt as part of what the dress replaces, and a bare waist as body."""
    old = lower_segmentation.bottoms | lower_segmentation.upper_garment
    near = np.zeros(old.shape, np.uint8)
    for side in body.sides:
        arm = side.arm
        hand = arm.wrist + PROPORTIONS.dress_hand * (arm.wrist - arm.elbow)
        bones = np.round(np.concatenate([arm.centreline, [hand]])).astype(np.int32)
        cv2.polylines(
            near,
            [bones],
            isClosed=False,
            color=1,
            thickness=max(int(2 * _ARM_HALF_WIDTH * lower_body.torso_length), 1),
        )
    height, width = old.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    trunk = (columns > lower_body.flanks_x[0][:, None]) & (
        columns < lower_body.flanks_x[1][:, None]
    )
    first = lower_body.narrowest_row - _MIDRIFF_ABOVE_WAIST * lower_body.torso_length
    trunk &= (rows > first) & (rows < lower_body.hip_row)
    belly = segmentation.arms & trunk & (near == 0)
    return replace(
        count_as_upper_garment(segmentation, old),
        arms=segmentation.arms & ~belly,
        torso_skin=segmentation.torso_skin | belly,
    )
