from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.errors import InvalidRequest, LegsNotShown, NoGarment
from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES
from services.viton.core import try_on
from services.viton.garment.bottoms_landmarks import detect_bottoms_landmarks
from services.viton.garment.dress_landmarks import detect_dress_landmarks
from services.viton.person.legs import measure_lower_body
from tests.unit.services.viton.drawings import (
    SHAPE,
    SKIN,
    Drawn,
    Person,
    bottoms,
    figure,
    gown,
    standing,
)

pytestmark = pytest.mark.unit

Picture = NDArray[np.uint8]

ANKLE, KNEE, HIPS, WAIST = 880, 660, 450, 390
WORN = ("trousers", "skirt", "dress", "shorts")


def wear(person: Person, drawn: Drawn, category: str = "lower") -> tuple[Picture, Picture]:
    made = try_on(person.photo, drawn.photo, category)
    return made.image, made.edit_mask


@cache
def dressed(worn: str, kind: str, *, tucked: bool = False) -> tuple[Picture, Picture]:
    """Wear a drawn garment, ``gown`` or one of ``bottoms``, on a drawn figure."""
    if kind.startswith("gown"):
        return wear(standing(worn, tucked=tucked), gown(sleeves=kind == "gown+"), "dress")
    lower = bottoms(kind)
    return wear(standing(worn, tucked=tucked), lower)


def red(image: Picture) -> NDArray[np.bool_]:
    pixels = image.astype(int)
    return np.array((pixels[..., 0] - pixels[..., 1] > 90) & (pixels[..., 2] < 110))


def hem(image: Picture, columns: slice) -> int:
    return int(np.flatnonzero(red(image)[:, columns].any(axis=1)).max())


@pytest.mark.parametrize("worn", WORN)
@pytest.mark.parametrize("kind", ["trousers", "shorts", "skirt", "flared"])
def test_nothing_changes_outside_the_edit_mask(worn: str, kind: str) -> None:
    person = standing(worn)
    image, edit = dressed(worn, kind)
    assert (image[edit == 0] == person.image[edit == 0]).all()
    assert not edit[:340].any()
    assert red(image).sum() > 8000


@pytest.mark.parametrize("kind", ["trousers", "shorts", "skirt", "flared"])
@pytest.mark.parametrize("worn", ["trousers", "skirt", "shorts"])
def test_nothing_is_left_of_the_worn_bottoms(worn: str, kind: str) -> None:
    image, _ = dressed(worn, kind)
    pixels = image.astype(int)
    blue = (pixels[..., 2] - pixels[..., 0] > 40) & (pixels[..., 2] < 140)
    # Between top and arm the worn shorts show as a slit of four pixels: mixed ones may remain.
    assert blue.sum() < 280


@pytest.mark.parametrize("kind", ["trousers", "shorts", "skirt"])
def test_the_colour_is_kept(kind: str) -> None:
    image, _ = dressed("trousers", kind)
    middle = np.median(image[red(image)], axis=0)
    assert np.abs(middle - np.array([200, 40, 50])).max() < 25


def test_trousers_reach_the_ankles_and_part() -> None:
    image, _ = dressed("skirt", "trousers")
    assert ANKLE - 12 <= hem(image, slice(300, 470)) <= ANKLE + 40
    assert not red(image)[700:860, 376:393].all(axis=1).any()


@pytest.mark.parametrize("worn", ["trousers", "skirt", "dress"])
def test_shorts_end_above_the_knee_on_bare_legs(worn: str) -> None:
    image, _ = dressed(worn, "shorts")
    assert HIPS + 60 < hem(image, slice(300, 470)) < KNEE - 10
    for column in (342, 426):
        shin = np.median(image[700:860, column - 8 : column + 8].reshape(-1, 3), axis=0)
        assert np.abs(shin - np.array(SKIN)).max() < 30


@pytest.mark.parametrize("worn", ["trousers", "dress"])
def test_a_skirt_is_one_cloth_around_both_legs(worn: str) -> None:
    image, _ = dressed(worn, "skirt")
    cloth = red(image)
    end = hem(image, slice(0, 768))
    assert HIPS + 100 < end < ANKLE
    for row in range(500, end - 10, 20):
        line = np.flatnonzero(cloth[row])
        assert len(line) == line[-1] - line[0] + 1


def test_a_flared_skirt_stays_flared() -> None:
    image, _ = dressed("trousers", "flared")
    cloth = red(image)
    end = hem(image, slice(0, 768))
    assert cloth[end - 20].sum() > 1.6 * cloth[500].sum()


