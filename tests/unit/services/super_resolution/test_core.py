"""Enlarging: when, to what size, without seams, with the photo's colours."""

import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL.Image import Resampling

from services.kit.errors import InvalidRequest
from services.kit.types import Image
from services.super_resolution import core, deblock
from services.super_resolution.contract import UpscaleRequest, needs_upscaling
from services.super_resolution.core import Network, Planes
from tests.cancel_counter import count_asks, end_at

pytestmark = pytest.mark.unit


def photo(width: int, height: int, seed: int = 0) -> Image:
    """A picture with shades, edges and a little texture."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    shade = 120 + 60 * np.sin(x / 9) * np.cos(y / 13)
    stripe = np.where((x + 2 * y) % 37 < 6, -70, 0)
    texture = np.random.default_rng(seed).normal(0, 2, (height, width))
    grey = shade + stripe + texture
    colours = np.stack([grey, grey * 0.8 + 20, 255 - grey], 2)
    result: Image = np.clip(colours, 0, 255).astype(np.uint8)
    return result


def blurred(planes: Planes) -> Planes:
    """A 9 x 9 mean with zeros outside: a network whose every result depends on 4 pixels around."""
    padded = np.pad(planes, ((0, 0), (4, 4), (4, 4)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 9), (1, 2))
    means: Planes = windows.mean((3, 4)).astype(np.float32)
    return means


def repeat(planes: Planes, scale: int) -> Planes:
    return np.repeat(np.repeat(planes, scale, 1), scale, 2)


def network(scale: int = 4, *, even_sizes_only: bool = False, shift: float = 0.0) -> Network:
    def run(planes: Planes) -> Planes:
        assert not even_sizes_only or (planes.shape[1] % 2 == 0 and planes.shape[2] % 2 == 0)
        return repeat(blurred(planes), scale) + np.float32(shift)

    return Network(
        run=run,
        scale=scale,
        margin=12,
        even_sizes_only=even_sizes_only,
        needs_deblocking=False,
    )


def planes_of(image: Image) -> Planes:
    values: Planes = np.moveaxis(image, 2, 0).astype(np.float32) / np.float32(255)
    return values


@pytest.mark.parametrize(
    ("width", "height", "needed"),
    [(768, 1024, False), (385, 513, False), (384, 512, True), (192, 256, True), (2000, 40, False)],
)
def test_only_photos_of_half_the_canvas_or_less_are_enlarged(
    width: int, height: int, needed: bool
) -> None:
    assert needs_upscaling(UpscaleRequest(np.zeros((height, width, 3), np.uint8))) is needed


def test_a_large_photo_comes_back_as_the_same_array() -> None:
    image = photo(400, 600)
    assert core.upscale(UpscaleRequest(image), network()) is image


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (192, 256, (768, 1024)),
        (97, 211, (471, 1024)),
        (151, 90, (768, 458)),
        (8, 9, (768, 864)),
        (1, 1, (768, 768)),
    ],
)
@pytest.mark.parametrize("scale", [2, 4])
def test_fills_the_canvas_in_its_own_aspect(
    width: int, height: int, size: tuple[int, int], scale: int
) -> None:
    image = photo(width, height)
    before = image.copy()
    image.setflags(write=False)
    result = core.upscale(UpscaleRequest(image), network(scale, even_sizes_only=scale == 2))
    assert result.shape == (size[1], size[0], 3)
    assert result.dtype == np.uint8
    assert np.array_equal(image, before)


@pytest.mark.parametrize("sides", [(0, 512), (512, 0), (4097, 512)])
def test_refuses_a_canvas_that_cannot_be(sides: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequest):
        core.upscale(UpscaleRequest(photo(20, 20), *sides), network())


@pytest.mark.parametrize(("width", "height"), [(200, 300), (129, 127), (31, 260)])
@pytest.mark.parametrize("even_sizes_only", [False, True])
def test_tiles_leave_no_seam(width: int, height: int, even_sizes_only: bool) -> None:
    planes = planes_of(photo(width, height))
    everywhere = np.ones((height, width), bool)
    tiled = core.run_in_tiles(
        planes, network(2, even_sizes_only=even_sizes_only), everywhere, (64, 64)
    )
    assert tiled.shape == (3, 2 * height, 2 * width)
    whole = repeat(blurred(planes), 2)
    # An odd side is continued by one pixel for an even network, so its last rows may differ.
    inner = (slice(None), slice(0, 2 * height - 16), slice(0, 2 * width - 16))
    assert np.allclose(tiled[inner], whole[inner], atol=1e-5)


def listening(shapes: list[tuple[int, ...]], scale: int = 4) -> Network:
    """A network that repeats pixels and writes down what it was given."""

    def run(planes: Planes) -> Planes:
        shapes.append(planes.shape)
        return repeat(planes, scale)

    return Network(
        run=run, scale=scale, margin=12, even_sizes_only=scale == 2, needs_deblocking=False
    )


def test_no_tile_is_larger_than_asked() -> None:
    shapes: list[tuple[int, ...]] = []
    core.run_in_tiles(
        planes_of(photo(500, 130)), listening(shapes), np.ones((130, 500), bool), (64, 192)
    )
    assert len(shapes) == 9
    assert max(height for _, height, _ in shapes) <= 64 + 2 * 12
    assert max(width for _, _, width in shapes) <= 192 + 2 * 12


@pytest.mark.parametrize("even_sizes_only", [False, True])
def test_the_network_is_run_where_there_is_detail_only(even_sizes_only: bool) -> None:
    planes = planes_of(photo(121, 203))
    detail = np.zeros((203, 121), bool)
    detail[30:80, 51:77] = detail[90:171, 20:33] = True
    shapes: list[tuple[int, ...]] = []
    tried = network(2, even_sizes_only=even_sizes_only)

    def run(given: Planes) -> Planes:
        shapes.append(given.shape)
        return tried.run(given)

    large = core.run_in_tiles(planes, replace(tried, run=run), detail, (64, 64))
    whole = repeat(blurred(planes), 2)
    place = repeat(detail[None], 2)[0]
    assert np.allclose(large[:, place], whole[:, place], atol=1e-5)
    assert sum(height * width for _, height, width in shapes) < 0.5 * planes[0].size
    smooth = np.stack(
        [
            np.asarray(PIL.Image.fromarray(plane).resize((242, 406), Resampling.BICUBIC))
            for plane in planes
        ]
    )
    # An odd side is continued by one pixel for an even network.
    assert np.allclose(large[:, :56, :230], smooth[:, :56, :230], atol=1e-6)
    assert np.allclose(large[:, :400, 160:230], smooth[:, :400, 160:230], atol=1e-6)


def test_a_flat_photo_needs_no_network() -> None:
    shapes: list[tuple[int, ...]] = []
    image = np.full((256, 192, 3), 90, np.uint8)
    result = core.upscale(UpscaleRequest(image), listening(shapes))
    assert not shapes
    assert np.array_equal(result, np.full((1024, 768, 3), 90))


@pytest.mark.parametrize("size", [(384, 512), (380, 507), (256, 341), (200, 260), (383, 90)])
def test_the_network_is_given_no_more_than_the_canvas_shows(size: tuple[int, int]) -> None:
    shapes: list[tuple[int, ...]] = []
    core.upscale(UpscaleRequest(photo(*size)), listening(shapes))
    given = sum(height * width for _, height, width in shapes)
    # A quarter of the canvas's sides, and the margins of three tiles.
    assert 0 < given <= 192 * (256 + 4 * 12)


def test_a_photo_that_the_network_saw_reduced_keeps_its_detail_and_its_colours() -> None:
    image = photo(384, 512)
    result = core.upscale(UpscaleRequest(image), network(shift=0.04))
    back = PIL.Image.fromarray(result).resize((384, 512), Resampling.LANCZOS)
    plain = PIL.Image.fromarray(image).resize((192, 256), Resampling.LANCZOS)
    lost = np.asarray(plain.resize((384, 512), Resampling.LANCZOS))
    assert error(np.asarray(back), image) < 0.1 * error(lost, image)
    means = image.reshape(-1, 3).mean(0) - result.reshape(-1, 3).mean(0)
    assert np.abs(means).max() < 0.2


def test_a_network_of_two_is_repeated_until_it_is_enough() -> None:
    sizes: list[tuple[int, ...]] = []
    core.upscale(UpscaleRequest(photo(60, 80)), listening(sizes, scale=2))
    assert sizes[0] == (3, 80, 60)
    assert sum(height * width for _, height, width in sizes[1:]) >= 160 * 120


@pytest.mark.parametrize(("side", "canvas"), [(600, 2500), (1000, 2100)])
def test_more_pixels_than_anyone_waits_for_never_reach_the_network(side: int, canvas: int) -> None:
    def run(planes: Planes) -> Planes:
        raise AssertionError(planes.shape)

    image = photo(side, side)
    result = core.upscale(
        UpscaleRequest(image, canvas, canvas),
        Network(run=run, scale=4, margin=12, even_sizes_only=False, needs_deblocking=False),
    )
    lanczos = PIL.Image.fromarray(image).resize((canvas, canvas), Resampling.LANCZOS)
    # Rounded once, not after each direction.
    assert error(result, np.asarray(lanczos)) < 1


def test_a_shift_of_colour_is_taken_back() -> None:
    image = photo(96, 128)
    plain = core.upscale(UpscaleRequest(image), network())
    shifted = core.upscale(UpscaleRequest(image), network(shift=0.04))
    assert np.abs(plain.astype(int) - shifted).max() <= 1
    means = image.reshape(-1, 3).mean(0) - shifted.reshape(-1, 3).mean(0)
    assert np.abs(means).max() < 1


def jpeg(image: Image, quality: int) -> Image:
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=0)
    return np.asarray(PIL.Image.open(stream))


def error(image: Image, truth: Image) -> float:
    difference: NDArray[np.float32] = image.astype(np.float32) - truth
    return float(np.square(difference).mean())


def test_deblocking_brings_a_jpeg_nearer_to_its_original() -> None:
    truth = photo(160, 200)
    damaged = jpeg(truth, 30)
    assert deblock.measure_blockiness(damaged) > deblock.BLOCKY_RATIO
    assert error(deblock.deblock(damaged), truth) < 0.9 * error(damaged, truth)


def test_deblocking_ends_between_grids_when_nobody_waits() -> None:
    damaged = jpeg(photo(160, 200), 30)

    def work() -> None:
        deblock.deblock(damaged)

    asked = count_asks(work)
    assert asked == (deblock.BLOCK // deblock.STEP) ** 2
    end_at(asked, work)


def test_deblocking_leaves_a_clean_photo_alone() -> None:
    image = photo(160, 200)
    assert deblock.measure_blockiness(image) < deblock.CLEAN_RATIO
    assert deblock.deblock(image) is image


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (16, 16)])
def test_deblocking_takes_any_size(size: tuple[int, int]) -> None:
    assert deblock.deblock(jpeg(photo(*size), 10)).shape == (size[1], size[0], 3)


def test_a_network_that_adds_grain_leaves_flat_areas_smooth() -> None:
    image = photo(96, 128)
    image[:, 48:] = (180, 150, 140)
    random = np.random.default_rng(2)

    def run(planes: Planes) -> Planes:
        large = repeat(planes, 4)
        return large + random.normal(0, 0.02, large.shape).astype(np.float32)

    noisy = Network(run=run, scale=4, margin=12, even_sizes_only=False, needs_deblocking=False)
    result = core.upscale(UpscaleRequest(image), noisy).astype(int)
    right = result[:, 8 * 52 :]
    assert np.abs(right - (180, 150, 140)).max() <= 1
    assert np.abs(np.diff(result[:, : 8 * 40], axis=1)).mean() > 3
