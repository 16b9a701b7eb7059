"""A top too short for where the worn one ended shows the waist, and the trousers up to it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.core import try_on
from services.viton.person.bottoms_extension import extend_bottoms_to_waist
from tests.unit.services.viton.drawings import SKIN, TROUSERS, Drawn, Person, garment, standing

pytestmark = pytest.mark.unit

BAND, HEM = 398, 480
"""Where the waistband is, by proportion, and where the worn top ends."""

RED = (200, 40, 50)


def cropped() -> Drawn:
    """A top that ends a little below the armpits."""
    drawn = garment("short")
    image, mask = drawn.image.copy(), drawn.mask.copy()
    mask[440:], image[440:] = 0, 255
    return Drawn(image, mask)


def near(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(image.astype(int) - colour).max(axis=-1) < 45)


@pytest.mark.parametrize("worn", ["trousers", "skirt", "shorts"])
def test_a_short_top_shows_the_waist_and_the_bottoms_up_to_it(worn: str) -> None:
    person, drawn = standing(worn), cropped()
    made = try_on(person.photo, drawn.photo)
    middle = made.image[:, 370:398]
    hem = int(np.flatnonzero(near(middle, RED).any(axis=1)).max())
    assert hem < BAND - 20
    assert near(middle[hem + 8 : BAND - 6], SKIN).mean() > 0.95
    assert near(middle[BAND + 16 : HEM + 20], TROUSERS).mean() > 0.95
    green = made.image[150:].astype(int)
    assert not (green[..., 1] - green[..., 0] > 30).any()
    assert (made.image[made.edit_mask == 0] == person.image[made.edit_mask == 0]).all()


def test_a_bare_belly_is_no_flat_patch() -> None:
    person, drawn = standing("trousers"), cropped()
    made = try_on(person.photo, drawn.photo)
    grey = made.image.astype(float).mean(axis=-1)
    belly = grey[372:390, 330:438]
    dark = np.unravel_index(belly.argmin(), belly.shape)
    assert belly[dark] < np.median(belly) - 10
    # The navel, on the middle line.
    assert abs(dark[1] - 54) < 4
    assert belly[:, 10:20].mean() < belly[:, 34:46].mean() - 2


def test_a_top_that_reaches_nearly_as_far_covers_what_was_covered() -> None:
    person, drawn = standing("trousers"), garment("short")
    made = try_on(person.photo, drawn.photo)
    assert near(made.image[BAND : HEM - 10, 370:398], RED).mean() > 0.95


def test_a_dress_is_its_own_skirt() -> None:
    person = standing("dress")
    shown = extend_bottoms_to_waist(person.photo)
    assert shown is not None
    image, labels = shown.image, shown.labels
    assert (image == person.image).all()
    assert (labels[BAND + 6 : 600, 384] == 12).all()
    assert (labels[200 : BAND - 6, 384] == 6).all()


def bare() -> Person:
    """A long shirt and nothing below it."""
    person = standing("shorts")
    labels = person.labels.copy()
    labels[(labels == 9) & (np.arange(1024)[:, None] > HEM)] = 17
    return replace(person, labels=labels)


def long_coat() -> Person:
    person = standing("trousers")
    labels = person.labels.copy()
    labels[(labels == 9) & (np.arange(1024)[:, None] < 640)] = 7
    return replace(person, labels=labels)


def kneeling() -> Person:
    person = standing("trousers")
    keypoints = person.keypoints.copy()
    keypoints[[10, 13], 1] = 480
    return replace(person, keypoints=keypoints)


@pytest.mark.parametrize("who", [bare, long_coat, kneeling])
def test_what_cannot_be_told_stays_covered(who: Callable[[], Person]) -> None:
    person = who()
    assert extend_bottoms_to_waist(person.photo) is None
    drawn = cropped()
    made = try_on(person.photo, drawn.photo)
    assert near(made.image[BAND : HEM - 10, 370:398], RED).mean() > 0.95
