"""Resolves a service's replicas from its network name, and probes their health and status."""

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

RESOLVE_SECONDS: Final = 0.5
"""Seconds that a name may take to resolve."""

PROBE_SECONDS: Final = 1.5
"""Seconds that a replica may take to answer."""


@dataclass(frozen=True)
class ReplicaProbe:
    """A replica's answer to a health check and a status request."""

    replica: Replica
    """Its address, health and load."""
    engine: str | None = None
    """Its engine, None if it did not say."""


async def resolve(address: str, threads: Executor) -> tuple[str, ...]:
    """Return ``host:port`` of every machine behind the name in ``address``.

    Returns nothing for an IP address, for localhost and for a name that does not resolve in time.
    The blocking call runs on ``threads``, not on the loop's own: a name server that hangs may hold
    them for long.
    """
    host, _, port = address.rpartition(":")
    if host == "localhost" or _is_ip(host.strip("[]")):
        return ()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.run_in_executor(
                threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
    except (OSError, UnicodeError, TimeoutError):
        return ()
    # A machine with an address of each family is one replica.
    by_family = {
        each: {str(address[0]) for family, *_, address in found if family == each}
        for each in _FAMILIES
    }
    hosts = next((hosts for hosts in by_family.values() if hosts), set())
    return tuple(sorted(f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in hosts))


_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
"""Address families, the preferred one first."""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def probe(address: str, settings: Settings) -> ReplicaProbe:
    """Request a server's health and status at the same time. Never raises.

    A server that refuses, does not answer or has no health check is failing. A server without
    ``tryon.v1.Status`` has a health only.
    """
    try:
        async with (
            asyncio.timeout(PROBE_SECONDS),
            channels.connect(address, settings, retry=False) as channel,
        ):
            is_serving, status = await asyncio.gather(
                channels.is_serving(channel, PROBE_SECONDS), _status(channel)
            )
    except TimeoutError:
        return ReplicaProbe(Replica(address=address, health=Health.FAILING))
    if is_serving:
        health = Health.SERVING
    else:
        # Without an engine it still loads, with one it is about to stop.
        health = Health.STARTING if status and not status.engine else Health.FAILING
    if status is None:
        return ReplicaProbe(Replica(address=address, health=health))
    replica = Replica(
        address=address,
        health=health,
        memory=status.resident_bytes or None,
        running=status.running,
        waiting=status.waiting,
    )
    return ReplicaProbe(replica, status.engine or None)


async def _status(channel: grpc.aio.Channel) -> StatusResponse | None:
    try:
        return await channels.call(
            channel, server_status.GET, StatusRequest(), timeout=PROBE_SECONDS
        )
    except TryOnError:
        return None
