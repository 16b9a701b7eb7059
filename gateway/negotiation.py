"""Content negotiation: the picture's format, and whether it is sent alone, in JSON or in events.

``Accept`` is read after RFC 9110, 12.5.1: the most specific media range that covers a type decides
its weight, and a weight of 0 rules it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.options import Format
from services.kit.errors import NotAcceptable

EVENT_STREAM: Final = "text/event-stream"
"""Media type of server-sent events."""

JSON: Final = "application/json"
"""Media type of JSON."""

SHOWN_CHARACTERS: Final = 100
"""Characters of a wrong Accept header that an error message repeats."""


class ResponseBody(StrEnum):
    """What the body of a response holds."""

    PICTURE = "picture"
    JSON = "json"
    EVENTS = "events"


@dataclass(frozen=True)
class ResponseOptions:
    """What the client is sent."""

    format: Format
    """File format of the picture, in JSON and in events too."""

    body: ResponseBody = ResponseBody.PICTURE
    """The picture alone, within JSON, or after its progress as server-sent events."""


def accepts_events(accept: str) -> bool:
    """Return whether an Accept header asks for server-sent events."""
    ranges = _ranges(accept)
    # A stream must be asked for by name: */* from an ordinary client means a picture.
    weight = ranges.get(EVENT_STREAM, 0.0)
    return weight > 0 and weight >= max(_weight(fmt.media_type, ranges) for fmt in Format)


def negotiate(accept: str, chosen: Format | None = None) -> ResponseOptions:
    """Choose the response from the Accept header; an empty one accepts anything.

    ``chosen`` is the format that the client named elsewhere. It takes precedence.
    Raises NotAcceptable.
    """
    ranges = _ranges(accept)
    weights = {fmt: _weight(fmt.media_type, ranges) for fmt in Format}
    best = max(Format, key=lambda fmt: weights[fmt])
    body = ResponseBody.PICTURE
    if accepts_events(accept):
        body = ResponseBody.EVENTS
    # Clients that name JSON out of habit, beside */*, mean a picture as well.
    elif ranges.get(JSON, 0.0) > weights[best]:
        body = ResponseBody.JSON
    acceptable = weights[best] > 0
    if chosen is None and not acceptable and body is ResponseBody.PICTURE:
        raise NotAcceptable(
            f"The Accept header {accept[:SHOWN_CHARACTERS]!r} takes no format that can be sent; "
            "ask for image/png, image/jpeg, image/webp or application/json."
        )
    return ResponseOptions(chosen or (best if acceptable else Format.PNG), body)


def _ranges(accept: str) -> dict[str, float]:
    """Return the media ranges with their weights; malformed ones are ignored."""
    ranges: dict[str, float] = {}
    for item in (accept or "*/*").split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    weight = 0.0
        if name:
            ranges[name] = weight
    return ranges or {"*/*": 1.0}


def _weight(media_type: str, ranges: Mapping[str, float]) -> float:
    """Return the weight of the most specific range that covers the type, 0 if none does."""
    for name in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
