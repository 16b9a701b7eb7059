import cv2
import numpy as np
import pytest

from services.densepose import body_model
from services.densepose.canvas import F32, Canvas
from services.densepose.core import INSIDE
from services.densepose.limbs import Limb, interpolate_profile, limb_window, measure_edges
from services.densepose.parts import OTHER_PART, U8, Part
from tests.unit.services.densepose.drawings import (
    FRONT,
    HEIGHT,
    MIRROR,
    WIDTH,
    front,
    mirrored,
    silhouette,
)

pytestmark = pytest.mark.unit


def draw(joints: F32, outline: U8) -> Canvas:
    return body_model.draw_parts(joints, outline >= INSIDE)


def surface(joints: F32) -> Canvas:
    return draw(joints, silhouette(front()))


def test_an_arm_lies_before_the_torso() -> None:
    joints = front()
    joints[4] = [384, 430, 0.9]
    parts = surface(joints).parts
    assert parts[435, 330] in {Part.RIGHT_LOWER_ARM_INSIDE, Part.RIGHT_LOWER_ARM_OUTSIDE}


@pytest.mark.parametrize("ahead", [1, -1])
def test_a_profile_shows_front_and_back(ahead: int) -> None:
    joints, outline = profile_view(ahead)
    joints[[3, 4, 6, 7]] = 0
    parts = draw(joints, outline).parts
    assert parts[400, 384 + 40 * ahead] == Part.TORSO_FRONT
    assert parts[400, 384 - 40 * ahead] == Part.TORSO_BACK
    ahead_leg, back_leg = parts[680, 384 + 30 * ahead], parts[680, 384 - 30 * ahead]
    assert ahead_leg in {Part.RIGHT_UPPER_LEG_FRONT, Part.LEFT_UPPER_LEG_FRONT}
    assert back_leg in {Part.RIGHT_UPPER_LEG_BACK, Part.LEFT_UPPER_LEG_BACK}


@pytest.mark.parametrize("missing", [[1, 8, 9, 12], [2], [10, 11, 13, 14], [17, 18], [3], [0]])
def test_missing_joints_are_filled_in(missing: list[int]) -> None:
    joints = front()
    joints[missing] = 0
    parts = surface(joints).parts
    assert parts[400, 384] == Part.TORSO_FRONT
    assert parts[700, 310] == Part.RIGHT_UPPER_LEG_FRONT
    assert parts[110, 420] == Part.HEAD_LEFT


def test_an_arm_that_was_not_seen_is_not_drawn() -> None:
    joints = front()
    joints[[3, 4]] = 0
    parts = surface(joints).parts
    assert not np.isin(parts, [3, 16, 18, 20, 22]).any()
    assert np.isin(parts, [4, 15, 17, 19, 21]).any()


def test_a_forearm_runs_to_the_edge_of_the_picture() -> None:
    joints = front()
    joints[:, 1] += 480
    joints[joints[:, 1] >= HEIGHT] = 0
    joints[joints[:, 2] == 0] = 0
    outline = np.full((HEIGHT, WIDTH), 255, np.uint8)
    parts = draw(joints, outline).parts
    assert joints[3, 2] > 0
    assert not joints[4].any()
    assert np.isin(parts[HEIGHT - 5], [20, 22]).any()


def test_coordinates_of_both_sides_mirror_each_other() -> None:
    joints = front()
    outline = silhouette(joints)
    straight = draw(joints, outline)
    turned = draw(mirrored(joints), np.ascontiguousarray(outline[:, ::-1]))
    for left, complement in ((15, False), (17, False), (10, False), (21, False), (24, True)):
        right = OTHER_PART[left]
        here = straight.parts == left
        there = turned.parts[:, ::-1] == right
        both = here & there
        assert both.sum() > 0.99 * here.sum()
        u = turned.u[:, ::-1][both].astype(int)
        expected = 255 - u if complement else u
        assert np.abs(straight.u[both] - expected).mean() < 8


def test_seen_from_behind_v_still_grows_to_the_persons_right() -> None:
    mapped = surface(front()[MIRROR])
    assert mapped.v[400, 320] < mapped.v[400, 450]
    assert mapped.u[330, 384] < mapped.u[530, 384]


def test_a_hanging_forearm_turns_its_outside_to_the_front() -> None:
    parts = surface(front()).parts
    for along, least, most in ((0.15, 0.2, 0.65), (0.9, 0.85, 1.0)):
        x, y = np.array(FRONT[3]) + along * (np.array(FRONT[4]) - np.array(FRONT[3]))
        row = parts[int(y), int(x) - 50 : int(x) + 50]
        outside, inside = (row == 22).sum(), (row == 20).sum()
        assert least <= outside / (outside + inside) <= most


def profile_view(ahead: int) -> tuple[F32, U8]:
    """A person seen from the side whose near arm hangs, and the far one a little before it."""
    joints = front()
    for joint in (2, 5, 9, 12, 10, 13, 11, 14):
        joints[joint, 0] = 384
    joints[2, 0] -= 5
    joints[5, 0] += 5
    joints[0, :2] = [384 + 60 * ahead, 120]
    joints[[15, 16, 17, 18], 0] = [384 + 40 * ahead, 384 + 42 * ahead, 384, 386]
    near, far = ((3, 4), (6, 7)) if ahead > 0 else ((6, 7), (3, 4))
    joints[list(near), 0] = 384
    joints[list(far), 0] = 384 + 45 * ahead
    outline = np.zeros((HEIGHT, WIDTH), np.uint8)
    outline[20:1000, 314:454] = 255
    return joints, outline


