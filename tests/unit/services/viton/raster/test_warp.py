"""Where the cloth comes to lie: prints, cuffs, shoulders, hems and bent arms."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.core import try_on
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.person.body import measure_body
from services.viton.placing.sleeve import POSITIONS_ACROSS
from services.viton.placing.torso import fit_torso
from services.viton.placing.torso_front import TorsoRowMap, foreshorten_towards_flanks
from services.viton.raster.ruled_warp import rasterise_ruled_surface
from services.viton.raster.thin_plate_spline import thin_plate_spline_map
from tests.unit.services.viton.drawings import SHAPE, SKIN, Drawn, Person, figure, garment

pytestmark = pytest.mark.unit

Picture = NDArray[np.uint8]
Bool = NDArray[np.bool_]
WHITE = (250, 250, 250)


def wear(person: Person, drawn: Drawn) -> Picture:
    return try_on(person.photo, drawn.photo).image


def red(image: Picture) -> Bool:
    pixels = image.astype(int)
    return np.asarray((pixels[..., 0] - pixels[..., 1] > 90) & (pixels[..., 2] < 90))


def leaning(hips: int) -> Person:
    person = figure()
    keypoints = person.keypoints.copy()
    keypoints[[8, 9, 12], 0] += hips
    return Person(person.image, person.labels, keypoints)


@pytest.mark.parametrize("place", [(384, 360), (384, 430), (335, 400)])
@pytest.mark.parametrize("sleeve", ["none", "short", "long"])
def test_a_circle_on_the_garment_stays_a_circle(place: tuple[int, int], sleeve: str) -> None:
    drawn = garment(sleeve)
    cv2.circle(drawn.image, place, 42, WHITE, -1)
    print_ = (wear(figure(), drawn)[350:655, 275:495] > 170).all(axis=-1)
    ys, xs = np.nonzero(print_)
    assert len(ys) > 1500
    least, most = np.sqrt(np.linalg.eigvalsh(np.cov(xs, ys)))
    assert least / most > 0.92


def test_a_print_follows_a_body_that_leans() -> None:
    drawn = garment("short")
    cv2.rectangle(drawn.image, (374, 300), (394, 840), WHITE, -1)
    places = []
    for hips in (-40, 40):
        white = np.asarray((wear(leaning(hips), drawn)[:, 280:490] > 170).all(axis=-1))
        places.append([float(np.nonzero(white[row])[0].mean()) for row in (420, 620)])
    (above_left, below_left), (above_right, below_right) = places
    assert below_right - below_left > 30
    assert below_right - below_left > above_right - above_left + 15


def test_cloth_in_front_keeps_its_scale_and_the_sides_take_the_excess() -> None:
    share = np.linspace(0, 1, 101)
    lies = foreshorten_towards_flanks(share, np.full(101, 1.25))
    steps = np.diff(lies) * 100
    assert lies[0] == 0
    assert lies[-1] == pytest.approx(1)
    assert steps[:40] == pytest.approx(1.25, abs=0.09)
    assert 0.1 < steps[-1] < 0.8
    assert (steps > 0).all()


@pytest.mark.parametrize("sleeve", ["short", "long"])
@pytest.mark.parametrize("row", [330, 400, 480])
def test_a_stripe_is_level_from_flank_to_flank_below_a_deep_armhole(sleeve: str, row: int) -> None:
    drawn = garment(sleeve)
    drawn.image[row : row + 16][drawn.mask[row : row + 16] > 0] = (20, 210, 40)
    worn = wear(figure(), drawn).astype(int)
    stripe = (worn[..., 1] - worn[..., 0])[280:700] > 70
    places = [float(np.flatnonzero(stripe[:, x]).mean()) for x in (290, 320, 384, 448, 478)]
    assert max(places) - min(places) < 4


def test_under_a_sleeve_of_another_colour_the_torso_keeps_its_own() -> None:
    drawn = garment("short")
    torso = (np.arange(SHAPE[0]) > 330)[:, None] & (np.abs(np.arange(SHAPE[1]) - 384) < 130)
    navy = (24, 30, 66)
    drawn.image[torso & (drawn.mask > 0)] = navy
    under = wear(figure(), drawn)[470:640, 290:480].astype(int)
    assert (under[..., 0] - under[..., 2]).max() < 10


def test_a_garment_too_long_is_shorter_only_below_the_chest() -> None:
    rows = TorsoRowMap(
        scale=0.7,
        photo_neck_row=200.0,
        canvas_neck_row=300.0,
        photo_hem_row=900.0,
        canvas_hem_row=700.0,
    ).to_canvas_rows(np.array([200.0, 380.0, 900.0]))
    assert rows == pytest.approx([300, 426, 700])


def test_a_cuff_is_an_arc_across_the_arm() -> None:
    image = red(wear(figure(), garment("short")))
    columns = np.arange(218, 254, 2)
    ends = np.array([np.flatnonzero(image[380:640, c]).max() for c in columns], np.float64)
    arc = np.polyfit(columns, ends, 2)
    assert arc[0] < -0.001
    assert np.abs(np.polyval(arc, columns) - ends).max() < 3


@pytest.mark.parametrize("sleeve", ["short", "long"])
@pytest.mark.parametrize("side", [1, -1])
def test_from_the_shoulder_to_the_sleeve_there_is_no_notch(sleeve: str, side: int) -> None:
    image = red(wear(figure(), garment(sleeve)))[:, ::side]
    rows = np.arange(322, 440)
    rim = np.array([int(image[row, :384].argmax()) for row in rows])
    assert np.diff(rim).max() <= 1


def test_a_shoulder_bare_beside_a_sleeveless_top_is_as_high_as_a_clothed_one() -> None:
    person = figure()
    labels = person.labels.copy()
    rows, columns = np.indices(labels.shape)
    # The armhole slants outwards, as a vest's does below the shoulder.
    armhole = 120 + 0.24 * (rows - 318)
    labels[(labels == 5) & (columns - 384 > armhole) & (rows < 460)] = 14
    labels[(labels == 5) & (384 - columns > armhole) & (rows < 460)] = 15
    clothed, _ = measure_body(person.keypoints, person.labels)
    bare, _ = measure_body(person.keypoints, labels)
    for own, other in zip(bare.sides, clothed.sides, strict=True):
        assert abs(float(own.shoulder_tip[1] - other.shoulder_tip[1])) < 0.04 * bare.shoulder_width


@pytest.mark.parametrize("dip", [0, 40])
def test_over_trousers_a_garment_keeps_the_shape_of_its_hem(dip: int) -> None:
    person, drawn = figure(), garment("none")
    person.keypoints[[8, 9, 12], 1] = 640
    columns = np.arange(SHAPE[1])
    hem = 600 + dip * (1 - np.clip(np.abs(columns - 384) / 132, 0, 1) ** 2)
    cut = np.arange(SHAPE[0])[:, None] > hem[None, :]
    drawn.mask[cut] = 0
    drawn.image[cut] = 255
    image = red(wear(person, drawn))
    ends = [int(np.flatnonzero(image[:, c]).max()) for c in (300, 384, 468)]
    assert ends[0] == pytest.approx(ends[2], abs=4)
    assert ends[1] - ends[0] == pytest.approx(0.4 * dip, abs=6)


def test_a_garment_much_too_long_hangs_lower_and_is_not_folded() -> None:
    person, drawn = figure(), garment("none")
    person.keypoints[[8, 9, 12], 1] = 640
    torso = fit_torso(
        detect_top_landmarks(drawn.image, drawn.mask),
        measure_body(person.keypoints, person.labels)[0],
    )
    source = thin_plate_spline_map(torso.canvas_points, torso.photo_points, SHAPE)[:, 384, 1]
    assert torso.canvas_hem_row > 720
    assert (np.diff(source[400 : int(torso.canvas_hem_row)]) > 0.3).all()


def test_a_long_sleeve_is_whole_on_an_arm_bent_to_the_hip() -> None:
    image = red(wear(figure(sleeves="long", hand_on_hip=True), garment("long")))
    arm = image[:, :300].astype(np.uint8)
    closed = cv2.morphologyEx(arm, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    assert (closed - arm).sum() < 120
    count, _, stats, _ = cv2.connectedComponentsWithStats(arm)
    assert max(stats[1:count, cv2.CC_STAT_AREA]) > 0.97 * arm.sum()


def test_a_short_sleeve_does_not_reach_the_forearm_of_a_bent_arm() -> None:
    person = figure(hand_on_hip=True)
    image = wear(person, garment("short"))
    assert not red(image)[540:660, 110:250].any()


def test_hands_at_the_waist_are_no_bare_belly() -> None:
    person = figure()
    labels, photo = person.labels.copy(), person.image.copy()
    keypoints = person.keypoints.copy()
    hand = np.zeros(SHAPE, np.uint8)
    cv2.line(hand, (236, 560), (384, 645), 1, 50)
    cv2.circle(hand, (384, 645), 30, 1, -1)
    photo[hand > 0], labels[hand > 0] = SKIN, 15
    keypoints[4, :2] = (384, 645)
    image = wear(Person(photo, labels, keypoints), garment("short"))
    inside = cv2.erode(hand, np.ones((13, 13), np.uint8)) > 0
    inside[:, :330] = False
    assert np.abs(image[inside].astype(int) - photo[inside]).max() < 12


def test_waist_skin_that_was_taken_for_an_arm_is_covered() -> None:
    person = figure()
    labels, photo = person.labels.copy(), person.image.copy()
    bare = (labels == 5) & (np.arange(SHAPE[0])[:, None] > 590)
    bare &= np.abs(np.arange(SHAPE[1])[None, :] - 384) < 112
    photo[bare], labels[bare] = SKIN, 10
    labels[bare & (np.arange(SHAPE[1])[None, :] < 330)] = 15
    image = red(wear(Person(photo, labels, person.keypoints), garment("short")))
    assert image[600:640, 300:470].mean() > 0.99


def test_where_a_strip_lies_over_itself_its_beginning_is_seen() -> None:
    rows = np.concatenate([np.linspace(100, 300, 51), np.linspace(296, 200, 50)])
    xs = 150 + 60 * (POSITIONS_ACROSS - 0.5)
    target = np.stack(np.broadcast_arrays(xs[None, :], rows[:, None]), axis=-1)
    along = np.linspace(0, 1, 101)
    source = np.stack(np.broadcast_arrays(POSITIONS_ACROSS[None, :], along[:, None]), axis=-1)
    laid = rasterise_ruled_surface(target, source, POSITIONS_ACROSS, (400, 300))
    assert laid.along[250, 150] == pytest.approx(0.375, abs=0.02)
    assert laid.along[150, 150] == pytest.approx(0.125, abs=0.02)
