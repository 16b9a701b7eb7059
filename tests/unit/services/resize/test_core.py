"""Fitting to a canvas and back, on drawn pictures whose right answer is known."""

import math
import sys
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL.Image import Resampling

from services.kit.errors import InvalidRequest
from services.resize import core, service
from services.resize.contract import CONTRACT, FitRequest, RestoreRequest
from services.resize.core import fit, restore
from services.resize.detail import GarmentDetailSource, prepare_detail
from tests.cancel_counter import count_asks, end_at
from tests.peak_memory import measure_peak
from tests.placements import make_placement

pytestmark = pytest.mark.unit

Array = NDArray[np.uint8]
NOTHING = GarmentDetailSource(
    np.zeros((1024, 768, 3), np.uint8),
    np.zeros((1024, 768, 2), np.float32),
    np.zeros((1024, 768), np.uint8),
)
SIZES = [(1024, 768), (2048, 1536), (1333, 1001), (640, 480), (700, 1500), (1501, 333), (64, 37)]


def smooth(height: int, width: int) -> Array:
    y = np.linspace(0, 1, height)[:, None]
    x = np.linspace(0, 1, width)[None]
    channels = [127 + 100 * np.sin(3 * y + 2 * x), 200 * x + 0 * y, 60 + 150 * y * x]
    return np.stack(channels, axis=2).astype(np.uint8)


def noise(height: int, width: int) -> Array:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def dot_at(image: Array) -> tuple[float, float]:
    """Find the centre of mass of what is not grey, as (x, y) with pixel centres at integers."""
    weight = np.abs(image.astype(float) - 128).sum(axis=2)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


@pytest.mark.parametrize(("height", "width"), [*SIZES, (640, 32), (32, 640), (3000, 1), (1, 3000)])
def test_fit_keeps_the_aspect_ratio_and_fills_one_direction(height: int, width: int) -> None:
    canvas, placement = fit(noise(height, width))
    assert canvas.shape == (1024, 768, 3)
    assert (placement.source_width, placement.source_height) == (width, height)
    assert placement.width == 768 or placement.height == 1024
    scale = min(768 / width, 1024 / height)
    assert abs(placement.width - width * scale) <= 0.5 or placement.width == 1
    assert abs(placement.height - height * scale) <= 0.5 or placement.height == 1
    assert abs(placement.left - (768 - placement.width) / 2) <= 0.5
    assert abs(placement.top - (1024 - placement.height) / 2) <= 0.5


def test_fit_leaves_a_picture_of_the_right_size_alone() -> None:
    picture = noise(1024, 768)
    canvas, placement = fit(picture)
    np.testing.assert_array_equal(canvas, picture)
    assert placement == make_placement()


@pytest.mark.parametrize(
    ("height", "width"), [(1333, 1000), (1001, 555), (200, 150), (900, 512), (512, 600)]
)
def test_pictures_of_several_bands_are_resampled_as_a_whole(height: int, width: int) -> None:
    picture = noise(height, width)
    canvas, placement = fit(picture, 512, 1024)
    size = (placement.width, placement.height)
    whole = PIL.Image.fromarray(picture).resize(size, PIL.Image.Resampling.LANCZOS)
    inner = canvas[placement.top :, placement.left :][: size[1], : size[0]]
    np.testing.assert_array_equal(inner, np.asarray(whole))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a process")
def test_fit_copies_bands_and_not_the_photo() -> None:
    prepare = """
        import numpy as np
        from services.resize.core import fit
        photo = np.full((4000, 3000, 3), 9, np.uint8)
        fit(photo[:99, :99])
    """
    # The photo itself, as Pillow holds it, would be 48 MB.
    assert measure_peak(prepare, "fitted = fit(photo)") < 40_000_000


def test_fit_to_other_canvases() -> None:
    canvas, placement = fit(noise(90, 70), 33, 57)
    assert canvas.shape == (57, 33, 3)
    assert placement.width == 33
    for width, height in ((0, 10), (10, -1), (10, 4097)):
        with pytest.raises(InvalidRequest):
            fit(noise(9, 9), width, height)


