"""What the try-on engine takes from a network's reading of the garment."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest

from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES, GarmentAttributes
from services.viton.garment.halves import find_neck_points
from services.viton.garment.landmarks import SleeveLength
from services.viton.garment.priors import predicted_neckline, side_priors
from services.viton.garment.silhouette import Bool, measure_profiles
from services.viton.garment.top_landmarks import detect_top_landmarks
from tests.unit.services.viton.drawings import garment

pytestmark = pytest.mark.unit


def predict(points: dict[str, tuple[float, float]], **changes: Any) -> GarmentAttributes:
    landmarks = np.zeros((len(LANDMARKS), 3), np.float32)
    for name, place in points.items():
        landmarks[LANDMARKS.index(name)] = (*place, 0.9)
    return dataclasses.replace(NO_ATTRIBUTES, landmarks=landmarks, **changes)


def test_the_right_prior_is_in_the_flipped_photo() -> None:
    seen = predict({"left_armpit": (100, 50), "right_armpit": (300, 60)})
    left, right = side_priors(seen, (500, 400))
    assert left.points["armpit"] == pytest.approx([100, 50])
    assert right.points["armpit"] == pytest.approx([99, 60])
    assert left.points.keys() == {"armpit"}


def test_a_class_counts_only_if_the_network_is_sure() -> None:
    seen = predict({}, left_sleeve="long", left_sleeve_confidence=0.95)
    seen = dataclasses.replace(seen, right_sleeve="long", right_sleeve_confidence=0.4)
    assert [g.sleeve_length for g in side_priors(seen, (500, 400))] == ["long", ""]


@pytest.mark.parametrize(("depth", "power"), [(0.4, 2.0), (1.1, 1.1)])
def test_the_form_of_the_neckline(depth: float, power: float) -> None:
    half = depth * 100 * (1 - 0.5**power)
    points = {"left_neck": (100.0, 50.0), "right_neck": (200.0, 50.0)}
    points |= {"neck_bottom": (150.0, 50 + 100 * depth)}
    points |= {"left_curve": (125.0, 50 + half), "right_curve": (175.0, 50 + half)}
    found = predicted_neckline(predict(points))
    assert found is not None
    assert found.depth == pytest.approx(depth, abs=0.01)
    assert found.exponent == pytest.approx(power, rel=0.05)
    del points["neck_bottom"]
    assert predicted_neckline(predict(points)) is None
    assert predicted_neckline(NO_ATTRIBUTES) is None


@pytest.mark.parametrize(("neckline", "least"), [("round", 1.8), ("v", 1.0)])
def test_a_round_neckline_has_no_point(neckline: str, least: float) -> None:
    points = {
        "left_neck": (100.0, 50.0),
        "right_neck": (200.0, 50.0),
        "neck_bottom": (150.0, 110.0),
    }
    points |= {"left_curve": (125.0, 82.0), "right_curve": (175.0, 82.0)}
    found = predicted_neckline(predict(points, neckline=neckline))
    assert found is not None
    assert least <= found.exponent < least + 0.2


def test_a_predicted_armpit_far_from_the_outline_is_used() -> None:
    drawn = garment("long")
    points = {"left_armpit": (254.0, 480.0), "right_armpit": (514.0, 480.0)}
    sure: dict[str, Any] = {"left_sleeve": "long", "right_sleeve": "long"}
    seen = predict(points, **sure, left_sleeve_confidence=0.99, right_sleeve_confidence=0.99)
    found = detect_top_landmarks(drawn.image, drawn.mask, seen)
    assert found.sleeve_length is SleeveLength.LONG
    assert found.left.armpit == pytest.approx([254, 480], abs=4)


def flat_shouldered() -> Bool:
    """Cloth around column 200 whose neck reaches 40 to the left and 34 to the right."""
    columns = np.arange(400)
    left = columns < 200
    away = np.abs(columns - 200) - np.where(left, 40, 34)
    fall = np.where(left, 0.3, 0.05) * np.maximum(away, 0)
    top = np.where(away < 0, 52, 40 + fall)
    rows = np.arange(500)[:, None]
    return np.asarray((rows >= top) & (rows < 400) & (np.abs(columns - 200) < 150))


def test_a_shoulder_that_hardly_falls_does_not_hide_the_neck_point() -> None:
    mask = flat_shouldered()
    sides = measure_profiles(mask, 200), measure_profiles(mask[:, ::-1], 199)
    unseen = find_neck_points(sides, side_priors(NO_ATTRIBUTES, mask.shape), 100.0)
    assert 200 - unseen[0][0] == pytest.approx(40, abs=4)
    assert 199 - unseen[1][0] > 70
    seen = predict({"left_neck": (162.0, 40.0), "right_neck": (236.0, 40.0)})
    left, right = find_neck_points(sides, side_priors(seen, mask.shape), 100.0)
    assert left == pytest.approx(unseen[0])
    assert right == pytest.approx([163, 40], abs=2)


def test_an_uneven_predicted_neckline_does_not_move_the_neck_points() -> None:
    mask = flat_shouldered()
    sides = measure_profiles(mask, 200), measure_profiles(mask[:, ::-1], 199)
    seen = predict({"left_neck": (162.0, 40.0), "right_neck": (258.0, 40.0)})
    ruled = find_neck_points(sides, side_priors(NO_ATTRIBUTES, mask.shape), 100.0)
    told = find_neck_points(sides, side_priors(seen, mask.shape), 100.0)
    assert [p.tolist() for p in told] == [p.tolist() for p in ruled]


def test_a_neckline_predicted_beside_the_garment_does_not_move_the_neck_points() -> None:
    mask = flat_shouldered()
    sides = measure_profiles(mask, 200), measure_profiles(mask[:, ::-1], 199)
    seen = predict({"left_neck": (35.0, 40.0), "right_neck": (365.0, 40.0)})
    for at in find_neck_points(sides, side_priors(seen, mask.shape), 100.0):
        assert at[1] < 100


def test_attributes_that_make_no_sense_still_give_landmarks() -> None:
    drawn = garment("short")
    rng = np.random.default_rng(4)
    for _ in range(12):
        landmarks = rng.uniform(-2000, 3000, (len(LANDMARKS), 3)).astype(np.float32)
        wild = dataclasses.replace(
            NO_ATTRIBUTES,
            landmarks=landmarks,
            left_sleeve=str(rng.choice(["none", "long", "of no kind"])),
            left_sleeve_confidence=1.0,
            right_sleeve="short",
            right_sleeve_confidence=1.0,
        )
        found = detect_top_landmarks(drawn.image, drawn.mask, wild)
        for side in found.halves:
            for curve in (side.side_seam, side.armhole, side.shoulder_line, found.neckline.curve):
                assert np.isfinite(curve).all()


def scooped(depth: float) -> GarmentAttributes:
    """Return a reading of the drawn garment's neckline: round, as deep as that, in pixels."""
    low = 170 + depth
    side = 170 + 0.81 * depth
    places = {
        "left_neck": (310.0, 170.0),
        "right_neck": (458.0, 170.0),
        "neck_bottom": (384.0, low),
    }
    return predict(places | {"left_curve": (347.0, side), "right_curve": (421.0, side)})


