import numpy as np
import pytest

from services.kit.raster.guided_filter import filter_by_colour, prepare_colour_guide
from services.kit.types import Image

pytestmark = pytest.mark.unit


def step(at: int, left: tuple[int, int, int], right: tuple[int, int, int]) -> Image:
    image = np.empty((80, 100, 3), np.uint8)
    image[:, :at] = left
    image[:, at:] = right
    return image


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((20, 20, 20), (200, 200, 200)),
        ((200, 60, 60), (60, 60, 200)),
        ((255, 255, 255), (246, 246, 246)),
    ],
)
def test_edge_moves_onto_the_photos_edge(
    left: tuple[int, int, int], right: tuple[int, int, int]
) -> None:
    image = step(50, left, right)
    soft = np.zeros((80, 100), np.float32)
    soft[:, 52:] = 1
    sharp = filter_by_colour(soft, prepare_colour_guide(image, 6))
    assert np.array_equal(sharp > 0.5, np.broadcast_to(np.arange(100) >= 50, (80, 100)))


def test_without_edges_nothing_moves() -> None:
    soft = np.zeros((80, 100), np.float32)
    soft[:, 53:] = 1
    sharp = filter_by_colour(soft, prepare_colour_guide(np.full((80, 100, 3), 127, np.uint8), 6))
    assert np.array_equal(sharp > 0.5, soft > 0.5)


def test_stays_in_range_on_noise_and_leaves_inputs_alone() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (80, 100, 3)).astype(np.uint8)
    soft = random.random((80, 100), np.float32)
    image.setflags(write=False)
    soft.setflags(write=False)
    sharp = filter_by_colour(soft, prepare_colour_guide(image, 6))
    assert sharp.dtype == np.float32
    assert 0 <= sharp.min() <= sharp.max() <= 1
