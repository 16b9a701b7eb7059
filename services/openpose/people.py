"""Finding the main person: detect, look closely, look again, and check that it is a person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from services.kit.errors import NoPerson
from services.openpose import core
from services.openpose.core import F32, U8, Detection, Person, RawPose, Region

MAX_PEOPLE: Final = 6
"""People looked at closely; in a crowd the rest are ignored, which bounds the time."""

_MIN_DETECTION_SCORE: Final = 0.3
"""Score below which a detection is dropped."""
_MIN_CERTAINTY: Final = 0.57
"""Certainty (detection score times presence) from which on something is a person.

Of 85 garment photos, objects and scenes only a portrait printed on a shirt came above .54; of 48
persons none was below .61 (that one small, grey and from the side). Chosen on these pictures.
"""
_SURE_CERTAINTY: Final = 0.8
"""Certainty from which on joints may move more between passes."""
_MAX_DRIFT: Final = 0.05
"""Movement of the joints between passes up to which a detection is a person, in square sides.

Persons' joints stay within 0.01; in prints and folds each pass finds something else.
"""
_MAX_DRIFT_WHEN_SURE: Final = 0.1
"""The same movement from ``_SURE_CERTAINTY`` on."""
_MAX_AVERAGED_DISTANCE: Final = 0.08
"""Distance of two passes' landmarks up to which they are averaged, in square sides."""
_MAX_DOUBLE_DISTANCE: Final = 0.2
"""Mean distance of two detections' joints below which they are one person, in square sides."""

_MIRRORED: Final = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
    + [index + 1 if index % 2 else index - 1 for index in range(11, core.BODY_LANDMARKS)]
)
"""Each landmark's counterpart on the other side of the body."""
_ESSENTIAL: Final = (0, 11, 12, 13, 14, 15, 16, 23, 24)
"""Landmarks that a try-on needs: nose, shoulders, elbows, wrists, hips."""


class Networks(Protocol):
    """The detector and the landmark network."""

    def detect(self, crop: F32) -> tuple[F32, F32]:
        """From 224 x 224 x 3 in 0..1 to 2254 x 12 boxes and 2254 logits."""

    def landmarks(self, crop: F32) -> RawPose:
        """From 256 x 256 x 3 in 0..1 to the landmarks in it."""


@dataclass(frozen=True)
class Candidate:
    """A detected person after the landmark network's first run."""

    score: float
    """The detector's probability of a person, 0 to 1."""
    person: Person
    """The landmarks of the first run."""
    region: Region
    """The square around these landmarks, for the next run."""


def find_main_person(image: U8, networks: Networks) -> tuple[Person, int]:
    """Find the main person of an H x W x 3 picture, and how many people there are.

    The main one is large, central and complete. Raises NoPerson when there is nobody, or only
    something like a garment or a print.
    """
    people = [
        candidate
        for candidate in _find_candidates(image, networks)
        if candidate.score * candidate.person.presence >= _MIN_CERTAINTY
    ]
    for candidate in sorted(people, key=lambda one: -rate_prominence(one.person, *image.shape[:2])):
        person = _confirm_person(image, candidate, networks)
        if person is not None:
            return person, len(people)
    raise NoPerson(
        "No person was found in the person's photo; use a photo that shows one person clearly, "
        "from the head to the hips.",
        stage="openpose",
    )


def rate_prominence(person: Person, height: int, width: int) -> float:
    """How much a person is the picture's subject: size, times centrality, times completeness."""
    seen = landmark_confidence(person.landmarks, height, width)[list(_ESSENTIAL)]
    aside = abs(person.region.x - width / 2) / width
    return core.prominence(person.region.side, aside, float(seen.mean()))


def landmark_confidence(landmarks: F32, height: int, width: int) -> F32:
    """Confidence of each landmark: visibility times presence, 0 outside the picture."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return landmarks[:, 2] * landmarks[:, 3] * inside


def _find_candidates(image: U8, networks: Networks) -> list[Candidate]:
    height, width = image.shape[:2]
    whole = core.letterbox_region(height, width)
    boxes, logits = networks.detect(core.crop(image, whole, core.DETECTOR_SIZE, extend=False))
    detections = core.merge_detections(
        core.decode_detections(boxes, logits, whole, _MIN_DETECTION_SCORE)
    )[:MAX_PEOPLE]
    candidates = [_first_look(image, detection, networks) for detection in detections]
    return _drop_doubles(candidates)


def _first_look(image: U8, detection: Detection, networks: Networks) -> Candidate:
    region = core.body_region(detection.points[0], detection.points[1])
    raw = networks.landmarks(core.crop(image, region, core.LANDMARK_SIZE, extend=True))
    person, closer = core.place_landmarks(raw, region)
    return Candidate(detection.score, person, closer)


def _drop_doubles(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Drop candidates that turned out to be the same person as a more certain one."""
    kept: list[Candidate] = []
    for candidate in candidates:
        here = candidate.person.landmarks[list(_ESSENTIAL), :2]
        taken = any(
            float(
                np.linalg.norm(here - other.person.landmarks[list(_ESSENTIAL), :2], axis=1).mean()
            )
            < _MAX_DOUBLE_DISTANCE * other.region.side
            for other in kept
        )
        if not taken:
            kept.append(candidate)
    return kept


