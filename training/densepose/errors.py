"""Simulate the errors of the services in joints, outline and parse of a person."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.render.body import Flags, Floats
from services.kit.joints import Joint
from services.kit.labels import Label

U8 = NDArray[np.uint8]
"""Pixels of 8 bits."""

F32 = NDArray[np.float32]
"""Numbers of 32 bits."""

_ARMS: Final = (Label.LEFT_ARM, Label.RIGHT_ARM)
"""CIHP labels of both arms."""

_SHOULDERS_ABOVE: Final = 0.07
"""How much higher a pose network sees shoulders than the bones have them, in units."""
_SIDES: Final = (
    (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER),
    (Joint.RIGHT_ELBOW, Joint.LEFT_ELBOW),
    (Joint.RIGHT_WRIST, Joint.LEFT_WRIST),
    (Joint.RIGHT_HIP, Joint.LEFT_HIP),
    (Joint.RIGHT_KNEE, Joint.LEFT_KNEE),
    (Joint.RIGHT_ANKLE, Joint.LEFT_ANKLE),
)
"""Pairs of joints: right, left."""


def outline(person: NDArray[np.bool_], rng: np.random.Generator) -> U8:
    """Simulate the errors of a segmentation: closed gaps, wavering edges."""
    mask = person.astype(np.uint8)
    if rng.random() < 0.6:
        gap = disc(int(rng.integers(2, 8)))
        mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, gap), np.uint8)
    if rng.random() < 0.3:
        change = cv2.dilate if rng.random() < 0.6 else cv2.erode
        mask = np.asarray(change(mask, disc(3)), np.uint8)
    if rng.random() < 0.1:
        hole = rng.integers(0, [person.shape[1], person.shape[0]])
        colour = int(rng.integers(2))
        cv2.circle(mask, (int(hole[0]), int(hole[1])), int(rng.integers(3, 9)), colour, -1)
    mask = _wavering(mask, rng.uniform(0, 1.2), rng)
    return np.asarray(
        cv2.GaussianBlur(mask * np.uint8(255), (0, 0), rng.uniform(0.4, 0.9)), np.uint8
    )


def misread(labels: U8, rng: np.random.Generator) -> U8:
    """Simulate the errors of a parse: wavering edges, confused clothes and sides of arms."""
    found = _wavering(labels, rng.uniform(0, 1.5), rng)
    if rng.random() < 0.2:
        found = np.asarray(cv2.medianBlur(found, 5), np.uint8)
    mixed = (
        (0.05, (Label.DRESS,), Label.UPPER),
        (0.05, (Label.UPPER,), Label.DRESS),
        (0.08, (Label.SKIRT,), Label.PANTS),
        (0.05, (Label.TORSO_SKIN,), Label.FACE),
        (0.05, (Label.TORSO_SKIN,), Label.UPPER),
        (0.05, (Label.HAIR,), Label.BACKGROUND),
        (0.04, (Label.LEFT_ARM,), Label.RIGHT_ARM),
        (0.04, (Label.RIGHT_ARM,), Label.LEFT_ARM),
        (0.05, _ARMS, Label.UPPER),
    )
    for chance, wrong, taken_for in mixed:
        if rng.random() < chance:
            found = np.where(np.isin(found, wrong), np.uint8(taken_for), found)
    return np.asarray(found, np.uint8)


def _wavering(picture: U8, amount: float, rng: np.random.Generator) -> U8:
    height, width = picture.shape
    coarse = rng.normal(0, 1, (2, height // 6 + 2, width // 6 + 2)).astype(np.float32)
    dx, dy = (
        cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) * amount for one in coarse
    )
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    moved = cv2.remap(
        picture,
        (x + dx).astype(np.float32),
        (y + dy).astype(np.float32),
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.uint8)


def keypoints(
    places: Floats,
    known: Flags,
    facing: Floats,
    *,
    unit: float,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> F32:
    """Simulate a pose network's joints, 25 x 3, with bias and noise.

    ``places`` (25, 2) are the true ones in a picture of ``size``, ``known`` (25,) those that there
    are, ``facing`` (3,) how much nose, right and left ear look at the camera, -1 to 1.
    """
    down = places[Joint.MID_HIP] - places[Joint.NECK]
    down /= np.linalg.norm(down) + 1e-9
    habit = rng.normal(0, 0.035, (25, 1)) * down
    habit[[Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER]] -= _SHOULDERS_ABOVE * down
    out = rng.normal(0, 0.03, 25)
    for right, left in _SIDES:
        habit[left] = habit[right]
        across = places[left] - places[right]
        across /= np.linalg.norm(across) + 1e-9
        habit[right] -= out[right] * across
        habit[left] += out[right] * across
    error = rng.normal(0, 0.03, (25, 2))
    error[[Joint.RIGHT_WRIST, Joint.LEFT_WRIST]] *= 1.5
    error[[Joint.NOSE, *range(Joint.RIGHT_EYE, Joint.LEFT_EAR + 1)]] *= 0.5
    found = places + (habit + error) * unit
    found[Joint.NECK] = (found[Joint.RIGHT_SHOULDER] + found[Joint.LEFT_SHOULDER]) / 2
    found[Joint.MID_HIP] = (found[Joint.RIGHT_HIP] + found[Joint.LEFT_HIP]) / 2
    height, width = size
    seen = known & (found >= -1).all(axis=1)
    seen &= (found[:, 0] < width + 1) & (found[:, 1] < height + 1)
    seen[Joint.NOSE] &= facing[0] > rng.uniform(-0.3, 0.1)
    seen[Joint.RIGHT_EYE] &= facing[0] > 0
    seen[Joint.LEFT_EYE] &= facing[0] > 0
    seen[Joint.RIGHT_EAR] &= facing[1] > rng.uniform(-0.6, 0.1)
    seen[Joint.LEFT_EAR] &= facing[2] > rng.uniform(-0.6, 0.1)
    seen[[3, 4, 6, 7, 10, 11, 13, 14, 19, 22]] &= rng.random(10) > 0.04
    given = np.zeros((25, 3), np.float32)
    given[seen, :2], given[seen, 2] = found[seen], 0.9
    return given


def disc(size: int) -> U8:
    """Return a disc of this diameter in pixels, for morphology."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
