from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from services.viton.core import try_on
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.painting.light_direction import estimate_light_direction_x
from services.viton.painting.shading import shade_torso
from services.viton.painting.skin import see_skin, synthesise_skin
from services.viton.person.body import measure_body
from services.viton.person.shoulders import trace_shoulder_outline
from services.viton.placing.sleeve import place_sleeves
from services.viton.raster.alpha_matte import estimate_alpha_matte
from tests.unit.services.viton.drawings import (
    HAIR,
    SHAPE,
    SKIN,
    WORN,
    Drawn,
    Person,
    figure,
    garment,
)

pytestmark = pytest.mark.unit

Picture = NDArray[np.uint8]


def wear(person: Person, drawn: Drawn) -> tuple[Picture, Picture]:
    outcome = try_on(person.photo, drawn.photo)
    return outcome.image, outcome.edit_mask


def unlike(picture: Picture, colour: tuple[int, int, int]) -> NDArray[np.float64]:
    """CIEDE2000 from one colour, for every pixel."""
    lab = rgb2lab(np.array([[colour]], np.uint8))
    return np.asarray(deltaE_ciede2000(rgb2lab(picture), lab))  # type: ignore[no-untyped-call]


def recoloured(person: Person, label: int, colour: tuple[int, int, int]) -> Person:
    image = person.image.copy()
    image[person.labels == label] = colour
    return replace(person, image=cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.uint8))


def test_a_matte_is_free_of_what_was_behind() -> None:
    front = np.zeros((200, 200), bool)
    front[:, :100] = True
    photo = np.where(front[..., None], (200, 150, 130), (250, 250, 250)).astype(np.float32)
    blurred = np.asarray(cv2.GaussianBlur(photo, (0, 0), 1.5), np.float32)
    alpha, colour = estimate_alpha_matte(blurred, front, ~front, 6)
    worn = alpha[..., None] * colour + (1 - alpha[..., None]) * np.array([20.0, 20.0, 60.0])
    assert worn.max() < 215
    assert alpha[:, :92].min() > 0.98
    assert alpha[:, 108:].max() < 0.02
    assert 92 < (alpha[100] > 0.5).sum() <= 101


def test_no_rim_of_a_white_garment_stays_beside_the_arms() -> None:
    person = figure()
    person.image[person.labels == 0] = (90, 110, 160)
    person = recoloured(person, 5, (250, 250, 250))
    image, edit = wear(person, garment("short"))
    bright = (image.min(axis=-1) > 205) & (edit > 0)
    assert bright.sum() < 30


def test_new_skin_has_the_tone_of_the_neck_and_is_not_flat() -> None:
    person = figure()
    image, _ = wear(person, garment("short", depth=130))
    chest = image[345:372, 370:398]
    assert unlike(np.median(chest, axis=(0, 1)).astype(np.uint8)[None, None], SKIN).max() < 6
    assert chest.std(axis=(0, 1)).max() > 0.5


def test_new_skin_does_not_have_the_tone_of_a_neck_in_the_chin_s_deep_shade() -> None:
    dark = (round(0.45 * SKIN[0]), round(0.4 * SKIN[1]), round(0.4 * SKIN[2]))
    person = recoloured(figure(sleeves="long"), 10, dark)
    image, _ = wear(person, garment("none"))
    arm = image[400:500, 238:252].astype(float).mean(axis=(0, 1))
    assert arm.mean() > 0.8 * np.mean(SKIN)


def test_the_neckline_throws_a_soft_shadow_on_the_skin() -> None:
    image, _ = wear(figure(), garment("short", depth=120))
    column = image[300:460, 384].astype(float)
    red = column[:, 0] - column[:, 1] > 90
    edge = int(red.argmax())
    near, far = column[edge - 4 : edge - 2].mean(), column[edge - 34 : edge - 24].mean()
    assert 0.70 < near / far < 0.97