def test_an_untucked_top_hangs_over_the_waistband() -> None:
    image, edit = dressed("trousers", "trousers")
    assert not red(image)[:476, 310:458].any()
    assert not edit[:460, 320:450].any()


def test_with_a_tucked_top_the_waistband_shows() -> None:
    image, _ = dressed("trousers", "trousers", tucked=True)
    first = int(red(image)[:, 384].argmax())
    assert WAIST - 25 < first < WAIST + 8


def test_the_top_of_a_dress_stays_above_new_trousers() -> None:
    person = standing("dress")
    image, _ = dressed("dress", "trousers")
    assert np.abs(image[230:330, 350:420].astype(int) - person.image[230:330, 350:420]).max() <= 2
    pixels = image.astype(int)
    green = (pixels[..., 1] - pixels[..., 0] > 25) & (pixels[..., 1] - pixels[..., 2] > 20)
    assert green[420:].sum() < 60


def test_hands_and_shoes_stay() -> None:
    person = standing()
    image, _ = dressed("trousers", "flared")
    for label in (14, 15, 18, 19):
        inside = cv2.erode((person.labels == label).astype(np.uint8), np.ones((9, 9))) > 0
        assert np.abs(image[inside].astype(int) - person.image[inside]).max() <= 3


def test_a_print_is_neither_mirrored_nor_on_the_other_leg() -> None:
    drawn = bottoms("trousers")
    marked = drawn.image.copy()
    marked[500:560, 296:340] = (40, 220, 60)
    image, _ = wear(standing("skirt"), Drawn(marked, drawn.mask))
    pixels = image[500:].astype(int)
    xs = np.nonzero((pixels[..., 1] - pixels[..., 0] > 90) & (pixels[..., 1] > 140))[1]
    assert len(xs) > 400
    assert xs.max() < 384


def test_the_frame_cuts_the_garment_too() -> None:
    person = figure()
    image, edit = wear(person, bottoms("trousers"))
    assert red(image)[-1].sum() > 150
    assert (image[edit == 0] == person.image[edit == 0]).all()


def test_without_legs_there_is_nothing_to_wear_it_on() -> None:
    person = figure()
    keypoints = person.keypoints.copy()
    keypoints[[8, 9, 12], 1] = 980
    with pytest.raises(LegsNotShown, match="does not show the legs"):
        wear(Person(person.image, person.labels, keypoints), bottoms("trousers"))


def test_a_seated_person_is_refused() -> None:
    person = standing()
    keypoints = person.keypoints.copy()
    keypoints[[10, 13], 1] = 470
    with pytest.raises(LegsNotShown, match="standing"):
        wear(Person(person.image, person.labels, keypoints), bottoms("skirt"))


def test_an_empty_mask_is_refused() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    for read in (
        detect_bottoms_landmarks,
        lambda mask: detect_dress_landmarks(bottoms("skirt").image, mask),
    ):
        with pytest.raises(NoGarment):
            read(empty)


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="send upper, lower or dress"):
        wear(standing(), bottoms("skirt"), "hat")


@pytest.mark.parametrize("worn", WORN)
@pytest.mark.parametrize("sleeves", [False, True])
def test_a_dress_replaces_everything(worn: str, sleeves: bool) -> None:
    person = standing(worn)
    image, edit = dressed(worn, "gown+" if sleeves else "gown")
    assert (image[edit == 0] == person.image[edit == 0]).all()
    pixels = image.astype(int)
    blue = (pixels[..., 2] - pixels[..., 0] > 40) & (pixels[..., 2] < 140)
    green = (pixels[..., 1] - pixels[..., 0] > 25) & (pixels[..., 1] - pixels[..., 2] > 20)
    assert blue.sum() < 80
    assert green.sum() < 120


@pytest.mark.parametrize("worn", ["trousers", "dress"])
def test_a_dress_is_one_piece_from_chest_to_hem(worn: str) -> None:
    image, _ = dressed(worn, "gown")
    cloth = red(image)
    end = hem(image, slice(0, 768))
    assert HIPS + 100 < end < ANKLE + 20
    assert cloth[260 : end - 12, 384].all()
    for row in range(280, end - 12, 20):
        line = np.flatnonzero(cloth[row, 330:440])
        assert len(line) == line[-1] - line[0] + 1, row


def test_a_dress_is_lit_evenly_over_top_and_trousers() -> None:
    image, _ = dressed("trousers", "gown")
    column = image[300:620, 370:398].astype(float).mean(axis=(1, 2))
    assert np.abs(np.diff(column)).max() < 4
    assert column.max() - column.min() < 30


