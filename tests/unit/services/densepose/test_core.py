from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.densepose import core, inputs, model
from services.densepose.core import Surface
from services.densepose.inputs import F32
from services.densepose.parts import PALETTE, U8, Part, draw_parts
from services.kit.errors import WeightsMissing
from services.kit.labels import Label
from tests.unit.services.densepose.drawings import (
    FRONT,
    front,
    silhouette,
)

pytestmark = pytest.mark.unit


def estimate(joints: F32, outline: U8, labels: U8 | None = None) -> Surface:
    return core.estimate_surface(model.load(), joints, outline, labels)


def surface(joints: F32) -> Surface:
    return estimate(joints, silhouette(front()))


def test_a_head_without_a_face_is_still_there() -> None:
    joints = front()
    joints[[0, 15, 16, 17, 18]] = 0
    outline = silhouette(front())
    parts = estimate(joints, outline).parts
    head = outline.astype(bool)
    head[200:] = False
    assert np.isin(parts[head], [23, 24]).mean() > 0.8


def dressed(outline: U8) -> U8:
    """Labels of the figure: face, trousers, and a top whose sleeves end above the elbows."""
    labels = np.where(outline > 0, np.uint8(Label.UPPER), np.uint8(0))
    labels[:220] = np.where(outline[:220] > 0, np.uint8(Label.FACE), np.uint8(0))
    labels[560:] = np.where(outline[560:] > 0, np.uint8(Label.PANTS), np.uint8(0))
    for first, last, label in ((3, 4, Label.RIGHT_ARM), (6, 7, Label.LEFT_ARM)):
        start, end = FRONT[first], (FRONT[last][0], FRONT[last][1] + 90)
        cv2.line(labels, start, end, int(label), 50)
    return labels


def test_labels_tell_where_an_arm_lies_before_the_legs() -> None:
    joints, outline = front(), silhouette(front())
    # A bag beside the thigh: the outline alone does not tell where the hand ends.
    outline[560:720, 190:330] = 255
    hand = np.zeros_like(outline)
    cv2.ellipse(hand, (190, 660), (25, 60), 0, 0, 360, 255, cv2.FILLED)
    labels = dressed(outline)
    labels[560:720, 216:260] = 0
    blind = estimate(joints, outline).parts == Part.RIGHT_HAND
    told = estimate(joints, outline, labels).parts == Part.RIGHT_HAND
    assert iou(told, hand > 0) > iou(blind, hand > 0)


def test_what_only_the_labels_take_for_the_person_has_a_part() -> None:
    joints, outline = front(), silhouette(front())
    labels = dressed(outline)
    outline[:, :210] = 0
    lost = (labels == Label.RIGHT_ARM) & (outline == 0)
    mapped = estimate(joints, outline, labels)
    assert lost.sum() > 2000
    assert np.isin(mapped.parts[lost], [Part.RIGHT_HAND, *range(15, 23)]).mean() > 0.9
    assert not mapped.parts[(labels == 0) & (outline == 0)].any()


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize(("shares", "votes"), [(1.0, True), (0.1, False)])
def test_a_drawn_limb_votes_as_far_as_the_network_sees_it_there(shares: float, votes: bool) -> None:
    frame = inputs.InputCrop(left=0, top=0, right=40, bottom=40, width=40, height=40)
    drawn = np.full((40, 40), Part.RIGHT_HAND, np.uint8)
    logits = np.full((25, 40, 40), -9.0, np.float32)
    # The network sees a torso, and another part of the drawn arm in a share of the rows.
    logits[Part.TORSO_FRONT] = 0.0
    rows = round(40 * shares)
    logits[Part.RIGHT_LOWER_ARM_INSIDE, :rows] = 1.0
    logits[Part.RIGHT_HAND] = -2.0
    likeliest = core._likeliest(logits, drawn, frame)
    assert (likeliest[-1] == Part.RIGHT_HAND).all() == votes


def test_the_same_is_answered_every_time() -> None:
    joints, outline = front(), silhouette(front())
    first, second = (estimate(joints, outline, dressed(outline)) for _ in range(2))
    for name in ("parts", "u", "v"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_a_damaged_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "parts.onnx"
    content = bytearray(model.FILE.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    monkeypatch.setattr(model, "FILE", copy)
    with pytest.raises(WeightsMissing, match="damaged"):
        model.load()
    monkeypatch.setattr(model, "FILE", tmp_path / "none.onnx")
    with pytest.raises(WeightsMissing, match="missing"):
        model.load()


def test_the_network_sees_shoulders_of_one_width_at_any_size() -> None:
    joints, outline = front(), silhouette(front())
    for scale in (0.5, 1.0, 1.7):
        larger = joints.copy()
        larger[:, :2] *= scale
        person = cv2.resize(outline, None, fx=scale, fy=scale) > 127
        frame = inputs.choose_crop(larger, person)
        assert frame is not None
        placed = frame.place(larger[:, :2])
        width = float(np.linalg.norm(placed[2] - placed[5]))
        assert width == pytest.approx(inputs.SHOULDER_WIDTH_PX, rel=0.05)


def test_a_point_keeps_its_place_in_the_frame() -> None:
    frame = inputs.InputCrop(left=100, top=50, right=300, bottom=450, width=50, height=100)
    corners = np.array([[99.5, 49.5], [299.5, 449.5]], np.float32)
    assert np.allclose(frame.place(corners), [[-0.5, -0.5], [49.5, 99.5]])


@pytest.mark.parametrize("shape", [(40, 40), (2000, 30), (30, 2000)])
def test_a_person_of_any_shape_is_answered(shape: tuple[int, int]) -> None:
    joints = np.zeros((25, 3), np.float32)
    joints[[2, 5], 2] = 0.9
    joints[2, :2], joints[5, :2] = (2, 20), (12, 20)
    mapped = estimate(joints, np.full(shape, 255, np.uint8))
    assert mapped.parts.shape == shape


def test_encoded_planes_name_what_they_show() -> None:
    labels = np.full((20, 33), int(Label.PANTS), np.uint8)
    planes = inputs.encode_planes(
        np.zeros((25, 3), np.float32), np.ones((20, 33), np.float32), labels
    )
    assert planes.shape == (inputs.CHANNELS, 32, 48)
    assert planes[0].sum() == planes[1].sum() == 20 * 33
    shown = [int(channel) for channel in np.flatnonzero(planes[2:].any(axis=(1, 2)))]
    assert [inputs.LABEL_GROUPS[channel] for channel in shown] == [(Label.PANTS,)]


def test_parts_are_shown_in_densepose_colours() -> None:
    ids = np.arange(25, dtype=np.uint8)[None]
    picture = draw_parts(ids)
    assert tuple(picture[0, 2]) == (20, 80, 194)
    parula = cv2.applyColorMap((ids * (255 / 24)).astype(np.uint8), cv2.COLORMAP_PARULA)
    assert np.array_equal(picture[0, 1:], parula[0, 1:, ::-1])
    assert tuple(picture[0, 0]) == (0, 0, 0)
    assert len(PALETTE) == len(Part)