@pytest.mark.parametrize("ahead", [1, -1])
def test_a_profile_shows_the_near_arms_outside_and_the_far_arm_behind(ahead: int) -> None:
    parts = draw(*profile_view(ahead)).parts
    near, far = ([18, 16], [17, 15]) if ahead > 0 else ([17, 15], [18, 16])
    outside, inside = (int((parts == part).sum()) for part in near)
    assert outside > 5 * inside
    assert not np.isin(parts[300:420], far).any()


@pytest.mark.parametrize("ahead", [1, -1])
def test_a_profile_shows_the_near_leg(ahead: int) -> None:
    parts = draw(*profile_view(ahead)).parts[600:900]
    near, far = ([7, 9, 11, 13], [8, 10, 12, 14])
    if ahead < 0:
        near, far = far, near
    assert np.isin(parts, near).sum() > 10 * np.isin(parts, far).sum()


@pytest.mark.parametrize("top", [590, 625])
def test_the_torso_ends_where_the_legs_part(top: int) -> None:
    joints = front()
    outline = silhouette(joints)
    outline[540:700, 330:440] = 255
    gap = np.array([(384, top), (284, 1000), (484, 1000)])
    cv2.fillConvexPoly(outline, gap, 0)
    parts = draw(joints, outline).parts
    lowest = int(np.flatnonzero((parts == Part.TORSO_FRONT).any(axis=1)).max())
    assert abs(lowest - top) <= 16


@pytest.mark.parametrize("half", [14, 22, 34])
def test_an_arm_is_as_wide_as_the_outline_shows(half: int) -> None:
    joints = front()
    outline = np.zeros((HEIGHT, WIDTH), np.uint8)
    joints[3, :2], joints[4, :2] = (150, 380), (150, 560)
    cv2.line(outline, (150, 380), (150, 580), 255, 2 * half)
    parts = draw(joints, outline).parts
    width = int(np.isin(parts[440], [20, 22]).sum())
    assert width == pytest.approx(2 * half, abs=4)


@pytest.mark.parametrize("width", [36, 50, 64])
def test_an_upper_arm_shows_its_outside_on_three_tenths_of_its_width(width: int) -> None:
    outline = silhouette(front())
    for first, last in ((2, 3), (5, 6)):
        cv2.line(outline, FRONT[first], FRONT[last], 0, 70)
        cv2.line(outline, FRONT[first], FRONT[last], 255, width)
    parts = draw(front(), outline).parts[320:400]
    for outside, inside in (
        (Part.RIGHT_UPPER_ARM_OUTSIDE, Part.RIGHT_UPPER_ARM_INSIDE),
        (Part.LEFT_UPPER_ARM_OUTSIDE, Part.LEFT_UPPER_ARM_INSIDE),
    ):
        share = (parts == outside).sum() / np.isin(parts, [outside, inside]).sum()
        assert share == pytest.approx(0.28, abs=0.05)


@pytest.mark.parametrize("aside", [-30, 30])
def test_a_turned_head_is_split_nearer_its_middle_than_the_nose(aside: int) -> None:
    joints = front()
    joints[0, 0] += aside
    parts = draw(joints, silhouette(front())).parts
    left, right = ((parts == half).sum() for half in (Part.HEAD_LEFT, Part.HEAD_RIGHT))
    assert (left < right) == (aside > 0)
    assert min(left, right) > 0.37 * (left + right)


def test_a_wide_sleeve_is_not_the_arm() -> None:
    joints = front()
    outline = np.zeros((HEIGHT, WIDTH), np.uint8)
    joints[3, :2], joints[4, :2] = (150, 380), (150, 560)
    outline[300:600, 20:280] = 255
    parts = draw(joints, outline).parts
    assert int(np.isin(parts[470], [20, 22]).sum()) < 70


def test_a_head_without_a_face_is_still_there() -> None:
    joints = front()
    joints[[0, 15, 16, 17, 18]] = 0
    outline = silhouette(front())
    parts = draw(joints, outline).parts
    head = outline.astype(bool)
    head[200:] = False
    assert np.isin(parts[head], [23, 24]).mean() > 0.85


def test_a_limb_sees_its_surroundings() -> None:
    limb = Limb(np.array([50, 20], np.float32), np.array([50, 120], np.float32), 20.0)
    seen = limb_window((200, 200), limb, 1.0)
    y, x = seen.window[0].start, seen.window[1].start
    assert seen.along[70 - y, 0] == pytest.approx(0.5)
    across = np.broadcast_to(seen.across, (141, 41))
    assert across[70 - y, 65 - x] == pytest.approx(-0.75)


def test_edges_are_measured_up_to_the_widest() -> None:
    person = np.zeros((200, 200), bool)
    person[:, 42:62] = True
    limb = Limb(np.array([50, 20], np.float32), np.array([50, 120], np.float32), 20.0)
    flat = interpolate_profile((0.0, 1.0), (0.3, 0.3))
    found = measure_edges(person, limb, (-flat, flat), (-2 * flat, 2 * flat))
    low, high = found.at(np.array([0.5]))
    # Walking down, the right hand is at the picture's left.
    assert high[0] == pytest.approx(0.4, abs=0.03)
    assert low[0] == pytest.approx(-0.55, abs=0.04)
    person[:, :] = True
    low, high = measure_edges(person, limb, (-flat, flat), (-2 * flat, 2 * flat)).at(
        np.array([0.5])
    )
    assert (low[0], high[0]) == pytest.approx((-0.3, 0.3), abs=0.01)
