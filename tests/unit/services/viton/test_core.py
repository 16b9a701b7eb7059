from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.errors import InvalidRequest, NoPerson
from services.viton.core import try_on
from services.viton.person.body import measure_body
from tests.unit.services.viton.drawings import SHAPE, Drawn, Person, figure, garment
from tests.unit.services.viton.wearing import is_red

pytestmark = pytest.mark.unit

RED = np.array([200, 40, 50])


def wear(person: Person, drawn: Drawn) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    made = try_on(person.photo, drawn.photo)
    return made.image, made.edit_mask


@pytest.mark.parametrize("sleeve", ["none", "short", "long"])
@pytest.mark.parametrize("worn", ["short", "long"])
def test_nothing_changes_outside_the_edit_mask(sleeve: str, worn: str) -> None:
    person = figure(sleeves=worn)
    image, edit = wear(person, garment(sleeve))
    assert (image[edit == 0] == person.image[edit == 0]).all()
    assert 0.05 < (edit > 0).mean() < 0.5


@pytest.mark.parametrize("label", [2, 13])
def test_head_stays(label: int) -> None:
    person = figure()
    image, _ = wear(person, garment("short"))
    inside = cv2.erode((person.labels == label).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(image[inside].astype(int) - person.image[inside]).max() <= 2


def test_trousers_stay_below_the_waistband() -> None:
    person = figure()
    image, _ = wear(person, garment("short"))
    inside = cv2.erode((person.labels == 9).astype(np.uint8), np.ones((15, 15))) > 0
    inside[:680] = False
    assert (image[inside] == person.image[inside]).all()


@pytest.mark.parametrize("sleeve", ["none", "short", "long"])
def test_nothing_is_left_of_the_worn_garment(sleeve: str) -> None:
    person = figure(sleeves="long")
    image, _ = wear(person, garment(sleeve))
    pixels = image.astype(int)
    green = (pixels[..., 1] - pixels[..., 0] > 25) & (pixels[..., 1] - pixels[..., 2] > 20)
    assert green.sum() < 120


def test_the_colour_is_kept() -> None:
    image, _ = wear(figure(), garment("short"))
    middle = np.median(image[440:600, 320:450].reshape(-1, 3), axis=0)
    assert np.abs(middle - RED).max() < 25


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 255, 0), (20, 20, 220)])
@pytest.mark.parametrize("sleeve", ["short", "long"])
def test_no_background_of_the_garment_photo_shows(
    sleeve: str, ground: tuple[int, int, int]
) -> None:
    plain, _ = wear(figure(), garment(sleeve))
    image, _ = wear(figure(), garment(sleeve, ground=ground))
    assert (np.abs(plain.astype(int) - image).max(axis=-1) > 40).sum() < 150


@pytest.mark.parametrize("sleeve", ["short", "long"])
def test_no_slit_between_torso_and_sleeve(sleeve: str) -> None:
    person = figure()
    image, _ = wear(person, garment(sleeve))
    red = is_red(image).astype(np.uint8)
    for row in range(370, 440, 5):
        line = np.flatnonzero(red[row])
        assert len(line) == line[-1] - line[0] + 1, f"row {row} has a gap"


def test_a_long_sleeve_reaches_the_wrist_and_spares_the_hand() -> None:
    person = figure()
    image, _ = wear(person, garment("long"))
    red = is_red(image)
    assert red[720, 210:245].any()
    assert not red[785:800, 190:250].any()


def test_a_bare_arm_gets_the_person_s_skin() -> None:
    image, _ = wear(figure(sleeves="long"), garment("none"))
    arm = np.median(image[600:700, 222:236].reshape(-1, 3), axis=0)
    assert np.abs(arm - np.array([214, 170, 140])).max() < 40


def test_the_inside_of_the_back_is_not_worn() -> None:
    inside = (30, 30, 220)
    image, _ = wear(figure(), garment("short", depth=80, inside=inside))
    blue = (image[..., 2].astype(int) - image[..., 0] > 90) & (image[..., 2] > 140)
    assert blue.sum() < 60


def test_a_deeper_neckline_is_worn_deeper() -> None:
    tops = []
    for depth in (40, 110):
        image, _ = wear(figure(), garment("short", depth=depth))
        tops.append(int(is_red(image)[:, 380:390].all(axis=1).argmax()))
    assert tops[1] > tops[0] + 25