def test_strands_of_hair_keep_their_colour_and_no_old_cloth_between_them() -> None:
    person = figure()
    image, labels = person.image.copy(), person.labels.copy()
    for x in (318, 332, 346):
        strand = np.zeros(labels.shape, np.uint8)
        cv2.line(strand, (x, 180), (x - 8, 420), 1, 7)
        image[strand > 0], labels[strand > 0] = HAIR, 2
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    worn, _ = wear(Person(image, labels, person.keypoints), garment("short"))
    for x in (318, 332, 346):
        middle = worn[390, x - 8 : x - 6].astype(int)
        assert np.abs(middle - np.array(HAIR)).max() < 30
    patch = worn[360:410, 300:350]
    assert (unlike(patch, WORN) < 12).sum() == 0


def test_a_bare_arm_reaches_its_hand() -> None:
    person = figure(sleeves="long")
    image, _ = wear(person, garment("short"))
    elbow, wrist = person.keypoints[3, :2], person.keypoints[4, :2]
    for fraction in np.linspace(0.1, 0.95, 30):
        x, y = elbow + fraction * (wrist - elbow)
        patch = image[int(y) - 1 : int(y) + 2, int(x) - 6 : int(x) + 7]
        assert unlike(patch, SKIN).max() < 14, f"at {fraction:.2f} of the forearm"


def test_a_bare_shoulder_has_no_gap() -> None:
    person = figure(sleeves="long")
    image, _ = wear(person, garment("none"))
    ground = image.min(axis=-1) > 215
    for row in range(340, 420, 4):
        body = np.flatnonzero(~ground[row, 200:568])
        assert not ground[row, 200 + body[0] : 200 + body[-1]].any(), f"row {row}"


def test_old_cloth_that_the_parse_takes_for_trousers_is_covered() -> None:
    person = figure()
    labels = person.labels.copy()
    labels[652:660][labels[652:660] == 5] = 9
    image, _ = wear(Person(person.image, labels, person.keypoints), garment("short"))
    waist = image[640:664, 300:468]
    assert (unlike(waist, WORN) < 12).mean() < 0.01


def test_a_bare_belly_that_the_parse_takes_for_an_arm_is_covered() -> None:
    person = figure()
    image, labels = person.image.copy(), person.labels.copy()
    belly = np.zeros(labels.shape, bool)
    belly[600:640, 400:470] = True
    image[belly], labels[belly] = SKIN, 14
    worn, _ = wear(Person(image, labels, person.keypoints), garment("short"))
    assert (unlike(worn[604:636, 404:466], SKIN) < 14).mean() < 0.02


@pytest.mark.parametrize("colour", [(200, 40, 50), (40, 60, 150), (60, 62, 66), (230, 225, 215)])
def test_folds_and_shade_keep_the_garment_s_colour(colour: tuple[int, int, int]) -> None:
    image, _ = wear(figure(), garment("short", colour=colour, inside=(120, 20, 30)))
    assert np.median(unlike(image[420:640, 300:470], colour)) < 3


def test_cloth_is_not_flat() -> None:
    image, _ = wear(figure(), garment("short"))
    light = image[400:650, 290:480].astype(float).mean(axis=-1)
    assert light.std() > 1.0


def test_light_taken_from_the_worn_garment_goes_on_beyond_it_without_a_step() -> None:
    person = figure()
    shade = np.ones(SHAPE)
    shade[:, :384] = np.linspace(0.45, 1, 384)
    image = (person.image * shade[..., None]).astype(np.float32)
    body, segmentation = measure_body(person.keypoints, person.labels)
    light = shade_torso(image, segmentation, body, 0.0)
    # The worn garment is darker to the left, and so is what hangs beside it.
    assert light[560, 200] < 0.95 * light[560, 384]
    for axis in (0, 1):
        assert np.abs(np.diff(light, axis=axis)).max() < 0.035


