import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask import subject
from services.kit.raster.pixel_box import PixelBox
from tests.unit.services.cloth_mask.test_core import photo, shirt

pytestmark = pytest.mark.unit

Flags = NDArray[np.bool_]


def hung(scale: float = 0.5, height: int = 512, width: int = 384) -> Flags:
    """Draw a shirt of that share of the photo's sides, a little right of the middle."""
    garment = shirt(round(scale * height), round(scale * width))
    whole = np.zeros((height, width), np.bool_)
    top, left = (height - garment.shape[0]) // 2, (width - garment.shape[1]) * 2 // 3
    whole[top : top + garment.shape[0], left : left + garment.shape[1]] = garment
    return whole


def encloses(box: PixelBox, flags: Flags) -> bool:
    inside = np.zeros_like(flags)
    inside[box.window] = True
    return not (flags & ~inside).any()


@pytest.mark.parametrize("colour", [(180, 30, 60), (20, 20, 24), (225, 225, 222)])
def test_the_box_holds_the_garment_and_little_else(colour: tuple[int, int, int]) -> None:
    garment = hung()
    found = subject.find_subject(photo(garment, colour))
    assert found is not None
    assert encloses(found.box, garment)
    assert found.box.width * found.box.height < 0.35 * garment.size
    assert found.area_share == pytest.approx(garment.mean(), rel=0.3)


def test_a_vignette_and_noise_are_background() -> None:
    garment = hung()
    image = photo(garment, (40, 60, 150)).astype(np.float32)
    y, x = np.mgrid[-1:1:512j, -1:1:384j]
    image -= (6 * (x**2 + y**2))[..., None]
    image += np.random.default_rng(1).normal(0, 3, image.shape)
    found = subject.find_subject(np.clip(image, 0, 255).astype(np.uint8))
    assert found is not None
    assert encloses(found.box, garment)
    assert found.box.width * found.box.height < 0.5 * garment.size


def test_a_garment_may_end_at_the_frame() -> None:
    garment = hung(0.7)
    garment[220:240, :200] = True
    found = subject.find_subject(photo(garment, (40, 60, 150)))
    assert found is not None
    assert found.box.left == 0
    assert encloses(found.box, garment)


def test_a_room_has_no_box() -> None:
    image = photo(hung(), (40, 60, 150))
    image[400:, :] = (120, 80, 40)
    assert subject.find_subject(image) is None
    noise = np.random.default_rng(2).integers(0, 256, (32, 24, 3)).astype(np.uint8)
    assert subject.find_subject(noise.repeat(16, axis=0).repeat(16, axis=1)) is None


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 5000), (5000, 1), (7, 7), (64, 8000), (8000, 64), (300, 200)]
)
def test_a_photo_of_one_colour_has_no_box(size: tuple[int, int]) -> None:
    assert subject.find_subject(np.full((*size, 3), 200, np.uint8)) is None


@pytest.mark.parametrize(("row", "column"), [(0, 0), (256, 192), (511, 383)])
def test_dust_has_no_box(row: int, column: int) -> None:
    image = np.full((512, 384, 3), 245, np.uint8)
    image[row, column] = 0
    assert subject.find_subject(image) is None


@pytest.mark.parametrize("size", [(512, 384), (384, 512), (1024, 128), (90, 900)])
@pytest.mark.parametrize("aspect", [0.8, 1, 1.25])
def test_the_box_is_in_the_photo(size: tuple[int, int], aspect: float) -> None:
    height, width = size
    y, x = np.mgrid[:height, :width]
    radius = 0.35 * min(size)
    garment = ((x - width / 2) / radius) ** 2 + ((y - height / 2) / radius / aspect) ** 2 < 1
    found = subject.find_subject(photo(np.asarray(garment), (40, 60, 150)))
    assert found is not None
    box = found.box
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
    assert encloses(box, garment)


