"""What the reading network is shown, and what is made of its answers."""

import cv2
import numpy as np
import pytest

from services.cloth_mask import model
from services.cloth_mask.attributes import (
    SIDE,
    SquareWindow,
    decode_attributes,
    garment_window,
    network_input,
)
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.errors import WeightsMissing
from services.kit.garment_attributes import LANDMARKS, NECKLINES, OPENINGS, SLEEVES

pytestmark = pytest.mark.unit


def square(left: int, top: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    image = np.full((400, 300, 3), 255, np.uint8)
    mask = np.zeros((400, 300), np.uint8)
    image[top : top + side, left : left + side] = (40, 80, 160)
    image[top : top + side // 2, left : left + side] = (60, 100, 180)
    mask[top : top + side, left : left + side] = 255
    return image, mask


def test_the_window_is_a_square_around_the_garment_and_may_pass_the_frame() -> None:
    mask = np.zeros((400, 300), np.uint8)
    mask[0:400, 100:200] = 255
    seen = garment_window(mask)
    assert seen.side == pytest.approx(400 * 1.12)
    assert seen.left + seen.side / 2 == pytest.approx(150)
    assert seen.top == pytest.approx(-24)
    assert garment_window(np.zeros_like(mask)) == SquareWindow(0.0, 0.0, 400.0)


def test_the_same_garment_looks_the_same_wherever_it_lies_and_however_large() -> None:
    inputs = [
        network_input(i, m, garment_window(m))
        for i, m in (square(20, 30, 200), square(80, 190, 200))
    ]
    assert np.abs(inputs[0] - inputs[1]).max() < 0.15
    image, mask = square(40, 60, 120)
    large = [np.repeat(np.repeat(a, 4, axis=0), 4, axis=1) for a in (image, mask)]
    other = network_input(large[0], large[1], garment_window(large[1]))
    assert np.abs(network_input(image, mask, garment_window(mask)) - other).mean() < 0.03


def test_the_ground_and_a_change_of_hue_are_not_seen() -> None:
    image, mask = square(50, 50, 200)
    other = image.copy()
    other[mask == 0] = (90, 120, 60)
    first, second = (network_input(i, mask, garment_window(mask)) for i in (image, other))
    core = first[0] > 0.99
    near = cv2.dilate(first[0], np.ones((9, 9), np.uint8)) > 0
    assert not first[:, ~near].any()
    assert not second[:, ~near].any()
    assert np.abs(first - second)[1][core].max() < 0.35


def test_an_empty_mask_gives_nothing_to_see() -> None:
    image = np.zeros((50, 40, 3), np.uint8)
    mask = np.zeros((50, 40), np.uint8)
    assert not network_input(image, mask, garment_window(mask)).any()


def test_answers_are_put_into_words_and_pixels() -> None:
    points = np.tile(np.array([0.25, 0.5, 0.9], np.float32), (len(LANDMARKS), 1))
    classes = np.zeros(sum(map(len, (GARMENT_CATEGORIES, SLEEVES, SLEEVES, NECKLINES, OPENINGS))))
    for place in (2, 3 + 1, 7 + 3, 11 + NECKLINES.index("hood"), 22 + 2):
        classes[place] = 0.8
    attributes = decode_attributes(
        points, classes.astype(np.float32), np.array([-0.2, 1.3]), SquareWindow(10, 20, 200)
    )
    assert (attributes.category, attributes.left_sleeve, attributes.right_sleeve) == (
        "dress",
        "short",
        "long",
    )
    assert (attributes.neckline, attributes.collar, attributes.opening) == ("hood", True, "open")
    assert attributes.category_confidence == pytest.approx(0.8)
    assert attributes.landmarks[4] == pytest.approx([60, 120, 0.9])
    assert (attributes.left_sleeve_arm_fraction, attributes.right_sleeve_arm_fraction) == (0.0, 1.0)
    assert not attributes.landmarks.flags.writeable


def test_a_damaged_network_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model.load_attributes_network().session.get_inputs()[0].shape[1:] == [4, SIDE, SIDE]
    monkeypatch.setattr(model, "ATTRIBUTES_NETWORK_SHA256", "0" * 64)
    with pytest.raises(WeightsMissing, match=r"garment\.onnx"):
        model.load_attributes_network()


def test_a_garment_and_its_mirror_image_are_read_alike() -> None:
    image, mask = square(60, 90, 180)
    image[90:270, 60:120] = (220, 200, 40)
    mask[200:270, 200:240] = 0
    reader = model.load_attributes_network()
    own = reader.read(image, mask)
    flipped = reader.read(np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1]))
    assert flipped.category == own.category
    assert flipped.left_sleeve_confidence == pytest.approx(own.right_sleeve_confidence, abs=1e-3)
    assert flipped.left_sleeve_arm_fraction == pytest.approx(
        own.right_sleeve_arm_fraction, abs=1e-3
    )
