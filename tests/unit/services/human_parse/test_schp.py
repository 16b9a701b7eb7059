"""SCHP around its network, which is replaced by functions of its input."""

import numpy as np
import pytest

from services.human_parse import schp
from services.human_parse.resampling import F32, corners, origin, resize
from services.kit.joints import Joint
from services.kit.labels import Label

pytestmark = pytest.mark.unit

NOBODY = np.zeros((25, 3), np.float32)


def by_brightness(classes: int) -> schp.Run:
    """A network that sees class k where the picture has the grey 10 k, at a quarter of the size."""

    def run(square: F32) -> F32:
        channel = square[0, 0, ::4, ::4] * schp.DEVIATION[0] + schp.MEAN[0]
        return np.stack([-np.abs(channel * 255 - 10 * each) for each in range(classes)])

    return run


def striped(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    classes = (np.arange(width) * 18 // width).astype(np.uint8)
    classes = np.broadcast_to(classes, (height, width))
    return np.repeat((classes * 10)[..., None], 3, axis=2), classes


@pytest.mark.parametrize(("height", "width"), [(300, 700), (900, 700), (473, 473)])
def test_each_pixel_gets_the_class_at_its_place(height: int, width: int) -> None:
    image, classes = striped(height, width)
    found = schp.classify(image, by_brightness(18), 473)
    assert found.shape == (height, width)
    edges = np.zeros((height, width), bool)
    for shift in range(-9, 10):
        edges |= np.roll(classes, shift, axis=1) != classes
    assert (found == classes)[~edges].mean() > 0.999


def test_the_input_is_bgr_centred_and_black_beside_the_picture() -> None:
    seen = []

    def run(square: F32) -> F32:
        seen.append(square)
        return np.zeros((2, 119, 119), np.float32)

    image = np.zeros((100, 50, 3), np.uint8)
    image[..., 0] = 255
    assert (schp.classify(image, run, 473) == 0).all()
    (square,) = seen
    assert square.shape == (1, 3, 473, 473)
    middle = square[0, :, 236, 236] * schp.DEVIATION + schp.MEAN
    assert middle == pytest.approx((0, 0, 1), abs=1e-6)
    beside = square[0, :, 236, 20] * schp.DEVIATION + schp.MEAN
    assert beside == pytest.approx((0, 0, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("dataset", "classes"),
    [(schp.LIP, {5: Label.UPPER, 9: Label.PANTS, 13: Label.FACE, 14: Label.LEFT_ARM}),
     (schp.ATR, {4: Label.UPPER, 6: Label.PANTS, 11: Label.FACE, 14: Label.LEFT_ARM})],
    ids=["lip", "atr"],
)  # fmt: skip
def test_classes_become_cihp_ids(dataset: schp.Dataset, classes: dict[int, Label]) -> None:
    for index, label in classes.items():
        image = np.full((90, 70, 3), 10 * index, np.uint8)
        labels = schp.parse(image, NOBODY, by_brightness(len(dataset.labels)), dataset)
        # At the photo's edge the network saw the black beside it.
        assert (labels[3:-3, 3:-3] == label).all()


def test_atr_faces_end_at_the_chin() -> None:
    keypoints = NOBODY.copy()
    keypoints[Joint.NOSE], keypoints[Joint.NECK] = (50, 40, 1), (50, 80, 1)
    image = np.full((120, 100, 3), 110, np.uint8)
    labels = schp.parse(image, keypoints, by_brightness(18), schp.ATR)
    assert (labels[:57] == Label.FACE).all()
    assert (labels[60:] == Label.TORSO_SKIN).all()


def test_resizing_keeps_the_corners_or_the_origin() -> None:
    ramp = np.arange(5, dtype=np.float32)[None] * np.ones((3, 1), np.float32)
    wide = resize(ramp, 3, 9, corners)
    assert wide[0] == pytest.approx(np.arange(9) / 2)
    assert resize(ramp, 3, 10, origin)[0] == pytest.approx(np.minimum(np.arange(10) / 2, 4))
    assert resize(ramp[:1, :1], 4, 4, corners) == pytest.approx(np.zeros((4, 4)))
    assert resize(np.stack([ramp, 2 * ramp]), 6, 5, origin)[1, 5] == pytest.approx(2 * ramp[0])
