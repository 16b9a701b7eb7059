"""A client to the gateway over a backend of small arrays: no models and no sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from gateway import app as application
from gateway.inventory import Health, Replica, ServiceState, StartPolicy
from gateway.run_mode import RunMode
from gateway.settings import GatewaySettings
from services.agnostic.contract import RemoveGarmentResponse
from services.cloth_mask.contract import SegmentResponse
from services.densepose.contract import EstimateSurfaceResponse
from services.human_parse.contract import ParseResponse
from services.kit.contract import Answer, Method
from services.kit.errors import NoPerson, TryOnError
from services.kit.pictures import images
from services.openpose.contract import EstimatePoseResponse, FindWearerResponse
from services.resize.contract import FitResponse, RestoreResponse
from services.super_resolution.contract import UpscaleResponse
from services.viton.contract import TryOnResponse
from tests.placements import make_placement

PERSON_GREY, GARMENT_GREY = 90, 200
SIZE = (1030, 770)
PLACEMENT = make_placement(770, 1030)


def file_of(grey: int, size: tuple[int, int] = SIZE) -> bytes:
    return images.encode(np.full((*size, 3), grey, np.uint8), images.PNG)


PERSON, GARMENT = file_of(PERSON_GREY), file_of(GARMENT_GREY)
STREAM = {"Accept": "text/event-stream"}


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


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]
