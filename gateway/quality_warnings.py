"""Quality warnings: what may look wrong in a result image, and the confidence that follows.

Each rule reads values of the graph (joints, counts, masks, placements), so that engines of any kind
are judged alike. The thresholds were set on some hundred photos of people and of garments.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.joints import Joint
from services.kit.types import Keypoints, Mask, Placement

BoolMask = NDArray[np.bool_]
"""H x W flags."""


class WarningCode(StrEnum):
    """Stable, machine-readable names of the quality warnings, in the order of the response."""

    TURNED_BODY = "turned_body"
    CROSSED_ARMS = "crossed_arms"
    ARMS_IN_FRONT = "arms_in_front"
    SEVERAL_PEOPLE = "several_people"
    CROPPED_PERSON = "cropped_person"
    LOW_RESOLUTION_PERSON = "low_resolution_person"
    LOW_RESOLUTION_GARMENT = "low_resolution_garment"
    ASYMMETRIC_GARMENT = "asymmetric_garment"
    WORN_GARMENT = "worn_garment"
    GARMENT_AT_EDGE = "garment_at_edge"
    SEVERAL_GARMENTS = "several_garments"
    DOUBTFUL_MASK = "doubtful_mask"


class QualityWarning(BaseModel):
    """One thing that may look wrong in the picture."""

    model_config = ConfigDict(frozen=True)

    code: WarningCode = Field(description="Stable and machine-readable.")
    message: str = Field(
        description="One sentence for the user: what may look wrong, and which photo works better."
    )
    weight: float = Field(exclude=True, gt=0, lt=1)
    """Factor applied to the confidence of a result with this warning. Not sent to clients."""


TURNED_BODY: Final = QualityWarning(
    code=WarningCode.TURNED_BODY,
    message="You are turned away from the camera, so the garment's sides and sleeves may sit "
    "wrong; a photo taken straight from the front works better.",
    weight=0.6,
)
"""The trunk is turned away from the camera."""

CROSSED_ARMS: Final = QualityWarning(
    code=WarningCode.CROSSED_ARMS,
    message="Your arms are crossed over your body, so the garment may look cut up around them; "
    "a photo with the arms hanging beside the body works better.",
    weight=0.5,
)
"""The forearms cross in front of the body."""

ARMS_IN_FRONT: Final = QualityWarning(
    code=WarningCode.ARMS_IN_FRONT,
    message="An arm lies in front of your body, so the garment may look wrong around it; a photo "
    "with the arms hanging beside the body works better.",
    weight=0.75,
)
"""A forearm lies in front of the body."""

SEVERAL_PEOPLE: Final = QualityWarning(
    code=WarningCode.SEVERAL_PEOPLE,
    message="More than one person is in the photo and only one of them wears the garment; a photo "
    "of one person alone works better.",
    weight=0.7,
)
"""More than one person is in the photo."""

CROPPED_PERSON: Final = QualityWarning(
    code=WarningCode.CROPPED_PERSON,
    message="Your shoulders or hips are outside the photo, so the garment's shape there is "
    "guessed; a photo that shows you from the head to below the hips works better.",
    weight=0.7,
)
"""Shoulders or hips are outside the photo."""

LOW_RESOLUTION_PERSON: Final = QualityWarning(
    code=WarningCode.LOW_RESOLUTION_PERSON,
    message="You are small in the photo, so the picture may look soft; a larger photo, or one "
    "taken from nearer, works better.",
    weight=0.8,
)
"""The person's photo is small."""

LOW_RESOLUTION_GARMENT: Final = QualityWarning(
    code=WarningCode.LOW_RESOLUTION_GARMENT,
    message="The garment is small in its photo, so its print and fabric may look soft; a larger "
    "photo works better.",
    weight=0.8,
)
"""The garment's photo is small."""

ASYMMETRIC_GARMENT: Final = QualityWarning(
    code=WarningCode.ASYMMETRIC_GARMENT,
    message="The garment's left and right halves differ, so a shoulder, a sleeve or the hem may "
    "sit wrong; a photo of it laid straight, with both sleeves alike, works better.",
    weight=0.7,
)
"""The garment's halves differ."""

