"""Receiving two photos: bounded in bytes and in time, and kept in memory only.

The framework's own form parser spools files to disk, so the body is parsed here, as it arrives.
"""

import asyncio
import difflib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.kit.errors import (
    EmptyUpload,
    MissingField,
    TryOnError,
    UnexpectedField,
    UploadTooLarge,
)

FILES: Final = {"image": "the person's photo", "cloth": "the garment's photo"}
OPTIONS: Final = ("format", "size", "category")
OPTION_BYTES: Final = 32
FRAMING_BYTES: Final = 16 * 1024
"""Room for boundaries and headers in a request's length."""

DRAIN_SECONDS: Final = 5.0
EXAMPLE: Final = "curl -F image=@person.jpg -F cloth=@garment.jpg"


@dataclass(frozen=True)
class Form:
    """What was sent: both files, and the options by name."""

    image: bytes
    cloth: bytes
    options: Mapping[str, str]


async def read_form(request: Request, *, max_file_bytes: int, seconds: float) -> Form:
    """Receive the form, at most ``max_file_bytes`` a photo, within ``seconds``.

    Raises MissingField, UnexpectedField, EmptyUpload and UploadTooLarge; HTTPException for a body
    that is no form (415), a broken one (400), or one that does not arrive (408).
    """
    limit = len(FILES) * max_file_bytes + FRAMING_BYTES
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
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    boundary = parameters.get(b"boundary", b"")
    if kind.lower() != b"multipart/form-data" or not boundary:
        raise HTTPException(
            415, f"The photos are expected as multipart/form-data, as sent by `{EXAMPLE}`."
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large("The upload", max_file_bytes)
    parts = _Parts(max_file_bytes)
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


@dataclass
class _Parts:
    """The parser's callbacks: checks each part as soon as its headers are there."""

    max_file_bytes: int
    found: dict[str, bytearray] = field(default_factory=dict)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    header: tuple[bytes, bytes] = (b"", b"")
    current: str = ""
    begun: bool = False
    ended: bool = False

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
        shown = name[:40]
        if name not in FILES and name not in OPTIONS:
            near = difflib.get_close_matches(name.lower(), [*FILES, *OPTIONS], n=1)
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
        is_file = self.current in FILES
        if len(part) + end - start > (self.max_file_bytes if is_file else OPTION_BYTES):
            raise _too_large(f"The field {self.current!r}", self.max_file_bytes)
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
        options: dict[str, str] = {
            name: self.found[name].decode("utf-8", "replace")
            for name in OPTIONS
            if name in self.found
        }
        return Form(bytes(self.found.pop("image")), bytes(self.found.pop("cloth")), options)


def _too_large(what: str, max_file_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"{what} is too large; a photo may have {max_file_bytes / 1e6:g} MB, send a smaller one."
    )


async def _drained(request: Request, stream: AsyncIterator[bytes], limit: int) -> bool:
    """Read what is still coming, so that the client gets to the answer; False where it is endless.

    A client that still sends when the connection is closed sees a broken connection and not the
    problem. One that waits for "100 Continue" has sent nothing, and must not be told to.
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