def test_fit_does_not_alias() -> None:
    """A pixel-wide checkerboard becomes even grey when reduced, not a moiré."""
    board = np.indices((4096, 3072)).sum(axis=0) % 2 * 255
    canvas, _ = fit(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert canvas.std() < 4


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_dot_lands_where_it_was(height: int, width: int) -> None:
    picture = np.full((height, width, 3), 128, np.uint8)
    x, y = width // 3, height // 4
    radius = max(2, max(height, width) // 200)
    picture[y - radius : y + radius + 1, x - radius : x + radius + 1] = 255
    canvas, placement = fit(picture)
    seen_x, seen_y = dot_at(canvas)
    assert abs(seen_x - (placement.left + (x + 0.5) * placement.width / width - 0.5)) < 0.2
    assert abs(seen_y - (placement.top + (y + 0.5) * placement.height / height - 0.5)) < 0.2
    everything = np.full(canvas.shape[:2], 255, np.uint8)
    back_x, back_y = dot_at(restore(picture, canvas, everything, placement, NOTHING))
    assert abs(back_x - x) < 0.5
    assert abs(back_y - y) < 0.5


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_there_and_back(height: int, width: int) -> None:
    picture = smooth(height, width)
    canvas, placement = fit(picture)
    mask = np.full((1024, 768), 255, np.uint8)
    back = restore(picture, canvas, mask, placement, NOTHING)
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture).max() <= 2
    rough = noise(height, width)
    canvas, placement = fit(rough)
    np.testing.assert_array_equal(
        restore(rough, canvas, np.zeros_like(mask), placement, NOTHING), rough
    )


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 70), st.integers(1, 70), st.data())
@settings(max_examples=200, deadline=None)
def test_pixels_outside_the_mask_come_back_bit_for_bit(
    height: int, width: int, canvas_width: int, canvas_height: int, data: st.DataObject
) -> None:
    picture = noise(height, width)
    canvas, placement = fit(picture, canvas_width, canvas_height)
    assert 0 < placement.width <= canvas_width
    assert 0 < placement.height <= canvas_height
    top = data.draw(st.integers(0, canvas_height - 1))
    left = data.draw(st.integers(0, canvas_width - 1))
    mask = np.zeros((canvas_height, canvas_width), np.uint8)
    mask[top:, left:] = data.draw(st.integers(1, 255))
    edited = np.where(mask[..., None] > 0, 255 - canvas, canvas)
    back = restore(picture, edited, mask, placement, NOTHING)
    assert back.shape == picture.shape
    # Reach of an edited canvas pixel in the picture's frame: itself and a pixel of either grid.
    reach_x = max(1.0, width / placement.width)
    reach_y = max(1.0, height / placement.height)
    first_x = (left - placement.left) * width / placement.width - reach_x
    first_y = (top - placement.top) * height / placement.height - reach_y
    outside = np.ones((height, width), bool)
    outside[max(0, int(np.floor(first_y))) :, max(0, int(np.floor(first_x))) :] = False
    np.testing.assert_array_equal(back[outside], picture[outside])


@pytest.mark.parametrize(("height", "width"), [*SIZES, (17, 13), (9, 300), (3000, 40)])
def test_every_pixel_that_the_mask_reaches_is_edited(height: int, width: int) -> None:
    picture = np.full((height, width, 3), 200, np.uint8)
    canvas, placement = fit(picture)
    middle = placement.top + placement.height // 2, placement.left + placement.width // 2
    mask = np.zeros((1024, 768), np.uint8)
    mask[middle[0] : middle[0] + 30, middle[1] : middle[1] + 20] = 255
    edited = np.where(mask[..., None] > 0, np.uint8(0), canvas)
    inside = PIL.Image.fromarray(mask).crop(
        (
            placement.left,
            placement.top,
            placement.left + placement.width,
            placement.top + placement.height,
        )
    )
    share = np.asarray(inside.resize((width, height), PIL.Image.Resampling.BILINEAR))
    changed = (restore(picture, edited, mask, placement, NOTHING) != picture).any(axis=2)
    np.testing.assert_array_equal(changed & (share > 60), share > 60)
    assert not changed[share == 0].any()


