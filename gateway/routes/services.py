"""``GET /v1/services``: engine, replicas, health, memory and last error of every service."""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.backends.protocol import Backend
from gateway.inventory import Health, ServiceState, StartPolicy
from gateway.problem import problem_documentation
from gateway.run_mode import RunMode
from services.kit.errors import DeadlineExceeded
from services.kit.runtimes import memory

REPORT_TIMEOUT_SECONDS: Final = 2.4
"""Seconds that a report may take."""

CACHE_SECONDS: Final = 1.0
"""Seconds for which a report is given to every client that asks."""

router = APIRouter(tags=["services"])

Bytes = Annotated[int | None, Field(description="Resident bytes; null if not known.")]
Calls = Annotated[int | None, Field(description="Calls; null if not known.")]


class Replica(BaseModel):
    """One running instance of a service."""

    address: str | None = Field(description="Its gRPC address; null in the gateway's process.")
    health: Health
    memory: Bytes
    running: Calls
    waiting: Calls


class Service(BaseModel):
    """One service."""

    name: str = Field(examples=["densepose"])
    engine: str | None = Field(
        description="Null while it is not known; several if the replicas' engines differ.",
        examples=["geometric"],
    )
    mode: RunMode = Field(
        description="embedded: in the gateway's process; processes: a process that the gateway "
        "started; remote: behind gRPC; orchestrated: containers that the gateway started."
    )
    start_policy: StartPolicy | None = Field(
        description="Of an orchestrated service. resident: its containers run from the gateway's "
        "start; on_demand: they run while they are needed."
    )
    health: Health = Field(
        description="Whether calls are answered now; stopped: the next call starts it."
    )
    replicas: list[Replica]
    memory: Bytes
    calls: Calls
    last_error: str | None = Field(
        description="The last error: its time, its code, one sentence.",
        examples=["2026-01-31T09:30:00Z overloaded: The densepose service is busy; ..."],
    )


class Total(BaseModel):
    """The sum over all services."""

    services: int
    serving: int
    replicas: int
    memory: int = Field(
        description="Bytes of the gateway and of all replicas of which they are known."
    )


class Gateway(BaseModel):
    """The gateway's own process."""

    version: str
    memory: int = Field(description="Resident bytes, those of the embedded services included.")


class Services(BaseModel):
    """The gateway, every service, and the sum."""

    gateway: Gateway
    services: list[Service]
    total: Total


class ServiceReporter:
    """Reports the backend's services; clients that ask at the same time share one report."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._reporting: asyncio.Task[Services] | None = None
        self._fresh_until = 0.0

    async def report(self) -> Services:
        """Return a report of the last second. Raises DeadlineExceeded if the backend hangs."""
        reporting = self._reporting
        if reporting is None or (reporting.done() and time.monotonic() >= self._fresh_until):
            reporting = self._reporting = asyncio.create_task(self._make_report())
        # A client that disconnects must not cancel the report for the others.
        return await asyncio.shield(reporting)

    async def _make_report(self) -> Services:
        try:
            async with asyncio.timeout(REPORT_TIMEOUT_SECONDS):
                return _report(await self._backend.services())
        except TimeoutError:
            raise DeadlineExceeded(
                f"What runs the services did not answer within {REPORT_TIMEOUT_SECONDS} seconds; "
                "try again when the system is less busy."
            ) from None
        finally:
            self._fresh_until = time.monotonic() + CACHE_SECONDS


def _report(states: Sequence[ServiceState]) -> Services:
    services = [Service.model_validate(state, from_attributes=True) for state in states]
    own = memory.resident_bytes()
    total = Total(
        services=len(services),
        serving=sum(service.health is Health.SERVING for service in services),
        replicas=sum(len(service.replicas) for service in services),
        memory=own + sum(service.memory or 0 for service in services),
    )
    gateway = Gateway(version=__version__, memory=own)
    return Services(gateway=gateway, services=services, total=total)


@router.get(
    "/v1/services",
    summary="How is every service?",
    responses={504: problem_documentation("What runs the services did not answer in time.")},
)
async def services(request: Request, response: Response) -> Services:
    """Report engine, mode, health, replicas, memory and last error of every service.

    The report takes 2.5 seconds at most, and is one second old at most.
    """
    response.headers["Cache-Control"] = "no-store"
    reporter: Any = request.app.state.service_reporter
    report: Services = await reporter.report()
    return report