def _confirm_person(image: U8, candidate: Candidate, networks: Networks) -> Person | None:
    """Look again, better centred and also in the mirror; None if it is no person after all.

    The mean of both views is closer to OpenPose's joints than the first look (8 photos with
    OpenPose's own joints: .051 against .056 of the shoulder width), and what is not a body does
    not look the same three times.
    """
    width = image.shape[1]
    region = candidate.region
    straight, _ = core.place_landmarks(
        networks.landmarks(core.crop(image, region, core.LANDMARK_SIZE, extend=True)), region
    )
    turned = Region(width - 1 - region.x, region.y, region.side, -region.angle)
    mirrored = undo_mirroring(
        core.place_landmarks(
            networks.landmarks(
                core.crop(
                    np.ascontiguousarray(image[:, ::-1]), turned, core.LANDMARK_SIZE, extend=True
                )
            ),
            turned,
        )[0],
        width,
    )
    presence = float(np.mean([candidate.person.presence, straight.presence, mirrored.presence]))
    weights = landmark_confidence(straight.landmarks, *image.shape[:2])[list(_ESSENTIAL)]
    first, first_swapped = _match_sides(candidate.person, straight, weights)
    mirrored, swapped = _match_sides(mirrored, straight, weights)
    drift = disagreement(straight, first, weights) + disagreement(straight, mirrored, weights)
    certainty = candidate.score * presence
    if certainty < _MIN_CERTAINTY or drift > (
        _MAX_DRIFT if certainty < _SURE_CERTAINTY else _MAX_DRIFT_WHEN_SURE
    ):
        return None
    merged = average_looks(straight, mirrored)
    return name_sides_facing_camera(merged) if first_swapped or swapped else merged


def _match_sides(other: Person, straight: Person, weights: F32) -> tuple[Person, bool]:
    """Swap the sides of a look if that makes it agree with the straight one."""
    swapped = swap_sides(other)
    if disagreement(straight, swapped, weights) < disagreement(straight, other, weights):
        return swapped, True
    return other, False


def swap_sides(person: Person) -> Person:
    """Call left right and right left."""
    x, z = person.across
    return replace(person, landmarks=person.landmarks[_MIRRORED], across=(-x, -z))


def name_sides_facing_camera(person: Person) -> Person:
    """Name the sides of a body whose front and back look alike as if it faces the camera.

    Without a head the network takes a front for a back now and then, and its looks contradict each
    other; photos for a try-on show the front.
    """
    left, right = person.landmarks[11, 0], person.landmarks[12, 0]
    return person if left >= right else swap_sides(person)


def undo_mirroring(person: Person, width: int) -> Person:
    """Bring what was seen in the mirrored picture to the picture itself."""
    landmarks = person.landmarks[_MIRRORED]
    landmarks[:, 0] = width - 1 - landmarks[:, 0]
    region = person.region
    return Person(
        landmarks=landmarks,
        region=Region(width - 1 - region.x, region.y, region.side, -region.angle),
        presence=person.presence,
        mask=np.ascontiguousarray(person.mask[:, ::-1]),
        across=(person.across[0], -person.across[1]),
    )


def disagreement(one: Person, other: Person, weights: F32) -> float:
    """Mean distance of the essential joints between two looks, relative to the square."""
    essential = list(_ESSENTIAL)
    distance = np.linalg.norm(one.landmarks[essential, :2] - other.landmarks[essential, :2], axis=1)
    return float((distance * weights).sum() / max(float(weights.sum()), 1e-6)) / one.region.side


def average_looks(straight: Person, mirrored: Person) -> Person:
    """Average two looks at one square.

    A landmark that the looks put in different places keeps the straight look's.
    """
    distance = np.linalg.norm(straight.landmarks[:, :2] - mirrored.landmarks[:, :2], axis=1)
    agree = (distance <= _MAX_AVERAGED_DISTANCE * straight.region.side)[:, None]
    mean = (straight.landmarks + mirrored.landmarks) / 2
    return Person(
        landmarks=np.where(agree, mean, straight.landmarks).astype(np.float32),
        region=straight.region,
        presence=(straight.presence + mirrored.presence) / 2,
        mask=(straight.mask + mirrored.mask) * np.float32(0.5),
        across=(
            straight.across[0] + mirrored.across[0],
            straight.across[1] + mirrored.across[1],
        ),
    )
