"""Human parsing and garment masks on real photos with the real networks."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from services.cloth_mask import service as cloth_mask
from services.cloth_mask.contract import SegmentRequest, SegmentResponse
from services.human_parse import service as human_parse
from services.human_parse.contract import ParseRequest, ParseResponse
from services.kit.errors import NoGarment, NoPerson, WeightsMissing
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, LabelMap, Mask

pytestmark = pytest.mark.integration

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")

Parse = Callable[[Image, Keypoints], LabelMap]
Segment = Callable[[Image], Mask]


def read(path: Path) -> Image:
    return np.asarray(PIL.Image.open(path).convert("RGB"))


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


@pytest.fixture(scope="module")
def parse() -> Parse:
    try:
        service = human_parse.load()
    except WeightsMissing as missing:
        pytest.skip(missing.message)

    def call(image: Image, keypoints: Keypoints) -> LabelMap:
        response = service.handlers["Parse"](ParseRequest(image=image, keypoints=keypoints))
        assert isinstance(response, ParseResponse)
        return response.labels

    return call


@pytest.fixture(scope="module")
def segment() -> Segment:
    try:
        service = cloth_mask.load()
    except WeightsMissing as missing:
        pytest.skip(missing.message)

    def call(image: Image) -> Mask:
        response = service.handlers["Segment"](SegmentRequest(image=image))
        assert isinstance(response, SegmentResponse)
        return response.mask

    return call


@needs_cases
@pytest.mark.parametrize("case", [1, 13])
@pytest.mark.parametrize("seen", [True, False], ids=["keypoints", "no keypoints"])
def test_the_parse_agrees_with_the_ancestors(
    parse: Parse,
    case: int,
    seen: bool,
) -> None:
    folder = CASES / str(case)
    person = json.loads((folder / "keypoints.json").read_text())["people"][0]
    keypoints = np.array(person["pose_keypoints_2d"], np.float32).reshape(25, 3)
    found = parse(read(folder / "image_res.jpg"), keypoints if seen else keypoints * 0)
    theirs = np.asarray(PIL.Image.open(folder / "parse.png"))
    # Without keypoints only an estimate of the frame divides the skin.
    least = {
        Label.BACKGROUND: 0.97,
        Label.HAIR: 0.9,
        Label.FACE: 0.94,
        Label.UPPER: 0.94 if seen else 0.92,
        Label.PANTS: 0.94,
        Label.TORSO_SKIN: 0.85 if seen else 0.7,
        Label.LEFT_ARM: 0.93 if seen else 0.85,
        Label.RIGHT_ARM: 0.93 if seen else 0.85,
    }
    measured = {label: overlap(found == label, theirs == label) for label in least}
    assert {label.name: iou for label, iou in measured.items() if iou < least[label]} == {}


@needs_cases
@pytest.mark.parametrize("case", [1, 2, 3, 4, 6])
def test_the_mask_agrees_with_the_ancestors(segment: Segment, case: int) -> None:
    folder = CASES / str(case)
    theirs = np.asarray(PIL.Image.open(folder / "mask.png").convert("L")) > 127
    mask = segment(read(folder / "cloth_res.jpg"))
    assert set(np.unique(mask)) == {0, 255}
    assert overlap(mask > 0, theirs) > 0.993


@needs_cases
def test_a_garment_that_the_ancestor_lost_is_whole(segment: Segment) -> None:
    image = read(CASES / "5" / "cloth_res.jpg")
    coloured = np.ptp(image.astype(np.int16), axis=2) > 40
    assert overlap(segment(image) > 0, coloured) > 0.97


def landscape() -> Image:
    image = np.empty((1024, 768, 3), np.uint8)
    image[:] = np.linspace((90, 140, 220), (230, 235, 245), 1024)[:, None]
    image[620:] = (70, 120, 60)
    cv2.circle(image, (560, 180), 70, (250, 230, 120), -1)
    return image


def noise() -> Image:
    return np.random.default_rng(0).integers(0, 256, (1024, 768, 3)).astype(np.uint8)


NOTHING = {
    "white": np.full((1024, 768, 3), 250, np.uint8),
    "black": np.zeros((1024, 768, 3), np.uint8),
    "noise": noise(),
    "landscape": landscape(),
}


@pytest.mark.parametrize("image", NOTHING.values(), ids=NOTHING)
def test_there_is_no_garment_where_there_is_none(segment: Segment, image: Image) -> None:
    with pytest.raises(NoGarment):
        segment(image)


@needs_cases
def test_a_face_is_no_garment(segment: Segment) -> None:
    face = read(CASES / "1" / "image_res.jpg")[10:230, 300:490]
    with pytest.raises(NoGarment):
        segment(np.asarray(cv2.resize(face, (768, 1024)), np.uint8))


@pytest.mark.parametrize("image", NOTHING.values(), ids=NOTHING)
def test_there_is_nobody_where_there_is_nobody(parse: Parse, image: Image) -> None:
    with pytest.raises(NoPerson):
        parse(image, np.zeros((25, 3), np.float32))


def test_the_example_photos_are_understood(parse: Parse, segment: Segment, examples: Path) -> None:
    person, garment = examples / "person.jpg", examples / "garment.jpg"
    found = parse(read(person), np.zeros((25, 3), np.float32))
    assert {Label.BACKGROUND, Label.HAIR, Label.FACE, Label.TORSO_SKIN} <= set(np.unique(found))
    mask = segment(read(garment)) > 0
    assert 0.1 < mask.mean() < 0.9
