"""Choosing what to answer with: the picture's format, and whether to tell progress on the way.

``Accept`` is read as RFC 9110 12.5.1 says: the most specific range that covers a type decides its
weight, and a weight of 0 rules it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from services.kit import categories
from services.kit.errors import InvalidOption, NotAcceptable


class Format(StrEnum):
    """Formats a picture is sent in; the first is the default."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Its name in ``Content-Type``."""
        return f"image/{self.value}"


class Size(StrEnum):
    """How large the picture is: as the pipeline worked on it, or exactly as the upload."""

    AUTO = "auto"
    UPLOAD = "upload"


class Category(StrEnum):
    """What the garment is worn on; by default its photo decides."""

    AUTO = categories.AUTO
    UPPER = categories.UPPER
    LOWER = categories.LOWER
    DRESS = categories.DRESS


Choice = TypeVar("Choice", Format, Size, Category)

EVENT_STREAM: Final = "text/event-stream"
JSON: Final = "application/json"


@dataclass(frozen=True)
class Answer:
    """What the client gets.

    ``events`` asks for progress as server-sent events, ``json`` for the picture within JSON.
    """

    format: Format
    size: Size
    events: bool
    json: bool = False
    category: Category = Category.AUTO


def negotiate(accept: str, options: Mapping[str, str]) -> Answer:
    """Settle the answer from the Accept header (empty: anything) and the options given.

    ``options`` may hold ``format``, ``size`` and ``category``. Raises InvalidOption and
    NotAcceptable.
    """
    ranges = _ranges(accept)
    weights = {fmt: _weight(fmt.media_type, ranges) for fmt in Format}
    best = max(Format, key=lambda fmt: weights[fmt])
    acceptable = weights[best] > 0
    # A stream must be asked for by name: */* from an ordinary client means a picture.
    stream = ranges.get(EVENT_STREAM, 0.0)
    events = stream > 0 and stream >= weights[best]
    # Clients that name JSON out of habit, beside */*, mean a picture as well.
    within = not events and ranges.get(JSON, 0.0) > weights[best]
    size = _option(Size, "size", options.get("size", "")) or Size.AUTO
    category = _option(Category, "category", options.get("category", "")) or Category.AUTO
    if chosen := _option(Format, "format", options.get("format", "")):
        return Answer(chosen, size, events, within, category)
    if not (acceptable or events or within):
        raise NotAcceptable(
            f"The Accept header {accept[:100]!r} takes no format that can be sent; "
            "ask for image/png, image/jpeg, image/webp or application/json."
        )
    return Answer(best if acceptable else Format.PNG, size, events, within, category)


def _option(kind: type[Choice], name: str, value: str) -> Choice | None:
    if not value:
        return None
    try:
        return kind("jpeg" if value.lower() == "jpg" else value.lower())
    except ValueError:
        known = [choice.value for choice in kind]
        raise InvalidOption(
            f"{name}={value[:40]} is not known; choose {', '.join(known[:-1])} or {known[-1]}."
        ) from None


def _ranges(accept: str) -> dict[str, float]:
    """Media ranges with their weights; malformed ones are passed over."""
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
    for name in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
