"""Finds the replicas of a service by its network name, and asks each of them how it is."""

import asyncio
import ipaddress
import socket
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import grpc

from gateway.inventory import Health, Replica
from services.kit.errors import TryOnError
from services.kit.settings import Settings
from services.kit.wire import channels, server_status
from services.kit.wire.server_status import StatusRequest, StatusResponse

FIND_SECONDS: Final = 0.5
"""How long a name may take to resolve."""

ASK_SECONDS: Final = 1.5
"""How long a replica may take to answer."""


@dataclass(frozen=True)
class Answer:
    """What a replica told, and the engine it runs where it told that too."""

    replica: Replica
    engine: str | None = None


async def find(address: str, threads: Executor) -> tuple[str, ...]:
    """Give ``host:port`` of every machine that the name in ``address`` stands for.

    Gives nothing for what is no name of replicas: an IP address, localhost, or what does not
    resolve in time. ``threads`` do the blocking part, apart from the loop's own threads, since a
    name server that hangs may hold them for long.
    """
    host, _, port = address.rpartition(":")
    if host == "localhost" or _is_ip(host.strip("[]")):
        return ()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(FIND_SECONDS):
            found = await loop.run_in_executor(
                threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
    except (OSError, UnicodeError, TimeoutError):
        return ()
    # A machine with both kinds of address is one replica.
    by_kind = {kind: {str(where[0]) for of, *_, where in found if of == kind} for kind in _KINDS}
    hosts = next((hosts for hosts in by_kind.values() if hosts), set())
    return tuple(sorted(f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in hosts))


_KINDS: Final = (socket.AF_INET, socket.AF_INET6)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def ask(address: str, settings: Settings) -> Answer:
    """Ask a server for its health and its status, both at the same time; never raises for it.

    One that refuses, is silent or knows no health check is failing. One without
    ``tryon.v1.Status`` has a health and nothing more.
    """
    try:
        async with (
            asyncio.timeout(ASK_SECONDS),
            channels.connect(address, settings, once=True) as channel,
        ):
            is_serving, told = await asyncio.gather(
                channels.serving(channel, ASK_SECONDS), _status(channel)
            )
    except TimeoutError:
        return Answer(Replica(address, Health.FAILING))
    if is_serving:
        health = Health.SERVING
    else:
        # Without an engine it still loads; with one it is about to stop.
        health = Health.STARTING if told and not told.engine else Health.FAILING
    if told is None:
        return Answer(Replica(address, health))
    replica = Replica(address, health, told.memory or None, told.running, told.waiting)
    return Answer(replica, told.engine or None)


async def _status(channel: grpc.aio.Channel) -> StatusResponse | None:
    try:
        return await channels.call(channel, server_status.GET, StatusRequest(), timeout=ASK_SECONDS)
    except TryOnError:
        return None
