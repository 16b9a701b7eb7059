"""One container of a service as the gateway sees it: its channel, calls in flight and health."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from gateway.inventory import Health, Replica
from services.kit.contract import Answer, Method
from services.kit.settings import Settings
from services.kit.wire import channels

_call_numbers: Final = itertools.count()


class ReplicaHandle:
    """A container called ``name``. It takes calls from ``connect`` on, while it is ``serving``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ""
        self.launched = False
        self.serving = False
        self.ended = False
        self.last_status: Replica | None = None
        """The answer to the last health check."""

        self.calls_in_flight = 0
        self.last_call_number = -1
        self._channel: grpc.aio.Channel | None = None
        self._changed = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()

    def connect(self, settings: Settings) -> None:
        """Open the channel for calls to its address."""
        self._channel = channels.connect(self.address, settings)

    async def call(
        self, method: Method[Any, Any], request: object, seconds: float, request_id: str
    ) -> Answer[Any]:
        """Send a call to the container."""
        if self._channel is None:
            raise RuntimeError("not connected")
        with self._counted_call():
            return await channels.call_for_answer(
                self._channel, method, request, timeout=seconds, request_id=request_id
            )

    async def identity(self) -> str:
        """Return the identity of the container's engine; empty if it is not known."""
        return await channels.identity(self._channel) if self._channel else ""

    def suspect(self) -> None:
        """Stop taking calls and have the container probed at once."""
        self.serving = False
        self._changed.set()

    def mark_ended(self) -> None:
        """Record that the container has ended."""
        self.serving = False
        self.ended = True
        self._changed.set()

    async def wait_for_change(self, seconds: float) -> None:
        """Wait for ``suspect`` or ``mark_ended``, ``seconds`` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def close(self) -> None:
        """Close the channel after its last call. Every call has a deadline, so this ends."""
        await self._free.wait()
        if self._channel:
            await self._channel.close()

    def state(self) -> Replica:
        """Return the state at the last health check."""
        if not self.serving:
            health = Health.FAILING if self._channel else Health.STARTING
            return Replica(address=self.address, health=health)
        return self.last_status or Replica(address=self.address, health=Health.SERVING)

    @contextmanager
    def _counted_call(self) -> Iterator[None]:
        self.last_call_number = next(_call_numbers)
        self.calls_in_flight += 1
        self._free.clear()
        try:
            yield
        finally:
            self.calls_in_flight -= 1
            if not self.calls_in_flight:
                self._free.set()


def least_busy(replicas: list[ReplicaHandle]) -> ReplicaHandle | None:
    """Choose a serving replica: fewest calls in flight, then longest without a call."""
    serving = [replica for replica in replicas if replica.serving]
    return min(
        serving,
        key=lambda replica: (replica.calls_in_flight, replica.last_call_number),
        default=None,
    )
