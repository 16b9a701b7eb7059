"""Skin between top and bottoms: hands stay hands, a midriff is torso."""

import cv2
import numpy as np
import pytest

from tests.unit.services.viton.drawings import SHAPE, SKIN, Person, figure, garment
from tests.unit.services.viton.wearing import is_red, wear_top

pytestmark = pytest.mark.unit


def test_hands_at_the_waist_are_no_bare_belly() -> None:
    person = figure()
    labels, photo = person.labels.copy(), person.image.copy()
    keypoints = person.keypoints.copy()
    hand = np.zeros(SHAPE, np.uint8)
    cv2.line(hand, (236, 560), (384, 645), 1, 50)
    cv2.circle(hand, (384, 645), 30, 1, -1)
    photo[hand > 0], labels[hand > 0] = SKIN, 15
    keypoints[4, :2] = (384, 645)
    image = wear_top(Person(photo, labels, keypoints), garment("short"))
    inside = cv2.erode(hand, np.ones((13, 13), np.uint8)) > 0
    inside[:, :330] = False
    assert np.abs(image[inside].astype(int) - photo[inside]).max() < 12


def test_waist_skin_that_was_taken_for_an_arm_is_covered() -> None:
    person = figure()
    labels, photo = person.labels.copy(), person.image.copy()
    bare = (labels == 5) & (np.arange(SHAPE[0])[:, None] > 590)
    bare &= np.abs(np.arange(SHAPE[1])[None, :] - 384) < 112
    photo[bare], labels[bare] = SKIN, 10
    labels[bare & (np.arange(SHAPE[1])[None, :] < 330)] = 15
    image = is_red(wear_top(Person(photo, labels, person.keypoints), garment("short")))
    assert image[600:640, 300:470].mean() > 0.99
