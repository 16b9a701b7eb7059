"""What ``GET /v1/services`` and ``tryon services`` tell of every service."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from gateway.run_mode import RunMode
from services.kit.errors import ServiceError

ERROR_LENGTH: Final = 300
"""Characters kept of an error's message."""


class StartPolicy(StrEnum):
    """When an orchestrated service's containers run."""

    RESIDENT = "resident"
    """From the gateway's start to its end."""

    ON_DEMAND = "on_demand"
    """From the first call until they have been idle."""


class Health(StrEnum):
    """How a service, or one replica of it, is."""

    SERVING = "serving"
    STARTING = "starting"
    STOPPED = "stopped"
    """Not running, and started when it is needed."""

    FAILING = "failing"


@dataclass(frozen=True)
class Replica:
    """One running copy: its gRPC address (none where embedded) and its health.

    ``memory`` is resident bytes, ``running`` and ``waiting`` count calls; each is None where it is
    not known, or not the replica's alone.
    """

    address: str | None
    health: Health
    memory: int | None = None
    running: int | None = None
    waiting: int | None = None


@dataclass(frozen=True)
class ServiceState:
    """A service: its engine where it is known, replicas, and the last thing that went wrong.

    ``health`` is that of the calls the gateway would make now: a service of which one replica of
    three is gone still serves.
    """

    name: str
    engine: str | None
    mode: RunMode
    health: Health
    replicas: tuple[Replica, ...] = ()
    last_error: str | None = None
    start_policy: StartPolicy | None = None
    """None unless the service is orchestrated."""

    @property
    def memory(self) -> int | None:
        """Resident bytes of all replicas that told theirs; None where none did."""
        told = [replica.memory for replica in self.replicas if replica.memory is not None]
        return sum(told) if told else None

    @property
    def calls(self) -> int | None:
        """Calls at work and waiting at all replicas that told theirs; None where none did."""
        told = [
            replica.running + replica.waiting
            for replica in self.replicas
            if replica.running is not None and replica.waiting is not None
        ]
        return sum(told) if told else None


def health_of(replicas: Iterable[Replica]) -> Health:
    """Tell the health of a service from its replicas': that of the best of them."""
    found = {replica.health for replica in replicas}
    order = (Health.SERVING, Health.STARTING, Health.FAILING, Health.STOPPED)
    return next((health for health in order if health in found), Health.FAILING)


class LastErrors:
    """Remembers the last ServiceError of each service, as one short line with its time."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    @contextmanager
    def noted(self, service: str) -> Iterator[None]:
        """Note a ServiceError that the block raises; it is raised on."""
        try:
            yield
        except ServiceError as error:
            self._lines[service] = line_of(error)
            raise

    def of(self, service: str) -> str | None:
        """Give the service's line, if there is one."""
        return self._lines.get(service)


def line_of(error: ServiceError) -> str:
    """Tell an error in one short line: the time now (ISO 8601, UTC), its code, its message."""
    lines = error.message.splitlines() or [""]
    message = "".join(each if each.isprintable() else " " for each in lines[0])
    if len(message) > ERROR_LENGTH:
        message = message[: ERROR_LENGTH - 1] + "…"
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {error.code}: {message}"
