from dataclasses import replace

import numpy as np
import pytest

from services.viton.painting.slits import SlitOptions, close_slits_beside_arms
from services.viton.person.body import measure_body
from services.viton.person.segmentation import PersonSegmentation
from tests.unit.services.viton.drawings import SHAPE, figure

pytestmark = pytest.mark.unit


def without_lower_body(segmentation: PersonSegmentation) -> PersonSegmentation:
    none = np.zeros_like(segmentation.bottoms)
    return replace(segmentation, bottoms=none, leg_skin=none, socks=none, shoes=none)


def test_a_gap_beside_an_arm_narrows_to_its_end() -> None:
    person = figure(sleeves="none")
    body, segmentation = measure_body(person.keypoints, person.labels)
    rows = np.arange(person.labels.shape[0])
    columns = np.arange(person.labels.shape[1])[None, :]
    top, bottom = int(body.left.canvas_armpit[1]) + 10, int(body.existing_hem_row) - 10
    gap = np.interp(rows, (top, bottom), (0, 12))[:, None]
    torso = ((columns >= 300) & (columns < 480)).astype(np.float32)
    arm = (columns < 300 - gap) & (columns > 240 - gap)
    inside = (rows > top)[:, None] & (rows < bottom)[:, None]
    segmentation = without_lower_body(segmentation)
    worn = close_slits_beside_arms(
        torso * inside, segmentation, arm & inside, np.zeros(SHAPE, bool), body
    )
    between = inside & (columns < 300) & (columns >= 300 - gap)
    closed = (between & (worn > 0.5)).sum(axis=1)
    # Where it opens it is as narrow as a line, not at once as wide as what counts as a gap.
    assert closed[top + 20 : bottom - 20].max() <= 4
    assert closed[bottom - 40 : bottom - 20].max() <= 1


def test_a_slit_that_ends_at_the_bare_chest_is_closed_if_slits_are_looked_for_there() -> None:
    person = figure(sleeves="none")
    body, segmentation = measure_body(person.keypoints, person.labels)
    rows = np.arange(SHAPE[0])[:, None]
    columns = np.arange(SHAPE[1])[None, :]
    top, bottom = int(body.left.canvas_armpit[1]), int(body.left.canvas_armpit[1]) + 40
    segmentation = without_lower_body(segmentation)
    below = (rows >= top) & (rows < body.existing_hem_row)
    torso = ((columns >= 300) & (columns < 480) & below).astype(np.float32)
    slit = (columns >= 297) & (columns < 300) & (rows >= top) & (rows < bottom)
    arm = (columns >= 240) & (columns < 300) & below & ~slit
    chest = (columns >= 290) & (columns < 480) & (rows > body.shoulder_line_y[384]) & (rows < top)
    closed = close_slits_beside_arms(torso, segmentation, arm, chest, body) > 0.5
    assert closed[slit].mean() > 0.9
    far_below_armpits = SlitOptions(above_armpit=-1.0)
    kept = close_slits_beside_arms(torso, segmentation, arm, chest, body, far_below_armpits) > 0.5
    assert kept[slit].mean() < 0.1
