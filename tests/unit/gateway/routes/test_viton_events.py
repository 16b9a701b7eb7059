"""``POST /vitons`` with progress as server-sent events."""

import asyncio
import base64

import pytest

from gateway.pipeline import TRY_ON_PIPELINE
from services.kit.pictures import images
from tests.unit.gateway.app_client import (
    SIZE,
    STREAM,
    FakeBackend,
    assert_problem,
    events_of,
    running,
)

pytestmark = pytest.mark.unit


async def test_progress_comes_as_events() -> None:
    async with running() as each:
        response = await each.post(path="/vitons?format=webp", headers=STREAM)
    assert response.headers["content-type"].startswith("text/event-stream")
    (first, pipeline), *stages, (last, result) = events_of(response.text)
    assert (first, last) == ("pipeline", "result")
    assert [stage["name"] for stage in pipeline["stages"]] == [
        step.name for step in TRY_ON_PIPELINE.steps
    ]
    assert {name for name, _ in stages} == {"stage"}
    over = [data for _, data in stages if data["state"] in ("finished", "skipped")]
    assert [data["done"] for data in over] == list(range(1, len(TRY_ON_PIPELINE.steps) + 1))
    assert all(set(data) == {"stage", "state", "seconds", "done", "total"} for _, data in stages)
    assert (result["media_type"], result["width"], result["height"]) == ("image/webp", 770, 1030)
    assert images.decode(base64.b64decode(result["image"])).shape == (*SIZE, 3)
    assert "try_on" in result["timings"]


async def test_an_idle_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(backend) as each:
        request = asyncio.create_task(each.post(headers=STREAM))
        await backend.started.wait()
        await asyncio.sleep(0.3)
        backend.hold.set()
        response = await request
    assert ": ping\n\n" in response.text
    assert [name for name, _ in events_of(response.text.replace(": ping\n\n", ""))][-1] == "result"


async def test_streams_are_not_kept_by_caches_and_proxies() -> None:
    async with running() as each:
        response = await each.post(headers=STREAM)
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["x-accel-buffering"] == "no"


async def test_an_error_on_the_way_is_the_last_event() -> None:
    async with running() as each:
        each.backend.people = set()
        response = await each.post(headers=STREAM)
    name, problem = events_of(response.text)[-1]
    assert (name, problem["code"], problem["stage"]) == ("error", "no_person", "openpose")
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_an_error_before_the_run_is_an_ordinary_problem() -> None:
    async with running() as each:
        assert_problem(await each.post(person=b"hello", headers=STREAM), 415, "not_an_image")
