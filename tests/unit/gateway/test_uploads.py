import asyncio
from collections.abc import Sequence

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from gateway.uploads import Form, read_form
from services.kit.errors import (
    EmptyUpload,
    InputError,
    InvalidOption,
    MissingField,
    UnexpectedField,
    UploadTooLarge,
)

pytestmark = pytest.mark.unit

LIMIT = 1000
END = b"--edge--\r\n"


def part(name: str, data: bytes, extra: str = '; filename="photo.jpg"', headers: str = "") -> bytes:
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{headers}\r\n'
    return head.encode() + data + b"\r\n"


PERSON, GARMENT = part("image", b"person"), part("cloth", b"garment")


class Connection:
    """Sends the chunks, then nothing more; counts what was taken."""

    def __init__(self, chunks: Sequence[bytes], *, stall: bool = False) -> None:
        self.chunks = list(chunks)
        self.stall = stall
        self.taken = 0

    async def receive(self) -> Message:
        if not self.chunks:
            if self.stall:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": b"", "more_body": False}
        chunk = self.chunks.pop(0)
        self.taken += len(chunk)
        more = bool(self.chunks) or self.stall
        return {"type": "http.request", "body": chunk, "more_body": more}


def request_of(
    connection: Connection,
    content_type: str = "multipart/form-data; boundary=edge",
    **headers: str,
) -> Request:
    given = {"content-type": content_type, **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/vitons",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
        "state": {},
    }
    return Request(scope, connection.receive)


async def read(*chunks: bytes, seconds: float = 5) -> Form:
    request = request_of(Connection(chunks))
    return await read_form(request, max_file_bytes=LIMIT, seconds=seconds)


async def test_both_files_and_the_options() -> None:
    body = PERSON + GARMENT + part("format", b"webp", "") + part("size", b"upload", "")
    body += part("category", b"dress", "") + END
    form = await read(body)
    assert form == Form(
        b"person", b"garment", {"format": "webp", "size": "upload", "category": "dress"}
    )


async def test_however_the_body_is_cut() -> None:
    body = PERSON + GARMENT + END
    whole = await read(body)
    assert await read(*[body[i : i + 1] for i in range(len(body))]) == whole
    assert whole == Form(b"person", b"garment", {})


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (GARMENT + END, MissingField, "'image' is missing; send the person's photo"),
        (PERSON + END, MissingField, "'cloth' is missing; send the garment's photo"),
        (END, MissingField, "'image' is missing"),
        (part("image", b"x", "") + GARMENT + END, MissingField, "came as text, not as a file"),
        (part("imag", b"x") + END, UnexpectedField, r"'imag' is not known \(did you mean 'image'"),
        (part("evil", b"x") + END, UnexpectedField, "'evil' is not known; send"),
        (PERSON + PERSON + GARMENT + END, UnexpectedField, "'image' came twice"),
        (part("image", b"") + GARMENT + END, EmptyUpload, "'image' is empty"),
        (PERSON + part("cloth", b"") + END, EmptyUpload, "'cloth' is empty"),
        (part("image", b"x" * 1001) + GARMENT + END, UploadTooLarge, "'image' is too large"),
        (PERSON + part("format", b"x" * 99, "") + END, InvalidOption, "option 'format' is longer"),
    ],
)
async def test_errors_name_the_fault(body: bytes, kind: type[InputError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        await read(body)


async def test_a_file_without_a_name_but_with_a_picture_type_is_a_file() -> None:
    blob = part("image", b"person", "", "Content-Type: image/png\r\n")
    assert (await read(blob + GARMENT + END)).image == b"person"


async def test_exactly_the_limit_is_allowed() -> None:
    assert len((await read(part("image", b"x" * LIMIT) + GARMENT + END)).image) == LIMIT


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "",
        "image/png",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ],
)
async def test_only_multipart_forms_are_read(content_type: str) -> None:
    request = request_of(Connection([b"{}"]), content_type)
    with pytest.raises(HTTPException) as refusal:
        await read_form(request, max_file_bytes=LIMIT, seconds=5)
    assert refusal.value.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        PERSON + GARMENT,
        PERSON + GARMENT[:-10],
        b"nonsense",
        b"--other\r\n\r\n",
        b'--edge\r\nContent-Disposition: form-data; name="image\r\n',
        b"--edge\r\n" + b"X-Many: 1\r\n" * 20 + b"\r\n",
        b"--edge\r\n" + b"X-Long: " + b"1" * 9000 + b"\r\n\r\n",
    ],
)
async def test_broken_forms_are_refused(body: bytes) -> None:
    with pytest.raises(HTTPException) as refusal:
        await read(body)
    assert refusal.value.status_code == 400


async def test_a_body_without_end_is_cut_off() -> None:
    endless = Connection([part("image", b"")[:-2], *[b"x" * 500] * 10_000])
    request = request_of(endless)
    with pytest.raises(UploadTooLarge):
        await read_form(request, max_file_bytes=LIMIT, seconds=5)
    assert endless.taken < 50_000
    assert request.state.hang_up


async def test_a_length_over_the_limit_is_refused_before_the_body() -> None:
    connection = Connection([b"x" * 500] * 10_000)
    request = request_of(connection, content_length="5000000", expect="100-continue")
    with pytest.raises(UploadTooLarge):
        await read_form(request, max_file_bytes=LIMIT, seconds=5)
    assert connection.taken == 0


async def test_a_small_rest_is_read_so_that_the_client_gets_the_answer() -> None:
    connection = Connection([part("evil", b"x"), b"y" * 500, b"z" * 500])
    request = request_of(connection)
    with pytest.raises(UnexpectedField):
        await read_form(request, max_file_bytes=LIMIT, seconds=5)
    assert not connection.chunks
    assert not request.state.hang_up


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    request = request_of(Connection([PERSON], stall=True))
    with pytest.raises(HTTPException) as refusal:
        await read_form(request, max_file_bytes=LIMIT, seconds=0.05)
    assert refusal.value.status_code == 408
    assert request.state.hang_up
