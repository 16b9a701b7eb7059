"""Where sleeves come to lie: cuffs, shoulders and bent arms."""

import cv2
import numpy as np
import pytest

from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.person.arm import ARM_SAMPLES
from services.viton.person.body import measure_body
from services.viton.placing.sleeve import CuffPositionOptions, SleeveFitOptions, fit_sleeve
from tests.unit.services.viton.drawings import figure, garment
from tests.unit.services.viton.wearing import is_red, wear_top

pytestmark = pytest.mark.unit


def test_a_cuff_is_an_arc_across_the_arm() -> None:
    image = is_red(wear_top(figure(), garment("short")))
    columns = np.arange(218, 254, 2)
    ends = np.array([np.flatnonzero(image[380:640, c]).max() for c in columns], np.float64)
    arc = np.polyfit(columns, ends, 2)
    assert arc[0] < -0.001
    assert np.abs(np.polyval(arc, columns) - ends).max() < 3


@pytest.mark.parametrize("sleeve", ["short", "long"])
@pytest.mark.parametrize("side", [1, -1])
def test_from_the_shoulder_to_the_sleeve_there_is_no_notch(sleeve: str, side: int) -> None:
    image = is_red(wear_top(figure(), garment(sleeve)))[:, ::side]
    rows = np.arange(322, 440)
    rim = np.array([int(image[row, :384].argmax()) for row in rows])
    assert np.diff(rim).max() <= 1


def test_a_long_sleeve_is_whole_on_an_arm_bent_to_the_hip() -> None:
    image = is_red(wear_top(figure(sleeves="long", hand_on_hip=True), garment("long")))
    arm = image[:, :300].astype(np.uint8)
    closed = cv2.morphologyEx(arm, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    assert (closed - arm).sum() < 120
    count, _, stats, _ = cv2.connectedComponentsWithStats(arm)
    assert max(stats[1:count, cv2.CC_STAT_AREA]) > 0.97 * arm.sum()


def test_a_short_sleeve_does_not_reach_the_forearm_of_a_bent_arm() -> None:
    person = figure(hand_on_hip=True)
    image = wear_top(person, garment("short"))
    assert not is_red(image)[540:660, 110:250].any()


def test_a_short_sleeve_ends_at_the_last_sample_that_the_options_allow() -> None:
    person, drawn = figure(), garment("short")
    body, _ = measure_body(person.keypoints, person.labels)
    top = detect_top_landmarks(drawn.image, drawn.mask)
    usual = fit_sleeve(top, top.left, body, body.left)
    last = round(usual.cuff_fraction * (ARM_SAMPLES - 1)) - 4
    options = SleeveFitOptions(cuff=CuffPositionOptions(max_short=last, min_below_armpit=0))
    shorter = fit_sleeve(top, top.left, body, body.left, options)
    assert shorter.cuff_fraction == last / (ARM_SAMPLES - 1)
