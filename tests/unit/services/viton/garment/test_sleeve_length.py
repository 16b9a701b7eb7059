"""The class of a garment's sleeves: what the outline and what the network have to say."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES, GarmentAttributes
from services.kit.raster.components import largest_component
from services.viton.garment.armpits import can_carry_sleeve
from services.viton.garment.dress_landmarks import detect_dress_landmarks
from services.viton.garment.landmarks import SleeveLength
from services.viton.garment.priors import side_priors
from services.viton.garment.silhouette import find_symmetry_axis, measure_profiles
from services.viton.garment.sleeve_length import (
    LogOddsTerm,
    SleeveLogOdds,
    classify_sleeve_length,
    measure_sleeve_reach,
    sleeve_evidence,
)
from services.viton.garment.top_landmarks import detect_top_landmarks
from tests.unit.services.viton.drawings import Drawn, garment

pytestmark = pytest.mark.unit


def predict(
    sleeve: str, sure: float, reach: float, points: dict[str, tuple[float, float]] | None = None
) -> GarmentAttributes:
    landmarks = np.zeros((len(LANDMARKS), 3), np.float32)
    for name, place in (points or {}).items():
        landmarks[LANDMARKS.index(name)] = (*place, 0.9)
    own: dict[str, Any] = {}
    for side in ("left", "right"):
        own |= {f"{side}_sleeve": sleeve, f"{side}_sleeve_confidence": sure}
        own |= {f"{side}_sleeve_arm_fraction": reach}
    return dataclasses.replace(NO_ATTRIBUTES, landmarks=landmarks, **own)


def sleeve_length(drawn: Drawn, attributes: GarmentAttributes = NO_ATTRIBUTES) -> SleeveLength:
    return detect_top_landmarks(drawn.image, drawn.mask, attributes).sleeve_length


@pytest.mark.parametrize("sure", [0.55, 0.79])
def test_a_short_sleeve_predicted_as_a_longer_one_stays_short(sure: float) -> None:
    assert (
        sleeve_length(garment("short"), predict("three_quarter", sure, 0.65)) is SleeveLength.SHORT
    )


def test_the_prediction_decides_between_three_quarter_and_long_sleeves() -> None:
    assert (
        sleeve_length(garment("long"), predict("three_quarter", 0.9, 0.75))
        is SleeveLength.THREE_QUARTER
    )
    assert sleeve_length(garment("long"), predict("three_quarter", 0.51, 0.8)) is SleeveLength.LONG
    assert (
        sleeve_length(garment("long"), predict("three_quarter", 0.51, 0.66))
        is SleeveLength.THREE_QUARTER
    )
    assert sleeve_length(garment("long"), predict("long", 0.6, 0.9)) is SleeveLength.LONG


def test_no_sleeve_on_either_side_counts_even_if_the_network_is_not_sure() -> None:
    found = detect_top_landmarks(
        garment("short").image, garment("short").mask, predict("none", 0.6, 0.1)
    )
    assert found.sleeve_length is SleeveLength.NONE
    pits = {"left_armpit": (254.0, 390.0), "right_armpit": (514.0, 390.0)}
    drawn = garment("short")
    found = detect_top_landmarks(drawn.image, drawn.mask, predict("none", 0.6, 0.1, pits))
    assert [side.sleeve for side in found.halves] == [None, None]


def test_a_sleeve_that_is_neither_likely_nor_long_is_none() -> None:
    assert sleeve_length(garment("none"), predict("short", 0.6, 0.1)) is SleeveLength.NONE
    assert sleeve_length(garment("short"), predict("short", 0.6, 0.3)) is SleeveLength.SHORT
    likely = sleeve_evidence(predict("short", 0.9, 0.1))
    assert likely is not None
    assert likely.sleeves_present == (True, True)


def test_a_sleeve_on_one_side_alone_is_the_class_of_the_garment() -> None:
    attributes = dataclasses.replace(
        predict("three_quarter", 0.9, 0.75),
        left_sleeve="none",
        left_sleeve_confidence=0.7,
        left_sleeve_arm_fraction=0.0,
    )
    seen = sleeve_evidence(attributes)
    assert seen is not None
    assert seen.sleeves_present == (False, True)
    assert seen.arm_fraction == pytest.approx(0.75)
    assert sleeve_evidence(NO_ATTRIBUTES) is None


def test_a_cap_that_the_outline_does_not_show_is_short_and_stays_with_the_torso() -> None:
    drawn = garment("none")
    pits = {"left_armpit": (254.0, 390.0), "right_armpit": (514.0, 390.0)}
    found = detect_top_landmarks(drawn.image, drawn.mask, predict("short", 0.9, 0.2, pits))
    assert found.sleeve_length is SleeveLength.SHORT
    assert [side.sleeve for side in found.halves] == [None, None]


def test_a_halter_carries_no_sleeve_whatever_is_predicted() -> None:
    mask = np.zeros((500, 400), np.uint8)
    for row in range(60, 440):
        half = 20 + 105 * (1 - np.exp(-(row - 60) / 70))
        mask[row, int(200 - half) : int(200 + half)] = 255
    image = np.full((500, 400, 3), 255, np.uint8)
    image[mask > 0] = (60, 90, 140)
    pits = {"left_armpit": (95.0, 200.0), "right_armpit": (305.0, 200.0)}
    attributes = predict("long", 0.9, 0.9, pits)
    whole = largest_component(mask > 127)
    assert not can_carry_sleeve(
        measure_profiles(whole, find_symmetry_axis(whole)), side_priors(attributes, mask.shape)[0]
    )
    assert sleeve_length(Drawn(image, mask)) is SleeveLength.NONE
    assert sleeve_length(Drawn(image, mask), attributes) is SleeveLength.NONE


def test_a_sleeve_that_the_outline_hides_is_at_its_predicted_place() -> None:
    drawn = garment("none")
    mask = drawn.mask.copy()
    mask[200:860, 205:563] = 255
    image = drawn.image.copy()
    image[mask > 0] = (200, 40, 50)
    points = {"left_armpit": (270.0, 400.0), "right_armpit": (498.0, 400.0)}
    points |= {"left_cuff_inner": (262.0, 840.0), "right_cuff_inner": (506.0, 840.0)}
    own = Drawn(image, mask)
    assert sleeve_length(own) is SleeveLength.NONE
    found = detect_top_landmarks(own.image, own.mask, predict("long", 0.7, 0.95, points))
    assert found.sleeve_length is SleeveLength.LONG
    for side, x in ((found.left, 270), (found.right, 498)):
        assert side.sleeve is not None
        assert side.armpit == pytest.approx([x, 400], abs=6)


def test_a_tie_on_one_side_does_not_lengthen_the_sleeves() -> None:
    drawn = garment("short")
    mask = drawn.mask.copy()
    mask[380:700, 560:580] = 255
    image = drawn.image.copy()
    image[mask > 0] = (200, 40, 50)
    plain = detect_top_landmarks(drawn.image, drawn.mask)
    tied = detect_top_landmarks(image, mask)
    assert measure_sleeve_reach(tied.left, tied.right) < 1.35 * measure_sleeve_reach(
        plain.left, plain.right
    )
    assert tied.sleeve_length is SleeveLength.SHORT


def test_a_dress_uses_the_predicted_sleeves() -> None:
    drawn = garment("short")
    assert detect_dress_landmarks(drawn.image, drawn.mask).top.sleeve_length is SleeveLength.SHORT
    predicted_bare = predict("none", 0.9, 0.05)
    assert (
        detect_dress_landmarks(drawn.image, drawn.mask, predicted_bare).top.sleeve_length
        is SleeveLength.NONE
    )


def test_a_feature_adds_its_distance_from_zero_in_units_within_bounds() -> None:
    term = LogOddsTerm(zero=0.6, unit=0.1, weight=0.5, bounds=(-2.0, 1.0))
    assert term.log_odds(0.6) == 0
    assert term.log_odds(0.7) == pytest.approx(0.5)
    assert (term.log_odds(9.0), term.log_odds(-9.0)) == (1.0, -2.0)


def test_weights_decide_between_short_and_three_quarter_sleeves() -> None:
    found = detect_top_landmarks(garment("short").image, garment("short").mask)
    attributes = predict("three_quarter", 0.79, 0.65)
    trusting = SleeveLogOdds(past_elbow_arm_fraction=LogOddsTerm(zero=0.1, unit=0.05))
    assert classify_sleeve_length(attributes, found.left, found.right) is SleeveLength.SHORT
    trusted = classify_sleeve_length(attributes, found.left, found.right, weights=trusting)
    assert trusted is not SleeveLength.SHORT
