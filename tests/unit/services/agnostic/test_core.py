"""The published geometry on two real cases, and its edge cases on a drawn figure."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ImageDraw

from services.agnostic import service
from services.agnostic.contract import CONTRACT, RemoveGarmentRequest
from services.agnostic.core import image_agnostic, parse_agnostic
from services.agnostic.torso import estimate_torso
from services.kit.errors import InvalidRequest

pytestmark = pytest.mark.unit

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

CASES = Path(__file__).parents[5] / "shared" / "cases"
EDGE_PIXELS_ALLOWED = 100
"""Of 786,432. None differ with the locked Pillow; another version may draw an edge differently."""

JOINTS = {
    0: (384, 150), 1: (384, 300), 2: (250, 300), 3: (200, 520), 4: (170, 720),
    5: (518, 300), 6: (568, 520), 7: (598, 720), 8: (384, 720), 9: (300, 720), 12: (468, 720),
}  # fmt: skip


def figure(width: int = 768, height: int = 1024) -> tuple[U8, U8, F32]:
    """Draw a standing person: picture, labels and joints, in pixels of a width x height canvas."""
    picture = PIL.Image.new("L", (768, 1024), 0)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((280, 700, 490, 1023), 9)
    pen.rectangle((250, 290, 518, 730), 5)
    for label, path in ((15, (2, 3, 4)), (14, (5, 6, 7))):
        pen.line([JOINTS[joint] for joint in path], label, width=60)
    pen.rectangle((350, 230, 420, 310), 10)
    pen.ellipse((300, 20, 468, 260), 2)
    pen.ellipse((320, 60, 448, 250), 13)
    labels = np.asarray(picture.resize((width, height), PIL.Image.Resampling.NEAREST))
    keypoints = np.zeros((25, 3), np.float32)
    for joint, (x, y) in JOINTS.items():
        keypoints[joint] = x * width / 768, y * height / 1024, 0.9
    image = np.random.default_rng(3).integers(0, 120, (height, width, 3), np.uint8)
    return image, labels, keypoints


def without(keypoints: F32, *joints: int) -> F32:
    left = keypoints.copy()
    left[list(joints)] = 0
    return left


def grey(image: U8) -> NDArray[np.bool_]:
    painted: NDArray[np.bool_] = (image == 128).all(axis=2)
    return painted


@pytest.mark.parametrize("case", [1, 13])
def test_equals_the_published_code(case: int) -> None:
    folder = CASES / str(case)
    if not folder.is_dir():
        pytest.skip("../shared/cases is not here")

    def load(name: str) -> U8:
        return np.asarray(PIL.Image.open(folder / name))

    person = json.loads((folder / "keypoints.json").read_text())["people"][0]
    keypoints = np.array(person["pose_keypoints_2d"], np.float32).reshape(25, 3)
    labels, image = load("parse.png"), load("image_res.jpg")
    np.testing.assert_array_equal(parse_agnostic(labels, keypoints), load("parse_agnostic.png"))
    differing = (image_agnostic(image, labels, keypoints) != load("agnostic.png")).any(axis=2)
    assert np.count_nonzero(differing) <= EDGE_PIXELS_ALLOWED


def test_labels_of_the_drawn_figure() -> None:
    _, labels, keypoints = figure()
    agnostic = parse_agnostic(labels, keypoints)
    assert not np.isin(agnostic, (5, 6, 7, 10)).any()
    untouched = np.isin(labels, (2, 9, 13))
    np.testing.assert_array_equal(agnostic[untouched], labels[untouched])
    # Arms go from the shoulder down to 40 px around the wrist; the drawn ones end there.
    assert not np.isin(agnostic, (14, 15)).any()


def test_hands_below_the_wrist_stay() -> None:
    _, labels, keypoints = figure()
    with_hand = labels.copy()
    with_hand[720:900, 575:640] = 14
    agnostic = parse_agnostic(with_hand, keypoints)
    assert not (agnostic[640:755, 590:605] == 14).any()
    assert (agnostic[790:900, 575:640] == 14).all()


def test_an_arm_takes_only_its_own_label() -> None:
    _, labels, keypoints = figure()
    crossed = labels.copy()
    crossed[500:540, 180:220] = 14
    agnostic = parse_agnostic(crossed, keypoints)
    assert (agnostic[500:540, 180:220] == 14).all()


def test_picture_of_the_drawn_figure() -> None:
    image, labels, keypoints = figure()
    agnostic = image_agnostic(image, labels, keypoints)
    painted = grey(agnostic)
    np.testing.assert_array_equal(agnostic[~painted], image[~painted])
    assert painted[np.isin(labels, (5, 14, 15))].all()
    assert not painted[np.isin(labels, (9, 13))].any()
    # The neck's square: 140 px to each side, 70 px past the chin, hair included.
    assert painted[labels == 10].all()
    assert painted[170, 300]
    assert not painted[150, 300]
    # A disc of 100 px at the wrist, cut off by nothing.
    assert painted[815, 598]
    assert not painted[825, 598]
    # Hips are moved apart to the shoulders' width: 134 px from the middle, half axes 60 x 120.
    assert painted[720, 384 - 134 - 55]
    assert painted[835, 384 + 134]
    assert not painted[845, 384 + 134]


TORSO = (1, 2, 5, 9, 12)


@pytest.mark.parametrize(
    "missing", [joints for count in (1, 2, 3, 5) for joints in combinations(TORSO, count)]
)
def test_the_garment_is_hidden_whatever_is_missing_of_the_torso(missing: tuple[int, ...]) -> None:
    image, labels, keypoints = figure()
    painted = grey(image_agnostic(image, labels, without(keypoints, *missing)))
    assert painted[np.isin(labels, (5, 10, 14, 15))].all()
    assert not painted[np.isin(labels, (9, 13))].any()
    assert not painted[:50].any()
    assert not painted[:, :40].any()
    assert not np.isin(parse_agnostic(labels, without(keypoints, *missing)), (5, 10)).any()


@pytest.mark.parametrize("missing", [(1,), (2,), (5,), (9,), (12,), (9, 12), (1, 9), (8, 9)])
def test_estimated_torsos_are_near_the_seen_one(missing: tuple[int, ...]) -> None:
    _, _, keypoints = figure()
    whole, guess = estimate_torso(keypoints), estimate_torso(without(keypoints, *missing))
    assert whole is not None
    assert guess is not None
    assert guess.estimated
    assert not whole.estimated
    for corner in ("neck", "right_shoulder", "left_shoulder", "right_hip", "left_hip"):
        distance = np.linalg.norm(getattr(whole, corner) - getattr(guess, corner))
        assert distance < 25, corner


def test_hips_below_the_frame_are_where_a_body_has_them() -> None:
    _, _, keypoints = figure()
    torso = estimate_torso(without(keypoints, 8, 9, 12))
    assert torso is not None
    np.testing.assert_allclose(torso.right_hip, (250, 300 + 1.6 * 268))
    np.testing.assert_allclose(torso.left_hip, (518, 300 + 1.6 * 268))
    turned = keypoints.copy()
    turned[[2, 5]] = keypoints[[5, 2]]
    behind = estimate_torso(without(turned, 8, 9, 12))
    assert behind is not None
    np.testing.assert_allclose(behind.left_hip, torso.right_hip)


def test_a_shoulder_is_taken_from_the_hips_where_the_neck_is_missing_too() -> None:
    _, _, keypoints = figure()
    for missing, corner in ((2, "right_shoulder"), (5, "left_shoulder")):
        torso = estimate_torso(without(keypoints, 1, missing))
        assert torso is not None
        assert np.linalg.norm(getattr(torso, corner) - JOINTS[missing]) < 25
    assert estimate_torso(without(keypoints, 1, 2, 9)) is None


def test_identical_hips_are_given_the_shoulders_direction() -> None:
    image, labels, keypoints = figure()
    pinched = keypoints.copy()
    pinched[9] = pinched[12] = pinched[8]
    normal = image_agnostic(image, labels, keypoints)
    np.testing.assert_array_equal(image_agnostic(image, labels, pinched), normal)


def test_identical_shoulders_are_drawn() -> None:
    image, labels, keypoints = figure()
    side_view = keypoints.copy()
    side_view[2] = side_view[5] = side_view[1]
    painted = grey(image_agnostic(image, labels, side_view))
    assert painted[300:700, 384].all()


def test_a_missing_first_shoulder_does_not_keep_the_other_arm() -> None:
    _, labels, keypoints = figure()
    for shoulder in (2, 5):
        assert not np.isin(parse_agnostic(labels, without(keypoints, shoulder)), (14, 15)).any()
    # Without the neck and both hips the other shoulder cannot be told either.
    bare = without(keypoints, 1, 2, 9, 12)
    assert not (parse_agnostic(labels, bare) == 14).any()


def test_a_missing_elbow_is_bridged_in_the_labels() -> None:
    _, labels, keypoints = figure()
    agnostic = parse_agnostic(labels, without(keypoints, 3))
    assert (agnostic == 15).sum() < 0.02 * (labels == 15).sum()


def test_no_arms() -> None:
    image, labels, keypoints = figure()
    armless = without(keypoints, 3, 4, 6, 7)
    agnostic = parse_agnostic(labels, armless)
    # What lies within 150 px of the shoulder goes; where the rest ends nobody saw.
    assert not (agnostic[300:420] == 14).any()
    assert (agnostic[600:700] == 14).any()
    painted = grey(image_agnostic(image, labels, armless))
    assert painted[labels == 5].all()
    assert not painted[700, 590]


def test_nothing_seen() -> None:
    image, labels, _ = figure()
    nothing = np.zeros((25, 3), np.float32)
    assert not np.isin(parse_agnostic(labels, nothing), (5, 10, 14, 15)).any()
    painted = grey(image_agnostic(image, labels, nothing))
    np.testing.assert_array_equal(painted, np.isin(labels, (5, 10, 14, 15)))


def test_arms_outside_the_frame() -> None:
    image, labels, keypoints = figure()
    reaching = keypoints.copy()
    reaching[3], reaching[4] = (-200, 400, 0.5), (-600, 2000, 0.5)
    reaching[6], reaching[7] = (900, 400, 0.5), (1_000_000, -1_000_000, 0.5)
    painted = grey(image_agnostic(image, labels, reaching))
    assert painted[360, 60]
    assert painted[360, 740]
    assert not np.isin(parse_agnostic(labels, reaching), (5, 10)).any()


@pytest.mark.parametrize(("width", "height"), [(384, 512), (1536, 2048), (192, 256)])
def test_lengths_scale_with_the_canvas(width: int, height: int) -> None:
    _, labels, keypoints = figure()
    image = np.zeros((1024, 768, 3), np.uint8)
    painted = grey(image_agnostic(image, labels, keypoints))
    _, other_labels, other_keypoints = figure(width, height)
    other_image = np.zeros((height, width, 3), np.uint8)
    other = grey(image_agnostic(other_image, other_labels, other_keypoints))
    scaled = PIL.Image.fromarray(other).resize((768, 1024), PIL.Image.Resampling.NEAREST)
    differing = np.count_nonzero(np.asarray(scaled) != painted)
    assert differing < 0.02 * np.count_nonzero(painted)
    kept = parse_agnostic(other_labels, other_keypoints)
    assert np.isin(kept, (14, 15)).mean() < 0.002


@given(
    st.lists(
        st.tuples(*[st.floats(-1e6, 1e6, width=32) | st.just(0.0) | st.just(float("nan"))] * 2),
        min_size=25,
        max_size=25,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_joints_are_answered(points: list[tuple[float, float]]) -> None:
    image, labels, _ = figure(96, 128)
    keypoints = np.ones((25, 3), np.float32)
    keypoints[:, :2] = points
    agnostic = image_agnostic(image, labels, keypoints)
    assert agnostic.shape == image.shape
    assert not grey(agnostic)[np.isin(labels, (9, 13))].any()
    assert not np.isin(parse_agnostic(labels, keypoints), (5, 10)).any()


def test_inputs_are_not_written_to() -> None:
    image, labels, keypoints = figure()
    arrays: list[NDArray[np.generic]] = [image, labels, keypoints]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    parse_agnostic(labels, keypoints)
    image_agnostic(image, labels, keypoints)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_refuses_what_does_not_belong_together() -> None:
    image, labels, keypoints = figure()
    with pytest.raises(InvalidRequest, match="differ in size"):
        image_agnostic(image[1:], labels, keypoints)
    for function in (parse_agnostic, lambda *rest: image_agnostic(image, *rest)):
        with pytest.raises(InvalidRequest, match="25 joints"):
            function(labels, keypoints[:18])
    with pytest.raises(InvalidRequest, match="height x width"):
        parse_agnostic(labels[:0], keypoints)


def test_the_service_answers_every_procedure_of_its_contract() -> None:
    loaded = service.load()
    assert set(loaded.handlers) == {method.rpc for method in CONTRACT.methods}
    image, labels, keypoints = figure()
    response = loaded.handlers["RemoveGarment"](RemoveGarmentRequest(image, labels, keypoints))
    np.testing.assert_array_equal(response.labels, parse_agnostic(labels, keypoints))
    np.testing.assert_array_equal(response.image, image_agnostic(image, labels, keypoints))
