"""``POST /vitons``: the picture, its headers, options, errors and the queue."""

import asyncio
import base64
import math

import pytest
from starlette.types import Message

from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import QUALITY_WARNINGS
from services.kit.pictures import images
from tests.unit.gateway.app_client import (
    GARMENT,
    PERSON,
    PERSON_GREY,
    SIZE,
    STREAM,
    FakeBackend,
    Running,
    assert_problem,
    events_of,
    file_of,
    running,
)

pytestmark = pytest.mark.unit


async def test_the_picture_comes_back_as_png() -> None:
    async with running() as each:
        response = await each.post()
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    picture = images.decode(response.content)
    assert picture.shape == (*SIZE, 3)
    assert picture[0, 0, 0] == PERSON_GREY


@pytest.mark.parametrize(
    ("path", "headers", "data", "media_type"),
    [
        ("/vitons", {"Accept": "image/webp"}, {}, "image/webp"),
        ("/vitons", {"Accept": "image/jpeg;q=0.5, image/webp;q=0.1"}, {}, "image/jpeg"),
        ("/vitons?format=jpeg", {"Accept": "image/png"}, {}, "image/jpeg"),
        ("/vitons", {}, {"format": "webp"}, "image/webp"),
        ("/vitons?format=jpeg", {}, {"format": "webp"}, "image/webp"),
    ],
)
async def test_formats(
    path: str, headers: dict[str, str], data: dict[str, str], media_type: str
) -> None:
    async with running() as each:
        response = await each.post(path=path, headers=headers, data=data)
    assert response.headers["content-type"] == media_type
    assert images.decode(response.content).shape == (*SIZE, 3)


async def test_a_small_photo_comes_back_enlarged_unless_its_own_size_is_asked_for() -> None:
    small = file_of(PERSON_GREY, (400, 300))
    async with running() as each:
        auto = await each.post(small)
        upload = await each.post(small, path="/vitons?size=upload")
    assert images.decode(auto.content).shape == (800, 600, 3)
    assert images.decode(upload.content).shape == (400, 300, 3)


async def test_the_headers_hold_the_request_id_and_the_time_of_every_stage() -> None:
    async with running() as each:
        response = await each.post(headers={"X-Request-Id": "mine-1"})
        odd = await each.post(headers={"X-Request-Id": "<script>"})
    assert response.headers["x-request-id"] == "mine-1"
    assert odd.headers["x-request-id"] != "<script>"
    assert "mine-1" in each.backend.request_ids
    timing = response.headers["server-timing"]
    assert all(f"{step.name};dur=" in timing for step in TRY_ON_PIPELINE.steps)
    assert "total;dur=" in timing


WARNED = ["turned_body", "several_people", "cropped_person", "doubtful_mask"]
CONFIDENCE = round(math.prod(each.weight for each in QUALITY_WARNINGS if each.code in WARNED), 2)


async def test_quality_warnings_come_with_the_picture() -> None:
    async with running() as each:
        each.backend.seen_people = 2
        response = await each.post()
        within = await each.post(path="/vitons?format=webp", headers={"Accept": "application/json"})
        streamed = await each.post(headers=STREAM)
    assert response.headers["x-tryon-warnings"].split(",") == WARNED
    assert float(response.headers["x-tryon-confidence"]) == CONFIDENCE
    assert within.headers["content-type"] == "application/json"
    result = within.json()
    assert (result["media_type"], result["width"], result["height"]) == ("image/webp", 770, 1030)
    assert images.decode(base64.b64decode(result["image"])).shape == (*SIZE, 3)
    assert result["warnings"] == [
        {"code": each.code, "message": each.message}
        for each in QUALITY_WARNINGS
        if each.code in WARNED
    ]
    assert result["confidence"] == CONFIDENCE
    assert within.headers["x-tryon-warnings"] == response.headers["x-tryon-warnings"]
    _, event = events_of(streamed.text)[-1]
    assert event.keys() == result.keys()
    assert (event["warnings"], event["confidence"]) == (result["warnings"], result["confidence"])


async def test_a_small_upload_is_judged_by_its_own_size() -> None:
    async with running() as each:
        each.backend.keypoints[[2, 5, 9, 12]] = [
            (284, 300, 1),
            (484, 300, 1),
            (320, 620, 1),
            (448, 620, 1),
        ]
        large = await each.post()
        small = await each.post(file_of(PERSON_GREY, (400, 300)))
    assert "low_resolution_person" not in large.headers["x-tryon-warnings"]
    assert "low_resolution_person" in small.headers["x-tryon-warnings"]


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/vitons?format=gif", {}, 422, "invalid_option"),
        ("/vitons?size=huge", {}, 422, "invalid_option"),
        ("/vitons?category=hat", {}, 422, "invalid_option"),
        ("/vitons", {"Accept": "text/html"}, 406, "not_acceptable"),
    ],
)
async def test_options_are_checked(
    path: str, headers: dict[str, str], status: int, code: str
) -> None:
    async with running() as each:
        assert_problem(await each.post(path=path, headers=headers), status, code)