@pytest.mark.parametrize("size", [(512, 384), (384, 512), (1024, 128), (90, 900)])
@pytest.mark.parametrize("aspect", [1 / 3, 3])
def test_long_garments_have_no_box(size: tuple[int, int], aspect: float) -> None:
    height, width = size
    garment = np.zeros(size, np.bool_)
    side = 0.35 * min(size)
    tall, wide = round(side * min(aspect, 1)), round(side * min(1 / aspect, 1))
    top, left = (height - tall) // 2, (width - wide) // 2
    garment[top : top + tall, left : left + wide] = True
    assert subject.find_subject(photo(garment, (40, 60, 150))) is None


@pytest.mark.parametrize("size", [(512, 384), (1024, 128), (90, 900)])
def test_lines_have_no_box(size: tuple[int, int]) -> None:
    height, width = size
    image = np.full((height, width, 3), 245, np.uint8)
    image[height // 2, width // 8 : -width // 8] = (200, 0, 0)
    image[height // 8 : -height // 8, width // 2] = (200, 0, 0)
    assert subject.find_subject(image) is None


def test_the_same_photo_has_the_same_box() -> None:
    image = photo(hung(), (40, 60, 150))
    image.setflags(write=False)
    assert subject.find_subject(image) == subject.find_subject(image.copy())


def test_a_box_is_placed_where_it_was_cut() -> None:
    box = PixelBox(10, 20, 70, 100)
    placed = subject.place_in_photo(np.full((32, 32), 0.75, np.float32), box, 120, 90)
    assert placed.shape == (120, 90)
    assert np.allclose(placed[box.window], 0.75)
    assert np.count_nonzero(placed) == box.width * box.height


def test_a_look_at_a_garment_that_the_box_cuts_does_not_count() -> None:
    garment = hung().astype(np.float32)
    box = PixelBox(40, 60, 380, 480)
    found = subject.Subject(box=box, area_share=float(garment.mean()))
    assert subject.is_look_sufficient(garment, found)
    rows, columns = np.nonzero(garment)
    for cut in (
        PixelBox(int(columns.min()), 60, 380, 480),
        PixelBox(40, int(rows.min()), 380, 480),
        PixelBox(40, 60, int(columns.max()) + 1, 480),
        PixelBox(40, 60, 380, int(rows.max()) + 1),
    ):
        assert not subject.is_look_sufficient(
            garment, subject.Subject(box=cut, area_share=found.area_share)
        )
    whole = subject.Subject(box=PixelBox(0, 0, 384, 512), area_share=found.area_share)
    garment[:, 0] = 1
    assert subject.is_look_sufficient(garment, whole)


def test_a_look_that_finds_little_garment_in_a_large_subject_does_not_count() -> None:
    garment = hung().astype(np.float32)
    found = subject.Subject(box=PixelBox(0, 0, 384, 512), area_share=float(4 * garment.mean()))
    assert not subject.is_look_sufficient(garment, found)
    nothing = subject.Subject(box=PixelBox(0, 0, 384, 512), area_share=0.0)
    assert not subject.is_look_sufficient(np.zeros_like(garment), nothing)


def test_a_doubtful_look_does_not_count() -> None:
    garment = hung().astype(np.float32)
    found = subject.Subject(box=PixelBox(0, 0, 384, 512), area_share=float(garment.mean()))
    assert subject.is_look_sufficient(garment, found)
    rows, columns = np.nonzero(garment)
    doubtful = garment.copy()
    quarter = slice(None, None, 4)
    doubtful[rows[quarter], columns[quarter]] = 0.7
    assert not subject.is_look_sufficient(doubtful, found)


def test_little_that_stands_out_of_its_box_is_a_print() -> None:
    image = np.full((512, 384, 3), 245, np.uint8)
    for place in (150, 250, 350):
        image[place : place + 8, 100:300] = (180, 30, 60)
    assert subject.find_subject(image) is None
    image[150:358, 100:300] = (180, 30, 60)
    assert subject.find_subject(image) is not None
