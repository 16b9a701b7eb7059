"""People from peaks and fields, on the maps of drawn skeletons."""

import math

import numpy as np
import pytest

from services.kit.errors import NoPerson
from services.kit.joints import Joint
from services.kit.types import Keypoints
from services.openpose import assembly, bottom_up, peaks
from services.openpose.core import F32
from services.openpose.joint_topologies import BODY_25, COCO, JointTopology
from services.openpose.service import estimate_pose_bottom_up

pytestmark = pytest.mark.unit

SIZE = (184, 248)
# Of BODY_25, about the neck, in shares of the trunk: x to the right.
STANDING = np.array(
    [
        (0, -0.4), (0, 0), (-0.36, 0), (-0.5, 0.5), (-0.55, 0.9), (0.36, 0), (0.5, 0.5),
        (0.55, 0.9), (0, 1), (-0.2, 1), (-0.22, 1.6), (-0.22, 2.2), (0.2, 1), (0.22, 1.6),
        (0.22, 2.2), (-0.07, -0.45), (0.07, -0.45), (-0.14, -0.42), (0.14, -0.42), (0.3, 2.3),
        (0.36, 2.28), (0.2, 2.28), (-0.3, 2.3), (-0.36, 2.28), (-0.2, 2.28),
    ],
    np.float32,
)  # fmt: skip


def standing(x: float, y: float, trunk: float) -> F32:
    return STANDING * trunk + np.array((x + 0.2, y + 0.2), np.float32)


