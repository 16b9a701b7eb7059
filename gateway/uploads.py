"""The upload form of two photos and options: bounded in bytes and in time, kept in memory only.

The framework's own form parser writes files to disk, so the body is parsed here, as it arrives.
"""

import asyncio
import difflib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.options import OPTIONS, Option
from services.kit.errors import (
    EmptyUpload,
    MissingField,
    TryOnError,
    UnexpectedField,
    UploadTooLarge,
)

FILES: Final = {"image": "the person's photo", "cloth": "the garment's photo"}
"""Names of the file fields, and what they hold."""

FRAMING_BYTES: Final = 16 * 1024
"""Largest size of the boundaries and part headers of a form, bytes."""

DRAIN_SECONDS: Final = 5.0
"""Longest time that the rest of a refused body is read."""

SHOWN_CHARACTERS: Final = 40
"""Characters of an unknown field's name that an error message repeats."""

EXAMPLE: Final = "curl -F image=@person.jpg -F cloth=@garment.jpg"
"""A right request, for error messages."""


@dataclass(frozen=True)
class Form:
    """The content of an upload form."""

    image: bytes
    """The file of the person's photo."""

    cloth: bytes
    """The file of the garment's photo."""

    options: Mapping[str, str]
    """Texts of the options that were sent, by name; not parsed yet."""


async def read_form(request: Request, *, max_file_bytes: int, seconds: float) -> Form:
    """Receive the form: files of at most ``max_file_bytes`` each, within ``seconds``.

    Raises MissingField, UnexpectedField, EmptyUpload, UploadTooLarge, and InvalidOption for an
    option that is too long. Raises HTTPException for a body that is no form (415), a malformed form
    (400) and a body that does not arrive (408).
    """
    option_bytes = sum(option.max_bytes for option in OPTIONS)
    limit = len(FILES) * max_file_bytes + option_bytes + FRAMING_BYTES
    stream = request.stream()
    try:
        async with asyncio.timeout(seconds):
            return await _parse(request, stream, max_file_bytes, limit)
    except TimeoutError:
        request.state.hang_up = True
        raise HTTPException(
            408, f"The photos did not arrive within {seconds:g} seconds; send smaller ones."
        ) from None
    except (TryOnError, HTTPException):
        request.state.hang_up = not await _drained(request, stream, limit)
        raise


async def _parse(
    request: Request, stream: AsyncIterator[bytes], max_file_bytes: int, limit: int
) -> Form:
    content_type, parameters = parse_options_header(request.headers.get("content-type", ""))
    boundary = parameters.get(b"boundary", b"")
    if content_type.lower() != b"multipart/form-data" or not boundary:
        raise HTTPException(
            415, f"The photos are expected as multipart/form-data, as sent by `{EXAMPLE}`."
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large("The upload", max_file_bytes)
    accepted = {option.name: option for option in OPTIONS}
    parts = _Parts(max_file_bytes=max_file_bytes, options=accepted)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.on_part_begin,
                "on_header_field": parts.on_header_field,
                "on_header_value": parts.on_header_value,
                "on_header_end": parts.on_header_end,
                "on_headers_finished": parts.on_headers_finished,
                "on_part_data": parts.on_part_data,
                "on_end": parts.on_end,
            },
        )
        received = 0
        async for chunk in stream:
            received += len(chunk)
            if received > limit:
                raise _too_large("The upload", max_file_bytes)
            parser.write(chunk)
    except FormParserError:
        raise HTTPException(400, "The form is malformed; send it again.") from None
    return parts.form()


@dataclass(kw_only=True)
class _Parts:
    """Callbacks of the form parser. Each part is checked as soon as its headers are complete."""

    max_file_bytes: int
    """Largest size of a file."""

    options: Mapping[str, Option[Any]]
    """The options that are accepted, by name."""

    found: dict[str, bytearray] = field(default_factory=dict)
    """Contents of the parts so far, by field name."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    """Headers of the current part, names in lower case."""

    header: tuple[bytes, bytes] = (b"", b"")
    """Name and value, so far, of the header that is being read."""

    current: str = ""
    """Field name of the current part."""

    begun: bool = False
    """Whether a part has begun."""

    ended: bool = False
    """Whether the closing boundary was read."""

    def on_part_begin(self) -> None:
        self.begun = True
        self.headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.header = (self.header[0] + data[start:end], b"")

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.header = (self.header[0], self.header[1] + data[start:end])

    def on_header_end(self) -> None:
        self.headers[self.header[0].lower()] = self.header[1]
        self.header = (b"", b"")

    def on_headers_finished(self) -> None:
        _, parameters = parse_options_header(self.headers.get(b"content-disposition"))
        name = parameters.get(b"name", b"").decode("utf-8", "replace")
        shown = name[:SHOWN_CHARACTERS]
        if name not in FILES and name not in self.options:
            near = difflib.get_close_matches(name.lower(), [*FILES, *self.options], n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UnexpectedField(
                f"The field {shown!r} is not known{hint}; send the person's photo as 'image' "
                "and the garment's as 'cloth'."
            )
        if name in self.found:
            raise UnexpectedField(f"The field {shown!r} came twice; send it once.")
        # Some programs send a file without a name, but then with its type.
        is_file = b"filename" in parameters or self.headers.get(
            b"content-type", b""
        ).lower().startswith(b"image/")
        if name in FILES and not is_file:
            raise MissingField(
                f"The field {shown!r} came as text, not as a file; send {FILES[name]} "
                f"as a file, as in `{EXAMPLE}`."
            )
        self.current = name
        self.found[name] = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self.found[self.current]
        size = len(part) + end - start
        if self.current in FILES:
            if size > self.max_file_bytes:
                raise _too_large(f"The field {self.current!r}", self.max_file_bytes)
        elif size > self.options[self.current].max_bytes:
            raise self.options[self.current].too_long()
        part += data[start:end]

    def on_end(self) -> None:
        self.ended = True

    def form(self) -> Form:
        if self.begun and not self.ended:
            raise HTTPException(400, "The form ends in the middle; send it again.")
        for name, meaning in FILES.items():
            if name not in self.found:
                raise MissingField(
                    f"The field {name!r} is missing; send {meaning} in it, as in `{EXAMPLE}`."
                )
            if not self.found[name]:
                raise EmptyUpload(f"The file in {name!r} is empty; choose {meaning} again.")
        options = {
            name: self.found[name].decode("utf-8", "replace")
            for name in self.options
            if name in self.found
        }
        return Form(bytes(self.found.pop("image")), bytes(self.found.pop("cloth")), options)


def _too_large(what: str, max_file_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"{what} is too large; a photo may have {max_file_bytes / 1e6:g} MB, send a smaller one."
    )


async def _drained(request: Request, stream: AsyncIterator[bytes], limit: int) -> bool:
    """Read the rest of the body, so that the client reads the response. Return whether it ended.

    A client that still sends when the connection is closed sees a broken connection and not the
    problem. A client that waits for "100 Continue" has sent nothing and must not be asked to.
    """
    if "100-continue" in request.headers.get("expect", "").lower():
        return False
    dropped = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in stream:
                dropped += len(chunk)
                if dropped > limit:
                    return False
    except TimeoutError:
        return False
    return True
