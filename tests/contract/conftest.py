"""Starts services for tests: in the test's own loop, or as the processes that users start."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from services.kit.contract import Contract
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.wire import channels, server

ROOT = Path(__file__).resolve().parents[2]
GRACE = 60.0

Told = TypeVar("Told")


@dataclass(frozen=True)
class Served:
    """A server in this loop, and a channel to it."""

    running: server.RunningServer
    channel: grpc.aio.Channel

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.running.port}"

    async def health(self, service: str = "") -> str:
        return await ask_health(self.channel, service)


class Serve(Protocol):
    """Starts a server on a free port; it ends with the test."""

    async def __call__(
        self, contract: Contract, load: Callable[[], Service], **settings: Any
    ) -> Served: ...


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(contract: Contract, load: Callable[[], Service], **settings: Any) -> Served:
            chosen = Settings(port=0, **settings)
            running = await server.start(contract, load, chosen)
            stack.push_async_callback(running.stop, GRACE)
            channel = channels.connect(f"127.0.0.1:{running.port}", chosen)
            stack.push_async_callback(channel.close)
            return Served(running, channel)

        yield start


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does; the test's time limit ends it."""
    while not condition():  # noqa: ASYNC110 - it cannot set an event of this loop
        await asyncio.sleep(0.01)


async def until_told(ask: Callable[[], Awaitable[Told]], condition: Callable[[Told], bool]) -> Told:
    """Ask until the answer is as expected, and give it; the test's time limit ends it."""
    while not condition(told := await ask()):  # noqa: ASYNC110 - the answer comes by asking
        await asyncio.sleep(0.01)
    return told


async def ask_health(channel: grpc.aio.Channel, service: str = "") -> str:
    answer = await health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=10
    )
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


class ServerProcess:
    """A server as a process; it logs JSON, which tells its port."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "TRYON_LOG_FORMAT": "json", **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def events(self) -> list[dict[str, Any]]:
        lines = [line for line in self.output.splitlines(keepends=True) if line.startswith("{")]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    async def event(self, name: str) -> dict[str, Any]:
        """Wait for a line of the log."""
        while True:
            for event in self.events():
                if event["event"] == name:
                    return event
            assert self.popen.poll() is None, self.output
            await asyncio.sleep(0.02)

    async def channel(self) -> grpc.aio.Channel:
        """Connect as soon as it listens."""
        port = (await self.event("listening"))["port"]
        return channels.connect(f"127.0.0.1:{port}", Settings())

    async def ended(self) -> int:
        """Wait for the end and give the exit status."""
        return await asyncio.to_thread(self.popen.wait, GRACE)


class Launch(Protocol):
    """Starts ``python ARGUMENTS`` with more environment; it is killed with the test."""

    def __call__(self, *arguments: str, **environment: str) -> ServerProcess: ...


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    started: list[ServerProcess] = []

    def start(*arguments: str, **environment: str) -> ServerProcess:
        log = tmp_path / f"server{len(started)}.log"
        started.append(ServerProcess(arguments, environment, log))
        return started[-1]

    yield start
    for process in started:
        process.popen.kill()
        process.popen.wait()
