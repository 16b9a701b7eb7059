"""Behind the neck lies a hood, or a collar's back; a stand goes up it."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES, GarmentAttributes
from services.viton.core import try_on
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.painting.rendering import Rendering
from tests.unit.services.viton.drawings import Drawn, Person, figure, garment, gown, standing

pytestmark = pytest.mark.unit

BLUE = (30, 60, 200)
HOOD = [(310, 172), (262, 110), (290, 20), (478, 20), (506, 110), (458, 172), (384, 196)]


def hooded(sleeve: str) -> Drawn:
    """A red top with a blue hood spread out above its neck."""
    drawn = garment(sleeve)
    image, mask = drawn.image.copy(), drawn.mask.copy()
    ring = [np.array(HOOD)]
    above = cv2.fillPoly(np.zeros_like(mask), ring, 255)
    above[171:] = 0
    image[above > 0] = BLUE
    cv2.fillPoly(mask, ring, 255)
    return Drawn(image, mask)


def predict(**changes: Any) -> GarmentAttributes:
    landmarks = np.zeros((len(LANDMARKS), 3), np.float32)
    places = {"left_neck": (310, 170), "right_neck": (458, 170), "neck_bottom": (384, 240)}
    places |= {"left_curve": (347, 228), "right_curve": (421, 228)}
    for name, place in places.items():
        landmarks[LANDMARKS.index(name)] = (*place, 0.9)
    attributes = dataclasses.replace(
        NO_ATTRIBUTES, landmarks=landmarks, neckline="hood", neckline_confidence=0.95, collar=True
    )
    return dataclasses.replace(attributes, **changes)


def wear(
    person: Person, drawn: Drawn, attributes: GarmentAttributes, category: str = "upper"
) -> Rendering:
    return try_on(person.photo, dataclasses.replace(drawn.photo, attributes=attributes), category)


def with_blue(drawn: Drawn, ring: list[tuple[int, int]]) -> Drawn:
    """The garment and a blue piece of it, inside a ring."""
    piece = cv2.fillPoly(np.zeros_like(drawn.mask), [np.array(ring)], 255)
    image = drawn.image.copy()
    image[piece > 0] = BLUE
    return Drawn(image, np.maximum(drawn.mask, piece))


def is_blue(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    pixels = image.astype(int)
    return np.asarray((pixels[..., 2] - pixels[..., 0] > 70) & (pixels[..., 2] > 120))


@pytest.mark.parametrize("sleeve", ["none", "short", "long"])
def test_the_shoulders_are_those_below_the_hood(sleeve: str) -> None:
    drawn = hooded(sleeve)
    read = detect_top_landmarks(drawn.image, drawn.mask, predict())
    plain = detect_top_landmarks(garment(sleeve).image, garment(sleeve).mask)
    assert read.back_neck_piece is not None
    assert read.back_neck_piece.mask[:170, 384].sum() == pytest.approx(150, abs=2)
    assert not (read.back_neck_piece.mask & read.torso_mask).any()
    for own, other in zip(read.halves, plain.halves, strict=True):
        assert own.neck_point == pytest.approx(other.neck_point, abs=12)
        assert own.shoulder_tip == pytest.approx(other.shoulder_tip, abs=12)
        assert own.armpit == pytest.approx(other.armpit, abs=12)
        assert (own.sleeve is None) == (other.sleeve is None)


@pytest.mark.parametrize(
    "changes",
    [{"neckline": "collar"}, {"neckline_confidence": 0.7}, {"landmarks": NO_ATTRIBUTES.landmarks}],
    ids=["collar", "doubtful", "no ends"],
)
def test_nothing_is_split_off_without_a_predicted_hood(changes: dict[str, Any]) -> None:
    drawn = hooded("short")
    read = detect_top_landmarks(drawn.image, drawn.mask, predict(**changes))
    assert read.back_neck_piece is None or not read.back_neck_piece.is_hood
    assert read.torso_mask[100, 384]


def test_a_hood_that_the_mask_lacks_is_none() -> None:
    drawn = garment("short")
    assert detect_top_landmarks(drawn.image, drawn.mask, predict()).back_neck_piece is None


def test_the_hood_lies_behind_the_neck() -> None:
    person, drawn = figure(), hooded("long")
    made = wear(person, drawn, predict())
    blue = is_blue(made.image)
    skin = cv2.erode(np.isin(person.labels, (2, 10, 13)).astype(np.uint8), np.ones((7, 7))) > 0
    assert not (blue & skin).any()
    for beside in (blue[:, :384], blue[:, 384:]):
        assert beside.sum() > 150
    rows = np.flatnonzero(blue.any(axis=1))
    # Between the chin and the chest.
    assert rows[0] > 200
    assert rows[-1] < 400
    assert (made.image[made.edit_mask == 0] == person.image[made.edit_mask == 0]).all()
    assert (made.garment_alpha[blue] > 0.3).mean() > 0.9


def test_the_chest_is_covered_as_by_the_top_alone() -> None:
    person = figure()

    def worn(drawn: Drawn, attributes: GarmentAttributes) -> NDArray[np.uint8]:
        return wear(person, drawn, attributes).image[420:640, 300:470]

    with_hood, without = worn(hooded("long"), predict()), worn(garment("long"), NO_ATTRIBUTES)
    assert np.abs(with_hood.astype(int) - without).mean() < 4


def turtleneck() -> Drawn:
    """A red top with a blue stand around its neck, inside of the back and all."""
    ring = [(310, 174), (320, 90), (448, 90), (458, 174), (384, 196)]
    return with_blue(garment("long", inside=BLUE), ring)


@pytest.mark.parametrize(("sure", "goes_up"), [(0.95, True), (0.6, False)])
def test_a_stand_collar_goes_up_the_neck(sure: float, *, goes_up: bool) -> None:
    person, drawn = figure(), turtleneck()
    made = wear(person, drawn, predict(neckline="high_neck", neckline_confidence=sure))
    blue = is_blue(made.image)
    face = cv2.erode(np.isin(person.labels, (2, 13)).astype(np.uint8), np.ones((7, 7))) > 0
    assert not (blue & face).any()
    assert (made.image[made.edit_mask == 0] == person.image[made.edit_mask == 0]).all()
    # Just above the collar bones the neck is cloth from side to side, or bare.
    throat = blue[290:300, 350:418]
    assert throat.mean() > 0.95 if goes_up else throat.mean() < 0.05


def test_a_neckline_that_shows_the_inside_of_the_back_is_no_stand_collar() -> None:
    drawn = garment("short")
    assert (
        detect_top_landmarks(
            drawn.image, drawn.mask, predict(neckline="high_neck")
        ).stand_collar_mask
        is None
    )


def collared() -> Drawn:
    """A red top with a collar whose back, blue inside, rises above the neckline's ends."""
    ring = [(306, 174), (322, 140), (446, 140), (462, 174), (384, 200)]
    return with_blue(garment("long", inside=BLUE), ring)