def test_an_edit_of_the_padding_alone_changes_nothing() -> None:
    picture = noise(300, 100)
    canvas, placement = fit(picture)
    mask = np.zeros((1024, 768), np.uint8)
    mask[:, : placement.left] = 255
    np.testing.assert_array_equal(restore(picture, 255 - canvas, mask, placement, NOTHING), picture)


def test_the_edit_replaces_the_old_where_the_mask_is_full() -> None:
    picture = noise(2048, 1536)
    canvas, placement = fit(picture)
    edited, mask = canvas.copy(), np.zeros((1024, 768), np.uint8)
    edited[300:600, 200:500] = (200, 30, 30)
    mask[300:600, 200:500] = 255
    back = restore(picture, edited, mask, placement, NOTHING)
    assert np.abs(back[610:1190, 410:990].astype(int) - (200, 30, 30)).max() <= 1
    np.testing.assert_array_equal(back[:596], picture[:596])


def test_at_the_canvas_size_the_finished_canvas_comes_back_as_it_is() -> None:
    picture = noise(1024, 768)
    canvas, placement = fit(picture)
    mask = np.tile(np.arange(768) // 3, (1024, 1)).astype(np.uint8)
    new = np.full_like(canvas, 90)
    share = mask[..., None] / 255
    edited = np.rint(canvas * (1 - share) + new * share).astype(np.uint8)
    np.testing.assert_array_equal(restore(picture, edited, mask, placement, NOTHING), edited)


def test_soft_edges_mix_the_original_itself_with_the_edit() -> None:
    """A fine texture shows through a soft edge as sharply as the original has it."""
    picture = noise(2048, 1536)
    canvas, placement = fit(picture)
    mask = np.full((1024, 768), 128, np.uint8)
    share = 128 / 255
    edited = np.rint(canvas * (1 - share) + 100 * share).astype(np.uint8)
    back = restore(picture, edited, mask, placement, NOTHING)
    ideal = picture * (1 - share) + 100 * share
    assert np.abs(back - ideal).mean() < 1.5


def test_inputs_are_not_written_to_and_may_be_read_only() -> None:
    picture = noise(300, 200)
    canvas, placement = fit(picture)
    mask = np.full((1024, 768), 255, np.uint8)
    for array in (picture, canvas, mask):
        array.flags.writeable = False
    before = picture.copy(), canvas.copy()
    restore(picture, canvas, mask, placement, NOTHING)
    np.testing.assert_array_equal(picture, before[0])
    np.testing.assert_array_equal(canvas, before[1])


# Padding


def test_padding_continues_the_background_without_an_edge() -> None:
    """A backdrop that is lit from one corner goes on through the border of the picture."""
    for height, width in ((1000, 500), (500, 900)):
        picture = 120 + smooth(height, width) // 6
        canvas, placement = fit(picture)
        steps = np.abs(np.diff(canvas.astype(int), axis=1 if placement.left else 0)).max(axis=2)
        at = placement.left or placement.top
        before = steps[:, at - 1] if placement.left else steps[at - 1]
        assert before.max() <= 3


@pytest.mark.parametrize("cover", [0.3, 0.7])
def test_padding_does_not_continue_what_the_frame_cuts_off(cover: float) -> None:
    """A square portrait: the shirt runs into the bottom border, the wall does not."""
    wall, shirt = np.array([190, 195, 200]), np.array([150, 20, 40])
    picture = np.empty((600, 600, 3), np.uint8)
    picture[:] = wall
    margin = round(600 * (1 - cover) / 2)
    picture[250:, margin : 600 - margin] = shirt
    canvas, placement = fit(picture)
    below = canvas[placement.top + placement.height :]
    assert len(below) == 128
    assert np.abs(below.astype(int) - wall).max() <= 6
    assert np.abs(canvas[: placement.top].astype(int) - wall).max() <= 2


def test_padding_does_not_continue_sleeves_that_leave_at_the_corners() -> None:
    paper, cloth = np.array([250, 250, 248]), np.array([190, 20, 50])
    picture = np.empty((600, 600, 3), np.uint8)
    picture[:] = paper
    picture[120:, :130] = picture[120:, 470:] = picture[60:, 180:420] = cloth
    canvas, placement = fit(picture)
    assert np.abs(canvas[placement.top + placement.height :].astype(int) - paper).max() <= 6


def test_every_padded_pixel_is_set() -> None:
    white = np.full((400, 100, 3), 255, np.uint8)
    assert (fit(white)[0] == 255).all()
    assert (fit(white.swapaxes(0, 1).copy())[0] == 255).all()


# Contract


def test_restore_refuses_what_does_not_belong_together() -> None:
    picture = noise(300, 200)
    canvas, placement = fit(picture)
    mask = np.full((1024, 768), 255, np.uint8)
    outside = make_placement(200, 300, left=400, width=683)
    negative = make_placement(200, 300, left=-5, width=683)
    empty = make_placement(200, 300, width=0)
    for where in (outside, negative, empty):
        with pytest.raises(InvalidRequest, match="outside"):
            restore(picture, canvas, mask, where, NOTHING)
    with pytest.raises(InvalidRequest, match="another picture"):
        restore(picture[1:], canvas, mask, placement, NOTHING)
    with pytest.raises(InvalidRequest, match="differ in size"):
        restore(picture, canvas[1:], mask, placement, NOTHING)
    with pytest.raises(InvalidRequest, match="differ in size"):
        restore(picture, canvas, mask[:, 1:], placement, NOTHING)


def test_the_service_answers_every_procedure_of_its_contract() -> None:
    loaded = service.load()
    assert set(loaded.handlers) == {method.rpc for method in CONTRACT.methods}
    picture = noise(300, 200)
    fitted = loaded.handlers["Fit"](FitRequest(picture))
    mask = np.zeros(fitted.image.shape[:2], np.uint8)
    request = RestoreRequest(
        original=picture,
        image=fitted.image,
        edit_mask=mask,
        placement=fitted.placement,
        garment=NOTHING.garment,
        flow=NOTHING.flow,
        garment_alpha=NOTHING.garment_alpha,
    )
    np.testing.assert_array_equal(loaded.handlers["Restore"](request).image, picture)


def test_results_in_bands_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = smooth(1301, 977)
    canvas, placement = fit(picture)
    mask = np.tile(np.arange(768) // 3, (1024, 1)).astype(np.uint8)
    edited = 255 - canvas
    banded = restore(picture, edited, mask, placement, NOTHING)
    monkeypatch.setattr(core, "BAND_PX", 10_000)
    whole = restore(picture, edited, mask, placement, NOTHING)
    assert np.abs(banded.astype(int) - whole).max() <= 1


def test_restoring_ends_between_bands_when_nobody_waits() -> None:
    picture = smooth(1301, 977)
    canvas, placement = fit(picture)
    everything = np.full((1024, 768), 255, np.uint8)

    def work() -> None:
        restore(picture, 255 - canvas, everything, placement, NOTHING)

    asked = count_asks(work)
    # The photo is scaled down along its rows, then along its columns, and then merged.
    assert asked == 2 * math.ceil(1301 / core.BAND_PX) + math.ceil(768 / core.BAND_PX)
    end_at(asked, work)


def striped(height: int, width: int, period: float) -> Array:
    """Vertical stripes of a garment, ``period`` pixels wide on a canvas of 768 columns."""
    x = (np.arange(width) + 0.5) * 768 / width
    wave = 127.5 + 100 * np.sin(2 * np.pi * x / period)
    return np.tile(wave.astype(np.uint8)[None, :, None], (height, 1, 3))


def worn_stripes(period: float) -> GarmentDetailSource:
    """A garment worn at twice its size in the middle of the canvas."""
    places = np.stack(np.meshgrid(np.arange(768.0), np.arange(1024.0)), axis=2)
    cloth = np.zeros((1024, 768), np.uint8)
    cloth[300:700, 200:500] = 255
    flow = ((places + 0.5) / 2 - 0.5).astype(np.float32)
    return GarmentDetailSource(striped(2048, 1536, period), flow, cloth)


def test_a_garment_keeps_its_detail_in_a_picture_larger_than_the_canvas() -> None:
    # Stripes too fine for a canvas of 768 columns: only the larger garment knows them.
    worn = worn_stripes(1.5)
    canvas = np.full((1024, 768, 3), 128, np.uint8)
    picture = np.full((3072, 2304, 3), 128, np.uint8)
    placement = make_placement(2304, 3072)
    inside = np.s_[1000:2000, 700:1400, 0]
    soft = restore(picture, canvas, worn.garment_alpha, placement, NOTHING)[inside]
    assert np.ptp(soft) == 0
    sharp = restore(picture, canvas, worn.garment_alpha, placement, worn)[inside]
    worn_there = striped(3072, 2304, 3.0)[inside]
    assert np.ptp(sharp) > 100
    assert np.corrcoef(worn_there.ravel(), sharp.ravel())[0, 1] > 0.95


def test_a_garment_of_the_canvas_s_size_gives_what_its_enlargement_gives() -> None:
    worn = worn_stripes(6.0)
    small = replace(worn, garment=striped(1024, 768, 6.0))
    large = np.asarray(PIL.Image.fromarray(small.garment).resize((1536, 2048), Resampling.LANCZOS))
    drawn = [
        made.draw((1200, 1600), (0, 0, 768, 1024))
        for made in (
            prepare_detail(small, 1.5625),
            prepare_detail(replace(worn, garment=large), 1.5625),
        )
        if made
    ]
    assert np.abs(drawn[1]).max() > 5
    assert np.abs(drawn[0] - drawn[1]).max() < 5


def test_detail_is_not_added_where_no_garment_is_seen_nor_where_pieces_meet() -> None:
    worn = worn_stripes(1.5)
    torn = worn.flow.copy()
    torn[:, 350:] += 120.0
    made = prepare_detail(GarmentDetailSource(worn.garment, torn, worn.garment_alpha), 3.0)
    assert made is not None
    drawn = made.draw((2304, 3072), (0, 0, 768, 1024))
    assert not drawn[:, : 3 * 198].any()
    assert not drawn[1000:2000, 3 * 349 : 3 * 351].any()
    assert drawn[1000:2000, 3 * 250 : 3 * 300].any()


@pytest.mark.parametrize("enlargement", [0.5, 1.0])
def test_a_picture_no_larger_than_the_canvas_needs_no_detail(enlargement: float) -> None:
    worn = worn_stripes(1.5)
    assert prepare_detail(worn, enlargement) is None
    assert prepare_detail(worn, 2.0) is not None
    assert prepare_detail(NOTHING, 2.0) is None


def test_a_garment_that_does_not_fit_the_canvas_is_refused() -> None:
    worn = worn_stripes(1.5)
    for odd in (
        GarmentDetailSource(worn.garment[:-1], worn.flow, worn.garment_alpha),
        GarmentDetailSource(worn.garment[:512, :384], worn.flow, worn.garment_alpha),
        GarmentDetailSource(worn.garment, worn.flow[:-1], worn.garment_alpha),
    ):
        with pytest.raises(InvalidRequest, match="as large as the canvas"):
            prepare_detail(odd, 2.0)
