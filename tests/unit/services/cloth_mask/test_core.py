import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask import core, model
from services.kit.errors import NoGarment
from services.kit.raster.pixel_box import PixelBox
from services.kit.runtimes.u2net import U2NetCloth
from services.kit.types import Image

pytestmark = pytest.mark.unit

Flags = NDArray[np.bool_]


def shirt(height: int = 400, width: int = 300) -> Flags:
    """A torso and two sleeves with a gap between each and the torso."""
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    torso = (np.abs(x - 0.5) < 0.2) & (y > 0.15) & (y < 0.85)
    sleeves = (np.abs(np.abs(x - 0.5) - 0.35) < 0.06) & (y > 0.15) & (y < 0.9)
    shoulders = (np.abs(x - 0.5) < 0.41) & (y > 0.15) & (y < 0.3)
    return np.asarray(torso | sleeves | shoulders)


def photo(garment: Flags, colour: tuple[int, int, int], back: int = 245) -> Image:
    image = np.full((*garment.shape, 3), back, np.uint8)
    image[garment] = colour
    return image


def soft(garment: Flags) -> NDArray[np.float32]:
    coarse = core.resize_probability(garment.astype(np.float32), 100, 75)
    return core.resize_probability(coarse, *garment.shape)


def overlap(first: Flags, second: Flags) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


@pytest.mark.parametrize("colour", [(180, 30, 60), (20, 20, 24), (236, 236, 236)])
def test_the_outline_is_the_photos(colour: tuple[int, int, int]) -> None:
    garment = shirt()
    mask = core.make_mask(photo(garment, colour), soft(garment))
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    assert overlap(mask > 0, garment) > 0.99


def test_an_enclosed_gap_stays_open_and_a_hole_in_a_print_is_closed() -> None:
    garment = shirt()
    garment[340:350, 30:120] = True
    gap, hole = (slice(200, 320), slice(72, 86)), (slice(180, 200), slice(140, 160))
    assert not garment[gap].any()
    image = photo(garment, (30, 60, 150))
    image[hole] = (250, 220, 40)
    seen = garment.copy()
    seen[hole] = False
    mask = core.make_mask(image, soft(seen)) > 0
    assert mask[hole].all()
    assert not mask[200:320, 75:83].any()


def test_specks_go_and_straps_stay() -> None:
    garment = shirt()
    strap, speck = (slice(40, 56), slice(100, 108)), (slice(380, 388), slice(280, 288))
    garment[strap] = True
    seen = garment.copy()
    seen[speck] = True
    image = photo(seen, (30, 60, 150))
    mask = core.make_mask(image, seen.astype(np.float32)) > 0
    assert mask[46:50, 102:106].all()
    assert not mask[speck].any()


@pytest.mark.parametrize("share", [0.0, 0.002])
def test_next_to_nothing_is_no_garment(share: float) -> None:
    probability = np.zeros((400, 300), np.float32)
    side = round((share * probability.size) ** 0.5)
    probability[100 : 100 + side, 100 : 100 + side] = 1
    image = np.random.default_rng(1).integers(0, 256, (400, 300, 3)).astype(np.uint8)
    with pytest.raises(NoGarment) as raised:
        core.make_mask(image, probability)
    assert raised.value.stage == "cloth_mask"


def test_a_second_look_is_taken_only_in_doubt() -> None:
    garment = shirt()
    assert not core.needs_second_look(soft(garment))
    assert core.needs_second_look(soft(garment) * np.float32(0.4))
    assert not core.needs_second_look(np.zeros((400, 300), np.float32))


def test_the_second_look_frames_the_garment() -> None:
    garment = shirt()
    image = photo(garment, (30, 60, 150))
    seen = np.zeros((400, 300), np.float32)
    seen[100:200, 120:160] = 0.4
    box = core.second_look_box(image, seen)
    rows, columns = np.nonzero(garment)
    assert box.top <= rows.min() < rows.max() < box.bottom <= 400
    assert box.left <= columns.min() < columns.max() < box.right <= 300
    assert (box.right - box.left) * (box.bottom - box.top) < 0.8 * 400 * 300


def test_what_both_looks_missed_is_taken_from_a_plain_background() -> None:
    garment = shirt()
    image = photo(garment, (30, 60, 150))
    first = np.zeros((400, 300), np.float32)
    second = np.zeros((64, 64), np.float32)
    second[:32] = 1
    box = PixelBox(90, 60, 210, 340)
    joined = core.combine_looks(image, first, second, box)
    assert overlap(joined > 0.5, garment) > 0.97
    assert not first.any()


