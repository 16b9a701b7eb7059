"""Clients come to know new replicas of a service, and lose no call by connecting anew."""

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import numpy as np
import pytest

from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.types import Image, Placement
from services.kit.wire import channels, server
from services.resize.contract import CONTRACT, FIT, FitRequest, FitResponse

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address only"),
]

PICTURE: Image = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
GRACE = 30.0


class NameServer(asyncio.DatagramProtocol):
    """A DNS server: every name stands for what ``addresses`` lists."""

    HEADER_BYTES = 12
    TYPE_A = bytes.fromhex("0001")
    RESPONSE = bytes.fromhex("8580")
    # The name of the question, type A, class IN, one second to live, four bytes of address.
    RECORD = bytes.fromhex("c00c 0001 0001 00000001 0004")

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(0, self.HEADER_BYTES) + 5
        question = data[self.HEADER_BYTES : end]
        found = self.addresses if question[-4:-2] == self.TYPE_A else []
        self.asked += bool(found)
        counts = b"".join(count.to_bytes(2, "big") for count in (1, len(found), 0, 0))
        records = b"".join(self.RECORD + socket.inet_aton(address) for address in found)
        self.transport.sendto(data[:2] + self.RESPONSE + counts + question + records, addr)


class Replicas:
    """Replicas on addresses of the loopback, all with one port and one name; counts their calls."""

    def __init__(self, stack: AsyncExitStack, names: NameServer, name_server: str) -> None:
        self._stack = stack
        self._names = names
        self.name_server = name_server
        self.port = 0
        self.calls: Counter[str] = Counter()

    async def start(self, host: str, **settings: Any) -> None:
        """Start a replica and let the name stand for it too."""

        def fit(request: FitRequest) -> FitResponse:
            self.calls[host] += 1
            # A picture as wide as this takes so many milliseconds.
            time.sleep(request.width / 1000)
            return FitResponse(
                request.image, Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1))
            )

        chosen = Settings(host=host, port=self.port, workers=4, queue_size=64, **settings)
        running = await server.start(
            CONTRACT, lambda: Service(engine="test", handlers={"Fit": fit}), chosen
        )
        self._stack.push_async_callback(running.stop, GRACE)
        await running.loading
        self.port = running.port
        self._names.addresses.append(host)

    @property
    def address(self) -> str:
        """What stands for all of them."""
        return f"dns://{self.name_server}/replicas.test:{self.port}"

    async def connect(self) -> channels.RetryingClient:
        """Make a caller of the name."""
        caller = channels.RetryingClient(self.address, Settings())
        self._stack.push_async_callback(caller.close)
        return caller


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(NameServer, local_addr=(FIRST, 0))
    yield names
    transport.close()


@pytest.fixture
async def replicas(names: NameServer) -> AsyncIterator[Replicas]:
    host, port = names.transport.get_extra_info("sockname")
    async with AsyncExitStack() as stack:
        yield Replicas(stack, names, f"{host}:{port}")


async def call(caller: channels.RetryingClient, milliseconds: int = 1) -> None:
    request = FitRequest(PICTURE, width=milliseconds)
    answer = await caller.call(FIT, request, timeout=GRACE)
    np.testing.assert_array_equal(answer.response.image, PICTURE)


async def keep_calling(caller: channels.RetryingClient, until: Callable[[], bool]) -> None:
    """Call without a pause; the test's time limit ends what never comes."""
    while not until():
        await call(caller)


async def connect_to_ending_replica(
    names: NameServer, replicas: Replicas
) -> channels.RetryingClient:
    """Return the caller of a replica that has answered it, and has gone with its address."""
    async with AsyncExitStack() as first:
        alone = Replicas(first, names, replicas.name_server)
        await alone.start(FIRST)
        replicas.port = alone.port
        caller = await replicas.connect()
        await call(caller)
    names.addresses.clear()
    return caller


async def together(*work: Awaitable[None]) -> None:
    await asyncio.gather(*work)


async def test_no_call_is_lost_when_connections_age(names: NameServer, replicas: Replicas) -> None:
    await replicas.start(FIRST, max_connection_age=0.3)
    caller = await replicas.connect()
    # The long calls outlive the connection they came on; the short ones meet its end.
    await together(
        *(call(caller, milliseconds=2000) for _ in range(2)),
        *(keep_calling(caller, until=lambda: names.asked >= 4) for _ in range(4)),
    )
    assert names.asked >= 4


async def test_a_new_replica_is_used_once_connections_have_aged(
    names: NameServer, replicas: Replicas
) -> None:
    await replicas.start(FIRST, max_connection_age=0.3)
    caller = await replicas.connect()
    await call(caller)
    await replicas.start(SECOND, max_connection_age=0.3)
    await keep_calling(caller, until=lambda: replicas.calls[SECOND] > 0)
    before = replicas.calls.copy()
    await together(*(call(caller) for _ in range(40)))
    assert min(replicas.calls[host] - before[host] for host in (FIRST, SECOND)) >= 15
    assert names.asked >= 2


async def test_without_an_age_connections_stay(names: NameServer, replicas: Replicas) -> None:
    await replicas.start(FIRST)
    caller = await replicas.connect()
    await call(caller)
    await replicas.start(SECOND)
    ends = time.monotonic() + 1.5
    await keep_calling(caller, until=lambda: time.monotonic() > ends)
    assert replicas.calls[SECOND] == 0
    assert names.asked == 1


async def test_a_replica_that_came_back_elsewhere_is_found(
    names: NameServer, replicas: Replicas
) -> None:
    """As after a container was replaced: its connection broke, the name has a new address."""
    caller = await connect_to_ending_replica(names, replicas)
    await replicas.start(SECOND)
    async with asyncio.timeout(10):
        await call(caller)
    assert replicas.calls[SECOND] == 1


async def test_one_that_was_gone_for_long_is_found_as_soon_as_it_is_back(
    names: NameServer, replicas: Replicas
) -> None:
    """A name that stood for nothing is asked for anew, however often that was in vain before."""
    caller = await connect_to_ending_replica(names, replicas)
    ends = time.monotonic() + 4.0
    while time.monotonic() < ends:
        assert not await caller.is_serving()
    await replicas.start(SECOND)
    assert await caller.is_serving()
