import cv2
import numpy as np
import pytest

from services.kit.raster.guided_filter import (
    apply_to_colours,
    filter_by_colour,
    fit_to_colours,
    prepare_colour_guide,
)
from services.kit.raster.pixel_box import PixelBox
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


def test_a_model_of_the_reduced_photo_finds_the_photos_edge() -> None:
    image = step(51, (200, 60, 60), (60, 60, 200))
    soft = np.zeros((40, 50), np.float32)
    soft[:, 27:] = 1
    reduced = cv2.resize(image, (50, 40), interpolation=cv2.INTER_AREA)
    guide = prepare_colour_guide(np.asarray(reduced, np.uint8), 3)
    red, green, blue = (image[..., c].astype(np.float32) / np.float32(255) for c in range(3))
    sharp = apply_to_colours(fit_to_colours(soft, guide), (red, green, blue))
    assert np.array_equal(sharp > 0.5, np.broadcast_to(np.arange(100) >= 51, (80, 100)))


def test_a_model_applied_at_its_own_size_is_the_filter_and_stays_as_it_is() -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    soft = random.random((60, 70), np.float32)
    guide = prepare_colour_guide(image, 4)
    model = fit_to_colours(soft, guide)
    for _ in range(2):
        assert np.allclose(
            apply_to_colours(model, guide.rgb), filter_by_colour(soft, guide), atol=1e-5
        )


def test_a_cropped_guide_filters_like_the_whole_one_around_what_it_holds() -> None:
    random = np.random.default_rng(2)
    image = random.integers(0, 256, (80, 100, 3)).astype(np.uint8)
    soft = np.zeros((80, 100), np.float32)
    soft[30:50, 40:60] = 1
    guide = prepare_colour_guide(image, 4)
    box = PixelBox(32, 22, 68, 58)
    whole = filter_by_colour(soft, guide)
    part = filter_by_colour(soft[box.window], guide.crop(box))
    assert np.allclose(part, whole[box.window], atol=1e-5)
    assert np.count_nonzero(whole > 1e-5) == np.count_nonzero(whole[box.window] > 1e-5)
