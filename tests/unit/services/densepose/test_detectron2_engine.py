"""What is around DensePose's network: the photo as it takes it, and its answer as parts."""

import numpy as np
import pytest

from services.densepose import detectron2_engine, service
from services.densepose.contract import EstimateSurfaceRequest
from services.densepose.inputs import F32
from services.kit.errors import InvalidRequest, WeightsMissing

SIDE = 112
PHOTO = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
NOBODY = np.zeros(PHOTO.shape[:2], np.uint8)


class Network:
    """Finds a person in a box of the network's picture: the head above, the torso below."""

    def __init__(self, box: tuple[float, float, float, float], score: float = 0.9) -> None:
        self.box = np.array(box, np.float32)
        self.score = score
        self.seen: list[F32] = []

    def __call__(self, picture: F32, size: F32, person: F32) -> detectron2_engine.Detection:
        self.seen = [picture, size, person]
        coarse, fine = np.zeros((2, SIDE, SIDE)), np.zeros((25, SIDE, SIDE))
        coarse[1] = 1
        coarse[1, :, : SIDE // 4] = -1
        fine[24, : SIDE // 2] = 1
        fine[2, SIDE // 2 :] = 1
        u, v = np.full((25, SIDE, SIDE), 0.25), np.full((25, SIDE, SIDE), -0.5)
        u[2], v[2] = 2.0, np.linspace(0, 1, SIDE)[:, None]
        return detectron2_engine.Detection(
            box=self.box,
            score=self.score,
            coarse=coarse.astype(np.float32),
            fine=fine.astype(np.float32),
            u=u.astype(np.float32),
            v=v.astype(np.float32),
        )


def test_the_network_sees_the_photo_scaled_bgr_less_its_mean_and_a_margin_of_zeros() -> None:
    grey = np.full((300, 200, 3), (10, 20, 30), np.uint8)
    picture = detectron2_engine.scale_to_sides(grey, 100, 140)
    assert picture.shape == (140, 93, 3)
    assert detectron2_engine.scale_to_sides(grey, 100, 1000).shape == (150, 100, 3)
    assert detectron2_engine.scale_to_sides(grey[:150], 100, 1000).shape == (100, 133, 3)
    planes = detectron2_engine.network_input(picture)
    assert planes.shape == (1, 3, 160, 96)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(
        planes[0, :, 139, 92], np.array([30, 20, 10]) - detectron2_engine.MEAN, rtol=1e-6
    )
    assert not planes[0, :, 140:].any()
    assert not planes[0, :, :, 93:].any()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's picture is twice the photo's size."""
    monkeypatch.setattr(detectron2_engine, "SHORTEST_SIDE_PX", 180)


def test_parts_are_enlarged_to_the_box_in_the_photo() -> None:
    network = Network((40.5, 20.0, 120.5, 220.0))
    surface = detectron2_engine.estimate(PHOTO, NOBODY, network)
    assert [each.shape for each in network.seen] == [(1, 3, 256, 192), (2,), (1, 4)]
    box = np.zeros(PHOTO.shape[:2], bool)
    box[10:110, 20:60] = True
    assert not surface.parts[~box].any()
    inside = surface.parts[10:110, 20:60]
    assert set(np.unique(inside)) == {0, 2, 24}
    assert not inside[:, :10].any()
    assert (inside[:50, 10:] == 24).all()
    assert (inside[50:, 10:] == 2).all()
    np.testing.assert_array_equal(surface.u[surface.parts == 24], 63)
    np.testing.assert_array_equal(surface.v[surface.parts == 24], 0)
    np.testing.assert_array_equal(surface.u[surface.parts == 2], 255)
    down = surface.v[60:110, 40].astype(int)
    assert (np.diff(down) >= 0).all()
    assert (down[0], down[-1]) == pytest.approx((127, 255), abs=2)
    assert not surface.u[surface.parts == 0].any()


def test_a_box_beyond_the_photo_is_cut() -> None:
    surface = detectron2_engine.estimate(PHOTO, NOBODY, Network((-50, -50, 500, 500)))
    assert (surface.parts[:, -1] > 0).all()
    assert not surface.parts[:, 0].any()


def test_nobody_is_where_the_network_is_not_sure() -> None:
    surface = detectron2_engine.estimate(PHOTO, NOBODY, Network((0, 0, 90, 120), 0.05))
    assert not surface.parts.any()
    assert not surface.u.any()
    assert not surface.v.any()


def test_the_network_is_told_where_the_outline_is() -> None:
    network = Network((0, 0, 90, 120))
    outline = NOBODY.copy()
    outline[20:100, 30:60] = 255
    detectron2_engine.estimate(PHOTO, outline, network)
    np.testing.assert_allclose(network.seen[2], [[60, 40, 120, 200]])
    detectron2_engine.estimate(PHOTO, NOBODY, network)
    np.testing.assert_allclose(network.seen[2], [[0, 0, 180, 240]])


@pytest.mark.parametrize("engine", ["r_50_fpn_s1x", "torchscript"])
def test_without_weights_the_error_tells_how_to_add_them(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_DENSEPOSE_ENGINE", engine)
    with pytest.raises(WeightsMissing, match=f"models add FILE --as densepose_{engine}"):
        service.load()


def test_pictures_of_different_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.kit.weights.store.find_weights", lambda name: name)
    monkeypatch.setattr("services.kit.runtimes.sessions.onnx_session", lambda name: name)
    loaded = service.ENGINES["r_50_fpn_s1x"]()
    request = EstimateSurfaceRequest(PHOTO, np.zeros((25, 3), np.float32), NOBODY[:-1])
    with pytest.raises(InvalidRequest, match="outline and the picture differ"):
        loaded.handlers["EstimateSurface"](request)
