"""Fuse two networks' probabilities and the keypoints into a CIHP label map. Pure functions."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.body_regions import clothing_region, keep_main_person, outside_body
from services.human_parse.cihp_labels import assign_cihp_labels
from services.human_parse.coarse_classes import BACKGROUND, SKIN
from services.human_parse.colour_evidence import background_like_clothes, recover_limb_skin
from services.human_parse.crops import REDUCTION, PersonProbabilities
from services.human_parse.fusion import add_garment_evidence, initial_class_probabilities
from services.human_parse.long_tops import resolve_long_tops
from services.human_parse.parse_frame import ParseFrame, measure_frame
from services.human_parse.refinement import fill_trunk_holes, refine_to_classes, remove_specks
from services.human_parse.regions import dilate
from services.kit.cancellation import check_cancelled
from services.kit.errors import NoPerson
from services.kit.types import Image, Keypoints, LabelMap

MIN_PERSON_SHARE: Final = 0.005
"""Share of the picture below which nothing counts as a person."""

PERSON_MARGIN: Final = 0.03
"""Distance from the person beyond which all is background, in shoulder widths."""


def measure_person(keypoints: Keypoints, people: PersonProbabilities) -> ParseFrame:
    """Measure the person in pixels of the photo; ``people`` comes from ``blend_crops``."""
    reduced_keypoints = keypoints * np.array((1 / REDUCTION, 1 / REDUCTION, 1), np.float32)
    person = keep_main_person(people[..., 0] < 0.5, reduced_keypoints)
    return measure_frame(reduced_keypoints, person).scaled(REDUCTION)


def parse(
    image: Image, keypoints: Keypoints, people: PersonProbabilities, garments: NDArray[np.float32]
) -> LabelMap:
    """Label every pixel with its CIHP id.

    ``image`` is H x W x 3 uint8 RGB; ``keypoints`` are BODY_25, any of them may be missing;
    ``people`` is as ``crops.blend_crops`` returns it; ``garments`` h x w x 4 float32, of any size,
    probabilities of background, upper, lower and full-body garments. Raises NoPerson if there is
    next to nothing of one.
    """
    height, width = people.shape[:2]
    reduced_keypoints = keypoints * np.array((1 / REDUCTION, 1 / REDUCTION, 1), np.float32)
    garments = np.asarray(cv2.resize(garments, (width, height)), np.float32)
    seen = people[..., 0] < 0.5
    if (
        np.count_nonzero(keep_main_person(seen, reduced_keypoints))
        < MIN_PERSON_SHARE * height * width
    ):
        raise NoPerson(
            "No person was found in the person's photo; send a photo of one person facing the "
            "camera.",
            stage="human_parse",
        )
    person = keep_main_person(seen | (garments[..., 0] < 0.5), reduced_keypoints)
    frame = measure_frame(reduced_keypoints, person)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    lab = np.asarray(
        cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32
    )
    bare = recover_limb_skin(lab, people, frame)
    outside = background_like_clothes(lab, people, garments, frame) | ~dilate(
        person | bare, PERSON_MARGIN * frame.shoulder_width
    )
    outside |= outside_body(garments, frame)
    people = add_garment_evidence(people, garments, ~clothing_region(person.shape, frame))
    planes = initial_class_probabilities(lab, people, garments, frame)
    open_pixels = (~(outside | bare)).astype(np.float32)
    for plane in planes.values():
        np.multiply(plane, open_pixels, out=plane)
    planes[BACKGROUND][outside & ~bare] = 1
    planes[SKIN][bare] = 1
    frame = frame.scaled(REDUCTION)
    check_cancelled()
    coarse = fill_trunk_holes(image, remove_specks(refine_to_classes(image, planes), frame), frame)
    check_cancelled()
    clothes_mask = cv2.resize(1 - garments[..., 0], image.shape[1::-1]) > 0.5
    return assign_cihp_labels(image, resolve_long_tops(image, coarse, frame), clothes_mask, frame)