@pytest.mark.parametrize(("box", "depth"), [((345, 176, 423, 290), 60), ((312, 172, 456, 204), 90)])
def test_a_label_or_a_tape_is_no_neckline_if_another_is_predicted(
    box: tuple[int, int, int, int], depth: int
) -> None:
    drawn = garment("short", depth=depth, inside=(198, 40, 50))
    cv2.rectangle(drawn.image, box[:2], box[2:], (20, 20, 24), -1)
    drawn.image[drawn.mask == 0] = 255
    found = detect_top_landmarks(drawn.image, drawn.mask, scooped(depth)).neckline
    assert found.curve[:, 1].max() == pytest.approx(170 + depth, abs=6)


def test_a_clear_edge_near_the_predicted_one_is_followed() -> None:
    drawn = garment("short", depth=64)
    found = detect_top_landmarks(drawn.image, drawn.mask, scooped(56)).neckline
    assert found.curve[:, 1].max() == pytest.approx(234, abs=4)


def test_a_clear_inside_is_followed_deeper_than_predicted() -> None:
    drawn = garment("short", neck="v", depth=120)
    found = detect_top_landmarks(drawn.image, drawn.mask, scooped(60)).neckline
    assert found.curve[:, 1].max() == pytest.approx(290, abs=12)


def test_a_band_of_another_colour_stays_on_the_front() -> None:
    drawn = garment("short", depth=60, colour=(240, 240, 240), inside=(228, 228, 228))
    xs = np.linspace(310, 458, 60)
    edge = np.stack([xs, 170 + 60 * (1 - np.abs((xs - 384) / 74) ** 2.4)], axis=1)
    band = np.concatenate([edge, edge[::-1] + np.array([0, 16])]).astype(np.int32)
    cv2.fillPoly(drawn.image, [band], (30, 70, 190))
    found = detect_top_landmarks(drawn.image, drawn.mask, scooped(60)).neckline
    assert found.curve[:, 1].max() == pytest.approx(230, abs=6)