def test_a_print_is_not_mirrored() -> None:
    image, _ = wear(figure(), garment("short", logo=True))
    white = (image[400:640, 280:490] > 200).all(axis=-1)
    assert white.sum() > 300
    assert np.nonzero(white)[1].mean() + 280 < 375


def test_a_hand_before_the_torso_stays_before_it() -> None:
    person = figure(hand_in_front=True)
    image, _ = wear(person, garment("short"))
    assert np.abs(image[550:570, 370:390].astype(int) - person.image[550:570, 370:390]).max() < 12


@pytest.mark.parametrize(
    "missing", [(9, 12), (3, 4), (4, 7), (2,), (5,), (2, 5), (3, 4, 6, 7, 8, 9, 12)]
)
def test_missing_joints_are_placed_by_proportion(missing: tuple[int, ...]) -> None:
    person = figure()
    keypoints = person.keypoints.copy()
    keypoints[list(missing)] = 0
    image, _ = wear(Person(person.image, person.labels, keypoints), garment("short"))
    middle = np.median(image[440:600, 330:440].reshape(-1, 3), axis=0)
    assert np.abs(middle - RED).max() < 40


def _outline(person: Person) -> NDArray[np.bool_]:
    return np.asarray(np.isin(person.labels, (5, 10, 14, 15)))


@pytest.mark.parametrize("sleeve", ["short", "long"])
def test_the_shoulders_are_no_wider_than_the_person_s(sleeve: str) -> None:
    person = figure()
    image, _ = wear(person, garment(sleeve))
    red, body = is_red(image), _outline(person)
    for row in range(310, 380, 10):
        worn, own = np.flatnonzero(red[row]), np.flatnonzero(body[row])
        if len(worn):
            assert worn[0] >= own[0] - 14
            assert worn[-1] <= own[-1] + 14


def test_the_shoulder_turns_into_the_sleeve_without_a_corner() -> None:
    image, _ = wear(figure(), garment("long"))
    filled = is_red(image)[:, :384]
    rows = np.arange(300, 420, 6)
    rim = np.array([int(filled[r].argmax()) if filled[r].any() else -1 for r in rows])
    edge = np.stack([rim, rows], axis=1)[rim > 0].astype(np.float64)
    steps = np.diff(edge, axis=0)
    turn = np.degrees(np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))))
    assert turn.max() < 40


def test_the_cuff_of_a_short_sleeve_is_square_to_the_arm() -> None:
    person = figure()
    image, _ = wear(person, garment("short"))
    red = is_red(image)
    columns = np.arange(222, 254, 4)
    ends = [int(np.flatnonzero(red[380:640, c]).max()) for c in columns]
    slope = np.degrees(np.arctan(np.polyfit(columns, ends, 1)[0]))
    shoulder, elbow = person.keypoints[2, :2], person.keypoints[3, :2]
    lean = np.degrees(np.arctan2(shoulder[0] - elbow[0], elbow[1] - shoulder[1]))
    assert slope == pytest.approx(lean, abs=9)


def test_islands_of_the_worn_label_far_from_the_body_are_left_alone() -> None:
    person = figure()
    labels = person.labels.copy()
    labels[480:530, 650:700] = 5
    labels[120:150, 90:120] = 5
    photo = person.image.copy()
    photo[480:530, 650:700] = (190, 170, 60)
    photo[120:150, 90:120] = (60, 90, 160)
    image, edit = wear(Person(photo, labels, person.keypoints), garment("short"))
    assert not edit[470:540, 640:710].any()
    assert not edit[110:160, 80:130].any()
    assert (image[480:530, 650:700] == photo[480:530, 650:700]).all()


def test_hair_on_a_shoulder_does_not_bend_the_shoulder_line() -> None:
    person = figure()
    labels = person.labels.copy()
    labels[180:360, 270:330] = 2
    hidden, segmentation = measure_body(person.keypoints, labels)
    plain, _ = measure_body(person.keypoints, person.labels)
    assert segmentation.hair[300, 300]
    columns = np.arange(272, 336)
    assert np.abs(hidden.shoulder_line_y[columns] - plain.shoulder_line_y[columns]).max() < 8
    bends = np.diff(hidden.shoulder_line_y[columns], 2)
    assert np.abs(bends).max() < 0.2


