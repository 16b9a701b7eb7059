import cv2
import numpy as np
import pytest

from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.person.body import measure_body
from services.viton.placing.garment_layers import (
    GarmentLayer,
    GarmentLayers,
    end_at_shoulders,
    fill_shoulder_notches,
)
from services.viton.placing.straps import find_strap_end
from services.viton.placing.torso import fit_torso
from tests.unit.services.viton.drawings import SHAPE, Drawn, figure, garment, mirrored

pytestmark = pytest.mark.unit

RED = (200, 40, 50)


def strap_top(*, long: int, wide: int = 22) -> Drawn:
    """A top on straps: chest x 254 to 514, armpits y 400, neckline down to y 430, hem y 640.

    ``long``: the straps' length above y 330, where they join the cup.
    """
    mask = np.zeros(SHAPE, np.uint8)
    cup = [(384, 430), (330, 400), (312, 330), (288, 330), (272, 380), (254, 400), (262, 640)]
    strap = [(288, 332), (288 + wide, 332), (288 + wide, 330 - long), (288, 330 - long)]
    for ring in ([*cup, (384, 640)], strap):
        cv2.fillPoly(mask, [np.array(ring)], 255)
        cv2.fillPoly(mask, [np.array(mirrored(ring))], 255)
    image = np.full((*SHAPE, 3), 255, np.uint8)
    image[mask > 0] = RED
    return Drawn(image, mask)


def test_only_a_strap_is_taken_for_one() -> None:
    drawn = strap_top(long=180)
    told = detect_top_landmarks(drawn.image, drawn.mask)
    ends = [find_strap_end(told, side) for side in told.halves]
    assert all(end is not None and 310 < end < 380 for end in ends)
    for other in (garment("none"), garment("short")):
        told = detect_top_landmarks(other.image, other.mask)
        assert all(find_strap_end(told, side) is None for side in told.halves)


def test_a_strap_top_lies_at_the_armpits_whatever_its_straps_length() -> None:
    person = figure()
    body, _ = measure_body(person.keypoints, person.labels)
    armpit = (body.left.canvas_armpit[1] + body.right.canvas_armpit[1]) / 2
    lows = []
    for long in (90, 180):
        drawn = strap_top(long=long)
        fit = fit_torso(detect_top_landmarks(drawn.image, drawn.mask), body)
        assert fit.hangs_from_straps
        lows.append(float(fit.canvas_neckline[:, 1].max()))
    assert abs(lows[0] - lows[1]) < 6
    assert 0 < lows[0] - armpit < 40


def test_a_bare_armhole_ends_at_the_flank_and_not_on_the_arm() -> None:
    person = figure()
    body, _ = measure_body(person.keypoints, person.labels)
    drawn = strap_top(long=180)
    fit = fit_torso(detect_top_landmarks(drawn.image, drawn.mask), body)
    rows = np.abs(fit.canvas_outline[:, 1] - body.left.canvas_armpit[1]) < 4
    left = fit.canvas_outline[rows & (fit.canvas_outline[:, 0] < 384), 0].min()
    assert left > body.left.flank_x[int(body.left.canvas_armpit[1])] - 0.03 * body.shoulder_width


def test_straps_end_at_the_shoulders() -> None:
    person = figure()
    body, _ = measure_body(person.keypoints, person.labels)
    torso = np.ones(SHAPE, np.float32)
    colour, flow = np.zeros((*SHAPE, 3), np.float32), np.zeros((*SHAPE, 2), np.float32)
    layer = GarmentLayer(colour, torso, flow)
    layers = GarmentLayers(layer, (layer, layer))
    column = int(body.left.canvas_shoulder_tip[0]) + 30
    line = int(body.shoulder_line_y[column])
    ended = end_at_shoulders(layers, body).torso.alpha[:, column]
    assert ended[: line - 3].max() == 0
    assert ended[line + 1 :].min() == 1


def test_a_notch_between_shoulder_and_sleeve_is_filled() -> None:
    person = figure()
    body, _ = measure_body(person.keypoints, person.labels)
    rows, columns = np.indices(SHAPE)
    x, y = np.rint(body.left.canvas_shoulder_tip).astype(int)
    sleeve = ((columns < x) & (columns > x - 60) & (rows > y)).astype(np.float32)
    torso = ((columns >= x) & (rows > y - 4)).astype(np.float32)
    notch = (np.abs(columns - x) < 4) & (rows < y + 9)
    none = np.zeros(SHAPE, np.float32)
    colour, flow = np.zeros((*SHAPE, 3), np.float32), np.zeros((*SHAPE, 2), np.float32)
    left = GarmentLayer(colour, sleeve * ~notch, flow)
    right = GarmentLayer(colour, none, flow)
    layers = GarmentLayers(GarmentLayer(colour, torso * ~notch, flow), (left, right))
    filled = fill_shoulder_notches(layers, body).torso.alpha
    assert filled[notch & (rows > y + 2)].min() > 0.5
    # Nothing is added above the shoulder or outside the sleeve.
    assert filled[(rows < y - 6) | (columns < x - 62)].max() == 0


def test_the_side_of_a_top_with_a_deep_neckline_is_its_outline() -> None:
    drawn = strap_top(long=180)
    for side in detect_top_landmarks(drawn.image, drawn.mask).halves:
        assert np.abs(side.side_seam[:, 0] - side.armpit[0]).max() < 20
