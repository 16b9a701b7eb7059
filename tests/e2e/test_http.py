import base64
import contextlib
import io
import json
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import psutil
import pytest

from gateway.pipeline import TRY_ON_PIPELINE
from tests.e2e.conftest import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def upload(
    server: Server, person: bytes, garment: bytes, path: str = "/vitons", **headers: str
) -> httpx.Response:
    files = {"image": ("person.jpg", person), "cloth": ("garment.jpg", garment)}
    with server.client() as client:
        return client.post(path, files=files, headers=headers)


def picture_of(data: bytes) -> PIL.Image.Image:
    picture = PIL.Image.open(io.BytesIO(data))
    picture.load()
    return picture


def saved(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    told: dict[str, Any] = response.json()
    assert (response.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["request_id"] == response.headers["x-request-id"]
    # One sentence that says what is wrong and, after a semicolon, what to do.
    assert len(told["detail"]) > 30
    assert told["detail"].endswith(".")
    return told


@pytest.fixture(scope="module")
def result(server: Server, person: bytes, garment: bytes) -> httpx.Response:
    response = upload(server, person, garment)
    assert response.status_code == 200, response.text
    return response


def test_the_person_wears_the_garment_in_the_frame_of_the_upload(
    result: httpx.Response, person: bytes
) -> None:
    before, after = picture_of(person).convert("RGB"), picture_of(result.content)
    assert (after.format, after.mode) == ("PNG", "RGB")
    assert after.width / after.height == pytest.approx(before.width / before.height, rel=0.01)
    small = (192, 256)
    difference = np.abs(
        np.asarray(before.resize(small), np.int16) - np.asarray(after.resize(small), np.int16)
    ).max(axis=2)
    changed = difference > 24
    # The garment's part of the picture is new; the corners are the photo's own.
    assert 0.02 < changed.mean() < 0.8
    assert not changed[:16, :16].any()
    assert not changed[:16, -16:].any()


@pytest.mark.parametrize(
    ("cloth", "worn"),
    [("garment", "upper"), ("trousers", "lower"), ("skirt", "lower"), ("dress", "dress")],
)
def test_what_the_garment_is_is_seen_and_told(
    server: Server, examples: Path, person: bytes, cloth: str, worn: str
) -> None:
    response = upload(server, person, (examples / f"{cloth}.jpg").read_bytes())
    assert response.status_code == 200, response.text
    assert response.headers["x-tryon-category"] == worn
    before = np.asarray(picture_of(person).convert("RGB"), np.int16)
    after = np.asarray(picture_of(response.content).resize(before.shape[1::-1]), np.int16)
    changed = np.abs(before - after).max(axis=2) > 24
    chest = changed[int(0.42 * len(changed)) : int(0.6 * len(changed)), 350:550].mean()
    thighs = changed[int(0.9 * len(changed)) :, 250:650].mean()
    assert (chest > 0.5) == (worn != "lower")
    assert (thighs > 0.2) == (worn != "upper")


def test_the_category_asked_for_is_worn(
    server: Server, examples: Path, person: bytes, garment: bytes
) -> None:
    files = {"image": ("p.jpg", person), "cloth": ("g.jpg", garment)}
    refused = httpx.post(f"{server.url}/vitons", files=files, data={"category": "hat"}, timeout=180)
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_option"
    assert "auto, upper, lower or dress" in refused.json()["detail"]
    skirt = {**files, "cloth": ("s.jpg", (examples / "skirt.jpg").read_bytes())}
    asked = httpx.post(
        f"{server.url}/vitons",
        files=skirt,
        data={"category": "lower"},
        headers={"Accept": "application/json"},
        timeout=180,
    )
    assert asked.json()["category"] == "lower"


def test_the_times_of_all_stages_are_told(result: httpx.Response) -> None:
    timing = dict(part.split(";dur=") for part in result.headers["server-timing"].split(", "))
    assert timing.keys() >= {step.name for step in TRY_ON_PIPELINE.steps}
    assert all(float(milliseconds) >= 0 for milliseconds in timing.values())


def test_the_same_photos_give_the_same_picture(
    server: Server, person: bytes, garment: bytes, result: httpx.Response
) -> None:
    assert upload(server, person, garment).content == result.content


def test_curl_as_in_the_readme(
    server: Server, examples: Path, tmp_path: Path, result: httpx.Response
) -> None:
    output = tmp_path / "out.png"
    command = [
        *("curl", "-sS", "-X", "POST"),
        *("-F", f"image=@{examples / 'person.jpg'}", "-F", f"cloth=@{examples / 'garment.jpg'}"),
        *(f"{server.url}/vitons", "-o", str(output)),
    ]
    try:
        subprocess.run(command, check=True, timeout=180)  # noqa: S603 - curl, as written above
    except FileNotFoundError:
        pytest.skip("curl is not installed; apt-get install curl")
    assert output.read_bytes() == result.content


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/vitons", "image/webp", "WEBP"),
        ("/vitons?format=jpeg", "image/png", "JPEG"),
    ],
)
def test_other_formats_show_the_same(
    server: Server,
    person: bytes,
    garment: bytes,
    result: httpx.Response,
    *,
    path: str,
    accept: str,
    kind: str,
) -> None:
    response = upload(server, person, garment, path, Accept=accept)
    picture = picture_of(response.content)
    assert picture.format == kind
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    expected = np.asarray(picture_of(result.content), np.int16)
    assert np.abs(np.asarray(picture, np.int16) - expected).mean() < 4