WORN_GARMENT: Final = QualityWarning(
    code=WarningCode.WORN_GARMENT,
    message="Somebody wears the garment in its photo, so the parts under hair, hands or other "
    "clothes are guessed; a photo of it laid flat, or its category if another piece was meant, "
    "works better.",
    weight=0.8,
)
"""Somebody wears the garment in its photo."""

GARMENT_AT_EDGE: Final = QualityWarning(
    code=WarningCode.GARMENT_AT_EDGE,
    message="The garment is cut off by the edge of its photo, so what is missing is guessed; "
    "a photo with some background on every side works better.",
    weight=0.7,
)
"""The garment reaches the frame of its photo."""

SEVERAL_GARMENTS: Final = QualityWarning(
    code=WarningCode.SEVERAL_GARMENTS,
    message="The garment's photo seems to show several pieces, which may all be worn at once; "
    "a photo of one garment alone works better.",
    weight=0.6,
)
"""More than one garment is in the photo."""

DOUBTFUL_MASK: Final = QualityWarning(
    code=WarningCode.DOUBTFUL_MASK,
    message="The garment could not be separated reliably from its background, so its outline may "
    "look wrong; a photo on a plain background of another colour works better.",
    weight=0.6,
)
"""The garment's mask covers too little of the photo, or too much."""

QUALITY_WARNINGS: Final = (
    TURNED_BODY,
    CROSSED_ARMS,
    ARMS_IN_FRONT,
    SEVERAL_PEOPLE,
    CROPPED_PERSON,
    LOW_RESOLUTION_PERSON,
    LOW_RESOLUTION_GARMENT,
    ASYMMETRIC_GARMENT,
    WORN_GARMENT,
    GARMENT_AT_EDGE,
    SEVERAL_GARMENTS,
    DOUBTFUL_MASK,
)
"""All warnings, in the order of the response."""


@dataclass(frozen=True, kw_only=True)
class WarningThresholds:
    """Bounds of the rules. "Photo pixels" are pixels of the photo as it was sent."""

    min_turned_yaw_degrees: float = 50.0
    """Body yaw from which a person counts as turned, degrees. The pose network estimates up to 46
    for people who face the camera, 52 to 63 half turned, 65 to 92 from the side."""

    min_forearm_in_front: float = 0.2
    """Least fraction of a forearm in front of the trunk that gives ``arms_in_front``. Arms that
    hang, rest on a hip or end in a pocket measure 0."""

    min_forearms_crossed: float = 0.3
    """Least fraction of both forearms in front of the trunk that gives ``crossed_arms``. Clasped
    hands measure 0.3."""

    min_torso_height_px: float = 160.0
    """Least distance from the shoulders to the hips, photo pixels. A photo of 768 x 1024 gives 250
    for a whole figure and 420 for half of one, a photo of 192 x 256 gives 110 for half of one."""

    min_garment_side_px: float = 256.0
    """Least longer side of the garment's bounding box, photo pixels."""

    min_mirror_iou: float = 0.89
    """Least overlap (IoU) of the garment with its mirror image. Ordinary tops laid flat measure
    above 0.9; one shoulder, or a tie that hangs at one side, measures less."""

    min_upper_mirror_iou: float = 0.75
    """Least overlap (IoU) of the garment's upper part with its mirror image. Ordinary tops laid
    flat measure above 0.8."""

    max_edge_contact: float = 0.02
    """Largest fraction of one edge of the photo along which the garment may touch that edge."""

    min_attribute_confidence: float = 0.9
    """Least probability at which a garment attribute of the network is used."""

    max_second_component: float = 0.1
    """Largest area of the second largest component, as a fraction of the largest one's. Ribbons
    measure less."""

    min_mask_coverage: float = 0.03
    """Least fraction of the photo that the garment covers. Product photos measure 0.1 to 0.7."""

    max_mask_coverage: float = 0.9
    """Largest fraction of the photo that the garment covers. Above, the mask holds background."""

    max_box_coverage: float = 0.96
    """Largest fraction of its own bounding box that the garment covers. Product photos measure 0.3
    to 0.9. Above, the mask holds background."""


