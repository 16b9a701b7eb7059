from dataclasses import replace

import numpy as np
import pytest

from services.kit.errors import NoPerson
from services.openpose import people
from services.openpose.core import F32, Person, RawPose, Region

pytestmark = pytest.mark.unit

SQUARE = Region(100.0, 200.0, 300.0, 0.2)


def person(seed: int = 0, region: Region = SQUARE) -> Person:
    random = np.random.default_rng(seed)
    landmarks = random.uniform(20, 180, (33, 4)).astype(np.float32)
    landmarks[:, 2:] = 1.0
    return Person(
        landmarks=landmarks,
        region=region,
        presence=0.9,
        mask=random.normal(size=(256, 256)).astype(np.float32),
    )


def moved(one: Person, by: float) -> Person:
    step = np.array([by, 0, 0, 0], np.float32)
    return Person(landmarks=one.landmarks + step, region=one.region, presence=0.9, mask=one.mask)


def test_unmirror_twice_is_the_same_person() -> None:
    one = person()
    back = people.undo_mirroring(people.undo_mirroring(one, 320), 320)
    assert back.landmarks == pytest.approx(one.landmarks, abs=1e-3)
    assert back.region == one.region
    assert np.array_equal(back.mask, one.mask)


def test_unmirror_swaps_sides() -> None:
    one = person()
    back = people.undo_mirroring(one, 320)
    for left, right in ((11, 12), (15, 16), (2, 5), (7, 8), (9, 10), (31, 32), (1, 4)):
        assert back.landmarks[left, 0] == pytest.approx(319 - one.landmarks[right, 0])
        assert back.landmarks[left, 1] == pytest.approx(one.landmarks[right, 1])
    assert back.landmarks[0, 0] == pytest.approx(319 - one.landmarks[0, 0])


def test_the_yaw_turns_with_the_picture_and_with_the_sides() -> None:
    half_left = replace(person(), across=(1.0, 1.0))
    assert half_left.yaw_degrees == pytest.approx(45)
    assert people.undo_mirroring(half_left, 320).yaw_degrees == pytest.approx(-45)
    assert people.swap_sides(half_left).yaw_degrees == pytest.approx(-135)
    straight = replace(person(), across=(3.0, -3.0))
    assert people.average_looks(half_left, straight).yaw_degrees == pytest.approx(-26.57, abs=0.01)


def test_disagreement_is_relative_to_the_square_and_weighs_the_seen() -> None:
    one = person()
    weights = np.ones(9, np.float32)
    assert people.disagreement(one, moved(one, 30), weights) == pytest.approx(0.1)
    assert people.disagreement(one, moved(one, 30), weights * 0) == 0.0


def test_merge_averages_what_agrees_and_keeps_the_straight_look_elsewhere() -> None:
    one = person()
    other = moved(one, 10)
    other.landmarks[15, 0] += 100
    merged = people.average_looks(one, other)
    assert merged.landmarks[0, 0] == pytest.approx(one.landmarks[0, 0] + 5)
    assert merged.landmarks[15, 0] == pytest.approx(one.landmarks[15, 0])
    assert merged.mask == pytest.approx(one.mask)


def test_facing_names_the_sides_as_seen_from_the_front() -> None:
    one = person()
    one.landmarks[11, 0], one.landmarks[12, 0] = 30, 90
    turned = people.name_sides_facing_camera(one)
    assert turned.landmarks[11, 0] == 90
    assert turned.landmarks[12, 0] == 30
    assert people.name_sides_facing_camera(turned) is turned


def test_the_main_person_is_large_central_and_complete() -> None:
    def prominence(region: Region, confidence: float = 1.0) -> float:
        one = person(region=region)
        one.landmarks[:, 2] = confidence
        return people.rate_prominence(one, 600, 600)

    middle = prominence(Region(300.0, 300.0, 400.0, 0.0))
    assert middle > prominence(Region(300.0, 300.0, 200.0, 0.0))
    assert middle > prominence(Region(20.0, 300.0, 400.0, 0.0))
    assert middle > prominence(Region(300.0, 300.0, 400.0, 0.0), confidence=0.2)


def test_what_lies_outside_the_picture_is_not_visible() -> None:
    landmarks = np.array([[5, 5, 0.8, 0.5], [-1, 5, 1, 1], [5, 99, 1, 1]], np.float32)
    assert people.landmark_confidence(landmarks, 50, 50) == pytest.approx([0.4, 0, 0])


class Blind:
    """Networks that see nobody."""

    def detect(self, crop: F32) -> tuple[F32, F32]:
        assert crop.shape == (224, 224, 3)
        return np.zeros((2254, 12), np.float32), np.full(2254, -50, np.float32)

    def landmarks(self, crop: F32) -> RawPose:
        raise AssertionError(f"nobody to look at in {crop.shape}")


def test_nobody_is_said_in_a_sentence() -> None:
    with pytest.raises(NoPerson, match="No person was found") as raised:
        people.find_main_person(np.zeros((64, 48, 3), np.uint8), Blind())
    assert raised.value.stage == "openpose"
