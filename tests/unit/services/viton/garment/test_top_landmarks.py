import cv2
import numpy as np
import pytest

from services.kit.errors import NoGarment
from services.viton.garment.landmarks import SleeveLength
from services.viton.garment.neckline_edge import measure_front_distance
from services.viton.garment.neckline_photo import NecklinePhoto
from services.viton.garment.top_landmarks import detect_top_landmarks
from tests.unit.services.viton.drawings import SHAPE, garment

pytestmark = pytest.mark.unit

KINDS = {"none": SleeveLength.NONE, "short": SleeveLength.SHORT, "long": SleeveLength.LONG}


@pytest.mark.parametrize("sleeve", list(KINDS))
@pytest.mark.parametrize("neck", ["round", "v"])
@pytest.mark.parametrize("stripes", [False, True])
def test_the_sleeve_class(sleeve: str, neck: str, stripes: bool) -> None:
    drawn = garment(sleeve, neck=neck, stripes=stripes)
    assert detect_top_landmarks(drawn.image, drawn.mask).sleeve_length is KINDS[sleeve]


@pytest.mark.parametrize("stripes", [False, True])
def test_a_long_sleeve_that_touches_the_torso_is_still_a_sleeve(stripes: bool) -> None:
    drawn = garment("long", touching=True, stripes=stripes)
    found = detect_top_landmarks(drawn.image, drawn.mask)
    assert found.sleeve_length is SleeveLength.LONG
    for side, edge in ((found.left, 254), (found.right, 514)):
        assert side.sleeve is not None
        assert abs(side.armpit[0] - edge) < 20
        assert 320 < side.armpit[1] < 500


def test_the_landmarks_lie_where_they_were_drawn() -> None:
    drawn = garment("short")
    found = detect_top_landmarks(drawn.image, drawn.mask)
    assert found.left.armpit == pytest.approx([254, 390], abs=10)
    assert found.right.armpit == pytest.approx([514, 390], abs=10)
    assert found.left.side_seam[-1] == pytest.approx([250, 858], abs=10)
    assert found.midline_x == pytest.approx(384, abs=4)
    assert found.half_chest_width == pytest.approx(130, abs=8)


@pytest.mark.parametrize(("neck", "depth"), [("round", 40), ("round", 80), ("v", 120)])
@pytest.mark.parametrize("stripes", [False, True])
def test_the_neckline_runs_along_the_front_edge(neck: str, depth: int, stripes: bool) -> None:
    drawn = garment("short", neck=neck, depth=depth, stripes=stripes)
    curve = detect_top_landmarks(drawn.image, drawn.mask).neckline.curve
    lowest = curve[:, 1].max()
    assert lowest == pytest.approx(170 + depth, abs=12)


def test_a_print_is_not_taken_for_a_neckline() -> None:
    drawn = garment("short", colour=(250, 250, 250), inside=(250, 250, 250), ground=(200, 200, 200))
    drawn.image[300:420, 320:450] = (20, 20, 20)
    curve = detect_top_landmarks(drawn.image, drawn.mask).neckline.curve
    assert curve[:, 1].max() < 260


def test_the_torso_mask_excludes_the_sleeves() -> None:
    drawn = garment("long")
    found = detect_top_landmarks(drawn.image, drawn.mask)
    assert not found.torso_mask[700, :200].any()
    assert found.torso_mask[700, 300:460].all()


def test_mirroring_the_photo_mirrors_the_landmarks() -> None:
    drawn = garment("short")
    straight = detect_top_landmarks(drawn.image, drawn.mask)
    flipped = detect_top_landmarks(
        np.ascontiguousarray(drawn.image[:, ::-1]), np.ascontiguousarray(drawn.mask[:, ::-1])
    )
    assert 767 - flipped.right.armpit[0] == pytest.approx(straight.left.armpit[0], abs=3)