DEFAULT_THRESHOLDS: Final = WarningThresholds()

UPPER_PART_FRACTION: Final = 0.4
"""Height of a garment's upper part, as a fraction of the garment's height."""

FOREARM_SAMPLES: Final = 21
"""Points at which a forearm is sampled from elbow to wrist, both ends included."""

MAX_TRUNK_DEPTH: Final = 0.9
"""Lower end of the trunk region for forearms, as a fraction of the way from shoulders to hips."""

TRUNK_SIDE_MARGIN: Final = 0.12
"""Margin of the trunk region for forearms at either side, as a fraction of the trunk's width."""

ANALYSIS_SIDE_PX: Final = 256
"""Longest side of the subsampled mask in which symmetry and components are measured, pixels."""

MIN_COMPONENT_PX: Final = 16
"""Least count of pixels left in the subsampled mask for which the search for components goes on."""

MAX_COMPONENTS: Final = 16
"""Largest number of components that are measured; it bounds the time for a noisy mask."""

FRAME_RIM_PX: Final = 2
"""Width of the rim along the photo's edges in which the garment touches them, canvas pixels."""

MIRROR_SHIFT_DIVISOR: Final = 6
"""The mirror image is shifted by up to the garment's width divided by this, to either side."""


@dataclass(frozen=True, kw_only=True)
class WarningInputs:
    """Values of the graph and of the photos that the rules read."""

    person_count: int
    """People in the person's photo."""

    body_yaw_degrees: float
    """Turn of the person's trunk; 0 faces the camera."""

    keypoints: Keypoints
    """25 x 3 joints on the person's canvas, pixels."""

    person_placement: Placement
    """Place of the person's photo on its canvas."""

    person_height_px: int
    """Height of the person's photo as it was sent."""

    garment_mask: Mask
    """H x W mask of the garment on the garment's canvas."""

    garment_placement: Placement
    """Place of the garment's photo on its canvas."""

    garment_height_px: int
    """Height of the garment's photo as it was sent."""

    garment_attributes: GarmentAttributes = NO_ATTRIBUTES
    """Attributes of the garment as the network read them."""

    garment_worn: bool = False
    """Whether somebody wears the garment in the garment's photo."""


def find_warnings(
    inputs: WarningInputs, thresholds: WarningThresholds = DEFAULT_THRESHOLDS
) -> tuple[QualityWarning, ...]:
    """Return the warnings that apply, in the order of ``QUALITY_WARNINGS``."""
    found = _find_person_warnings(inputs, thresholds) | _find_garment_warnings(inputs, thresholds)
    return tuple(warning for warning in QUALITY_WARNINGS if warning in found)


def confidence_of(warnings: tuple[QualityWarning, ...]) -> float:
    """Return the product of the warnings' weights, rounded to two places; 1 for no warning.

    The confidence orders results. It is not a probability.
    """
    return round(math.prod(warning.weight for warning in warnings), 2)


def _find_person_warnings(
    inputs: WarningInputs, thresholds: WarningThresholds
) -> set[QualityWarning]:
    found: set[QualityWarning] = set()
    if abs(inputs.body_yaw_degrees) >= thresholds.min_turned_yaw_degrees:
        found.add(TURNED_BODY)
    if inputs.person_count > 1:
        found.add(SEVERAL_PEOPLE)
    corners = trunk_corners(inputs.keypoints, inputs.person_placement)
    if corners is None:
        found.add(CROPPED_PERSON)
        return found
    fractions = [forearm_in_front(inputs.keypoints, corners, side) for side in (0, 1)]
    if min(fractions) >= thresholds.min_forearms_crossed:
        found.add(CROSSED_ARMS)
    elif max(fractions) >= thresholds.min_forearm_in_front:
        found.add(ARMS_IN_FRONT)
    down = corners[2:].mean(axis=0) - corners[:2].mean(axis=0)
    photo_scale = inputs.person_height_px / inputs.person_placement.height
    if float(np.hypot(*down)) * photo_scale < thresholds.min_torso_height_px:
        found.add(LOW_RESOLUTION_PERSON)
    return found


