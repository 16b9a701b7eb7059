"""The generator's labels agree with its pixels, and the engine reads what it draws."""

from typing import Any, Final

import numpy as np
import pytest

from bench.measures.garment_landmarks import (
    class_accuracies,
    compare_classes,
    evaluate_garment,
    summarise,
)
from services.cloth_mask.attributes import SIDE
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES
from training.garment.drawn.photo import Drawn, draw
from training.garment.drawn.spec import ARM, CAP, SLEEVES
from training.garment.examples import changed, example
from training.garment.masks import spoil

pytestmark = pytest.mark.unit

SMALL: Final = 384
PLAIN: Final[dict[str, Any]] = {
    "turn": 0.0,
    "tilt": (0.0, 0.0),
    "shadow": 0.0,
    "tone": "coloured",
    "neck": "crew",
    "opening": "none",
    "bare": 0,
    "puff": 0.0,
}


@pytest.fixture(scope="module", params=GARMENT_CATEGORIES)
def drawings(request: pytest.FixtureRequest) -> list[Drawn]:
    return [draw(5, number, category=request.param, height=SMALL) for number in range(16)]


@pytest.mark.parametrize("category", GARMENT_CATEGORIES)
def test_the_same_seed_draws_the_same_garment(category: str) -> None:
    first, again = (draw(5, 3, category=category, height=SMALL) for _ in range(2))
    assert np.array_equal(again.image, first.image)
    assert again.label() == first.label()
    assert not np.array_equal(draw(6, 3, category=category, height=SMALL).image, again.image)


