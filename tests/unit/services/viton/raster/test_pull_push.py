import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.raster.pull_push import pull_push

pytestmark = pytest.mark.unit


def noise(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(0, 255, (height, width, 3)).astype(np.float32)


def test_known_pixels_are_kept_and_the_rest_is_continued() -> None:
    image = np.zeros((40, 51, 3), np.float32)
    image[:, :20] = (200, 100, 50)
    known = np.zeros((40, 51), bool)
    known[5:35, 5:20] = True
    filled = pull_push(image, known, 1)
    assert (filled[known] == image[known]).all()
    assert filled == pytest.approx(np.broadcast_to((200, 100, 50), image.shape), abs=0.01)


@pytest.mark.parametrize("shrink", [1, 2])
def test_a_mask_weighs_as_its_zeros_and_ones(shrink: int) -> None:
    image = noise(41, 30)
    known = np.random.default_rng(4).random((41, 30)) < 0.3
    weighed = pull_push(image, known.astype(np.float32), shrink)
    assert (pull_push(image, known, shrink) == weighed).all()


@pytest.mark.parametrize("known", [np.zeros((20, 30), bool), np.zeros((20, 30), np.float32)])
def test_without_a_known_pixel_all_is_black(known: NDArray[np.float32] | NDArray[np.bool_]) -> None:
    assert not pull_push(noise(20, 30), known, 1).any()


def test_a_picture_of_one_pixel_is_kept() -> None:
    image = noise(1, 1)
    assert pull_push(image, np.ones((1, 1), bool)) == pytest.approx(image)
