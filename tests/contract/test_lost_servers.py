"""A call whose server is gone waits for it to come back and is sent once more, not for ever."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from gateway.backends.remote import RemoteBackend
from services.kit.errors import InvalidRequest, ServiceUnavailable
from services.kit.settings import Settings
from services.kit.types import Image
from services.kit.wire import channels
from services.kit.wire.channels import RetryingClient
from services.resize.contract import CONTRACT, FIT, FitRequest, FitResponse
from tests.contract.conftest import Launch, ServerProcess, until, until_told
from tests.ports import free_port

pytestmark = pytest.mark.contract

PICTURE: Image = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)
LONG = 60.0

SERVER = """
import os, signal, time
from pathlib import Path
from services.kit.errors import InvalidRequest, ServiceUnavailable
from services.kit.wire.server import main
from services.kit.service import Service
from services.kit.types import Placement
from services.resize.contract import CONTRACT, FitResponse

begun = Path(os.environ["BEGUN"])
what = os.environ.get("WHAT")

def fit(request):
    with begun.open("a") as file:
        file.write("begun\\n")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(600)
    if what == "refuse":
        raise InvalidRequest("This photo will not do.")
    if what == "unavailable":
        raise ServiceUnavailable("What this service needs is gone; start it.")
    return FitResponse(request.image, Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1)))

def load():
    time.sleep(float(os.environ.get("SECONDS_OF_LOADING", "0")))
    return Service(engine="test", handlers={"Fit": fit})

