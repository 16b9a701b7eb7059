"""The pose and the DensePose services on real photos with the real networks."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from services.densepose import service as densepose
from services.densepose.contract import EstimateSurfaceRequest, EstimateSurfaceResponse
from services.densepose.parts import read_parts
from services.human_parse import service as human_parse
from services.human_parse.contract import ParseRequest, ParseResponse
from services.kit.errors import InvalidRequest, NoPerson, WeightsMissing
from services.kit.types import Image, LabelMap
from services.openpose import service as openpose
from services.openpose.contract import EstimatePoseRequest, EstimatePoseResponse

pytestmark = pytest.mark.integration

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

Estimate = Callable[[Image], EstimatePoseResponse]


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    try:
        service = openpose.load()
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    handler = service.handlers["EstimatePose"]

    def call(image: Image) -> EstimatePoseResponse:
        response: EstimatePoseResponse = handler(EstimatePoseRequest(image))
        return response

    return call


def read(path: Path) -> Image:
    if not path.is_file() and path.is_relative_to(CASES):
        pytest.skip("../shared/cases is not here")
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def surface(image: Image, pose: EstimatePoseResponse) -> EstimateSurfaceResponse:
    handler = densepose.load().handlers["EstimateSurface"]
    response: EstimateSurfaceResponse = handler(
        EstimateSurfaceRequest(image, pose.keypoints, pose.person_mask, labels(image, pose))
    )
    return response


def labels(image: Image, pose: EstimatePoseResponse) -> LabelMap:
    try:
        service = human_parse.load()
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    answer: ParseResponse = service.handlers["Parse"](ParseRequest(image, pose.keypoints))
    return answer.labels


def assert_looks_like_a_front(pose: EstimatePoseResponse, image: Image) -> None:
    joints = pose.keypoints
    assert joints.shape == (25, 3)
    assert (joints[[0, 1, 2, 5, 8], 2] > 0.5).all()
    assert joints[2, 0] < joints[1, 0] < joints[5, 0]
    assert joints[0, 1] < joints[1, 1] < joints[8, 1]
    assert pose.person_mask.shape == image.shape[:2]
    assert pose.skeleton.shape == image.shape
    x, y = joints[1, :2].astype(int)
    assert pose.person_mask[y + 20, x] == 255
    assert pose.person_count == 1


def test_the_example_person_is_found(estimate: Estimate, examples: Path) -> None:
    image = read(examples / "person.jpg")
    pose = estimate(image)
    assert_looks_like_a_front(pose, image)
    parts = surface(image, pose).part_labels
    x, y = ((pose.keypoints[1] + pose.keypoints[8]) / 2)[:2].astype(int)
    assert parts[y, x] in {2, 15, 16, 17, 18, 19, 20, 21, 22}


def test_the_example_garment_is_nobody(estimate: Estimate, examples: Path) -> None:
    with pytest.raises(NoPerson):
        estimate(read(examples / "garment.jpg"))


@pytest.mark.parametrize("case", [1, 13])
def test_a_case_person_is_found_in_any_crop(estimate: Estimate, case: int) -> None:
    image = read(CASES / str(case) / "image_res.jpg")
    pose = estimate(image)
    assert_looks_like_a_front(pose, image)
    to_the_hips = estimate(np.ascontiguousarray(image[:820]))
    upper = [0, 1, 2, 3, 5, 6]
    assert (to_the_hips.keypoints[upper, 2] > 0).all()
    assert np.abs(to_the_hips.keypoints - pose.keypoints)[upper, :2].max() < 20
    mirrored = estimate(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.keypoints[2, 0] == pytest.approx(767 - pose.keypoints[5, 0], abs=8)


@pytest.mark.parametrize(("case", "least"), [(1, 0.8), (13, 0.71)])
def test_parts_agree_with_densepose(estimate: Estimate, case: int, least: float) -> None:
    """These two maps of DensePose's agree with themselves moved by 6 pixels to .85 and .82."""
    image = read(CASES / str(case) / "image_res.jpg")
    truth = read_parts(read(CASES / str(case) / "densepose.png"))
    assert truth is not None
    parts = surface(image, estimate(image)).part_labels
    present = [part for part in range(1, 25) if (truth == part).sum() > 400]
    ious = [
        ((parts == part) & (truth == part)).sum() / ((parts == part) | (truth == part)).sum()
        for part in present
    ]
    assert np.mean(ious) >= least
    assert set(np.unique(parts)) - {0} <= set(present)


@pytest.mark.parametrize("case", [1, 2, 3, 4, 5, 6])
def test_a_case_garment_is_nobody(estimate: Estimate, case: int) -> None:
    with pytest.raises(NoPerson, match="No person"):
        estimate(read(CASES / str(case) / "cloth_res.jpg"))


@pytest.mark.parametrize("side", [256, 700])
@pytest.mark.parametrize("what", ["white", "black", "noise", "gradient"])
def test_no_picture_of_nobody_has_a_person(estimate: Estimate, what: str, side: int) -> None:
    ramp = np.linspace(0, 255, side, dtype=np.uint8)[:, None, None]
    image = {
        "white": np.full((side, side, 3), 255, np.uint8),
        "black": np.zeros((side, side, 3), np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8),
        "gradient": np.broadcast_to(ramp, (side, side, 3)),
    }[what]
    with pytest.raises(NoPerson):
        estimate(image)


def test_a_speck_is_refused(estimate: Estimate) -> None:
    with pytest.raises(InvalidRequest, match="at least 16"):
        estimate(np.zeros((8, 900, 3), np.uint8))


def test_two_people_are_counted_and_the_larger_is_the_main_one(estimate: Estimate) -> None:
    image = read(CASES / "1" / "image_res.jpg")
    alone = estimate(image)
    small = cv2.resize(image, (384, 512), interpolation=cv2.INTER_AREA)
    beside = np.full((1024, 384, 3), image[5, 5], np.uint8)
    beside[512:] = small
    pose = estimate(np.hstack([image, beside]))
    assert pose.person_count == 2
    assert np.abs(pose.keypoints[2:8] - alone.keypoints[2:8])[:, :2].max() < 60


def test_sizes_must_match(estimate: Estimate) -> None:
    image = read(CASES / "1" / "image_res.jpg")
    pose = estimate(image)
    with pytest.raises(InvalidRequest, match="differ in size"):
        surface(np.ascontiguousarray(image[:512]), pose)
