"""One running container of a service, as the gateway sees it: a channel, its calls, its health."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from gateway.inventory import Health, Replica
from services.kit.contract import Method
from services.kit.settings import Settings
from services.kit.wire import channels

_turns: Final = itertools.count()


class Copy:
    """A container called ``name``. It takes calls once it is connected, while it is ``serving``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ""
        self.launched = False
        self.serving = False
        self.ended = False
        self.told: Replica | None = None
        """What it last told of itself."""

        self.in_flight = 0
        self.last_turn = -1
        self._channel: grpc.aio.Channel | None = None
        self._news = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()

    def connect(self, settings: Settings) -> None:
        """Open the channel for calls to its address."""
        self._channel = channels.connect(self.address, settings)

    async def call(
        self, method: Method[Any, Any], request: object, seconds: float, request_id: str
    ) -> object:
        """Send a call to it."""
        if self._channel is None:
            raise RuntimeError("not connected")
        with self._counted():
            return await channels.call(
                self._channel, method, request, timeout=seconds, request_id=request_id
            )

    def doubt(self) -> None:
        """Take no more calls until it has been asked how it is, which is done at once."""
        self.serving = False
        self._news.set()

    def end(self) -> None:
        """Learn that the container has ended."""
        self.serving = False
        self.ended = True
        self._news.set()

    async def news(self, seconds: float) -> None:
        """Wait for ``doubt`` or ``end``, but not longer than ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def close(self) -> None:
        """Close the channel when no call uses it any more; calls have deadlines, so that ends."""
        await self._free.wait()
        if self._channel:
            await self._channel.close()

    def state(self) -> Replica:
        """Tell how it is, as of the last time it was asked."""
        if not self.serving:
            health = Health.FAILING if self._channel else Health.STARTING
            return Replica(self.address, health)
        return self.told or Replica(self.address, Health.SERVING)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.last_turn = next(_turns)
        self.in_flight += 1
        self._free.clear()
        try:
            yield
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._free.set()


def least_busy(copies: list[Copy]) -> Copy | None:
    """Choose among those that serve: fewest calls in flight, then the longest without one."""
    able = [copy for copy in copies if copy.serving]
    return min(able, key=lambda copy: (copy.in_flight, copy.last_turn), default=None)