def test_new_skin_on_the_chest_has_the_neck_s_tone() -> None:
    person = figure()
    image, _ = wear(person, garment("short", depth=130))
    chest = np.median(image[352:372, 372:396].reshape(-1, 3), axis=0)
    assert np.abs(chest - np.array([214, 170, 140])).max() < 25


def test_a_dark_worn_garment_throws_no_shadow_of_its_dye() -> None:
    person = figure()
    worn = person.labels == 5
    dark = person.image.copy()
    dark[worn] = 20
    patched = dark.copy()
    patched[420:560, 330:440][worn[420:560, 330:440]] = 16
    drawn = garment("short")
    plain, _ = wear(replace(person, image=dark), drawn)
    image, _ = wear(replace(person, image=patched), drawn)
    middle = np.s_[460:520, 360:410]
    assert np.median(image[middle] / plain[middle].clip(1)) > 0.9


def test_nobody_in_the_photo() -> None:
    blank = Person(
        np.full((*SHAPE, 3), 200, np.uint8),
        np.zeros(SHAPE, np.uint8),
        np.zeros((25, 3), np.float32),
    )
    with pytest.raises(NoPerson):
        wear(blank, garment("short"))


def test_unlike_shapes_are_refused() -> None:
    person, drawn = figure(), garment("short")
    with pytest.raises(InvalidRequest):
        try_on(replace(person, image=person.image[:-1]).photo, drawn.photo)


def test_inputs_are_untouched_and_the_answer_is_the_same_again() -> None:
    person, drawn = figure(), garment("long")
    arrays = (person.image, person.keypoints, person.labels, drawn.image, drawn.mask)
    before = [a.copy() for a in arrays]
    for array in arrays:
        array.flags.writeable = False
    first, _ = wear(person, drawn)
    second, _ = wear(person, drawn)
    assert (first == second).all()
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True))


@pytest.mark.parametrize("mirrored", [False, True])
def test_persons_of_other_sizes(mirrored: bool) -> None:
    person, drawn = figure(), garment("short")
    scale = 0.5
    size = (384, 512)
    keypoints = person.keypoints * np.array([scale, scale, 1], np.float32)
    labels = cv2.resize(person.labels, size, interpolation=cv2.INTER_NEAREST)
    cloth = cv2.resize(drawn.image, size, interpolation=cv2.INTER_AREA)
    if mirrored:
        cloth = np.ascontiguousarray(cloth[:, ::-1])
    small = Person(
        cv2.resize(person.image, size, interpolation=cv2.INTER_AREA).astype(np.uint8),
        labels.astype(np.uint8),
        keypoints,
    )
    mask = cv2.resize(drawn.mask, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    made = try_on(small.photo, Drawn(cloth.astype(np.uint8), mask).photo)
    image = made.image
    assert image.shape == (512, 384, 3)
    assert (
        made.edit_mask.shape
        == made.garment_alpha.shape
        == made.garment_flow.shape[:2]
        == (512, 384)
    )
    middle = np.median(image[220:300, 165:220].reshape(-1, 3), axis=0)
    assert np.abs(middle - RED).max() < 25


@pytest.mark.parametrize("sleeves", ["none", "short", "long"])
def test_the_flow_leads_to_the_places_of_the_garment_that_are_seen(sleeves: str) -> None:
    person, drawn = figure(), garment(sleeves)
    # Every place of the garment has a colour of its own, so the picture tells where it is from.
    ys, xs = np.mgrid[: drawn.mask.shape[0], : drawn.mask.shape[1]]
    image = np.dstack([xs // 4 + 30, ys // 5 + 20, np.full_like(xs, 90)]).astype(np.uint8)
    made = try_on(person.photo, replace(drawn, image=image).photo)
    sure = made.garment_alpha > 250
    assert sure.sum() > 0.05 * sure.size
    assert not made.garment_alpha[made.edit_mask == 0].any()
    told = made.garment_flow[sure]
    hue = made.image[sure].astype(float)
    # Light scales all three channels alike; blue, the same everywhere, tells by how much.
    light = hue[:, 2:] / 90
    assert np.median(np.abs(hue[:, :2] / light - (told / (4, 5) + (30, 20)))) < 1.5
    assert (drawn.mask[told[:, 1].round().astype(int), told[:, 0].round().astype(int)] > 0).all()
