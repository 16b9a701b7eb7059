from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.viton.core import try_on
from services.viton.person.upper_body_window import find_upper_body_window, shift_keypoints
from tests.unit.services.viton.drawings import figure, garment

pytestmark = pytest.mark.unit


def test_joints_move_with_the_window_and_unseen_ones_stay_unseen() -> None:
    person = figure()
    keypoints = person.keypoints.copy()
    keypoints[4] = 0
    window = find_upper_body_window(replace(person, keypoints=keypoints).photo)
    shifted = shift_keypoints(keypoints, window)
    assert (shifted[4] == 0).all()
    seen = keypoints[:, 2] > 0
    assert ((shifted[seen, :2] > 0).any(axis=1)).all()
    start = np.array([window[1].start, window[0].start])
    assert np.allclose(shifted[seen, :2] + start, keypoints[seen, :2])


def test_the_window_holds_all_that_changes() -> None:
    person = figure(sleeves="long")
    window = find_upper_body_window(person.photo)
    outcome = try_on(person.photo, garment("long").photo)
    image, edit = outcome.image, outcome.edit_mask
    outside = np.ones(edit.shape, bool)
    outside[window] = False
    assert outside.any()
    assert not edit[outside].any()
    assert (image[outside] == person.image[outside]).all()
    border = np.zeros(edit.shape, bool)
    border[window] = True
    border &= ~cv2.erode(border.astype(np.uint8), np.ones((5, 5)), borderValue=1).astype(bool)
    assert not edit[border].any()
