"""Fuses what two networks and the keypoints know into a CIHP label map. Pure functions."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit
from services.human_parse.body import Body, measure
from services.human_parse.edges import close_trunk, settle, sharpen
from services.human_parse.fuse import (
    agree,
    elsewhere,
    main_person,
    plausible,
    skin_regained,
    told_apart,
    wall,
)
from services.human_parse.kinds import BACKGROUND, SKIN
from services.human_parse.looks import REDUCE, Stack
from services.human_parse.naming import name
from services.human_parse.shapes import grow
from services.kit.errors import NoPerson
from services.kit.types import Image, Keypoints, LabelMap

LEAST_PERSON: Final = 0.005
"""Share of the picture below which nothing counts as a person."""


def frame(keypoints: Keypoints, people: Stack) -> Body:
    """Measure the person in pixels of the photo; ``people`` is as ``looks.join`` returns it."""
    reduced = keypoints * np.array((1 / REDUCE, 1 / REDUCE, 1), np.float32)
    person = main_person(people[..., 0] < 0.5, reduced)
    return measure(reduced, person).scaled(REDUCE)


def parse(
    image: Image, keypoints: Keypoints, people: Stack, garments: NDArray[np.float32]
) -> LabelMap:
    """Label every pixel with its CIHP id.

    ``image`` is H x W x 3 uint8 RGB; ``keypoints`` are BODY_25, any of them may be missing;
    ``people`` is as ``looks.join`` returns it; ``garments`` h x w x 4 float32, of any size,
    probabilities of background, upper, lower and full-body garments. Raises NoPerson if there is
    next to nothing of one.
    """
    height, width = people.shape[:2]
    reduced = keypoints * np.array((1 / REDUCE, 1 / REDUCE, 1), np.float32)
    garments = np.asarray(cv2.resize(garments, (width, height)), np.float32)
    seen = people[..., 0] < 0.5
    if np.count_nonzero(main_person(seen, reduced)) < LEAST_PERSON * height * width:
        raise NoPerson(
            "No person was found in the person's photo; send a photo of one person facing the "
            "camera.",
            stage="human_parse",
        )
    person = main_person(seen | (garments[..., 0] < 0.5), reduced)
    body = measure(reduced, person)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    lab = np.asarray(
        cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32
    )
    bare = skin_regained(lab, people, body)
    outside = wall(lab, people, garments, body) | ~grow(person | bare, 0.03 * body.width)
    outside |= elsewhere(garments, body)
    people = agree(people, garments, ~plausible(person.shape, body))
    planes = told_apart(lab, people, garments, body)
    planes[BACKGROUND][outside] = 1
    planes[BACKGROUND][bare], planes[SKIN][bare] = 0, 1
    body = body.scaled(REDUCE)
    kinds = close_trunk(image, settle(sharpen(image, planes), body), body)
    worn = cv2.resize(1 - garments[..., 0], image.shape[1::-1]) > 0.5
    return name(image, outfit.reconsider(image, kinds, body), worn, body)