@pytest.mark.parametrize(
    ("changes", "shows"),
    [
        ({"neckline": "collar"}, True),
        ({"neckline": "collar", "neckline_confidence": 0.6}, False),
        ({"neckline": "round", "collar": False}, False),
    ],
    ids=["collar", "doubtful", "no collar"],
)
def test_the_inside_of_a_collar_shows_beside_the_neck(
    changes: dict[str, Any], *, shows: bool
) -> None:
    person, drawn = figure(), collared()
    made = wear(person, drawn, predict(**changes))
    blue = is_blue(made.image)
    assert not blue[:, 358:410].any()
    assert not (blue & (cv2.erode(person.labels, np.ones((7, 7))) == 13)).any()
    assert (made.image[made.edit_mask == 0] == person.image[made.edit_mask == 0]).all()
    for beside in (blue[:, :384], blue[:, 384:]):
        assert beside.sum() > 300 if shows else beside.sum() < 20


@pytest.mark.parametrize("neckline", ["hood", "high_neck", "collar"])
def test_a_dress_has_around_the_neck_what_a_top_has(neckline: str) -> None:
    ring = [(340, 98), (344, 60), (424, 60), (428, 98), (384, 120)]
    person, drawn = standing("trousers"), with_blue(gown(sleeves=True), ring)
    landmarks = np.zeros((len(LANDMARKS), 3), np.float32)
    places = {"left_neck": (340, 98), "right_neck": (428, 98), "neck_bottom": (384, 120)}
    places |= {"left_curve": (362, 115), "right_curve": (406, 115)}
    for name, place in places.items():
        landmarks[LANDMARKS.index(name)] = (*place, 0.9)
    made = wear(person, drawn, predict(neckline=neckline, landmarks=landmarks), "dress")
    blue = is_blue(made.image)
    assert blue.sum() > 80
    face = cv2.erode(np.isin(person.labels, (2, 13)).astype(np.uint8), np.ones((7, 7))) > 0
    assert not (blue & face).any()
    assert (made.image[made.edit_mask == 0] == person.image[made.edit_mask == 0]).all()
