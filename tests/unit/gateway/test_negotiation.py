from dataclasses import replace

import pytest

from gateway.negotiation import ResponseBody, ResponseOptions, accepts_events, negotiate
from gateway.options import Format
from services.kit.errors import NotAcceptable

pytestmark = pytest.mark.unit

PNG, JPEG, WEBP = Format.PNG, Format.JPEG, Format.WEBP


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PNG),
        ("*/*", PNG),
        ("image/*", PNG),
        ("image/jpeg", JPEG),
        ("IMAGE/WEBP", WEBP),
        ("image/png;q=0.5, image/webp;q=0.9", WEBP),
        ("image/webp;q=0.2, */*;q=0.1", WEBP),
        ("image/jpeg, image/*;q=0.5", JPEG),
        ("image/png;q=0, image/*", JPEG),
        ("image/png;q=0, image/jpeg;q=0, */*", WEBP),
        ("text/html, application/xhtml+xml, */*;q=0.8", PNG),
        ("image/avif, image/webp, */*;q=0.1", WEBP),
        ("image/jpeg;q=nonsense, image/webp;q=0.1", WEBP),
        ("image/webp;level=1;q=1.0, image/png;q=0.9", WEBP),
    ],
)
def test_accept_chooses_the_format(accept: str, expected: Format) -> None:
    assert negotiate(accept) == ResponseOptions(expected, ResponseBody.PICTURE)


@pytest.mark.parametrize(
    "accept", ["text/html", "image/gif", "image/*;q=0", "application/json;q=0"]
)
def test_what_cannot_be_sent_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="image/png"):
        negotiate(accept)


def test_the_option_goes_before_the_header() -> None:
    assert negotiate("image/png", JPEG).format is JPEG
    assert negotiate("text/html", WEBP).format is WEBP


@pytest.mark.parametrize(
    ("accept", "events", "picture_format"),
    [
        ("text/event-stream", True, PNG),
        ("text/event-stream, image/webp", True, WEBP),
        ("text/event-stream;q=0.1, image/webp", False, WEBP),
        ("text/event-stream;q=0, */*", False, PNG),
        ("*/*", False, PNG),
    ],
)
def test_events_must_be_asked_for_by_name(
    accept: str, events: bool, picture_format: Format
) -> None:
    answer = negotiate(accept)
    assert (answer.body is ResponseBody.EVENTS, answer.format) == (events, picture_format)
    assert accepts_events(accept) is events


@pytest.mark.parametrize(
    ("accept", "json", "picture_format"),
    [
        ("application/json", True, PNG),
        ("application/json, image/webp;q=0.5", True, WEBP),
        ("application/json, text/plain, */*", False, PNG),
        ("application/json;q=0.1, image/webp", False, WEBP),
        ("application/json, text/event-stream", False, PNG),
        ("*/*", False, PNG),
    ],
)
def test_json_must_be_wanted_more_than_a_picture(
    accept: str, json: bool, picture_format: Format
) -> None:
    answer = negotiate(accept)
    assert (answer.body is ResponseBody.JSON, answer.format) == (json, picture_format)
    assert negotiate(accept, JPEG) == replace(answer, format=JPEG)
