"""The generator's labels agree with its pixels, and the engine reads what it draws."""

from typing import Final

import numpy as np
import pytest

from bench.drawn.photo import Drawn, draw
from bench.drawn.reading import read, summary
from bench.drawn.spec import ARM, SLEEVES

pytestmark = pytest.mark.unit

PLAIN: Final = {"turn": 0.0, "tilt": (0.0, 0.0), "shadow": 0.0, "tone": "coloured"}


@pytest.fixture(scope="module")
def drawings() -> list[Drawn]:
    return [draw(5, number) for number in range(24)]


def test_the_same_seed_draws_the_same_garment(drawings: list[Drawn]) -> None:
    again = draw(5, 3)
    assert np.array_equal(again.image, drawings[3].image)
    assert again.label() == drawings[3].label()
    assert not np.array_equal(draw(6, 3).image, again.image)


def test_parts_fill_the_mask_and_nothing_is_cut_off(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        assert np.array_equal(drawn.parts > 0, drawn.mask > 0)
        rim = np.concatenate([drawn.mask[[0, -1]].ravel(), drawn.mask[:, [0, -1]].ravel()])
        assert not rim.any()


def test_every_landmark_lies_on_the_garment_s_pixels(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        rows, columns = np.nonzero(drawn.mask)
        for x, y in drawn.landmarks.values():
            assert np.hypot(columns - x, rows - y).min() < 3


def test_sleeves_are_parts_of_the_labelled_length(drawings: list[Drawn]) -> None:
    for drawn in drawings:
        sleeved = drawn.spec.sleeves != "none"
        assert set(np.unique(drawn.parts)) == ({0, 1, 2, 3} if sleeved else {0, 1})
        if not sleeved:
            continue
        at = {name: np.array(place) for name, place in drawn.landmarks.items()}
        chest = np.hypot(*(at["left_armpit"] - at["right_armpit"]))
        straight = np.hypot(*(at["left_cuff_outer"] - at["left_shoulder"]))
        scale = chest / (2 * drawn.spec.half_chest)
        assert straight / scale == pytest.approx(drawn.spec.reach, rel=0.04)
        low, high = SLEEVES[drawn.spec.sleeves]
        assert low * ARM - 11 < drawn.spec.reach < high * ARM + 11


def test_a_touching_sleeve_leaves_no_gap_beside_the_torso() -> None:
    for number in range(6):
        drawn = draw(8, number, sleeves="long", pose="touching", reach=52.0, cuff=10.0, **PLAIN)
        bottom = int(min(drawn.landmarks["left_hem"][1], drawn.landmarks["left_cuff_inner"][1]))
        top = int(drawn.landmarks["left_armpit"][1])
        for row in drawn.mask[top + 8 : bottom - 8]:
            columns = np.flatnonzero(row)
            assert len(columns) == columns[-1] - columns[0] + 1


@pytest.mark.parametrize(
    ("sleeves", "reach", "cuff"), [("short", 22.0, 16.0), ("mid", 40.0, 12.5), ("long", 58.0, 9.5)]
)
def test_the_class_of_sleeves_against_the_torso(sleeves: str, reach: float, cuff: float) -> None:
    changes = {"sleeves": sleeves, "reach": reach, "cuff": cuff, "pose": "touching"}
    changes |= {"half_shoulder": 20.0, "half_chest": 23.0, "half_neck": 8.0, "neck": "crew"}
    changes |= {"armpit": 23.0, "length": 64.0, "flare": 1.0, "waist": 0.95, "overlap": 1.0}
    changes |= {"mount": "flat", "bow": 0.5}
    readings = [read(n, draw(9, n, **PLAIN, **changes)) for n in range(4)]
    assert [r.found for r in readings] == [sleeves] * 4
    assert max(r.errors["armpit"] for r in readings) < 0.2


def test_the_sleeve_class_of_two_dozen_garments(drawings: list[Drawn]) -> None:
    readings = [read(number, drawn) for number, drawn in enumerate(drawings)]
    figures = summary(readings)
    assert figures["garments"] == 24
    assert figures["sleeve_class_right"] >= 0.7
    bare = [r for r in readings if r.kinds["sleeves"] == "none"]
    assert bare
    assert all(r.right for r in bare)


def test_a_garment_that_cannot_be_read_counts_as_wrong() -> None:
    drawn = draw(5, 0)
    reading = read(0, drawn, np.zeros_like(drawn.mask))
    assert reading.found == "NoGarment"
    assert not reading.right
    assert reading.iou == 0
