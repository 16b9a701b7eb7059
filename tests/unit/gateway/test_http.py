"""The HTTP side over a backend of small arrays: everything but the models and the sockets."""

import asyncio
import base64
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Message

from gateway import __version__
from gateway import app as application
from gateway.inventory import Health, Replica, ServiceState, StartPolicy
from gateway.options import OPTIONS
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import QUALITY_WARNINGS
from gateway.routes import services as services_route
from gateway.run_mode import RunMode
from gateway.settings import GatewaySettings
from services.agnostic.contract import RemoveGarmentResponse
from services.cloth_mask.contract import SegmentResponse
from services.densepose.contract import EstimateSurfaceResponse
from services.human_parse.contract import ParseResponse
from services.kit.contract import Answer, Method
from services.kit.errors import NoPerson, TryOnError, WeightsMissing
from services.kit.pictures import images
from services.openpose.contract import EstimatePoseResponse, FindWearerResponse
from services.resize.contract import FitResponse, RestoreResponse
from services.super_resolution.contract import UpscaleResponse
from services.viton.contract import TryOnResponse
from tests.placements import make_placement

pytestmark = pytest.mark.unit

PERSON_GREY, GARMENT_GREY = 90, 200
SIZE = (1030, 770)
PLACEMENT = make_placement(770, 1030)


def file_of(grey: int, size: tuple[int, int] = SIZE) -> bytes:
    return images.encode(np.full((*size, 3), grey, np.uint8), images.PNG)


PERSON, GARMENT = file_of(PERSON_GREY), file_of(GARMENT_GREY)


class FakeBackend:
    """Small answers of the right kind; sees people only in pictures of the greys given."""

    def __init__(self) -> None:
        self.people = {PERSON_GREY}
        self.start_error: Exception | None = None
        self.call_error: Exception | None = None
        self.keypoints = np.zeros((25, 3), np.float32)
        self.seen_people = 1
        self.not_ready: set[str] = set()
        self.hold: asyncio.Event | None = None
        self.started = asyncio.Event()
        self.cancelled = False
        self.closed = False
        self.request_ids: set[str] = set()
        self.asked = 0

    async def start(self) -> None:
        if self.start_error:
            raise self.start_error

    async def call(
        self, method: Method[Any, Any], request: Any, seconds: float, request_id: str
    ) -> Answer[Any]:
        assert seconds > 0
        self.request_ids.add(request_id)
        if method.rpc == "TryOn":
            await self._hold()
            if self.call_error:
                raise self.call_error
        return Answer(self._answer(method, request))

    async def identity(self, service: str) -> str:  # noqa: ARG002 - nothing here is remembered
        return ""

    async def ready(self) -> Mapping[str, bool]:
        return {name: name not in self.not_ready for name in ("openpose", "viton")}

    async def services(self) -> Sequence[ServiceState]:
        self.asked += 1
        if self.hold:
            await self.hold.wait()
        here = Replica(
            address="10.0.0.1:50059", health=Health.SERVING, memory=5_000_000, running=1, waiting=0
        )
        gone = Replica(address="10.0.0.2:50059", health=Health.FAILING)
        return [
            ServiceState(
                name="openpose",
                mode=RunMode.ORCHESTRATED,
                health=Health.STOPPED,
                start_policy=StartPolicy.ON_DEMAND,
            ),
            ServiceState(
                name="viton",
                engine="warp",
                mode=RunMode.REMOTE,
                health=here.health,
                replicas=(here, gone),
                last_error="now: it broke",
            ),
        ]

    async def close(self) -> None:
        self.closed = True

    async def _hold(self) -> None:
        self.started.set()
        try:
            if self.hold:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def _answer(self, method: Method[Any, Any], request: Any) -> object:
        image, mask = np.zeros((8, 6, 3), np.uint8), np.zeros((8, 6), np.uint8)
        if method.rpc == "EstimatePose" and int(request.image[0, 0, 0]) not in self.people:
            raise NoPerson("No person was found; choose another photo.")
        makers: dict[str, Callable[[], object]] = {
            "Upscale": lambda: UpscaleResponse(request.image.repeat(2, 0).repeat(2, 1)),
            "Fit": lambda: FitResponse(request.image.copy(), PLACEMENT),
            "EstimatePose": lambda: EstimatePoseResponse(
                keypoints=self.keypoints.copy(),
                skeleton=image,
                person_mask=mask,
                person_count=self.seen_people,
                openpose_json="{}",
                body_yaw_degrees=70.0,
            ),
            "FindWearer": lambda: FindWearerResponse(np.zeros((25, 3), np.float32)),
            "Segment": lambda: SegmentResponse(
                mask, "dress" if request.category == "auto" else request.category
            ),
            "Parse": lambda: ParseResponse(mask),
            "EstimateSurface": lambda: EstimateSurfaceResponse(mask, mask, mask, image),
            "RemoveGarment": lambda: RemoveGarmentResponse(mask, image),
            "TryOn": lambda: TryOnResponse(image, mask, np.zeros((8, 6, 2), np.float32), mask),
            "Restore": lambda: RestoreResponse(request.original.copy()),
        }
        return makers[method.rpc]()


