"""``Backend.services()``: what the backends tell of services that run, load, hang and are gone."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from gateway import replicas
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.backends.remote import RemoteBackend
from gateway.inventory import Health, Replica, ServiceState
from gateway.run_mode import RunMode
from services.kit.contract import Contract
from services.kit.errors import DeadlineExceeded, InvalidRequest, ServiceUnavailable, UnknownEngine
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.wire import server
from services.resize import service as resize
from services.resize.contract import CONTRACT, FIT, FitRequest
from services.super_resolution import contract as super_resolution
from tests.contract.conftest import GRACE, Serve, until_told
from tests.contract.test_server import LONG, PICTURE, Slow, call, echo, fits
from tests.ports import free_port

pytestmark = pytest.mark.contract

NAME = "resize.test"


async def one(backend: Backend) -> ServiceState:
    async with asyncio.timeout(replicas.RESOLVE_SECONDS + replicas.PROBE_SECONDS + 1):
        [state] = await backend.services()
    return state


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend(Settings(), [CONTRACT])
    yield backend
    await backend.close()


async def test_embedded_it_is_starting_and_then_serves(embedded: EmbeddedBackend) -> None:
    assert await one(embedded) == ServiceState(
        name="resize", mode=RunMode.EMBEDDED, health=Health.STARTING
    )
    await embedded.start()
    state = await one(embedded)
    assert (state.engine, state.mode, state.health) == ("pillow", RunMode.EMBEDDED, Health.SERVING)
    # The memory is the whole process's.
    assert state.replicas == (Replica(address=None, health=Health.SERVING, running=0, waiting=0),)
    assert state.memory is None
    assert state.last_error is None


async def test_an_engine_has_one_identity_however_it_is_reached(
    embedded: EmbeddedBackend, serve: Serve
) -> None:
    assert await embedded.identity("resize") == ""
    await embedded.start()
    served = await serve(CONTRACT, resize.load)
    await served.running.loading
    async with over_grpc(served.address) as remote:
        identities = {await backend.identity("resize") for backend in (embedded, remote)}
        for backend in (embedded, remote):
            answer = await backend.call(FIT, FitRequest(PICTURE), LONG, "id")
            identities.add(answer.identity)
    assert len(identities) == 1
    assert identities != {""}


async def test_a_server_that_is_gone_has_no_identity(closed_port: int) -> None:
    async with over_grpc(f"127.0.0.1:{closed_port}") as remote:
        assert await remote.identity("resize") == ""


@pytest.fixture
async def lazy() -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend(Settings(), [CONTRACT, super_resolution.CONTRACT], lazy=True)
    yield backend
    await backend.close()


async def test_a_lazy_backend_starts_at_once_and_its_calls_wait_for_their_service(
    lazy: EmbeddedBackend,
) -> None:
    await lazy.start()
    assert await lazy.ready() == {"resize": False, "super_resolution": False}
    answers = await asyncio.gather(
        *(lazy.call(FIT, FitRequest(PICTURE), LONG, "id") for _ in range(2))
    )
    for answer in answers:
        assert answer.response.image.shape == (1024, 768, 3)
    # What some pictures do not need is loaded with its first call.
    assert await lazy.ready() == {"resize": True, "super_resolution": False}


async def test_a_lazy_backend_tells_a_call_why_its_service_cannot_load(
    monkeypatch: pytest.MonkeyPatch, lazy: EmbeddedBackend
) -> None:
    monkeypatch.setenv("TRYON_SUPER_RESOLUTION_ENGINE", "lens")
    await lazy.start()
    request = super_resolution.UpscaleRequest(PICTURE)
    for _ in range(2):
        with pytest.raises(UnknownEngine, match="lens"):
            await lazy.call(super_resolution.UPSCALE, request, LONG, "id")


async def test_a_call_that_is_given_up_leaves_the_load_to_others(lazy: EmbeddedBackend) -> None:
    await lazy.start()
    given_up = asyncio.create_task(lazy.call(FIT, FitRequest(PICTURE), LONG, "id"))
    await asyncio.sleep(0)
    given_up.cancel()
    answer = await lazy.call(FIT, FitRequest(PICTURE), LONG, "id")
    assert answer.response.image.shape == (1024, 768, 3)


async def test_embedded_it_remembers_what_it_could_not_do(embedded: EmbeddedBackend) -> None:
    with pytest.raises(ServiceUnavailable):
        await embedded.call(FIT, FitRequest(PICTURE), LONG, "id")
    await embedded.start()
    with pytest.raises(InvalidRequest):
        await embedded.call(FIT, FitRequest(PICTURE, width=10**9), LONG, "id")
    state = await one(embedded)
    assert state.last_error
    assert "service_unavailable: The resize service is still loading" in state.last_error
    with pytest.raises(DeadlineExceeded):
        await embedded.call(FIT, FitRequest(np.zeros((5000, 5000, 3), np.uint8)), 0.0, "id")
    state = await one(embedded)
    assert state.last_error
    assert "deadline_exceeded: The resize service did not answer" in state.last_error
    assert state.health is Health.SERVING


async def test_embedded_it_fails_where_it_cannot_load(
    monkeypatch: pytest.MonkeyPatch, embedded: EmbeddedBackend
) -> None:
    monkeypatch.setenv("TRYON_RESIZE_ENGINE", "scissors")
    with pytest.raises(UnknownEngine):
        await embedded.start()
    state = await one(embedded)
    assert state.health is Health.FAILING
    assert state.last_error
    assert "unknown_engine" in state.last_error
    assert "scissors" in state.last_error


@asynccontextmanager
async def over_grpc(address: str, **options: Any) -> AsyncIterator[RemoteBackend]:
    backend = RemoteBackend(Settings(), lambda _: address, [CONTRACT], **options)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture
def closed_port() -> int:
    return free_port()


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections and says nothing, as a paused process does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


async def test_behind_grpc_it_tells_what_the_server_tells(serve: Serve) -> None:
    slow = Slow()
    served = await serve(CONTRACT, fits(slow), workers=1, queue_size=2)
    await served.running.loading
    tasks = [call(served) for _ in range(3)]
    await slow.wait_for_start()
    async with over_grpc(served.address) as backend:
        state = await until_told(lambda: one(backend), lambda state: state.replicas[0].waiting == 2)
    slow.open.set()
    await asyncio.gather(*tasks)
    assert (state.name, state.engine, state.mode) == ("resize", "test", RunMode.REMOTE)
    assert state.health is Health.SERVING
    [replica] = state.replicas
    assert (replica.address, replica.running, replica.waiting) == (served.address, 1, 2)
    assert replica.memory
    assert state.memory == replica.memory
    assert state.last_error is None


async def test_behind_grpc_it_is_starting_while_it_loads(serve: Serve) -> None:
    go_on = threading.Event()

    def load() -> Service:
        assert go_on.wait(LONG)
        return Service(engine="test", handlers={"Fit": echo})

    served = await serve(CONTRACT, load)
    async with over_grpc(served.address) as backend:
        state = await one(backend)
        assert (state.health, state.engine) == (Health.STARTING, None)
        go_on.set()
        await served.running.loading
        assert (await one(backend)).health is Health.SERVING


async def test_a_server_that_is_gone_is_failing_and_its_calls_are_remembered(
    closed_port: int,
) -> None:
    address = f"127.0.0.1:{closed_port}"
    async with over_grpc(address) as backend:
        expected = ServiceState(
            name="resize",
            mode=RunMode.REMOTE,
            health=Health.FAILING,
            replicas=(Replica(address=address, health=Health.FAILING),),
        )
        assert await one(backend) == expected
        with pytest.raises(ServiceUnavailable):
            await backend.call(FIT, FitRequest(PICTURE), LONG, "id")
        state = await one(backend)
    assert state.last_error
    assert "service_unavailable: The resize service cannot be reached" in state.last_error


async def test_a_server_that_comes_back_is_seen_at_once(closed_port: int) -> None:
    async with over_grpc(f"127.0.0.1:{closed_port}") as backend:
        for _ in range(3):
            assert (await one(backend)).health is Health.FAILING
        running = await server.start(CONTRACT, fits(echo), Settings(port=closed_port))
        await running.loading
        try:
            assert (await one(backend)).health is Health.SERVING
        finally:
            await running.stop(GRACE)


async def test_a_server_that_says_nothing_is_failing_within_the_limit(silent: str) -> None:
    async with over_grpc(silent) as backend:
        state = await one(backend)
    assert state.replicas == (Replica(address=silent, health=Health.FAILING),)


Resolve = Callable[[dict[str, list[str]]], None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Make names stand for several of this machine's addresses, as a container network does."""
    real = socket.getaddrinfo

    def stand_for(known: dict[str, list[str]]) -> None:
        def getaddrinfo(host: str, port: str, **options: Any) -> Any:
            if host not in known:
                return real(host, port, **options)
            return [found for each in known[host] for found in real(each, port, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return stand_for


@asynccontextmanager
async def listening(host: str, port: int, load: Callable[[], Service]) -> AsyncIterator[int]:
    try:
        running = await server.start(CONTRACT, load, Settings(host=host, port=port))
    except OSError:
        pytest.skip(f"this system does not listen on {host}")
    try:
        yield running.port
    finally:
        await running.stop(GRACE)


async def test_every_replica_of_a_name_is_asked(names: Resolve, silent: str) -> None:
    names({NAME: ["127.0.0.4", "127.0.0.2", "127.0.0.3", "127.0.0.2", "::1"]})
    go_on = threading.Event()

    def load() -> Service:
        assert go_on.wait(LONG)
        return Service(engine="slow", handlers={})

    async with (
        listening("127.0.0.2", 0, fits(echo)) as port,
        listening("127.0.0.3", port, load),
        # Nobody there: what calls go through is not the replicas' name.
        over_grpc(silent, replicas_address=lambda _: f"{NAME}:{port}") as behind_proxy,
        over_grpc(f"{NAME}:{port}") as backend,
    ):
        state = await one(backend)
        assert [(each.address, each.health) for each in state.replicas] == [
            (f"127.0.0.2:{port}", Health.SERVING),
            (f"127.0.0.3:{port}", Health.STARTING),
            (f"127.0.0.4:{port}", Health.FAILING),
        ]
        assert state.health is Health.SERVING
        assert state.engine == "test"
        assert state.memory == sum(each.memory or 0 for each in state.replicas)
        through = await one(behind_proxy)
        assert [each.health for each in through.replicas] == [
            each.health for each in state.replicas
        ]
        # Calls go through the proxy, and that hangs.
        assert through.health is Health.FAILING
        go_on.set()
        await until_told(lambda: one(backend), lambda state: state.engine == "test, slow")


@pytest.mark.parametrize("by_name", ["no-such-name.invalid:1", "127.0.0.1:1", "localhost:1"])
async def test_without_a_name_of_replicas_the_address_of_calls_is_asked(
    serve: Serve, by_name: str
) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    async with over_grpc(served.address, replicas_address=lambda _: by_name) as backend:
        state = await one(backend)
    assert [each.address for each in state.replicas] == [served.address]
    assert state.health is Health.SERVING


async def test_names_that_hang_do_not_hold_up_the_loops_threads(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    let_go = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        assert let_go.wait(LONG)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    contracts = [Contract(f"resize{number}", CONTRACT.proto, 0, ()) for number in range(40)]
    backend = RemoteBackend(
        Settings(), lambda _: served.address, contracts, replicas_address=lambda _: f"{NAME}:1"
    )
    await backend.start()
    try:
        async with asyncio.timeout(LONG):
            states = await backend.services()
            # The call below needs one of the loop's own threads.
            assert (await call(served)).image.shape == PICTURE.shape
        assert {state.health for state in states} == {Health.SERVING}
        assert not let_go.is_set()
    finally:
        let_go.set()
        await backend.close()
