from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gateway.memo.digest import digest_request
from services.kit.contract import Method
from services.kit.types import Image

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Part:
    first: str = ""
    second: str = ""


@dataclass(frozen=True)
class Request:
    image: Image
    part: Part = Part()
    number: float = 0.0
    flag: bool = False


METHOD = Method(service="a", rpc="B", request=Request, response=Part, deadline_seconds=1.0)
REQUEST = Request(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


def with_pixel(value: int) -> Request:
    image = REQUEST.image.copy()
    image[3, 3, 2] = value
    return replace(REQUEST, image=image)


def test_equal_content_has_an_equal_digest() -> None:
    fortran = np.asfortranarray(REQUEST.image)
    view = np.pad(REQUEST.image, ((1, 1), (0, 0), (0, 0)))[1:-1]
    for image in (REQUEST.image.copy(), fortran, view):
        other = replace(REQUEST, image=image)
        assert digest_request(METHOD, other) == digest_request(METHOD, REQUEST)


@pytest.mark.parametrize(
    "other",
    [
        with_pixel(0),
        replace(REQUEST, image=REQUEST.image.reshape(2, 8, 3)),
        replace(REQUEST, image=REQUEST.image.view(np.int8)),
        replace(REQUEST, part=Part("ab", "")),
        replace(REQUEST, part=Part("a", "b")),
        replace(REQUEST, part=Part("", "ab")),
        replace(REQUEST, number=0.5),
        replace(REQUEST, number=-0.0),
        replace(REQUEST, flag=True),
    ],
)
def test_other_content_has_another_digest(other: Request) -> None:
    assert digest_request(METHOD, other) != digest_request(METHOD, REQUEST)


def test_texts_do_not_run_into_each_other() -> None:
    parts = [Part("ab", ""), Part("a", "b"), Part("", "ab")]
    digests = {digest_request(METHOD, replace(REQUEST, part=part)) for part in parts}
    assert len(digests) == len(parts)


@pytest.mark.parametrize("change", [{"service": "b"}, {"rpc": "C"}])
def test_another_method_has_another_digest(change: dict[str, Any]) -> None:
    assert digest_request(replace(METHOD, **change), REQUEST) != digest_request(METHOD, REQUEST)


def test_a_field_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        digest_request(METHOD, {"number": 1})