def drawn(
    people: list[F32], topology: JointTopology, size: tuple[int, int] = SIZE, spread: float = 3.0
) -> F32:
    """The maps and fields that a perfect network gives for those BODY_25 joints (NaN: unseen)."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    count = 2 * len(topology.limbs)
    maps = np.zeros((topology.joints + 1 + count, *size), np.float32)
    fields = maps[topology.joints + 1 :]
    for person in people:
        points = person[list(topology.body_25)]
        for joint, (x, y) in enumerate(points):
            if not np.isnan(x):
                bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
                maps[joint] = np.maximum(maps[joint], bump)
        for (first, second), channel in zip(topology.limbs, topology.fields, strict=True):
            start, end = points[first], points[second]
            if np.isnan((start, end)).any():
                continue
            length = float(np.linalg.norm(end - start))
            along = (end - start) / length
            dx, dy = columns - start[0], rows - start[1]
            reach = dx * along[0] + dy * along[1]
            aside = np.abs(dx * along[1] - dy * along[0])
            on = (reach > -2) & (reach < length + 2) & (aside < spread)
            fields[channel][on], fields[channel + 1][on] = along
    maps[topology.joints] = 1 - maps[: topology.joints].max(axis=0)
    return maps


TWO = [standing(70, 40, 50), standing(170, 60, 36)]


@pytest.mark.parametrize("topology", [BODY_25, COCO], ids=["body_25", "coco"])
def test_two_people_come_apart_and_complete(topology: JointTopology) -> None:
    found = sorted(
        assembly.assemble_people(drawn(TWO, topology), topology), key=lambda each: each[1, 0]
    )
    assert len(found) == 2
    for points, truth in zip(found, TWO, strict=True):
        expected = truth[list(topology.body_25)]
        assert (points[:, 2] > 0.8).all()
        assert np.abs(points[:, :2] - expected).max() < 1.5


def test_arms_that_cross_stay_with_their_people() -> None:
    left, right = standing(80, 50, 50), standing(150, 50, 50)
    left[7], right[4] = right[4].copy(), left[7].copy()
    found = sorted(
        assembly.assemble_people(drawn([left, right], BODY_25), BODY_25), key=lambda p: p[1, 0]
    )
    assert len(found) == 2
    for points, truth in zip(found, (left, right), strict=True):
        assert np.abs(points[4:8:3, :2] - truth[4:8:3]).max() < 1.5


def test_an_unseen_joint_is_zeros_and_what_is_behind_it_is_dropped() -> None:
    person = standing(120, 40, 50)
    person[3] = np.nan
    (points,) = assembly.assemble_people(drawn([person], BODY_25), BODY_25)
    assert (points[3] == 0).all()
    assert (points[4] == 0).all()
    assert (points[6, 2], points[7, 2]) > (0.5, 0.5)


def test_feet_alone_are_nobody() -> None:
    feet = np.full((25, 2), np.nan, np.float32)
    feet[[14, 19, 20, 21]] = standing(120, -60, 100)[[14, 19, 20, 21]]
    maps = drawn([feet], BODY_25)
    assert assembly.assemble_people(maps, BODY_25) == []
    with pytest.raises(NoPerson):
        bottom_up.choose_main_person([], *SIZE)


def test_a_field_that_leads_elsewhere_joins_nothing() -> None:
    field = np.zeros((2, 60, 60), np.float32)
    field[0] = 1
    here, right, below = (
        np.array([[x, y, 1]], np.float32) for x, y in ((10, 10), (50, 10), (10, 50))
    )
    assert assembly.agreement(here, right, *field) == pytest.approx(1)
    assert assembly.agreement(here, below, *field) == 0
    assert assembly.agreement(right, here, *field) == 0
    field[0, :, 30:34] = 0
    assert assembly.agreement(here, right, *field) == 0


def test_peaks_lie_between_pixels_and_plateaus_have_none() -> None:
    rows, columns = np.mgrid[:40, :50].astype(np.float32)
    bump = np.exp(-((columns - 20.3) ** 2 + (rows - 12.8) ** 2) / 18).astype(np.float32)
    ((x, y, confidence),) = peaks.find_peaks(bump, 0.05, 0.0)
    assert (x, y) == pytest.approx((20.3, 12.8), abs=0.2)
    assert confidence == bump.max()
    flat = bump.copy()
    flat[12:14, 20:22] = 2
    assert len(peaks.find_peaks(flat, 0.05, 0.0)) == 0
    assert peaks.find_peaks(bump, 0.05, 0.25)[0, :2] == pytest.approx(
        (x + 0.25, y + 0.25), abs=1e-4
    )


def test_the_answer_is_in_the_photos_pixels_and_about_the_larger_person() -> None:
    """The network is replaced by one that draws what it should see at its own resolution."""
    height, width = 736, 1000
    scale = 367 / 735
    truth = [standing(300, 150, 200), standing(800, 350, 100)]

    def run(picture: F32) -> F32:
        size = picture.shape[2] // 8, picture.shape[3] // 8
        cells = [((person * scale + 0.5) / 8 - 0.5).astype(np.float32) for person in truth]
        return drawn(cells, BODY_25, size, spread=1.0)[None]

    answer = estimate_pose_bottom_up(np.full((height, width, 3), 200, np.uint8), run, BODY_25)
    assert answer.person_count == 2
    body = [Joint.NECK, Joint.RIGHT_WRIST, Joint.LEFT_KNEE, Joint.MID_HIP, Joint.RIGHT_ANKLE]
    assert np.abs(answer.keypoints[body, :2] - truth[0][body]).max() < 8
    assert answer.skeleton.shape == (height, width, 3)
    assert answer.person_mask.shape == (height, width)
    assert answer.body_yaw_degrees == 0.0


def half_turned(degrees: float) -> Keypoints:
    """Somebody seen from the front, turned to their left: narrower, the nose before the neck."""
    keypoints = np.concatenate(
        [standing(200, 200, 100), np.ones((25, 1))], axis=1, dtype=np.float32
    )
    angle = math.radians(degrees)
    keypoints[:, 0] = 200 + (keypoints[:, 0] - 200) * math.cos(angle)
    keypoints[Joint.NOSE, 0] += 20 * math.sin(angle)
    return keypoints


def test_who_is_half_turned_does_not_pass_for_the_front() -> None:
    told = [
        bottom_up.estimate_yaw_degrees(half_turned(each)) for each in (-60, -45, -30, 0, 30, 45, 60)
    ]
    assert told == sorted(told)
    assert all(abs(each + other) < 1 for each, other in zip(told, reversed(told), strict=True))
    assert told[3] == 0
    assert 30 < told[4] < 55
    assert 50 < told[5] < 70
    headless = half_turned(60)
    headless[Joint.NOSE] = 0
    assert 50 < bottom_up.estimate_yaw_degrees(headless) < 70


def test_the_yaw_tells_front_back_and_sides() -> None:
    keypoints = np.concatenate(
        [standing(200, 200, 100), np.ones((25, 1))], axis=1, dtype=np.float32
    )
    assert bottom_up.estimate_yaw_degrees(keypoints) == 0
    back = keypoints * np.array((-1, 1, 1), np.float32) + np.array((400, 0, 0), np.float32)
    assert abs(bottom_up.estimate_yaw_degrees(back)) == 180
    side = keypoints.copy()
    side[:, 0] = 200 + (side[:, 0] - 200) * 0.2
    side[0, 0] += 20
    assert 60 < bottom_up.estimate_yaw_degrees(side) < 90
    side[0, 0] -= 40
    assert -90 < bottom_up.estimate_yaw_degrees(side) < -60
    side[9] = 0
    assert bottom_up.estimate_yaw_degrees(side) == 0
