import numpy as np
import pytest
from numpy.typing import NDArray

from services.human_parse.coarse_classes import BACKGROUND, DRESS, LOWER, SKIN, UPPER
from services.human_parse.parse_frame import ParseFrame, distance_to_chain
from services.human_parse.refinement import refine_to_classes, remove_specks
from services.kit.types import Image

pytestmark = pytest.mark.unit

INSIDE = np.s_[44:98, 34:78]
"""The shirt of ``scene`` without its rim."""


def scene(height: int, width: int) -> tuple[Image, NDArray[np.bool_]]:
    """A red shirt on a grey ground, and where it is."""
    image = np.full((height, width, 3), 120, np.uint8)
    shirt = np.zeros((height, width), np.bool_)
    shirt[41:101, 31:81] = True
    image[shirt] = (180, 30, 30)
    return image, shirt


def planes_of(
    shirt: NDArray[np.bool_], shift: int, probability: float
) -> dict[int, NDArray[np.float32]]:
    """Half the size, ``shift`` pixels to the right; the background has the rest."""
    upper = np.roll(shirt, shift, axis=1)[::2, ::2].astype(np.float32) * np.float32(probability)
    return {BACKGROUND: 1 - upper, UPPER: upper}


@pytest.mark.parametrize(("height", "width"), [(140, 120), (141, 121), (101, 81)])
def test_edges_land_on_the_photos_at_any_size(height: int, width: int) -> None:
    image, shirt = scene(height, width)
    moved = planes_of(shirt, 2, 1.0)
    found = refine_to_classes(image, moved)
    wrong = np.count_nonzero((found == UPPER) != shirt)
    unmoved = np.repeat(np.repeat(moved[UPPER] > 0.5, 2, axis=0), 2, axis=1)[:height, :width]
    assert wrong < 0.5 * np.count_nonzero(unmoved != shirt)
    assert set(np.unique(found)) == {BACKGROUND, UPPER}


def test_the_likelier_class_wins_where_two_overlap() -> None:
    image, shirt = scene(140, 120)
    planes = planes_of(shirt, 0, 0.4)
    planes[SKIN] = np.where(planes[UPPER] > 0, np.float32(0.5), np.float32(0))
    planes[BACKGROUND] = 1 - planes[UPPER] - planes[SKIN]
    found = refine_to_classes(image, planes)
    assert (found[INSIDE] == SKIN).all()


def test_the_share_of_a_class_that_is_left_out_does_not_become_background() -> None:
    image, shirt = scene(140, 120)
    planes = planes_of(shirt, 0, 0.45)
    planes[DRESS] = np.where(planes[UPPER] > 0, np.float32(0.2), np.float32(0))
    planes[BACKGROUND] = 1 - planes[UPPER] - planes[DRESS]
    found = refine_to_classes(image, planes)
    assert (found[INSIDE] == UPPER).all()


def test_nothing_likely_is_background() -> None:
    image, shirt = scene(140, 120)
    assert not refine_to_classes(image, planes_of(shirt, 0, 0.2)).any()


def test_nothing_but_background_is_background() -> None:
    image, shirt = scene(140, 120)
    assert not refine_to_classes(image, planes_of(shirt & False, 0, 1.0)).any()


FRAME = ParseFrame(
    points=np.zeros((25, 2), np.float32),
    seen=np.zeros(25, np.bool_),
    neck=np.array((60, 20), np.float32),
    hip=np.array((60, 100), np.float32),
    shoulder_width=60.0,
    torso_length=80.0,
    mirrored=False,
)


def test_a_patch_of_trousers_amid_a_top_becomes_top_wherever_it_lies() -> None:
    coarse = np.full((140, 120), BACKGROUND, np.uint8)
    coarse[30:100, 40:110] = UPPER
    coarse[100:139, 40:110] = LOWER
    expected = coarse.copy()
    coarse[80:86, 90:96] = LOWER
    assert np.array_equal(remove_specks(coarse, FRAME), expected)


def test_specks_become_what_is_around_them_and_large_components_stay() -> None:
    coarse = np.full((140, 120), BACKGROUND, np.uint8)
    coarse[30:100, 40:110] = UPPER
    coarse[0:10, 0:10] = SKIN
    expected = coarse.copy()
    coarse[70:72, 70:72] = BACKGROUND
    coarse[138:140, 118:120] = UPPER
    assert np.array_equal(remove_specks(coarse, FRAME), expected)


def test_distances_to_a_point_to_a_polyline_and_to_nothing() -> None:
    x, y = np.array((0, 3, 10), np.float32), np.array((4, 0, 5), np.float32)
    point, corner, end = (np.array(p, np.float32) for p in ((0, 0), (10, 0), (10, 10)))
    assert np.allclose(distance_to_chain(x, y, [point]), (4, 3, np.hypot(10, 5)))
    assert np.allclose(distance_to_chain(x, y, [point, corner, end]), (4, 0, 0))
    assert np.isinf(distance_to_chain(x, y, [])).all()