@pytest.mark.parametrize("reach", [30, 60])
def test_the_shoulder_s_line_is_no_higher_than_the_outline(reach: int) -> None:
    person = figure()
    body, segmentation = measure_body(person.keypoints, person.labels)
    silhouette = segmentation.upper_garment | segmentation.torso_skin
    sunk = person.labels.copy()
    # Beside the neck the outline is hollow: background where the straight line would run.
    beside = slice(int(body.neck_base[0]) + 40, int(body.neck_base[0]) + 40 + reach)
    tops = silhouette[:, beside].argmax(axis=0)
    for column, row in zip(range(beside.start, beside.stop), tops, strict=True):
        sunk[row : row + 14, column] = 0
    lower, _ = measure_body(person.keypoints, sunk)
    middle = (beside.start + beside.stop) // 2
    assert lower.shoulder_line_y[middle] > body.shoulder_line_y[middle] + 6


def loose_sleeve(person: Person) -> tuple[Person, tuple[int, int]]:
    """The figure with a wider sleeve on the picture's left arm, and the lowest point of its hem."""
    image, labels = person.image.copy(), person.labels.copy()
    shoulder, elbow = person.keypoints[2, :2], person.keypoints[3, :2]
    end = shoulder + 0.42 * (elbow - shoulder)
    sleeve = np.zeros(labels.shape, np.uint8)
    cv2.line(sleeve, shoulder.astype(int).tolist(), end.astype(int).tolist(), 1, 104)
    sleeve[int(end[1]) + 20 :] = 0
    image[sleeve > 0], labels[sleeve > 0] = WORN, 5
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    return Person(image, labels, person.keypoints), (int(end[0]), int(end[1]) + 20)


def test_bare_shoulder_and_arm_have_no_edge_between_them() -> None:
    person = figure()
    # The neck is in the chin's shade.
    person = recoloured(person, 10, (176, 132, 106))
    image, _ = wear(person, garment("none"))
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5).astype(float).mean(axis=-1)
    skin = cv2.erode((unlike(image, SKIN) < 22).astype(np.uint8), np.ones((9, 9))) > 0
    window = np.s_[350:420, 200:300]
    step = np.abs(smooth[:, 3:] - smooth[:, :-3])[window]
    inside = (skin[:, 3:] & skin[:, :-3])[window]
    assert inside.sum() > 500
    assert step[inside].max() < 7


def test_a_bare_arm_has_no_step_where_the_sleeve_ended() -> None:
    person, (_, y) = loose_sleeve(figure())
    image, _ = wear(person, garment("none"))
    outer = (unlike(image, SKIN) < 16)[:, 100:300].argmax(axis=1).astype(float)
    near = outer[y - 40 : y + 30]
    assert np.abs(near[6:] - near[:-6]).max() <= 3


def test_a_bare_arm_is_as_wide_as_it_is_seen_below_the_old_hem() -> None:
    person = figure()
    image, _ = wear(person, garment("none"))
    skin = unlike(image, SKIN) < 22
    widths = [int(skin[row, 200:320].sum()) for row in (412, 470)]
    assert widths[0] > 0.85 * widths[1]


def test_nothing_of_the_worn_hem_stays_beside_the_arm() -> None:
    person, (x, y) = loose_sleeve(figure())
    image, labels = person.image.copy(), person.labels.copy()
    hem = np.zeros(labels.shape, np.uint8)
    cv2.rectangle(hem, (x - 52, y), (x - 38, y + 12), 1, -1)
    assert not labels[y + 2 :][hem[y + 2 :] > 0].any()
    image[hem > 0], labels[hem > 0] = (60, 40, 30), 15
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    worn, _ = wear(Person(image, labels, person.keypoints), garment("none"))
    assert worn[hem > 0].mean() > 200