def _find_garment_warnings(
    inputs: WarningInputs, thresholds: WarningThresholds
) -> set[QualityWarning]:
    found = {WORN_GARMENT} if inputs.garment_worn else set[QualityWarning]()
    place = inputs.garment_placement
    photo_rows = slice(place.top, place.top + place.height)
    photo_columns = slice(place.left, place.left + place.width)
    garment = inputs.garment_mask[photo_rows, photo_columns] > 127
    rows, columns = np.flatnonzero(garment.any(axis=1)), np.flatnonzero(garment.any(axis=0))
    if not rows.size:
        return found | {DOUBTFUL_MASK}
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    longer_side_px = max(height, width) * inputs.garment_height_px / place.height
    if longer_side_px < thresholds.min_garment_side_px:
        found.add(LOW_RESOLUTION_GARMENT)
    if edge_contact(garment) > thresholds.max_edge_contact:
        found.add(GARMENT_AT_EDGE)
    area = int(np.count_nonzero(garment))
    coverage = area / garment.size
    plausible = thresholds.min_mask_coverage <= coverage <= thresholds.max_mask_coverage
    if not plausible or area > thresholds.max_box_coverage * height * width:
        found.add(DOUBTFUL_MASK)
    step = math.ceil(max(garment.shape) / ANALYSIS_SIDE_PX)
    small = garment[::step, ::step]
    if not small.any():
        return found
    if second_component_ratio(small) > thresholds.max_second_component:
        found.add(SEVERAL_GARMENTS)
    elif has_asymmetric_attributes(
        inputs.garment_attributes, thresholds.min_attribute_confidence
    ) or not _is_symmetric(small, thresholds):
        found.add(ASYMMETRIC_GARMENT)
    return found


def _is_symmetric(garment: BoolMask, thresholds: WarningThresholds) -> bool:
    whole = mirror_iou(garment) / thresholds.min_mirror_iou
    upper = mirror_iou(crop_upper_part(garment)) / thresholds.min_upper_mirror_iou
    return min(whole, upper) >= 1


def has_asymmetric_attributes(attributes: GarmentAttributes, min_confidence: float) -> bool:
    """Return whether a garment has a one-shoulder neckline, or a sleeve at one side only."""
    if attributes.neckline == "one_shoulder" and attributes.neckline_confidence >= min_confidence:
        return True
    sleeves = {attributes.left_sleeve, attributes.right_sleeve}
    confidence = min(attributes.left_sleeve_confidence, attributes.right_sleeve_confidence)
    return confidence >= min_confidence and len(sleeves) == 2 and "none" in sleeves


def trunk_corners(keypoints: Keypoints, place: Placement) -> NDArray[np.float32] | None:
    """Return both shoulders and both hips, right before left: 4 x 2 float32, canvas pixels.

    None if one of them was not detected or lies outside the photo.
    """
    joints = keypoints[[Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP]]
    corners: NDArray[np.float32] = joints[:, :2]
    low = np.array([place.left, place.top], np.float32)
    high = low + np.array([place.width, place.height], np.float32)
    inside = (corners >= low).all() and (corners < high).all() and (joints[:, 2] > 0).all()
    return corners if inside else None