@pytest.mark.parametrize("size", [0, 6])
def test_an_empty_or_tiny_mask_is_no_garment(size: int) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[100 : 100 + size, 100 : 100 + size] = 255
    with pytest.raises(NoGarment):
        detect_top_landmarks(np.full((*SHAPE, 3), 255, np.uint8), mask)


@pytest.mark.parametrize("blur", [0.0, 4.0])
@pytest.mark.parametrize("neck", ["round", "v"])
def test_a_faint_inside_of_the_back_is_still_separated_from_the_front(
    neck: str, blur: float
) -> None:
    drawn = garment("short", neck=neck, depth=80, colour=(40, 110, 84), inside=(30, 88, 66))
    image = drawn.image
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur).astype(np.uint8)
    curve = detect_top_landmarks(image, drawn.mask).neckline.curve
    assert curve[:, 1].max() == pytest.approx(250, abs=14)


@pytest.mark.parametrize("neck", ["round", "v"])
def test_the_neckline_is_smooth_and_symmetric_in_a_noisy_photo(neck: str) -> None:
    drawn = garment("short", neck=neck, depth=90)
    noise = np.random.default_rng(3).normal(0, 18, (128, 96, 3))
    rough = cv2.resize(noise, (768, 1024), interpolation=cv2.INTER_CUBIC)
    image = np.clip(drawn.image + rough, 0, 255).astype(np.uint8)
    curve = detect_top_landmarks(image, drawn.mask).neckline.curve
    assert np.abs(np.diff(curve[:, 1], 2))[3:-3].max() < (14 if neck == "v" else 3)
    assert np.abs(curve[:, 1] - curve[::-1, 1]).max() < 0.5


def test_a_neckline_as_wide_as_the_torso_still_leaves_a_shoulder() -> None:
    drawn = garment("short")
    half = 130
    mask, image = drawn.mask.copy(), drawn.image.copy()
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    boat = ((columns - 384) / 118) ** 2 + ((rows - 200) / 150) ** 2 < 1
    mask[boat] = 0
    image[boat] = 255
    found = detect_top_landmarks(image, mask)
    for side in (found.left, found.right):
        assert abs(side.neck_point[0] - side.shoulder_tip[0]) > 0.1 * half


def test_a_wide_inside_of_the_back_is_found_below_its_trim_and_label() -> None:
    drawn = garment("short", depth=20, inside=(200, 40, 50))
    image = drawn.image.copy()
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    first = np.argmax(drawn.mask > 0, axis=0)[None, :]
    # The opening is wider than the neck points; along its back runs a trim in the front's colour.
    opening = ((columns - 384) / 96) ** 2 + ((rows - 172) / 110) ** 2 < 1
    opening &= (drawn.mask > 0) & (rows > first + 14)
    image[opening] = (70, 20, 60)
    image[208:226, 350:418][opening[208:226, 350:418]] = (240, 220, 200)
    curve = detect_top_landmarks(image, drawn.mask).neckline.curve
    assert curve[:, 1].max() == pytest.approx(282, abs=10)
    below = np.interp(np.arange(300, 468), curve[:, 0], curve[:, 1])
    lowest = np.where(opening, rows, 0).max(axis=0)[300:468]
    assert (below - lowest).min() > -20


def test_a_chest_without_garment_has_no_front_colours() -> None:
    mask = np.zeros((300, 300), bool)
    mask[90:130, 40:120] = mask[90:130, 180:260] = True
    lab = np.full((300, 300, 3), 120, np.float32)
    ends = np.array([120.0, 90.0]), np.array([180.0, 90.0])
    photo = NecklinePhoto(
        lab=lab,
        mask=mask,
        top_rows=mask.argmax(axis=0),
        left=ends[0],
        right=ends[1],
        column_limits=(0.0, 299.0),
        half_chest_width=100.0,
        armpit_row=200.0,
    )
    front = measure_front_distance(photo)
    assert not front.distance.any()
    assert front.noise == 1.0
