"""What holds for the body drawn over the joints, and for the surface that the network estimates."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pytest

from services.densepose import body_model, core, model
from services.densepose.canvas import F32
from services.densepose.core import INSIDE
from services.densepose.parts import OTHER_PART, U8, Part
from tests.unit.services.densepose.drawings import (
    HEIGHT,
    MIRROR,
    WIDTH,
    front,
    mirrored,
    silhouette,
)

pytestmark = pytest.mark.unit


class PartMap(Protocol):
    """Parts of each pixel and their chart coordinates, each H x W bytes."""

    @property
    def parts(self) -> U8: ...
    @property
    def u(self) -> U8: ...
    @property
    def v(self) -> U8: ...


Draw = Callable[[F32, U8], PartMap]
"""From joints (25 x 3) and an outline (H x W) to a part map."""


def draw_body(joints: F32, outline: U8) -> PartMap:
    return body_model.draw_parts(joints, outline >= INSIDE)


def estimate_surface(joints: F32, outline: U8) -> PartMap:
    return core.estimate_surface(model.load(), joints, outline)


@pytest.fixture(params=[draw_body, estimate_surface])
def draw(request: pytest.FixtureRequest) -> Draw:
    function: Draw = request.param
    return function


def test_every_visible_part_of_a_front_is_there(draw: Draw) -> None:
    parts = draw(front(), silhouette(front())).parts
    backs = {1, 7, 8, 11, 12}
    assert set(np.unique(parts)) == set(range(25)) - backs


@pytest.mark.parametrize(
    ("x", "y", "part"),
    [
        (384, 400, Part.TORSO_FRONT),
        (350, 110, Part.HEAD_RIGHT),
        (420, 110, Part.HEAD_LEFT),
        (250, 340, Part.RIGHT_UPPER_ARM_INSIDE),
        (218, 340, Part.RIGHT_UPPER_ARM_OUTSIDE),
        (518, 340, Part.LEFT_UPPER_ARM_INSIDE),
        (550, 340, Part.LEFT_UPPER_ARM_OUTSIDE),
        (182, 590, Part.RIGHT_LOWER_ARM_OUTSIDE),
        (215, 490, Part.RIGHT_LOWER_ARM_INSIDE),
        (190, 670, Part.RIGHT_HAND),
        (578, 670, Part.LEFT_HAND),
        (310, 700, Part.RIGHT_UPPER_LEG_FRONT),
        (458, 700, Part.LEFT_UPPER_LEG_FRONT),
        (308, 850, Part.RIGHT_LOWER_LEG_FRONT),
        (462, 850, Part.LEFT_LOWER_LEG_FRONT),
        (292, 975, Part.RIGHT_FOOT),
        (476, 975, Part.LEFT_FOOT),
    ],
)
def test_a_part_lies_where_it_should(draw: Draw, x: int, y: int, part: Part) -> None:
    assert draw(front(), silhouette(front())).parts[y, x] == part


def test_parts_stay_inside_the_outline(draw: Draw) -> None:
    joints = front()
    outline = silhouette(joints)
    mapped = draw(joints, outline)
    outside = outline < INSIDE
    for values in (mapped.parts, mapped.u, mapped.v):
        assert values.shape == outline.shape
        assert values.dtype == np.uint8
        assert not values[outside].any()
    assert (mapped.parts[~outside] > 0).mean() > 0.95


def test_cloth_far_from_the_body_is_background(draw: Draw) -> None:
    everything = np.full((HEIGHT, WIDTH), 255, np.uint8)
    parts = draw(front(), everything).parts
    assert parts[400, 384] == Part.TORSO_FRONT
    for y, x in ((10, 10), (60, 700), (500, 60), (900, 384), (240, 150)):
        assert parts[y, x] == 0


def test_a_mirrored_person_has_mirrored_parts(draw: Draw) -> None:
    joints = front()
    joints[0, 0] += 8
    joints[4, :2] = [330, 420]
    outline = silhouette(joints)
    parts = draw(joints, outline).parts
    turned = draw(mirrored(joints), np.ascontiguousarray(outline[:, ::-1])).parts
    assert (turned[:, ::-1] == OTHER_PART[parts]).mean() > 0.995


def test_a_back_has_back_parts_and_its_own_sides(draw: Draw) -> None:
    parts = draw(front()[MIRROR], silhouette(front())).parts
    assert parts[400, 384] == Part.TORSO_BACK
    assert parts[700, 310] == Part.LEFT_UPPER_LEG_BACK
    assert parts[670, 190] == Part.LEFT_HAND
    assert not np.isin(parts, [2, 9, 10, 13, 14]).any()


@pytest.mark.parametrize("shown", [[], [0, 15, 16], [10, 11]])
def test_nobody_is_all_background(draw: Draw, shown: list[int]) -> None:
    joints = np.zeros((25, 3), np.float32)
    joints[shown] = front()[shown]
    mapped = draw(joints, silhouette(front()))
    assert not mapped.parts.any()
    assert not mapped.u.any()
    assert not mapped.v.any()


@pytest.mark.parametrize(
    ("name", "first", "second", "chart"),
    [
        ("torso, down", (384, 330), (384, 530), "u"),
        ("torso, to the person's right", (450, 400), (320, 400), "v"),
        ("thigh, up", (310, 740), (310, 640), "u"),
        ("thigh, inwards", (270, 700), (350, 700), "v"),
        ("shin, down", (308, 790), (308, 900), "u"),
        ("shin, outwards", (330, 850), (285, 850), "v"),
        ("upper arm inside, down", (250, 320), (230, 400), "u"),
        ("upper arm inside, outwards", (262, 340), (243, 340), "v"),
        ("upper arm outside, down", (226, 320), (205, 400), "u"),
        ("upper arm outside, up", (205, 400), (226, 320), "v"),
        ("forearm inside, up", (214, 520), (218, 470), "u"),
        ("forearm outside, down", (200, 470), (180, 590), "u"),
        ("forearm outside, up", (180, 590), (200, 470), "v"),
        ("hand, down", (188, 640), (188, 700), "v"),
        ("head, up", (350, 160), (350, 60), "v"),
        ("right of the head, to the nose", (340, 110), (375, 110), "u"),
        ("left of the head, from the nose", (390, 110), (430, 110), "u"),
        ("left foot, to the toes", (466, 955), (474, 975), "u"),
        ("right foot, from the toes", (292, 975), (302, 955), "u"),
    ],
)
def test_coordinates_grow_as_on_densepose_charts(
    draw: Draw, name: str, first: tuple[int, int], second: tuple[int, int], chart: str
) -> None:
    mapped = draw(front(), silhouette(front()))
    values = {"u": mapped.u, "v": mapped.v}[chart].astype(int)
    (x, y), (to_x, to_y) = first, second
    assert mapped.parts[y, x] == mapped.parts[to_y, to_x] != 0, name
    assert values[to_y, to_x] - values[y, x] > 4, name


def test_inputs_stay_as_they_were(draw: Draw) -> None:
    joints, outline = front(), silhouette(front())
    joints.flags.writeable = False
    outline.flags.writeable = False
    draw(joints, outline)