def test_a_small_photo_is_enlarged_or_kept_at_its_size(
    server: Server, person: bytes, garment: bytes
) -> None:
    original = picture_of(person)
    size = (original.width * 400 // original.height, 400)
    small = saved(original.resize(size), "JPEG", quality=95)
    response = upload(server, small, garment, "/vitons?size=upload")
    assert response.status_code == 200, response.text
    assert picture_of(response.content).size == size


def test_progress_events(
    server: Server, person: bytes, garment: bytes, result: httpx.Response
) -> None:
    files = {"image": ("p.jpg", person), "cloth": ("c.jpg", garment)}
    arrived: list[tuple[str, dict[str, Any], float]] = []
    with (
        server.client() as client,
        client.stream(
            "POST", "/vitons", files=files, headers={"Accept": "text/event-stream"}
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                arrived.append((name, json.loads(line.removeprefix("data: ")), time.monotonic()))
    names = [name for name, _, _ in arrived]
    assert names[0] == "pipeline"
    assert names[-1] == "result"
    assert set(names[1:-1]) == {"stage"}
    # They came one by one and not together at the end.
    assert arrived[-1][2] - arrived[0][2] > 0.1
    picture = arrived[-1][1]
    assert base64.b64decode(picture["image"]) == result.content
    assert (picture["warnings"], picture["confidence"]) == ([], 1)


def test_nothing_speaks_against_the_examples(result: httpx.Response) -> None:
    assert result.headers["x-tryon-warnings"] == ""
    assert float(result.headers["x-tryon-confidence"]) == 1


def test_what_may_look_wrong_is_told_with_the_picture(
    server: Server, person: bytes, garment: bytes
) -> None:
    photo = picture_of(person).convert("RGB").resize((270, 360))
    pair = PIL.Image.new("RGB", (540, 360))
    pair.paste(photo, (0, 0))
    pair.paste(photo.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), (270, 0))
    upright = picture_of(garment).convert("RGB")
    cut = upright.crop((0, 0, upright.width // 2, upright.height)).resize((150, 400))
    response = upload(
        server, saved(pair, "PNG"), saved(cut, "PNG"), "/vitons", Accept="application/json"
    )
    assert response.status_code == 200, response.text
    told = response.json()
    codes = [each["code"] for each in told["warnings"]]
    assert response.headers["x-tryon-warnings"].split(",") == codes
    assert {"several_people", "low_resolution_person", "garment_at_edge"} <= set(codes)
    assert 0 < told["confidence"] < 0.5
    assert all(each["message"].endswith(".") for each in told["warnings"])
    assert picture_of(base64.b64decode(told["image"])).size == (told["width"], told["height"])


def png(width: int, height: int, *, data: bytes = b"") -> bytes:
    """A PNG whose header claims a size; the pixels are whatever is given."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def grey(width: int, height: int) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (width, height), (128, 128, 128))


HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
ANIMATED = saved(
    grey(300, 400),
    "WEBP",
    save_all=True,
    append_images=[PIL.Image.new("RGB", (300, 400), (9, 9, 9))],
)
NOISE = np.random.default_rng(5).integers(0, 256, (1024, 768, 3), np.uint8)

BAD_PERSONS = {
    "not an image": (b"hello, this is text" * 50, 415, "not_an_image"),
    "zero bytes": (b"", 422, "empty_upload"),
    "1x1": (saved(grey(1, 1), "PNG"), 422, "image_too_small"),
    "20,000x20,000": (png(20_000, 20_000), 413, "image_too_large"),
    "decompression bomb": (png(4_000, 200_000, data=bytes(50_000_000)), 413, "image_too_large"),
    "damaged pixels": (png(800, 1000, data=bytes(99)), 422, "truncated_image"),
    "animated": (ANIMATED, 415, "animated_image"),
    "HEIC": (HEIC, 415, "unsupported_format"),
    "SVG": (SVG, 415, "unsupported_format"),
    "too many bytes": (png(800, 1000) + bytes(21_000_000), 413, "upload_too_large"),
    "no person": (saved(PIL.Image.fromarray(NOISE), "PNG"), 422, "no_person"),
}


@pytest.mark.parametrize("what", BAD_PERSONS)
def test_bad_photos_are_told(server: Server, garment: bytes, what: str) -> None:
    data, status, code = BAD_PERSONS[what]
    assert_problem(upload(server, data, garment), status, code)


def test_a_truncated_photo(server: Server, person: bytes, garment: bytes) -> None:
    told = assert_problem(
        upload(server, person[: len(person) // 2], garment), 422, "truncated_image"
    )
    assert told["detail"].startswith("The person's photo:")


def test_a_photo_without_a_garment(server: Server, person: bytes) -> None:
    nothing = saved(PIL.Image.new("RGB", (768, 1024), (255, 255, 255)), "PNG")
    assert_problem(upload(server, person, nothing), 422, "no_garment")


def test_swapped_photos(server: Server, person: bytes, garment: bytes) -> None:
    told = assert_problem(upload(server, garment, person), 422, "photos_swapped")
    assert "'image'" in told["detail"]


BAD_FORMS: dict[str, tuple[dict[str, Any], int, str]] = {
    "wrong field": ({"files": {"person": b"x", "cloth": b"x"}}, 422, "unexpected_field"),
    "missing field": ({"files": {"cloth": ("g.jpg", b"x")}}, 422, "missing_field"),
    "text": ({"files": {"image": (None, "p.jpg"), "cloth": b"x"}}, 422, "missing_field"),
    "doubled": (
        {"files": [("image", ("a.jpg", b"x")), ("image", ("b.jpg", b"x"))]},
        422,
        "unexpected_field",
    ),
    "JSON": ({"json": {"image": "p.jpg"}}, 415, "unsupported_media_type"),
    "nothing": ({}, 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("what", BAD_FORMS)
def test_bad_forms_are_told(server: Server, what: str) -> None:
    arguments, status, code = BAD_FORMS[what]
    with server.client() as client:
        assert_problem(client.post("/vitons", **arguments), status, code)


def test_an_endless_body_is_cut_off(server: Server) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield (b'--edge\r\nContent-Disposition: form-data; name="image"; filename="p.jpg"\r\n\r\n')
        for _ in range(4000):
            sent += 65_536
            yield bytes(65_536)

    with server.client() as client:
        try:
            response = client.post(
                "/vitons",
                content=body(),
                headers={"Content-Type": "multipart/form-data; boundary=edge"},
            )
        except httpx.TransportError:
            pass  # The server hung up while we were still sending, as it may.
        else:
            assert_problem(response, 413, "upload_too_large")
    assert sent < 4000 * 65_536


def test_the_server_is_as_good_as_new_after_all_of_that(
    server: Server, person: bytes, garment: bytes, result: httpx.Response
) -> None:
    assert upload(server, person, garment).content == result.content
    with server.client() as client:
        assert client.get("/healthz").status_code == 200


def test_many_at_once_are_refused_and_told_to_come_back(
    server: Server, person: bytes, garment: bytes
) -> None:
    # One runs and one waits (the fixture's setting); the others are refused at once.
    with ThreadPoolExecutor(5) as pool:
        responses = list(pool.map(lambda _: upload(server, person, garment), range(5)))
    codes = sorted(response.status_code for response in responses)
    assert codes[0] == 200
    assert codes[-1] == 503
    for response in responses:
        if response.status_code == 503:
            assert_problem(response, 503, "overloaded")
            assert int(response.headers["retry-after"]) > 0


def test_health_is_told_while_a_picture_is_made(
    server: Server, person: bytes, garment: bytes
) -> None:
    done = threading.Event()

    def post() -> int:
        try:
            return upload(server, person, garment).status_code
        finally:
            done.set()

    asked = 0
    with ThreadPoolExecutor(1) as pool, server.client() as client:
        working = pool.submit(post)
        while not done.is_set():
            assert client.get("/healthz").status_code == 200
            asked += 1
            time.sleep(0.05)
        assert working.result() == 200
    assert asked > 3


def files_of(server: Server) -> set[str]:
    """List the server's open files, those without a name too, and its temporary ones."""
    process = psutil.Process(server.process.pid)
    found = {file.path for file in process.open_files()}
    found.update(str(path) for path in server.temporary.rglob("*"))
    # Files without a name show as deleted descriptors; the server's lock is one of them.
    for descriptor in Path(f"/proc/{process.pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.endswith("(deleted)"):
                found.add(target)
    return found


def test_nothing_of_an_upload_touches_the_disk(server: Server, garment: bytes) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1290, 1290, 3), np.uint8)
    noisy = PIL.Image.fromarray(pixels)
    large = saved(noisy, "PNG")
    assert len(large) > 4_900_000
    before = files_of(server)
    opened: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            opened.update(files_of(server))
            time.sleep(0.002)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            told = upload(server, large, garment)
        finally:
            done.set()
        watching.result()
    assert_problem(told, 422, "no_person")
    assert opened <= before


def test_the_models_leave_nothing_in_the_temporary_folder(server: Server) -> None:
    # ONNX Runtime's telemetry begins with a session file there; it must be off.
    assert not [str(path) for path in server.temporary.rglob("*")]


def test_a_client_that_leaves_frees_its_place(
    server: Server, person: bytes, garment: bytes
) -> None:
    files = {"image": ("p.jpg", person), "cloth": ("c.jpg", garment)}
    request = httpx.Request("POST", f"{server.url}/vitons", files=files)
    port = int(server.url.rpartition(":")[2])
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = "POST /vitons HTTP/1.1\r\n" + "".join(
                f"{name}: {value}\r\n" for name, value in request.headers.items()
            )
            connection.sendall(head.encode() + b"\r\n" + request.read())
            time.sleep(0.5)
        time.sleep(0.2)
    # Three that stayed would hold one running and one waiting place, and this one be refused.
    assert upload(server, person, garment).status_code == 200


def test_the_pages_and_their_policy(server: Server) -> None:
    with server.client() as client:
        for path in ("/index", "/docs", "/openapi.json", "/static/icon.svg"):
            response = client.get(path)
            assert response.status_code == 200, path
            assert response.headers["content-security-policy"].startswith("default-src 'self'")
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/static/%2e%2e/app.py").status_code == 404
        ready = client.get("/readyz").json()
        assert ready["ready"]
        assert len(ready["services"]) == 8