class Running:
    """The application, its backend, and a client to it."""

    def __init__(self, app: FastAPI, backend: FakeBackend, client: httpx.AsyncClient) -> None:
        self.app = app
        self.backend = backend
        self.client = client
        self.outcomes: list[TryOnError | None] = []

    async def post(
        self, person: bytes = PERSON, garment: bytes = GARMENT, path: str = "/vitons", **kwargs: Any
    ) -> httpx.Response:
        files = {"image": ("p.png", person), "cloth": ("g.png", garment)}
        return await self.client.post(path, files=files, **kwargs)


@contextlib.asynccontextmanager
async def running(backend: FakeBackend | None = None, **settings: Any) -> AsyncIterator[Running]:
    backend = backend or FakeBackend()
    outcomes: list[TryOnError | None] = []
    app = application.create(backend, GatewaySettings(**settings), outcomes.append)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tryon") as client,
    ):
        await asyncio.sleep(0.01)
        each = Running(app, backend, client)
        each.outcomes = outcomes
        yield each
    assert backend.closed


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"].endswith((".", "`."))
    return problem


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


async def test_unforeseen_errors_are_not_disclosed() -> None:
    async with running() as each:
        each.backend.call_error = ZeroDivisionError("secret of the house")
        response = await each.post()
        problem = assert_problem(response, 500, "internal")
        assert "secret" not in response.text
        assert problem["stage"] == "try_on"
        each.backend.call_error = None
        assert (await each.post()).status_code == 200


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


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]


STREAM = {"Accept": "text/event-stream"}


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


async def test_alive_and_ready_are_different_questions() -> None:
    async with running() as each:
        assert each.outcomes == [None]
        assert (await each.client.get("/readyz")).status_code == 200
        each.backend.not_ready = {"viton"}
        response = await each.client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["services"] == {"openpose": True, "viton": False}
        assert "viton" in response.json()["detail"]
        assert (await each.client.get("/healthz")).json() == {"status": "alive"}


async def test_a_backend_that_cannot_start_says_why() -> None:
    backend = FakeBackend()
    backend.start_error = WeightsMissing("a.onnx is missing; run `bash run.sh models`.")
    async with running(backend) as each:
        assert each.outcomes == [backend.start_error]
        assert_problem(await each.post(), 503, "weights_missing")
        ready = await each.client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "run.sh models" in ready.json()["detail"]


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


async def test_unknown_paths_and_methods_are_problems_too() -> None:
    async with running() as each:
        assert_problem(await each.client.get("/nowhere"), 404, "not_found")
        response = await each.client.get("/vitons")
        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["allow"] == "POST"


async def test_pages_load_nothing_from_elsewhere() -> None:
    async with running() as each:
        root = await each.client.get("/")
        docs = await each.client.get("/docs")
        script = await each.client.get("/docs/ui/swagger-ui-bundle.js")
        start = await each.client.get("/docs/start.js")
        problem = await each.client.get("/nowhere")
    assert root.headers["location"] == "/index"
    assert docs.status_code == script.status_code == start.status_code == 200
    assert "http://" not in docs.text
    assert "https://" not in docs.text
    for response in (root, docs, problem):
        assert response.headers["content-security-policy"].startswith("default-src 'self'; img-src")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"memo_mb": 0}, "Your photos make this one picture and are not kept."),
        ({}, "stays in this server's memory for 10 minutes"),
        ({"memo_seconds": 86_400 * 7}, "stays in this server's memory for 7 days"),
        ({"memo_seconds": 90, "memo_dir": "/srv/memo"}, "stays on this server for 90 seconds"),
    ],
)
async def test_the_page_tells_what_is_kept(settings: dict[str, Any], told: str) -> None:
    async with running(**settings) as each:
        page = (await each.client.get("/index")).text
    assert told in page
    assert "{{" not in page


async def test_the_api_describes_itself() -> None:
    async with running() as each:
        schema = (await each.client.get("/openapi.json")).json()
    content = schema["paths"]["/v1/services"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Services"}
    post = schema["paths"]["/vitons"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image", "cloth"]
    assert form["properties"]["format"]["enum"] == ["png", "jpeg", "webp"]
    assert form["properties"]["category"]["enum"] == ["auto", "upper", "lower", "dress"]
    assert [each["name"] for each in post["parameters"]] == [option.name for option in OPTIONS]
    assert set(post["responses"]["200"]["content"]) == {
        "image/png",
        "image/jpeg",
        "image/webp",
        "application/json",
        "text/event-stream",
    }
    headers = set(post["responses"]["200"]["headers"])
    assert {"X-TryOn-Warnings", "X-TryOn-Confidence", "X-TryOn-Category"} <= headers
    types = schema["components"]["schemas"]

    def named(reference: dict[str, str], name: str) -> Any:
        assert reference["$ref"] == f"#/components/schemas/{name}"
        return types[name]["properties"] if "properties" in types[name] else types[name]

    result = named(post["responses"]["200"]["content"]["application/json"]["schema"], "TryOnResult")
    codes = [each.code for each in QUALITY_WARNINGS]
    warning = named(result["warnings"]["items"], "QualityWarning")
    assert warning.keys() == {"code", "message"}
    assert named(warning["code"], "WarningCode")["enum"] == codes
    assert named(result["timings"], "StageTimings")["additionalProperties"] == {"type": "number"}
    for status in ("400", "406", "408", "413", "415", "422", "500", "503", "504"):
        content = post["responses"][status]["content"]
        problem = named(content["application/problem+json"]["schema"], "ProblemDetails")
        assert "code" in problem
    stream = post["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    data_types = {
        each["properties"]["event"]["const"]: each["properties"]["data"]["contentSchema"]["$ref"]
        for each in stream
    }
    assert {name: reference.rpartition("/")[2] for name, reference in data_types.items()} == {
        "pipeline": "PipelineEvent",
        "stage": "StageEvent",
        "result": "TryOnResult",
        "error": "ProblemDetails",
    }
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema)))
    assert references <= types.keys()


async def test_responses_have_the_fields_that_the_document_names() -> None:
    async with running() as each:
        types = (await each.client.get("/openapi.json")).json()["components"]["schemas"]
        result = (await each.post(headers={"Accept": "application/json"})).json()
        (_, pipeline), (_, stage), *_ = events_of((await each.post(headers=STREAM)).text)
        problem = (await each.post(person=b"hello")).json()
    for name, sent in (
        ("TryOnResult", result),
        ("QualityWarning", result["warnings"][0]),
        ("PipelineEvent", pipeline),
        ("StageDescription", pipeline["stages"][0]),
        ("StageEvent", stage),
        ("ProblemDetails", problem),
    ):
        assert sent.keys() == types[name]["properties"].keys() == set(types[name]["required"]), name
