"""The first stage of a try-on: the person's photo, segmented and measured."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.viton.person.body import Body, measure_body, raise_bare_armpits
from services.viton.person.legs import MIN_SHOWN_BELOW_HIPS, LowerBody, measure_lower_body
from services.viton.person.photo import PersonPhoto
from services.viton.person.segmentation import PersonSegmentation
from services.viton.person.shoes import reassign_trouser_hems

Floats: TypeAlias = NDArray[np.float32]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class MeasuredPerson:
    """The person in the existing outfit, on the canvas."""

    photo: PersonPhoto
    """The photo, the joints and the labels that the rest is measured on."""
    pixels: Floats
    """H x W x 3: the photo's colours, 0 to 255."""
    segmentation: PersonSegmentation
    """H x W: which pixels are skin, hair and each garment."""
    body: Body
    """Points and lengths of the upper body, in pixels of the canvas."""
    segmented_as: str = "photographed"
    """Name of the way in which the segmentation was made of the photo."""

    def recall(self, part: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` makes of pixels and segmentation alone, remembered as ``part``.

        The body may have been fitted to a garment, so nothing of it may be used.
        """
        return self.photo.recall(f"{part} as {self.segmented_as}", compute)


def measure_person(person_photo: PersonPhoto) -> MeasuredPerson:
    """Segment and measure the person. Raises ``NoPerson``."""
    body, segmentation = measure_body(person_photo.keypoints, person_photo.labels)
    pixels = person_photo.image.astype(np.float32)
    return MeasuredPerson(photo=person_photo, pixels=pixels, segmentation=segmentation, body=body)


@dataclass(frozen=True)
class MeasuredLowerBody:
    """The person's lower body in the existing bottoms, on the canvas."""

    pixels: Floats
    """H x W x 3: the photo's colours, 0 to 255."""
    segmentation: PersonSegmentation
    """H x W: which pixels are skin, hair and each garment."""
    body: LowerBody
    """Points and lengths of the lower body, in pixels of the canvas."""


def measure_person_lower_body(
    person_photo: PersonPhoto, min_shown_below_hips: float = MIN_SHOWN_BELOW_HIPS
) -> MeasuredLowerBody:
    """Segment and measure the lower body.

    ``min_shown_below_hips``: how much has to be seen below the hips, in torso
    lengths. Raises ``NoPerson`` and ``LegsNotShown``.
    """
    body, labelled = measure_lower_body(
        person_photo.keypoints, person_photo.labels, min_shown_below_hips=min_shown_below_hips
    )
    segmentation = reassign_trouser_hems(person_photo.image, labelled, body)
    return MeasuredLowerBody(person_photo.image.astype(np.float32), segmentation, body)


def with_raised_armpits(person: MeasuredPerson, bare: tuple[bool, bool]) -> MeasuredPerson:
    """Return the person with the armpits of the arms, left and right, that the garment bares."""
    return replace(person, body=raise_bare_armpits(person.body, bare))