def test_parts_fill_the_mask_and_nothing_is_cut_off(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        assert np.array_equal(drawn.parts > 0, drawn.mask > 0)
        rim = np.concatenate([drawn.mask[[0, -1]].ravel(), drawn.mask[:, [0, -1]].ravel()])
        assert not rim.any()


def test_every_landmark_is_known_by_name_and_lies_on_the_garment(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        rows, columns = np.nonzero(drawn.mask)
        assert drawn.landmarks.keys() <= set(LANDMARKS)
        for x, y in drawn.landmarks.values():
            assert np.hypot(columns - x, rows - y).min() < 4


def test_left_is_left(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        for name in ("waist", "hem", "armpit", "shoulder"):
            if f"left_{name}" in drawn.landmarks:
                assert drawn.landmarks[f"left_{name}"][0] < drawn.landmarks[f"right_{name}"][0]


def test_trousers_have_legs_and_skirts_none() -> None:
    for style, pieces in (("trousers", 3), ("shorts", 3), ("skirt", 1)):
        drawn = draw(4, 1, category="lower", height=SMALL, style=style, length=60.0, reach=35.0)
        assert len(set(np.unique(drawn.parts)) - {0}) == pieces
        assert ("crotch" in drawn.landmarks) == (style != "skirt")


def test_sleeves_are_of_the_labelled_length() -> None:
    for number in range(40):
        drawn = draw(5, number, height=SMALL, bend=0.0, puff=0.0, tilt=(0.0, 0.0))
        spec = drawn.spec
        sides = [s for s in ("left", "right") if f"{s}_cuff_outer" in drawn.landmarks]
        assert bool(sides) == (spec.sleeves != "none")
        assert set(np.unique(drawn.parts)) == set(range(2 + len(sides)))
        if not sides or spec.neck == "off shoulder":
            continue
        at = {name: np.array(place) for name, place in drawn.landmarks.items()}
        hems = np.hypot(*(at["left_hem"] - at["right_hem"]))
        scale = hems / (2 * spec.half_chest * spec.flare)
        straight = np.hypot(*(at[f"{sides[0]}_cuff_outer"] - at[f"{sides[0]}_shoulder"]))
        assert straight / scale == pytest.approx(spec.reach, rel=0.06, abs=0.5)
        low, high = SLEEVES[spec.sleeves]
        low = CAP[0] if spec.sleeves == "short" else low
        assert max(low * ARM - 11, 2.9) < spec.reach < high * ARM + 11


def test_a_touching_sleeve_leaves_no_gap_beside_the_torso() -> None:
    own = PLAIN | {"half_shoulder": 20.0, "half_neck": 8.0, "half_chest": 23.0, "armpit": 23.0}
    own |= {"style": "top", "length": 64.0, "flare": 1.0, "waist": 0.95, "mount": "flat"}
    for number in range(6):
        drawn = draw(8, number, sleeves="long", pose="touching", reach=52.0, cuff=10.0, **own)
        bottom = int(min(drawn.landmarks["left_hem"][1], drawn.landmarks["left_cuff_inner"][1]))
        top = int(drawn.landmarks["left_armpit"][1])
        for row in drawn.mask[top + 8 : bottom - 8]:
            columns = np.flatnonzero(row)
            assert len(columns) == columns[-1] - columns[0] + 1


@pytest.mark.parametrize(
    ("sleeves", "reach", "cuff"),
    [("short", 22.0, 16.0), ("three_quarter", 40.0, 12.5), ("long", 58.0, 9.5)],
)
def test_the_class_of_sleeves_against_the_torso(sleeves: str, reach: float, cuff: float) -> None:
    changes: dict[str, Any] = {
        "sleeves": sleeves,
        "reach": reach,
        "cuff": cuff,
        "pose": "touching",
        "bend": 0.0,
    }
    changes |= {"half_shoulder": 20.0, "half_chest": 23.0, "half_neck": 8.0, "slope": 0.3}
    changes |= {"armpit": 23.0, "length": 64.0, "flare": 1.0, "waist": 0.95, "overlap": 1.0}
    changes |= {"mount": "flat", "bow": 0.5, "uneven": 0.03, "hem": "straight", "drop": 0.45}
    readings = [evaluate_garment(n, draw(9, n, **(PLAIN | changes))) for n in range(4)]
    assert [r.sleeve_class for r in readings] == [sleeves] * 4
    assert max(r.landmark_errors["armpit"] for r in readings) < 0.2


def test_a_garment_that_cannot_be_read_counts_as_wrong() -> None:
    drawn = draw(5, 0)
    reading = evaluate_garment(0, drawn, np.zeros_like(drawn.mask))
    assert reading.sleeve_class == "NoGarment"
    assert not reading.has_right_sleeve_class
    assert reading.mask_iou == 0
    assert summarise([reading])["sleeve_class_right"] == 0


def test_accuracies_count_a_question_only_if_it_has_an_answer() -> None:
    drawn = [draw(5, 0, category=category, height=SMALL) for category in GARMENT_CATEGORIES]
    pairs = [compare_classes(own, NO_ATTRIBUTES) for own in drawn]
    figures = class_accuracies(pairs)
    assert figures["category"]["garments"] == 3
    assert figures["category"]["right"] == 0
    assert figures["left sleeve"]["garments"] == 2
    assert figures["category"]["confusion"]["dress"] == {"": 1}


def test_a_view_of_an_example_keeps_its_labels_on_the_garment() -> None:
    for index in range(12):
        own = example(7, index)
        inputs, points, classes, reach = changed(own, np.random.default_rng([1, index]))
        assert inputs.shape == (4, SIDE, SIDE)
        assert np.abs(inputs).max() <= 8
        assert classes[0] == own.classes[0]
        assert sorted(reach) == pytest.approx(sorted(own.reach))
        assert points[:, 2].sum() == own.points[:, 2].sum()
        there = points[points[:, 2] > 0, :2]
        assert ((there > -0.1) & (there < 1.1)).all()
        left, right = (points[LANDMARKS.index(f"{side}_hem")] for side in ("left", "right"))
        assert left[0] < right[0]


def test_spoilt_masks_keep_most_of_the_garment() -> None:
    drawn = draw(5, 2, height=SMALL)
    overlaps = []
    for number in range(40):
        spoilt = spoil(drawn.mask, np.random.default_rng(number))
        both = np.count_nonzero((spoilt > 0) & (drawn.mask > 0))
        overlaps.append(both / np.count_nonzero((spoilt > 0) | (drawn.mask > 0)))
        assert set(np.unique(spoilt)) <= {0, 255}
    assert min(overlaps) > 0.6
    assert 0.1 < np.mean(np.array(overlaps) == 1) < 0.7
