"""The state of every service, for ``GET /v1/services`` and ``tryon services``."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from gateway.run_mode import RunMode
from services.kit.errors import ServiceError

ERROR_LENGTH: Final = 300
"""Most characters of an error's message in ``error_line``."""


class StartPolicy(StrEnum):
    """When an orchestrated service's containers run."""

    RESIDENT = "resident"
    """From the gateway's start to its end."""

    ON_DEMAND = "on_demand"
    """From the first call until they have been idle."""


class Health(StrEnum):
    """The health of a service or of one replica."""

    SERVING = "serving"
    """Answers calls."""

    STARTING = "starting"
    """Loads its models."""

    STOPPED = "stopped"
    """Does not run; the next call starts it."""

    FAILING = "failing"
    """Does not answer."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One running instance of a service."""

    address: str | None
    """``host:port`` of its gRPC server, None in the gateway's process."""
    health: Health
    """Its health."""
    memory: int | None = None
    """Resident bytes, None if not known or shared with others."""
    running: int | None = None
    """Calls that it works on, None if not known."""
    waiting: int | None = None
    """Calls in its queue, None if not known."""


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """The state of a service."""

    name: str
    """The service's name."""
    engine: str | None = None
    """Its engine, several with commas between if the replicas differ, None if not known."""
    mode: RunMode
    """Where it runs."""
    health: Health
    """The health of calls now: a service with one of three replicas gone still serves."""
    replicas: tuple[Replica, ...] = ()
    """Its running instances."""
    last_error: str | None = None
    """Its last error as one line, with its time."""
    start_policy: StartPolicy | None = None
    """None unless the service is orchestrated."""

    @property
    def memory(self) -> int | None:
        """Resident bytes of all replicas of which they are known; None if of none."""
        known = [replica.memory for replica in self.replicas if replica.memory is not None]
        return sum(known) if known else None

    @property
    def calls(self) -> int | None:
        """Running and waiting calls of all replicas of which they are known; None if of none."""
        known = [
            replica.running + replica.waiting
            for replica in self.replicas
            if replica.running is not None and replica.waiting is not None
        ]
        return sum(known) if known else None


def best_health(replicas: Iterable[Replica]) -> Health:
    """Return the best health among replicas, FAILING if there are none."""
    found = {replica.health for replica in replicas}
    order = (Health.SERVING, Health.STARTING, Health.FAILING, Health.STOPPED)
    return next((health for health in order if health in found), Health.FAILING)


class LastErrors:
    """The last ServiceError of each service, as one line with its time."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    @contextmanager
    def recorded(self, service: str) -> Iterator[None]:
        """Record a ServiceError that the block raises, and raise it on."""
        try:
            yield
        except ServiceError as error:
            self._lines[service] = error_line(error)
            raise

    def last_of(self, service: str) -> str | None:
        """Return the service's line, None if it had no error."""
        return self._lines.get(service)


def error_line(error: ServiceError) -> str:
    """Return an error as one line: the present time (ISO 8601, UTC), its code, its message."""
    lines = error.message.splitlines() or [""]
    message = "".join(each if each.isprintable() else " " for each in lines[0])
    if len(message) > ERROR_LENGTH:
        message = message[: ERROR_LENGTH - 1] + "…"
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {error.code}: {message}"
