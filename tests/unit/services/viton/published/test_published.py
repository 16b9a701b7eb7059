"""How VITON-HD's and HR-VITON's networks are fed, and what becomes of what they answer.

The networks are drawn.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.kit.errors import InvalidOption, InvalidRequest, NoGarment, WeightsMissing
from services.kit.labels import Label
from services.viton.contract import TryOnRequest
from services.viton.published import common, hr_viton, viton_hd
from services.viton.published.common import Planes
from services.viton.published.viton_hd import Networks
from services.viton.service import ENGINES

pytestmark = pytest.mark.unit

SHAPE = (256, 128)


def request(**changed: Any) -> TryOnRequest:
    """A grey person, a white square of a garment, nothing else known."""
    grey = np.full((*SHAPE, 3), 100, np.uint8)
    nothing = np.zeros(SHAPE, np.uint8)
    mask = nothing.copy()
    mask[64:192, 32:96] = 255
    drawn = TryOnRequest(
        person=grey,
        keypoints=np.zeros((25, 3), np.float32),
        skeleton=grey,
        labels=nothing,
        agnostic_labels=nothing,
        agnostic_image=grey,
        part_labels=nothing,
        part_image=grey,
        garment=np.repeat(mask[..., None], 3, axis=2),
        garment_mask=mask,
    )
    return replace(drawn, **changed)


def test_a_picture_becomes_planes_and_a_picture_again() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    planes = common.to_signed_planes(picture)
    assert planes.shape == (3, 4, 5)
    assert planes[0, 0, 0] == pytest.approx(picture[0, 0, 0] / 127.5 - 1)
    np.testing.assert_array_equal(common.to_image(planes), picture)
    assert common.to_image(np.full((3, 1, 1), 1.7, np.float32)).max() == 255


def test_every_label_is_of_one_kind_and_every_kind_of_one_part() -> None:
    of_labels = common.one_hot_classes(np.array([list(Label)], np.uint8))
    np.testing.assert_array_equal(of_labels.sum(axis=0), 1)
    kind = of_labels.argmax(axis=0)[0]
    assert kind[Label.TORSO_SKIN] == kind[Label.BACKGROUND] == 0
    assert kind[Label.COAT] == kind[Label.UPPER] == 3
    assert (kind[Label.LEFT_ARM], kind[Label.RIGHT_ARM]) == (5, 6)
    assert kind[Label.SOCKS] == 11
    of_kinds = common.merge_classes(np.arange(common.CLASS_COUNT, dtype=np.uint8)[None])
    np.testing.assert_array_equal(of_kinds.sum(axis=0), 1)
    part = of_kinds.argmax(axis=0)[0]
    assert part[3] == common.MERGED_UPPER
    assert (part[1], part[5], part[6], part[12]) == (3, 4, 5, 6)


def test_scores_are_enlarged_and_blurred_and_outside_the_picture_they_are_nought() -> None:
    scores = np.ones((common.CLASS_COUNT, *common.WARP_SHAPE), np.float32)
    scores[3, :, :96] = 0
    blurred = common.upsample_scores(scores, 512, 384)
    assert blurred.shape == (common.CLASS_COUNT, 512, 384)
    assert blurred[0, 256, 192] == pytest.approx(1)
    # Of a normal distribution of deviation 3 in 15 pixels, the middle one holds 0.134.
    assert blurred[0, 0, 192] == pytest.approx(0.5 + 0.134 / 2, abs=1e-3)
    assert blurred[0, 7, 192] == pytest.approx(1)
    edge = blurred[3, 256]
    assert edge[192 - 9] == pytest.approx(0)
    assert edge[191] + edge[192] == pytest.approx(1)
    assert edge[192 + 8] == pytest.approx(1)


def test_the_greatest_score_wins_and_of_equal_ones_the_first() -> None:
    scores = np.zeros((common.CLASS_COUNT, 1, 2), np.float32)
    scores[5, 0, 1] = scores[9, 0, 1] = 1
    np.testing.assert_array_equal(common.argmax_classes(scores), [[0, 5]])


@pytest.mark.parametrize("shape", [(256, 128), (128, 256)])
def test_without_offsets_the_spline_shows_every_pixel_where_it_is(shape: tuple[int, int]) -> None:
    grid = viton_hd.thin_plate_spline_grid(np.zeros(50, np.float32), *shape)
    assert grid.shape == (*shape, 2)
    np.testing.assert_allclose(grid[0, 0], (-0.9, -0.9), atol=1e-6)
    np.testing.assert_allclose(grid[-1, 0], (-0.9, 0.9), atol=1e-6)
    np.testing.assert_allclose(grid[0, -1], (0.9, -0.9), atol=1e-6)


def test_a_control_point_goes_where_its_offset_says() -> None:
    """Offsets in x come first; the points run down a column before the next one."""
    offsets = np.zeros((2, 5, 5), np.float32)
    offsets[0, 1, 3], offsets[1, 1, 3] = 0.3, -0.2
    grid = viton_hd.thin_plate_spline_grid(offsets.ravel(), 181, 181)
    # 45 pixels lie between two points.
    np.testing.assert_allclose(grid[135, 45], (-0.45 + 0.3, 0.45 - 0.2), atol=1e-5)
    np.testing.assert_allclose(grid[45, 135], (0.45, -0.45), atol=1e-5)


def test_a_place_is_in_the_pixels_of_its_picture() -> None:
    corners = np.array([[[-1, -1], [1, 1]]], np.float32)
    np.testing.assert_array_equal(
        common.to_pixel_map(np.repeat(corners, 4, axis=0)), [[[-0.5, -0.5], [1.5, 3.5]]] * 4
    )


def test_the_generator_learns_where_the_garment_is_missing() -> None:
    fed: dict[str, Planes] = {}

    def alias(**given: Planes) -> tuple[Planes, ...]:
        fed.update(given)
        return (np.zeros((3, *SHAPE), np.float32),)

    kinds = np.zeros(SHAPE, np.uint8)
    kinds[:, :64] = 3
    parts = common.merge_classes(kinds)
    warped = np.zeros((4, *SHAPE), np.float32)
    warped[3, :, 32:96] = 0.75
    noises = common.draw_noise(np.random.default_rng(0), *SHAPE)
    viton_hd.synthesise(alias, viton_hd.network_inputs(request()), parts, warped, noises)
    missing = fed["mask"][0]
    assert (missing[0, 0], missing[0, 40], missing[0, 80], missing[0, 120]) == (1, 0.25, 0, 0)
    np.testing.assert_array_equal(fed["divided"][7], missing)
    np.testing.assert_array_equal(fed["divided"][2], fed["labels"][2] - missing)
    assert parts[2].sum() == fed["labels"][2].sum()
    assert fed["conditions"].shape == (9, *SHAPE)
    assert fed["noise_0"].shape == (2, 2, 1)
    assert fed["noise_7"].shape == (3, *SHAPE)


def test_the_labels_network_gets_noise_of_nought_and_one() -> None:
    seen = []

    def seg(*, given: Planes) -> tuple[Planes, ...]:
        seen.append(given)
        return (given[:13],)

    def gmm(*, person: Planes, garment: Planes) -> tuple[Planes, ...]:
        assert (person.shape, garment.shape) == ((7, 256, 192), (3, 256, 192))
        return (np.zeros(50, np.float32),)

    def alias(**given: Planes) -> tuple[Planes, ...]:
        return (np.asarray(given["noise_7"] / 4, np.float32),)

    networks = Networks(seg, gmm, alias)
    first = viton_hd.try_on(networks, request(), 3)
    noise = seen[0][20]
    assert set(np.unique(noise)) == {0, 1}
    assert noise.mean() == pytest.approx(0.159, abs=0.01)
    np.testing.assert_array_equal(viton_hd.try_on(networks, request(), 3), first)
    assert (viton_hd.try_on(networks, request(), 4) != first).any()


@pytest.mark.parametrize(
    ("changed", "raised"),
    [
        ({"category": "lower"}, InvalidOption),
        ({"category": "hat"}, InvalidRequest),
        ({"garment_mask": np.zeros(SHAPE, np.uint8)}, NoGarment),
        ({"garment_mask": np.zeros((256, 256), np.uint8)}, InvalidRequest),
        ({"skeleton": np.zeros((128, 128, 3), np.uint8)}, InvalidRequest),
        ({"agnostic_labels": np.zeros((128, 128), np.uint8)}, InvalidRequest),
    ],
)
def test_what_the_networks_do_not_know_is_refused(
    changed: dict[str, Any], raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        common.validate_request(request(**changed), "viton_hd")


def test_a_canvas_that_the_generator_cannot_halve_is_refused() -> None:
    odd = {
        name: getattr(request(), name)[:200]
        for name in ("person", "skeleton", "agnostic_image", "part_image", "garment")
    }
    maps = {name: getattr(request(), name)[:200] for name in ("agnostic_labels", "garment_mask")}
    with pytest.raises(InvalidRequest, match="multiple of 128"):
        common.validate_request(request(**odd, **maps), "viton_hd")


def test_the_answer_marks_what_changed_and_no_cloth() -> None:
    person = request().person
    image = person.copy()
    image[3, 4, 1] += 1
    answer = common.whole_image_response(person, image)
    assert answer.edit_mask[3, 4] == 255
    assert np.count_nonzero(answer.edit_mask) == 1
    assert not answer.flow.any()
    assert not answer.garment_alpha.any()


UPPER_KIND = 3
HAIR_KIND = 1


def told() -> hr_viton.PredictedCondition:
    """Everywhere upper garment, and no flow."""
    drawn = np.zeros((common.CLASS_COUNT, *SHAPE), np.float32)
    drawn[UPPER_KIND] = 20
    return hr_viton.PredictedCondition(drawn, np.zeros((2, 128, 96), np.float32))


def test_hr_viton_s_garment_stands_on_white() -> None:
    plain = request(garment=np.full((*SHAPE, 3), 51, np.uint8))
    bent = hr_viton.warp_garment(hr_viton.network_inputs(plain), told())
    np.testing.assert_allclose(bent[:, 128, 64], 51 / 127.5 - 1, atol=1e-5)
    np.testing.assert_allclose(bent[:, 10, 10], 1, atol=1e-5)


def test_hr_viton_s_garment_is_not_seen_where_something_lies_over_it() -> None:
    plain = request(garment=np.full((*SHAPE, 3), 51, np.uint8))
    condition = told()
    condition.scores[HAIR_KIND, :128] = 40
    condition.scores[0, 128:160] = 40
    bent = hr_viton.warp_garment(hr_viton.network_inputs(plain), condition)
    np.testing.assert_allclose(bent[:, 100, 64], 1, atol=1e-5)
    # The background hides nothing.
    np.testing.assert_allclose(bent[:, [140, 170], 64], 51 / 127.5 - 1, atol=1e-5)


def test_hr_viton_s_flow_is_in_its_own_pixels_from_middle_to_middle() -> None:
    """Three pixels to the right, of 96, and two down, of 128."""
    condition = told()
    condition.flow[0], condition.flow[1] = 3, 2
    grid = hr_viton.flow_to_grid(condition.flow, *SHAPE)
    assert grid.shape == (*SHAPE, 2)
    np.testing.assert_allclose(grid[0, 0], (-1 + 3 * 2 / 95, -1 + 2 * 2 / 127), atol=1e-6)
    np.testing.assert_allclose(grid[-1, -1], (1 + 3 * 2 / 95, 1 + 2 * 2 / 127), atol=1e-6)


def test_hr_viton_foresees_no_garment_where_none_was_bent_to() -> None:
    fed: dict[str, Planes] = {}

    def condition(**given: Planes) -> tuple[Planes, ...]:
        fed.update(given)
        scores = np.full((common.CLASS_COUNT, *common.WARP_SHAPE), 0.5, np.float32)
        scores[UPPER_KIND] = 1
        mask = np.zeros((1, *common.WARP_SHAPE), np.float32)
        mask[:, :, :96] = 0.75
        return np.zeros((2, 128, 96), np.float32), scores, mask

    winners = common.argmax_classes(
        hr_viton.predict_labels_and_flow(condition, hr_viton.network_inputs(request())).scores
    )
    assert (winners[:, :50] == UPPER_KIND).all()
    assert (winners[:, 80:] == 0).all()
    assert fed["garment"].shape == (4, 256, 192)
    assert set(np.unique(fed["garment"][3])) == {0, 1}
    assert fed["person"].shape == (16, 256, 192)
    np.testing.assert_array_equal(fed["person"][0], 1)


def test_hr_viton_draws_after_densepose_and_by_its_seed() -> None:
    fed: dict[str, Planes] = {}

    def condition(*, garment: Planes, person: Planes) -> tuple[Planes, ...]:
        return np.zeros((2, 128, 96), np.float32), person[:13], garment[3:]

    def spade(**given: Planes) -> tuple[Planes, ...]:
        fed.update(given)
        return (np.asarray(given["noise_7"] / 4, np.float32),)

    networks = hr_viton.Networks(condition, spade)
    parts = np.full((*SHAPE, 3), 200, np.uint8)
    first = hr_viton.try_on(networks, request(part_image=parts), 3)
    np.testing.assert_allclose(fed["conditions"][3:6], 200 / 127.5 - 1, atol=1e-6)
    assert fed["conditions"].shape == (9, *SHAPE)
    assert fed["labels"].shape == (7, *SHAPE)
    np.testing.assert_array_equal(hr_viton.try_on(networks, request(part_image=parts), 3), first)
    assert (hr_viton.try_on(networks, request(part_image=parts), 4) != first).any()


@pytest.mark.parametrize(
    ("engine", "file"), [("viton_hd", "viton_hd_seg"), ("hr_viton", "hr_viton_condition")]
)
def test_without_its_weights_the_engine_does_not_start(
    engine: str, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    with pytest.raises(WeightsMissing, match=rf"{file}\.onnx.*models add .* --as {file}"):
        ENGINES[engine]()