@pytest.mark.parametrize("category", ["auto", "upper", "lower", "dress", ""])
async def test_the_answer_says_what_the_garment_was_worn_as(category: str) -> None:
    worn = "dress" if category in {"auto", ""} else category
    async with running() as each:
        asked = await each.post(path=f"/vitons?category={category}")
        sent = await each.post(data={"category": category.upper()})
        result = await each.post(
            data={"category": category}, headers={"Accept": "application/json"}
        )
    assert asked.headers["x-tryon-category"] == worn
    assert sent.headers["x-tryon-category"] == worn
    assert result.json()["category"] == worn


async def test_a_wrong_category_names_the_known_ones() -> None:
    async with running() as each:
        problem = assert_problem(await each.post(data={"category": "hat"}), 422, "invalid_option")
    assert problem["detail"] == "category=hat is not known; choose auto, upper, lower or dress."


async def test_a_picture_that_cannot_be_read_names_which_of_the_two() -> None:
    async with running() as each:
        person = assert_problem(await each.post(person=b"hello"), 415, "not_an_image")
        garment = assert_problem(await each.post(garment=b"hello"), 415, "not_an_image")
        assert (await each.post()).status_code == 200
    assert person["detail"].startswith("The person's photo:")
    assert person["stage"] == "person_upload"
    assert garment["detail"].startswith("The garment's photo:")


async def test_nobody_in_the_person_photo() -> None:
    async with running() as each:
        each.backend.people = set()
        problem = assert_problem(await each.post(), 422, "no_person")
    assert problem["stage"] == "openpose"


async def test_swapped_photos_are_noticed() -> None:
    async with running() as each:
        problem = assert_problem(await each.post(GARMENT, PERSON), 422, "photos_swapped")
    assert "swapped" in problem["detail"]


async def test_too_many_at_once_are_refused_with_retry_after() -> None:
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(
        backend, max_concurrent_try_ons=1, max_queued_try_ons=1, retry_after=7
    ) as each:
        first = asyncio.create_task(each.post())
        await backend.started.wait()
        second = asyncio.create_task(each.post())
        await asyncio.sleep(0.3)
        refused = await each.post()
        assert_problem(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "7"
        backend.hold.set()
        assert [(await first).status_code, (await second).status_code] == [200, 200]
        assert (await each.post()).status_code == 200


async def post_and_leave(each: Running, accept: str, leaves: asyncio.Event) -> None:
    """Send a request as a client that leaves at an event; return when the application is done."""
    request = each.client.build_request(
        "POST",
        "/vitons",
        files={"image": ("p", PERSON), "cloth": ("g", GARMENT)},
        headers={"Accept": accept},
    )
    body = [{"type": "http.request", "body": request.read(), "more_body": False}]

    async def receive() -> Message:
        if body:
            return body.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/vitons",
        "query_string": b"",
        "headers": [(k.lower(), v) for k, v in request.headers.raw],
    }
    async with asyncio.timeout(20):
        await each.app(scope, receive, send)


@pytest.mark.parametrize("accept", ["image/png", "text/event-stream"])
async def test_a_client_that_leaves_cancels_its_run(accept: str) -> None:
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(backend, max_concurrent_try_ons=1, max_queued_try_ons=0) as each:
        await post_and_leave(each, accept, backend.started)
        await asyncio.sleep(0.05)
        assert backend.cancelled
        backend.hold.set()
        assert (await each.post()).status_code == 200


@pytest.mark.parametrize("accept", ["image/png", "text/event-stream"])
async def test_a_client_that_leaves_the_queue_frees_its_place(accept: str) -> None:
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(backend, max_concurrent_try_ons=1, max_queued_try_ons=1) as each:
        first = asyncio.create_task(each.post())
        await backend.started.wait()
        leaves = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, leaves.set)
        await post_and_leave(each, accept, leaves)
        assert not backend.cancelled
        second = asyncio.create_task(each.post())
        await asyncio.sleep(0.3)
        backend.hold.set()
        assert [(await first).status_code, (await second).status_code] == [200, 200]
