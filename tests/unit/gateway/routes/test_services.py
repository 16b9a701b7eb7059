"""``/v1/services``."""

import asyncio

import httpx
import pytest

from gateway import __version__
from gateway.routes import services as services_route
from tests.unit.gateway.app_client import FakeBackend, assert_problem, running

pytestmark = pytest.mark.unit


async def test_every_service_is_reported() -> None:
    async with running() as each:
        response = await each.client.get("/v1/services")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    report = response.json()
    assert report["gateway"]["version"] == __version__
    assert report["gateway"]["memory"] > 1_000_000
    assert report["services"] == [
        {
            "name": "openpose",
            "engine": None,
            "mode": "orchestrated",
            "start_policy": "on_demand",
            "health": "stopped",
            "replicas": [],
            "memory": None,
            "calls": None,
            "last_error": None,
        },
        {
            "name": "viton",
            "engine": "warp",
            "mode": "remote",
            "start_policy": None,
            "health": "serving",
            "replicas": [
                {
                    "address": "10.0.0.1:50059",
                    "health": "serving",
                    "memory": 5_000_000,
                    "running": 1,
                    "waiting": 0,
                },
                {
                    "address": "10.0.0.2:50059",
                    "health": "failing",
                    "memory": None,
                    "running": None,
                    "waiting": None,
                },
            ],
            "memory": 5_000_000,
            "calls": 1,
            "last_error": "now: it broke",
        },
    ]
    assert report["total"] == {
        "services": 2,
        "serving": 1,
        "replicas": 2,
        "memory": report["gateway"]["memory"] + 5_000_000,
    }


async def test_many_who_ask_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(backend) as each:

        async def ask() -> httpx.Response:
            return await each.client.get("/v1/services")

        first, *others = [asyncio.create_task(ask()) for _ in range(20)]
        await asyncio.sleep(0.05)
        # Whoever asked first and leaves takes nothing from the others.
        first.cancel()
        backend.hold.set()
        assert {(await task).status_code for task in others} == {200}
        assert (await ask()).status_code == 200
        assert backend.asked == 1
        monkeypatch.setattr(services_route, "CACHE_SECONDS", 0.0)
        backend.hold = None
        each.app.state.service_reporter = services_route.ServiceReporter(backend)
        await ask()
        await ask()
        assert backend.asked == 3


async def test_a_backend_that_hangs_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_route, "REPORT_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(services_route, "CACHE_SECONDS", 0.0)
    backend = FakeBackend()
    backend.hold = asyncio.Event()
    async with running(backend) as each:
        assert_problem(await each.client.get("/v1/services"), 504, "deadline_exceeded")
        backend.hold = None
        assert (await each.client.get("/v1/services")).status_code == 200