main(CONTRACT, load)
"""


class Servers:
    """Servers one after the other, all on one port."""

    def __init__(self, launch: Launch, folder: Path, port: int) -> None:
        self._launch = launch
        self._begun = folder / "begun"
        self.address = f"127.0.0.1:{port}"

    def begun(self) -> int:
        """Tell how many calls a server has begun to work on."""
        return len(self._begun.read_text().splitlines()) if self._begun.exists() else 0

    def start(self, what: str = "", **environment: str) -> ServerProcess:
        port = self.address.rpartition(":")[2]
        environment |= {"BEGUN": str(self._begun), "WHAT": what}
        return self._launch("-c", SERVER, "--port", port, **environment)

    async def serving(self, what: str = "") -> ServerProcess:
        server = self.start(what)
        await server.event("serving")
        return server


@pytest.fixture
def servers(launch: Launch, tmp_path: Path) -> Servers:
    return Servers(launch, tmp_path, free_port())


@asynccontextmanager
async def caller(servers: Servers, restart_wait: float = LONG) -> AsyncIterator[RetryingClient]:
    made = RetryingClient(servers.address, Settings(restart_wait=restart_wait))
    yield made
    await made.close()


def fit(caller: RetryingClient, seconds: float = LONG) -> "asyncio.Task[FitResponse]":
    async def call() -> FitResponse:
        return (await caller.call(FIT, FitRequest(PICTURE), timeout=seconds)).response

    return asyncio.create_task(call())


async def killed(server: ServerProcess) -> None:
    server.popen.kill()
    assert await server.ended() == -signal.SIGKILL


async def test_a_call_survives_the_end_of_its_server(servers: Servers) -> None:
    first = await servers.serving("hang")
    async with caller(servers) as resize:
        working = fit(resize)
        await until(lambda: servers.begun() == 1)
        await killed(first)
        servers.start(SECONDS_OF_LOADING="1")
        np.testing.assert_array_equal((await working).image, PICTURE)
    assert servers.begun() == 2


async def test_a_call_waits_for_a_server_that_is_known_to_be_gone(servers: Servers) -> None:
    async with caller(servers) as resize:
        assert not await resize.is_serving()
        waiting = fit(resize)
        # It has all its attempts still: the first server dies of it, the second answers.
        first = servers.start("die")
        await first.ended()
        servers.start()
        np.testing.assert_array_equal((await waiting).image, PICTURE)
    assert servers.begun() == 2


async def test_a_call_that_kills_its_server_is_sent_twice_at_most(servers: Servers) -> None:
    first = await servers.serving("die")
    async with caller(servers) as resize:
        working = fit(resize)
        await first.ended()
        second = await servers.serving("die")
        with pytest.raises(ServiceUnavailable, match="both times while it worked") as caught:
            await working
        await second.ended()
        assert caught.value.stage == "resize"
        await servers.serving()
        np.testing.assert_array_equal((await fit(resize)).image, PICTURE)
    assert servers.begun() == 3


async def test_a_plain_call_is_sent_once(servers: Servers) -> None:
    server = await servers.serving("hang")
    async with channels.connect(servers.address, Settings()) as channel:
        working = asyncio.create_task(channels.call(channel, FIT, FitRequest(PICTURE)))
        await until(lambda: servers.begun() == 1)
        await killed(server)
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await working


async def test_what_the_service_says_of_the_photo_is_not_asked_again(servers: Servers) -> None:
    await servers.serving("refuse")
    async with caller(servers) as resize:
        with pytest.raises(InvalidRequest, match="This photo will not do"):
            await fit(resize)
    assert servers.begun() == 1


async def test_what_the_service_says_of_itself_is_told_in_its_own_words(servers: Servers) -> None:
    await servers.serving("unavailable")
    async with caller(servers) as resize:
        with pytest.raises(ServiceUnavailable, match="What this service needs is gone"):
            await fit(resize)
    assert servers.begun() == channels.MAX_ATTEMPTS


async def test_patience_ends(servers: Servers) -> None:
    async with caller(servers, restart_wait=0.5) as resize:
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await fit(resize)
        assert time.monotonic() - began >= 0.5


async def test_once_one_has_waited_in_vain_the_others_are_told_at_once(servers: Servers) -> None:
    async with caller(servers) as resize:
        with pytest.raises(ServiceUnavailable):
            await fit(resize, seconds=0.5)
        with pytest.raises(ServiceUnavailable):
            await asyncio.wait_for(fit(resize), LONG / 2)
        first = await servers.serving("hang")
        # It serves, so the next outage is a new one.
        working = fit(resize)
        await until(lambda: servers.begun() == 1)
        await killed(first)
        servers.start()
        np.testing.assert_array_equal((await working).image, PICTURE)


async def test_the_deadline_holds_while_it_waits(servers: Servers) -> None:
    first = await servers.serving("hang")
    async with caller(servers) as resize:
        working = fit(resize, seconds=1.5)
        await until(lambda: servers.begun() == 1)
        await killed(first)
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            await working
        assert time.monotonic() - began < LONG / 2


async def test_a_call_that_waits_can_be_cancelled(servers: Servers) -> None:
    first = await servers.serving("hang")
    async with caller(servers) as resize:
        working = fit(resize)
        await until(lambda: servers.begun() == 1)
        await killed(first)
        while await resize.is_serving():
            pass
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        await servers.serving()
        assert await resize.is_serving()
    assert servers.begun() == 1


@pytest.mark.parametrize("wait", [LONG, 0.0])
async def test_the_backend_waits_as_long_as_it_is_told(servers: Servers, wait: float) -> None:
    backend = RemoteBackend(Settings(restart_wait=wait), lambda _: servers.address, (CONTRACT,))
    await backend.start()
    try:
        first = await servers.serving("hang")
        working = asyncio.create_task(backend.call(FIT, FitRequest(PICTURE), LONG, "id"))
        await until(lambda: servers.begun() == 1)
        await killed(first)
        if not wait:
            with pytest.raises(ServiceUnavailable):
                await working
            return
        servers.start(SECONDS_OF_LOADING="1")
        response = (await working).response
        assert isinstance(response, FitResponse)
        np.testing.assert_array_equal(response.image, PICTURE)
    finally:
        await backend.close()


async def test_closing_the_backend_ends_calls_that_wait(servers: Servers) -> None:
    backend = RemoteBackend(Settings(restart_wait=LONG), lambda _: servers.address, (CONTRACT,))
    await backend.start()
    first = await servers.serving("hang")
    working = asyncio.create_task(backend.call(FIT, FitRequest(PICTURE), LONG, "id"))
    await until(lambda: servers.begun() == 1)
    await killed(first)
    await until_told(backend.ready, lambda ready: not ready[CONTRACT.name])
    await backend.close()
    with pytest.raises(ServiceUnavailable):
        await asyncio.wait_for(working, LONG / 2)
