"""Masks are grown, shrunk and softened in the window that holds them: as if it were everywhere."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.geometry import Points
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.noise import make_noise
from services.viton.raster.planes import (
    bounding_window,
    choose_pixels,
    dot_channels,
    max_channel,
    mean_channel_std,
    to_three_channels,
)
from services.viton.raster.ruled_warp import rasterise_ruled_surface
from services.viton.raster.smoothing import antialias

Bool = NDArray[np.bool_]


def _masks() -> list[Bool]:
    corner, middle, frame = (np.zeros((90, 70), bool) for _ in range(3))
    corner[:20, 50:] = True
    middle[40:60, 20:24] = True
    middle[44, 30] = True
    frame[:] = True
    frame[30:34, 10:60] = False
    return [corner, middle, frame, np.ones((90, 70), bool), np.zeros((90, 70), bool)]


def _disc(radius: int) -> NDArray[np.uint8]:
    ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(np.hypot(ys, xs) < radius + 0.5, np.uint8)


@pytest.mark.parametrize("mask", _masks())
@pytest.mark.parametrize("radius", [2, 12, 95])
def test_growing_and_shrinking_reach_over_all_of_the_picture(mask: Bool, radius: int) -> None:
    size = 2 * radius + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    kernel = _disc(radius) if radius > 6 else ellipse
    assert np.array_equal(dilate(mask, radius), cv2.dilate(mask.astype(np.uint8), kernel) > 0)
    assert np.array_equal(erode(mask, radius), cv2.erode(mask.astype(np.uint8), kernel) > 0)


@pytest.mark.parametrize("mask", _masks())
@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_a_soft_edge_is_the_blur_of_the_whole_mask(mask: Bool, sigma: float) -> None:
    whole = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    assert np.allclose(antialias(mask, sigma), whole, atol=1e-6)


def test_the_window_around_a_mask() -> None:
    mask = np.zeros((40, 50), bool)
    assert bounding_window(mask, 3) is None
    mask[10:12, 2] = mask[20, 30] = True
    assert bounding_window(mask, 3) == (slice(7, 24), slice(0, 34))


def test_a_plane_for_every_channel() -> None:
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(to_three_channels(plane), np.repeat(plane[..., None], 3, axis=-1))


def test_sums_and_maxima_over_the_channels() -> None:
    first, second = np.random.default_rng(4).uniform(-9, 9, (2, 11, 7, 3)).astype(np.float32)
    assert dot_channels(first, second) == pytest.approx((first * second).sum(axis=-1), rel=1e-5)
    assert np.array_equal(max_channel(first), first.max(axis=-1))


def test_pixels_are_chosen_by_a_mask() -> None:
    levels = np.random.default_rng(5).integers(0, 256, (2, 5, 4, 3), np.uint8)
    where = levels[0, :, :, 0] < 128
    chosen = choose_pixels(where, levels[0], levels[1])
    assert np.array_equal(chosen, np.where(where[..., None], levels[0], levels[1]))
    assert not np.shares_memory(chosen, levels)
    colours = levels.astype(np.float32) / 7
    chosen_colours = choose_pixels(where, colours[0], colours[1])
    assert np.array_equal(chosen_colours, np.where(where[..., None], colours[0], colours[1]))


def test_variety_is_the_mean_deviation_of_the_channels_inside_the_mask() -> None:
    image = np.random.default_rng(3).uniform(0, 255, (30, 20, 3)).astype(np.float32)
    where = np.zeros((30, 20), bool)
    where[5:20, 3:9] = True
    assert mean_channel_std(image, where) == pytest.approx(
        float(image[where].std(axis=0).mean()), rel=1e-4
    )


def test_grain_is_the_same_for_every_call_whatever_became_of_the_last() -> None:
    first = make_noise((20, 30), 2.0)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(make_noise((20, 30), 2.0), kept)
    assert kept.std() == pytest.approx(2.0, rel=0.1)


def test_the_window_of_a_strip_holds_it_and_its_soft_edge() -> None:
    across = np.linspace(0, 1, 5)
    down = np.linspace(-10, 60, 8)
    grid: Points = np.stack(np.broadcast_arrays(40 + 12 * across[None, :], down[:, None]), axis=-1)
    laid = rasterise_ruled_surface(grid, grid + 3.0, across, (100, 80))
    rows, columns = laid.window
    assert rows.start == 0
    assert rows.stop <= 60 + 10
    assert columns.start >= 40 - 9
    outside = laid.covered.copy()
    outside[laid.window] = False
    assert laid.covered.any()
    assert not outside.any()
    inside = np.argwhere(laid.covered)
    assert inside[:, 0].max() < rows.stop - 5
    ys, xs = np.nonzero(laid.covered)
    assert np.abs(laid.flow[ys, xs] - np.stack([xs, ys], axis=1) - 3.0).max() < 1.5
