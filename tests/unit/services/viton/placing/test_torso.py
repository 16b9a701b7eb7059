"""Where a top's torso comes to lie: prints, stripes and hems."""

import cv2
import numpy as np
import pytest

from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.person.body import measure_body
from services.viton.placing.torso import (
    ArmholeSeamOptions,
    ShoulderEndsOptions,
    TorsoFitOptions,
    TorsoSideSeamOptions,
    fit_torso,
)
from services.viton.raster.thin_plate_spline import thin_plate_spline_map
from tests.unit.services.viton.drawings import SHAPE, Person, figure, garment
from tests.unit.services.viton.wearing import is_red, wear_top

pytestmark = pytest.mark.unit


WHITE = (250, 250, 250)


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
    print_ = (wear_top(figure(), drawn)[350:655, 275:495] > 170).all(axis=-1)
    ys, xs = np.nonzero(print_)
    assert len(ys) > 1500
    least, most = np.sqrt(np.linalg.eigvalsh(np.cov(xs, ys)))
    assert least / most > 0.92


def test_a_print_follows_a_body_that_leans() -> None:
    drawn = garment("short")
    cv2.rectangle(drawn.image, (374, 300), (394, 840), WHITE, -1)
    places = []
    for hips in (-40, 40):
        white = np.asarray((wear_top(leaning(hips), drawn)[:, 280:490] > 170).all(axis=-1))
        places.append([float(np.nonzero(white[row])[0].mean()) for row in (420, 620)])
    (above_left, below_left), (above_right, below_right) = places
    assert below_right - below_left > 30
    assert below_right - below_left > above_right - above_left + 15


@pytest.mark.parametrize("sleeve", ["short", "long"])
@pytest.mark.parametrize("row", [330, 400, 480])
def test_a_stripe_is_level_from_flank_to_flank_below_a_deep_armhole(sleeve: str, row: int) -> None:
    drawn = garment(sleeve)
    drawn.image[row : row + 16][drawn.mask[row : row + 16] > 0] = (20, 210, 40)
    worn = wear_top(figure(), drawn).astype(int)
    stripe = (worn[..., 1] - worn[..., 0])[280:700] > 70
    places = [float(np.flatnonzero(stripe[:, x]).mean()) for x in (290, 320, 384, 448, 478)]
    assert max(places) - min(places) < 4


def test_under_a_sleeve_of_another_colour_the_torso_keeps_its_own() -> None:
    drawn = garment("short")
    torso = (np.arange(SHAPE[0]) > 330)[:, None] & (np.abs(np.arange(SHAPE[1]) - 384) < 130)
    navy = (24, 30, 66)
    drawn.image[torso & (drawn.mask > 0)] = navy
    under = wear_top(figure(), drawn)[470:640, 290:480].astype(int)
    assert (under[..., 0] - under[..., 2]).max() < 10


@pytest.mark.parametrize("dip", [0, 40])
def test_over_trousers_a_garment_keeps_the_shape_of_its_hem(dip: int) -> None:
    person, drawn = figure(), garment("none")
    person.keypoints[[8, 9, 12], 1] = 640
    columns = np.arange(SHAPE[1])
    hem = 600 + dip * (1 - np.clip(np.abs(columns - 384) / 132, 0, 1) ** 2)
    cut = np.arange(SHAPE[0])[:, None] > hem[None, :]
    drawn.mask[cut] = 0
    drawn.image[cut] = 255
    image = is_red(wear_top(person, drawn))
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
    flow_y = thin_plate_spline_map(torso.canvas_points, torso.photo_points, SHAPE)[:, 384, 1]
    assert torso.canvas_hem_row > 720
    assert (np.diff(flow_y[400 : int(torso.canvas_hem_row)]) > 0.3).all()


def test_the_torso_is_fitted_with_the_options_that_are_given() -> None:
    drawn = garment("short")
    top = detect_top_landmarks(drawn.image, drawn.mask)
    body, _ = measure_body(figure().keypoints, figure().labels)
    usual = fit_torso(top, body)
    wide_neck = ShoulderEndsOptions(min_neck_distance=0.3)
    wide_seam = ArmholeSeamOptions(width_at_armpit=2 * ArmholeSeamOptions().width_at_armpit)
    loose = TorsoSideSeamOptions(body_weight=0.7, fabric_weight=0.6)
    changed = fit_torso(
        top,
        body,
        TorsoFitOptions(shoulder_ends=wide_neck, armhole_seam=wide_seam, side_seam=loose),
    )
    assert np.ptp(changed.canvas_neckline[:, 0]) > np.ptp(usual.canvas_neckline[:, 0]) + 4
    assert np.ptp(changed.canvas_outline[:, 0]) > np.ptp(usual.canvas_outline[:, 0]) + 4
    added = changed.armhole_seams[0][-2, 0] - usual.armhole_seams[0][-2, 0]
    assert added == pytest.approx(ArmholeSeamOptions().width_at_armpit * body.shoulder_width)