def forearm_in_front(keypoints: Keypoints, corners: NDArray[np.float32], side: int) -> float:
    """Return the fraction of a forearm, right (0) or left (1), in front of the trunk: 0 to 1.

    ``corners`` are those of ``trunk_corners``. 0 if the elbow or the wrist was not detected.
    """
    ends = ((Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST), (Joint.LEFT_ELBOW, Joint.LEFT_WRIST))[side]
    elbow, wrist = keypoints[list(ends)]
    shoulder = corners[:2].mean(axis=0)
    down = corners[2:].mean(axis=0) - shoulder
    if elbow[2] <= 0 or wrist[2] <= 0 or not down.any():
        return 0.0
    along = np.linspace(0, 1, FOREARM_SAMPLES, dtype=np.float32)[:, None]
    points = elbow[:2] + along * (wrist[:2] - elbow[:2])
    depth = (points - shoulder) @ down / (down @ down)
    # At each depth, how far across from the right edge to the left.
    right = corners[0] + depth[:, None] * (corners[2] - corners[0])
    across = corners[1] + depth[:, None] * (corners[3] - corners[1]) - right
    squared_width = np.maximum(np.square(across).sum(axis=1), 1.0)
    position = ((points - right) * across).sum(axis=1) / squared_width
    in_depth = (depth > 0) & (depth < MAX_TRUNK_DEPTH)
    in_width = (position > TRUNK_SIDE_MARGIN) & (position < 1 - TRUNK_SIDE_MARGIN)
    return float((in_depth & in_width).mean())


def edge_contact(garment: BoolMask) -> float:
    """Return the largest fraction of one edge of the frame along which the garment touches it."""
    rim = FRAME_RIM_PX
    edges = (garment[:rim], garment[-rim:], garment[:, :rim].T, garment[:, -rim:].T)
    return float(max(edge.any(axis=0).mean() for edge in edges))


def crop_upper_part(garment: BoolMask) -> BoolMask:
    """Return the rows of the garment's upper part."""
    rows = np.flatnonzero(garment.any(axis=1))
    height = max(1, round(UPPER_PART_FRACTION * (rows[-1] + 1 - rows[0])))
    return garment[rows[0] : rows[0] + height]


def mirror_iou(garment: BoolMask) -> float:
    """Return the overlap (IoU) with the mirror image about the best vertical axis, 0 to 1."""
    columns = np.flatnonzero(garment.any(axis=0))
    cropped = garment[:, columns[0] : columns[-1] + 1]
    width = cropped.shape[1]
    area, best = int(np.count_nonzero(cropped)), 0.0
    # The axis moves by half of the shift.
    reach = max(1, width // MIRROR_SHIFT_DIVISOR)
    mirrored = np.pad(cropped[:, ::-1], ((0, 0), (reach, reach)))
    padded = np.pad(cropped, ((0, 0), (reach, reach)))
    for shift in range(-reach, reach + 1):
        shifted = np.roll(mirrored, shift, axis=1)
        common = int(np.count_nonzero(padded & shifted))
        best = max(best, common / (2 * area - common))
    return best


def second_component_ratio(garment: BoolMask) -> float:
    """Return the area of the second largest 4-connected component over the largest one's."""
    remaining = garment.copy()
    areas: list[int] = []
    while np.count_nonzero(remaining) >= MIN_COMPONENT_PX and len(areas) < MAX_COMPONENTS:
        component = _first_component(remaining)
        areas.append(int(np.count_nonzero(component)))
        remaining &= ~component
    areas.sort()
    return areas[-2] / areas[-1] if len(areas) > 1 else 0.0


def _first_component(flags: BoolMask) -> BoolMask:
    """Return the 4-connected component of the first pixel that is set."""
    component = np.zeros_like(flags)
    component.flat[int(flags.argmax())] = True
    area = 0
    while (grown_area := int(np.count_nonzero(component))) > area:
        area = grown_area
        component = _fill_row_runs(component, flags)
        component = _fill_row_runs(component.T, flags.T).T
    return component


def _fill_row_runs(seeds: BoolMask, flags: BoolMask) -> BoolMask:
    """Return every run of ``flags`` along a row that holds at least one seed."""
    height, width = flags.shape
    padded = np.zeros((height, width + 1), np.bool_)
    padded[:, :-1] = flags
    flat = padded.ravel()
    starts = flat & ~np.concatenate(([False], flat[:-1]))
    runs = np.cumsum(starts) * flat
    seeded = np.zeros(int(runs.max(initial=0)) + 1, np.bool_)
    padded_seeds = np.zeros_like(padded)
    padded_seeds[:, :-1] = seeds
    seeded[runs[padded_seeds.ravel()]] = True
    seeded[0] = False
    filled: BoolMask = seeded[runs].reshape(padded.shape)[:, :-1]
    return filled
