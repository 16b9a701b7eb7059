"""Whoever leaves frees the cores: embedded, behind gRPC, and over HTTP.

Here a network runs for centuries unless it is cancelled. So a worker that becomes free, and a next
client that is served, show that it was.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
import uvicorn

from gateway import app as application
from gateway.backends.contracts import CONTRACTS
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.backends.remote import RemoteBackend
from gateway.negotiation import EVENT_STREAM
from gateway.settings import GatewaySettings
from services.densepose.contract import ESTIMATE_SURFACE, EstimateSurfaceResponse
from services.kit.contract import Contract
from services.kit.errors import DeadlineExceeded
from services.kit.pictures import images
from services.kit.runtimes import sessions
from services.kit.service import Service
from services.kit.settings import Settings
from services.resize.contract import CONTRACT, FIT, FitRequest
from tests import endless_network
from tests.blank_answers import blank
from tests.contract.conftest import Serve, until_told
from tests.contract.test_server import LONG, PICTURE, call, echo, fits
from tests.contract.test_server_status import status_of

pytestmark = pytest.mark.contract

PHOTO: Final = images.encode(np.full((1030, 770, 3), 90, np.uint8), images.PNG)


class CountingForEver:
    """The procedure of a service that runs the endless network in its first call alone."""

    def __init__(self, folder: Path, answer: Callable[[Any], Any]) -> None:
        self._session = sessions.onnx_session(endless_network.write(folder / "endless.onnx"))
        self._answer = answer
        self._counts = [endless_network.FOR_EVER]
        self._begun = threading.Event()

    def __call__(self, request: Any) -> Any:
        number = self._counts.pop() if self._counts else 5
        self._begun.set()
        assert endless_network.count_to(self._session, number) == 5
        return self._answer(request)

    async def until_busy(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, LONG)
        await endless_network.until_busy()


@pytest.fixture
def fit(tmp_path: Path) -> CountingForEver:
    return CountingForEver(tmp_path, echo)


async def until_free(ask: Callable[[], Awaitable[Any]]) -> None:
    """Wait until nothing runs, by what ``ask`` tells of ``running``."""
    await until_told(ask, lambda told: told.running == 0)


# A call to one service


@asynccontextmanager
async def embedded(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[Contract], Service], *contracts: Contract
) -> AsyncIterator[EmbeddedBackend]:
    monkeypatch.setattr("gateway.backends.embedded._load", load)
    backend = EmbeddedBackend(Settings(workers=1, queue_size=0), contracts)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


async def resize_state(backend: Backend) -> Any:
    [state] = await backend.services()
    return state.replicas[0]


@pytest.mark.parametrize("leaves", [True, False], ids=["cancelled", "too late"])
async def test_embedded(
    monkeypatch: pytest.MonkeyPatch, fit: CountingForEver, *, leaves: bool
) -> None:
    service = Service(engine="test", handlers={"Fit": fit})
    async with embedded(monkeypatch, lambda _: service, CONTRACT) as backend:
        seconds = LONG if leaves else 2 * endless_network.BUSY_SECONDS
        request = FitRequest(PICTURE)
        left = asyncio.create_task(backend.call(FIT, request, seconds, "left"))
        await fit.until_busy()
        if leaves:
            left.cancel()
        with pytest.raises(asyncio.CancelledError if leaves else DeadlineExceeded):
            await left
        await until_free(lambda: resize_state(backend))
        answer = await backend.call(FIT, request, LONG, "next")
    np.testing.assert_array_equal(answer.response.image, PICTURE)


@pytest.mark.parametrize("how", ["cancelled", "too late", "gone"])
async def test_behind_grpc(serve: Serve, fit: CountingForEver, how: str) -> None:
    served = await serve(CONTRACT, fits(fit), workers=1, queue_size=1)
    await served.running.loading
    backend = RemoteBackend(Settings(), lambda _: served.address, [CONTRACT])
    await backend.start()
    seconds = 2 * endless_network.BUSY_SECONDS if how == "too late" else LONG
    left = asyncio.create_task(backend.call(FIT, FitRequest(PICTURE), seconds, "left"))
    await fit.until_busy()
    if how == "cancelled":
        left.cancel()
    if how == "gone":
        await backend.close()
    with suppress(asyncio.CancelledError, Exception):
        await left
    await until_free(lambda: status_of(served))
    np.testing.assert_array_equal((await call(served)).image, PICTURE)
    if how != "gone":
        await backend.close()


# A picture over HTTP


class BlankServices:
    """Services whose answers are blank; the body part service's first call runs for ever."""

    def __init__(self, folder: Path) -> None:
        self.endless = CountingForEver(folder, lambda _: blank(EstimateSurfaceResponse))

    def load(self, contract: Contract) -> Service:
        handlers = {method.rpc: _answer_blank(method.response) for method in contract.methods}
        if contract.name == ESTIMATE_SURFACE.service:
            handlers[ESTIMATE_SURFACE.rpc] = self.endless
        return Service(engine="test", handlers=handlers)


def _answer_blank(response: type) -> Callable[[Any], Any]:
    return lambda _: blank(response)


@pytest.fixture
def blank_services(tmp_path: Path) -> BlankServices:
    return BlankServices(tmp_path)


@pytest.fixture(params=["embedded", "grpc"])
async def backend(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    serve: Serve,
    blank_services: BlankServices,
) -> AsyncIterator[Backend]:
    """Either backend over the blank services; the application starts and closes it."""
    if request.param == "embedded":
        monkeypatch.setattr("gateway.backends.embedded._load", blank_services.load)
        yield EmbeddedBackend(Settings(workers=1), CONTRACTS)
        return
    addresses: dict[str, str] = {}
    for contract in CONTRACTS:
        served = await serve(contract, partial(blank_services.load, contract), workers=1)
        await served.running.loading
        addresses[contract.name] = served.address
    yield RemoteBackend(Settings(), lambda contract: addresses[contract.name])


@asynccontextmanager
async def listening(backend: Backend) -> AsyncIterator[str]:
    """Serve the application on a socket; one picture at a time, and one waits."""
    settings = GatewaySettings(max_concurrent_try_ons=1, max_queued_try_ons=1)
    started = asyncio.Event()
    app = application.create(backend, settings, lambda _: started.set())
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await started.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.mark.parametrize("accept", ["image/png", EVENT_STREAM])
async def test_the_next_client_does_not_wait_for_one_that_left(
    backend: Backend, blank_services: BlankServices, accept: str
) -> None:
    async with listening(backend) as url, httpx.AsyncClient(base_url=url, timeout=LONG) as client:

        async def post() -> httpx.Response:
            files = {"image": ("p.png", PHOTO), "cloth": ("g.png", PHOTO)}
            return await client.post("/vitons", files=files, headers={"Accept": accept})

        left = asyncio.create_task(post())
        await blank_services.endless.until_busy()
        waits = asyncio.create_task(post())
        # Closes the connection.
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        answer = await waits
        assert answer.status_code == HTTPStatus.OK
        assert ("event: result" in answer.text) == (accept == EVENT_STREAM)
        await until_told(backend.services, lambda states: not any(each.calls for each in states))