def test_nothing_is_taken_from_a_busy_background() -> None:
    garment = shirt()
    image = np.random.default_rng(2).integers(0, 256, (400, 300, 3)).astype(np.uint8)
    first = np.where(garment, np.float32(0.9), np.float32(0))
    first[200:] = 0
    joined = core.combine_looks(
        image, first, np.zeros((8, 8), np.float32), PixelBox(0, 0, 300, 400)
    )
    assert np.array_equal(joined, first)


def test_inputs_are_left_alone_and_may_be_read_only() -> None:
    garment = shirt()
    image, probability = photo(garment, (30, 60, 150)), soft(garment)
    before = image.copy(), probability.copy()
    image.setflags(write=False)
    probability.setflags(write=False)
    core.make_mask(image, probability)
    core.combine_looks(image, probability, probability[:64, :64], PixelBox(0, 0, 64, 64))
    assert np.array_equal(image, before[0])
    assert np.array_equal(probability, before[1])


class Session:
    """Answers with logits for upper clothes on the left half of whatever it is shown."""

    class Tensor:
        def __init__(self, name: str) -> None:
            self.name = name

    def __init__(self) -> None:
        self.fed: NDArray[np.float32] = np.zeros((1, 3, 1, 1), np.float32)

    def get_inputs(self) -> list[Tensor]:
        return [self.Tensor("in")]

    def get_outputs(self) -> list[Tensor]:
        return [self.Tensor("out"), self.Tensor("side")]

    def run(
        self, names: list[str], feed: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        assert names == ["out"]
        self.fed = feed["in"]
        _, _, height, width = self.fed.shape
        logits = np.zeros((1, 4, height, width), np.float32)
        logits[:, 0] = 2
        logits[:, 1, :, : width // 2] = 9
        return [logits]


def test_the_network_is_fed_rgb_in_minus_one_to_one() -> None:
    session = Session()
    image = np.zeros((90, 60, 3), np.uint8)
    image[..., 0] = 255
    probability = model.garment_probability(U2NetCloth(session).probabilities(image, 64))
    assert session.fed.shape == (1, 3, 64, 64)
    assert session.fed.dtype == np.float32
    assert np.allclose(session.fed[0, 0], 1)
    assert np.allclose(session.fed[0, 1:], -1)
    assert probability.shape == (64, 64)
    assert probability[:, :32].min() > 0.99
    assert probability[:, 32:].max() < 0.5


def gap_in_doubt(garment: Flags) -> NDArray[np.float32]:
    """The gap between the left sleeve and the torso passes for garment, not quite certainly."""
    probability = garment.astype(np.float32)
    probability[120:340, 66:90][~garment[120:340, 66:90]] = 0.9
    return probability


def test_a_doubtful_gap_of_the_backgrounds_colour_is_opened() -> None:
    garment = shirt()
    seen = gap_in_doubt(garment)
    assert overlap(seen > 0.5, garment) < 0.97
    image = photo(garment, (30, 60, 150))
    opened = core.open_gaps(image, seen)
    assert overlap(core.make_mask(image, opened) > 0, garment) > 0.99
    assert np.array_equal(opened[garment] > 0.5, seen[garment] > 0.5)


@pytest.mark.parametrize("colour", [(244, 244, 243), (250, 247, 246)])
def test_a_garment_of_the_backgrounds_colour_keeps_its_doubtful_parts(
    colour: tuple[int, int, int],
) -> None:
    garment = shirt()
    seen = gap_in_doubt(garment)
    assert np.array_equal(core.open_gaps(photo(garment, colour), seen), seen)


def test_a_certain_print_of_the_backgrounds_colour_keeps_the_doubtful_ones() -> None:
    garment = shirt()
    image, seen = photo(garment, (30, 60, 150)), gap_in_doubt(garment)
    image[200:240, 120:180] = 245
    assert np.array_equal(core.open_gaps(image, seen), seen)


def test_a_doubtful_print_that_does_not_reach_the_background_stays() -> None:
    garment = shirt()
    image, seen = photo(garment, (30, 60, 150)), garment.astype(np.float32)
    image[200:240, 120:180] = 245
    seen[200:240, 120:180] = 0.7
    assert np.array_equal(core.open_gaps(image, seen), seen)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3, 3), (40, 30)])
def test_gaps_of_nothing_and_of_everything(size: tuple[int, int]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (*size, 3)).astype(np.uint8)
    for value in (0.0, 0.5, 1.0):
        seen = np.full(size, value, np.float32)
        assert np.array_equal(core.open_gaps(image, seen), seen)
