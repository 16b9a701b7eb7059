"""The example photos as uploads of any size, and variants of them."""

import io

import numpy as np
import PIL.Image
import pytest

from bench.runs.uploads import (
    CANVAS_SIZE,
    GARMENTS,
    PEOPLE,
    SIZES,
    VARIANTS,
    encode_photo,
    make_upload,
    make_variant,
)
from services.kit.settings import get_settings

pytestmark = pytest.mark.unit

SMALL = (96, 128)


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(file)), np.int16)


@pytest.mark.parametrize("size", [SMALL, (380, 507), CANVAS_SIZE])
def test_a_photo_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    assert pixels(encode_photo(PEOPLE[0], size)).shape == (size[1], size[0], 3)


def test_every_variant_is_another_picture_that_looks_the_same() -> None:
    variants = [encode_photo(GARMENTS[0], SMALL, number) for number in range(VARIANTS)]
    decoded = [pixels(file) for file in variants]
    assert len({picture.tobytes() for picture in decoded}) == VARIANTS
    differences = [np.abs(picture - decoded[0]).mean() for picture in decoded]
    assert max(differences) < 3


def test_there_are_no_more_variants() -> None:
    with pytest.raises(ValueError, match="125 variants"):
        encode_photo(PEOPLE[0], SMALL, VARIANTS)


def test_numbers_are_other_people_and_garments() -> None:
    numbers = range(12)
    assert len({make_upload(number, 0, SMALL).person for number in numbers}) == len(numbers)
    assert len({make_upload(0, number, SMALL).garment for number in numbers}) == len(numbers)
    assert len({make_upload(number, 0, SMALL).garment for number in numbers}) == 1
    assert make_upload(0, 0, SMALL) == make_variant(0, SMALL)


def test_the_largest_size_is_just_under_the_limits() -> None:
    settings = get_settings()
    sizes = [width * height for width, height in SIZES]
    assert sizes == sorted(sizes)
    assert 0.99 * settings.max_pixels < sizes[-1] <= settings.max_pixels
    assert len(encode_photo(GARMENTS[1], SIZES[-1])) <= settings.max_upload_bytes