def test_new_skin_of_an_arm_has_the_colours_of_what_is_seen_of_it() -> None:
    person = figure()
    image = person.image.astype(np.float32)
    arm = person.labels == 15
    columns = np.arange(arm.shape[1])[None, :]
    first = np.where(arm.any(axis=1), arm.argmax(axis=1), 0)[:, None]
    # Round, and redder on the side that is turned away from the light.
    across = np.clip((columns - first) / 62, 0, 1)
    image[arm] *= (np.stack([0.9 + 0.1 * across, 0.75 + 0.25 * across, 0.6 + 0.4 * across], -1))[
        arm
    ]
    person = Person(np.rint(image).astype(np.uint8), person.labels, person.keypoints)
    worn, _ = wear(person, garment("none"))
    # Above the worn sleeve's end, from the outer side to the middle.
    colours = [np.median(worn[430:448, x - 3 : x + 3], axis=(0, 1)) for x in (220, 250)]
    outer, middle = (float(colour[2] / colour[0]) for colour in colours)
    assert middle - outer > 0.07


def test_new_skin_of_an_arm_is_lit_like_the_part_next_to_it() -> None:
    person = figure()
    image = person.image.astype(np.float32)
    arm = person.labels == 15
    rows, columns = np.arange(arm.shape[0])[:, None], np.arange(arm.shape[1])[None, :]
    first = np.where(arm.any(axis=1), arm.argmax(axis=1), 0)[:, None]
    across = np.clip((columns - first) / 62, 0, 1)
    # Bright on the outer side above the elbow, on the inner one below it.
    across = np.where(rows < 520, 1 - across, across)
    image[arm] *= (0.6 + 0.4 * across)[arm][:, None]
    person = Person(np.rint(image).astype(np.uint8), person.labels, person.keypoints)
    worn, _ = wear(person, garment("none"))
    outer, middle = (float(np.median(worn[434:446, x - 3 : x + 3])) for x in (228, 252))
    assert outer - middle > 8


def test_bare_skin_does_not_rise_where_the_worn_cloth_stood_up_beside_the_neck() -> None:
    person = figure()
    image, labels = person.image.copy(), person.labels.copy()
    for ring, colour, label in (
        ([(344, 276), (308, 306), (308, 350), (344, 350)], SKIN, 10),
        ([(308, 306), (296, 292), (278, 312), (278, 350), (308, 350)], WORN, 5),
    ):
        shape = np.zeros(labels.shape, np.uint8)
        cv2.fillPoly(shape, [np.array(ring)], 1)
        image[shape > 0], labels[shape > 0] = colour, label
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    body, segmentation = measure_body(person.keypoints, labels)
    seen = trace_shoulder_outline(segmentation, body.neck_base, body.shoulder_width)
    assert seen.clothed_y[296] < 295
    assert seen.collarless_y[296] >= 304
    drawn = garment("none")
    cloth = detect_top_landmarks(drawn.image, drawn.mask)
    left, right = place_sleeves(cloth, body, SHAPE)
    surfaces = left.surface, right.surface
    pixels = image.astype(np.float32)
    skin = synthesise_skin(
        pixels,
        segmentation,
        body,
        surfaces,
        estimate_light_direction_x(pixels, segmentation),
        see_skin(pixels, segmentation),
    )
    assert skin.trunk_alpha[280:302, 286:304].max() < 0.5


def test_bare_shoulders_are_covered_by_a_garment_with_sleeves() -> None:
    person = figure()
    image, labels = person.image.copy(), person.labels.copy()
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    away = np.abs(columns - 384)
    # Straps: below them the garment, beside them shoulders that are a little rounder than it.
    for sign, label in ((-1, 15), (1, 14)):
        side = (columns - 384) * sign > 0
        round_top = (labels == 0) & (rows > 296 + 0.0016 * (away - 70) ** 2) & (rows < 330)
        skin = side & (away > 62) & (away < 136) & (round_top | (labels == 5)) & (rows < 400)
        image[skin], labels[skin] = SKIN, label
    image = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8)
    worn, _ = wear(Person(image, labels, person.keypoints), garment("short"))
    skin = unlike(worn, SKIN) < 14
    assert skin[280:390, 250:322].sum() + skin[280:390, 446:518].sum() < 60