def test_a_dress_has_no_seam_at_the_waist() -> None:
    drawn = gown()
    striped = drawn.image.copy()
    striped[:, 372:396][drawn.mask[:, 372:396] > 0] = (250, 250, 250)
    image, _ = wear(standing(), Drawn(striped, drawn.mask), "dress")
    white = np.array((image > 200).all(axis=-1), bool)
    rows = np.arange(280, 560)
    middles = np.array([np.nonzero(white[r, 330:440])[0].mean() for r in rows])
    widths = np.array([white[r, 330:440].sum() for r in rows])
    assert np.abs(np.diff(middles)).max() < 2.5
    assert np.abs(np.diff(widths)).max() <= 3


def test_legs_below_a_dress_are_bare() -> None:
    image, _ = dressed("trousers", "gown")
    end = hem(image, slice(0, 768))
    for column in (342, 426):
        shin = np.median(image[end + 20 : 870, column - 6 : column + 6].reshape(-1, 3), axis=0)
        assert np.abs(shin - np.array(SKIN)).max() < 30


def test_edges_are_smooth() -> None:
    image, _ = dressed("trousers", "skirt")
    cloth = red(image)
    rows = np.arange(520, hem(image, slice(0, 768)) - 20)
    rim = np.array([int(cloth[r].argmax()) for r in rows], np.float64)
    course = np.convolve(rim, np.ones(15) / 15, "valid")
    assert np.sqrt(np.mean((rim[7:-7] - course) ** 2)) < 0.8


@pytest.mark.parametrize("joints", [(11, 14), (10, 11, 13, 14), (10,), (14,)])
def test_missing_joints_are_placed_by_proportion(joints: tuple[int, ...]) -> None:
    person = standing()
    keypoints = person.keypoints.copy()
    keypoints[list(joints)] = 0
    body, _ = measure_lower_body(keypoints, person.labels)
    for leg, x in zip(body.legs, (342, 426), strict=True):
        assert leg.centreline[60, 1] == pytest.approx(KNEE, abs=50)
        assert leg.centreline[60, 0] == pytest.approx(x, abs=25)


def test_the_legs_are_as_wide_as_they_are_seen() -> None:
    person = standing("shorts")
    body, _ = measure_lower_body(person.keypoints, person.labels)
    for leg in body.legs:
        assert leg.half_width[60] == pytest.approx(30, abs=5)


READ: Any = [
    ("trousers", 320, 900),
    ("shorts", 320, 440),
    ("skirt", None, 520),
    ("flared", None, 520),
]


@pytest.mark.parametrize(("kind", "crotch", "end"), READ)
def test_the_parts_of_a_lower_garment(kind: str, crotch: int | None, end: int) -> None:
    read = detect_bottoms_landmarks(bottoms(kind).mask)
    assert read.hem_row == pytest.approx(end, abs=4)
    assert read.waistband_row == pytest.approx(120, abs=3)
    if crotch is None:
        assert read.crotch is None
    else:
        assert read.crotch is not None
        assert read.crotch == pytest.approx([384, crotch], abs=25)


def test_where_a_dress_turns_into_a_skirt() -> None:
    drawn = gown(sleeves=True)
    read = detect_dress_landmarks(drawn.image, drawn.mask)
    assert read.waist_row == pytest.approx(290, abs=15)
    assert read.skirt.hem_row == pytest.approx(700, abs=5)
    assert not read.body_mask[200:240, 240:270].any()


def test_a_slanted_dress_has_its_waist_where_the_chest_that_the_network_sees_puts_it() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    ring = [(300, 100), (340, 100), (360, 260), (470, 96), (500, 110), (500, 700), (280, 700)]
    cv2.fillPoly(mask, [np.array([*ring, (280, 300)])], 255)
    image = np.where(mask[..., None] > 0, np.array([200, 210, 40]), 255).astype(np.uint8)
    landmarks = np.zeros((len(LANDMARKS), 3), np.float32)
    for name, place in (("left_armpit", (280, 270)), ("right_armpit", (500, 270))):
        landmarks[LANDMARKS.index(name)] = (*place, 0.9)
    bare: dict[str, Any] = {f"{side}_sleeve": "none" for side in ("left", "right")}
    bare |= {f"{side}_sleeve_confidence": 0.9 for side in ("left", "right")}
    seen = replace(NO_ATTRIBUTES, landmarks=landmarks, **bare)
    assert detect_dress_landmarks(image, mask, seen).waist_row == pytest.approx(296, abs=12)
