"""Equal content has an equal digest, other content another one."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.content_digest import digest_content
from services.kit.garment_attributes import NO_ATTRIBUTES

pytestmark = pytest.mark.unit


def plane(size: int = 1_000) -> NDArray[np.uint8]:
    return np.zeros(size, np.uint8)


def test_equal_content_has_an_equal_digest() -> None:
    assert digest_content(plane(), NO_ATTRIBUTES) == digest_content(plane(), NO_ATTRIBUTES)
    assert digest_content(plane()[::-1]) == digest_content(plane()[::-1].copy())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((plane(6),), (plane(6).reshape(2, 3),)),
        ((plane(8),), (plane(4).astype(np.uint16),)),
        ((plane(2), plane(4)), (plane(4), plane(2))),
        (("a", "bc"), ("ab", "c")),
        ((1,), (1.0,)),
        ((1,), ("1",)),
        ((NO_ATTRIBUTES,), (replace(NO_ATTRIBUTES, collar=True),)),
    ],
)
def test_other_content_has_another_digest(
    first: tuple[object, ...], second: tuple[object, ...]
) -> None:
    assert digest_content(*first) != digest_content(*second)


def test_a_digest_takes_no_other_values() -> None:
    with pytest.raises(TypeError, match="takes no set"):
        digest_content({1})
