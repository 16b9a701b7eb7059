"""After which skin the made skin takes its tone."""

import cv2
import numpy as np
import pytest

from services.viton.core import try_on
from services.viton.painting.skin_tone import select_skin_of_usual_hue
from tests.unit.services.viton.drawings import SKIN, Person, figure, garment

pytestmark = pytest.mark.unit

RED = (200, 30, 35)


def test_a_coloured_collar_taken_for_skin_is_unlike_it_and_dim_skin_is_not() -> None:
    image = np.full((60, 90, 3), SKIN, np.float32)
    image[:, 30:60] *= 0.7
    image[:, 60:] = RED
    bare = np.ones((60, 90), bool)
    found = select_skin_of_usual_hue(image, bare, np.zeros_like(bare))
    assert found[:, :60].all()
    assert not found[:, 60:].any()
    assert not select_skin_of_usual_hue(image, ~bare, ~bare).any()


def test_new_arms_are_not_red_beside_a_red_collar_that_was_taken_for_neck() -> None:
    person = figure()
    image = person.image.copy()
    rows = np.flatnonzero((person.labels == 10).any(axis=1))
    low = np.zeros(person.labels.shape, bool)
    low[rows[0] + 35 :] = True
    image[(person.labels == 10) & low] = RED
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    worn = Person(image, person.labels, person.keypoints)
    drawn = garment("none")
    made = try_on(worn.photo, drawn.photo)
    plain = try_on(person.photo, drawn.photo)
    new = (plain.edit_mask > 0) & (np.abs(plain.image.astype(int) - SKIN).max(axis=-1) < 30)
    # Of the arms, away from the neck.
    new[:, 250:520] = False
    assert new.sum() > 1000
    redder = made.image[new].astype(float) - plain.image[new]
    assert abs(float(np.median(redder[:, 0] - redder[:, 1]))) < 4
