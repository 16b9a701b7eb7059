from dataclasses import replace

import pytest

from gateway.negotiation import Answer, Format, Size, negotiate
from services.kit.errors import InvalidOption, NotAcceptable

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
    assert negotiate(accept, {}) == Answer(expected, Size.AUTO, events=False)


@pytest.mark.parametrize(
    "accept", ["text/html", "image/gif", "image/*;q=0", "application/json;q=0"]
)
def test_what_cannot_be_sent_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="image/png"):
        negotiate(accept, {})


def test_the_option_goes_before_the_header() -> None:
    assert negotiate("image/png", {"format": "jpg"}).format is JPEG
    assert negotiate("text/html", {"format": "WebP"}).format is WEBP


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
    answer = negotiate(accept, {})
    assert (answer.events, answer.format) == (events, picture_format)


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
    answer = negotiate(accept, {})
    assert (answer.json, answer.format) == (json, picture_format)
    assert negotiate(accept, {"format": "jpeg"}) == replace(answer, format=JPEG)


def test_the_size() -> None:
    assert negotiate("", {"size": "upload"}).size is Size.UPLOAD
    assert negotiate("", {"size": ""}).size is Size.AUTO


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"format": "gif"}, "format=gif is not known; choose png, jpeg or webp."),
        ({"size": "huge"}, "size=huge is not known; choose auto or upload."),
        (
            {"category": "hat"},
            "category=hat is not known; choose auto, upper, lower or dress.",
        ),
    ],
)
def test_unknown_options_name_the_known_ones(options: dict[str, str], known: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        negotiate("", options)
    assert refusal.value.message == known
