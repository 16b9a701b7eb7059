"""Where the services run, behind one protocol: in this process, or anywhere behind gRPC.

The graph does not know which; the same arrays go in and come out.
"""

import asyncio
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import grpc
import structlog
from grpc_health.v1 import (  # type: ignore[import-untyped]
    health_pb2,
    health_pb2_grpc,
)

from gateway.pipeline import TRY_ON
from services.kit import channels, memory
from services.kit.contract import Contract, Method
from services.kit.errors import DeadlineExceeded, InternalError, ServiceUnavailable, TryOnError
from services.kit.executor import BoundedExecutor
from services.kit.service import Service
from services.kit.settings import Settings

CONTRACTS: Final[tuple[Contract, ...]] = tuple(
    importlib.import_module(f"services.{name}.contract").CONTRACT
    for name in dict.fromkeys(step.method.service for step in TRY_ON.steps)
)
"""Every service that the pipeline calls."""

HEALTH_SECONDS: Final = 2.0
"""How long a health check may take."""

log = structlog.stdlib.get_logger(__name__)


class Backend(Protocol):
    """Runs the services' methods."""

    async def start(self) -> None:
        """Make it ready: load the services, or open the channels to them."""
        ...

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> object:
        """Give the response within ``seconds``, or raise TryOnError."""
        ...

    async def ready(self) -> Mapping[str, bool]:
        """Tell of every service whether it would answer now."""
        ...

    async def close(self) -> None:
        """Let go of everything; calls in flight fail."""
        ...


class InProcess:
    """Every service in this process, each on worker threads of its own."""

    def __init__(self, settings: Settings, contracts: Iterable[Contract] = CONTRACTS) -> None:
        self._settings = settings
        self._contracts = tuple(contracts)
        self._services: dict[str, Service] = {}
        self._executors: dict[str, BoundedExecutor] = {}

    async def start(self) -> None:
        """Load every service, as many at a time as there are cores.

        Raises what a service's ``load`` raises, such as WeightsMissing and UnknownEngine.
        """
        memory.few_arenas()
        at_once = asyncio.Semaphore(self._settings.threads)

        async def load(contract: Contract) -> None:
            async with at_once:
                service = await asyncio.to_thread(_load, contract)
            self._services[contract.name] = service
            self._executors[contract.name] = BoundedExecutor(
                contract.name,
                workers=self._settings.workers,
                queue_size=self._settings.queue_size,
            )

        try:
            async with asyncio.TaskGroup() as tasks:
                for contract in self._contracts:
                    tasks.create_task(load(contract))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,  # noqa: ARG002 - the log's context carries it within a process
    ) -> object:
        """Run the service's handler on its worker thread."""
        service = self._services.get(method.service)
        if service is None:
            raise ServiceUnavailable(
                f"The {method.service} service is still loading; try again in a few seconds.",
                stage=method.service,
            )
        handler = service.handlers[method.rpc]
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._executors[method.service].run(handler, request)
        except TryOnError:
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                raise DeadlineExceeded(
                    f"The {method.service} service did not answer within {seconds:.0f} seconds; "
                    "try again when the system is less busy.",
                    stage=method.service,
                ) from None
            log.exception("unforeseen error", service=method.service, rpc=method.rpc)
            raise InternalError(stage=method.service) from error

    async def ready(self) -> Mapping[str, bool]:
        """Tell which services are loaded."""
        return {contract.name: contract.name in self._services for contract in self._contracts}

    async def close(self) -> None:
        """Wait for running calls for the configured grace, then release the engines."""
        await asyncio.gather(
            *(each.close(self._settings.shutdown_grace) for each in self._executors.values())
        )
        for service in self._services.values():
            service.close()
        self._services.clear()


def _load(contract: Contract) -> Service:
    # By name: whoever imports the gateway gets no model runtime with it.
    service: Service = importlib.import_module(f"services.{contract.name}.service").load()
    log.info("loaded", service=contract.name, engine=service.engine)
    return service


class Grpc:
    """Every service behind gRPC, at the address that ``address`` tells for its contract."""

    def __init__(
        self,
        settings: Settings,
        address: Callable[[Contract], str],
        contracts: Iterable[Contract] = CONTRACTS,
    ) -> None:
        self._settings = settings
        self._address = address
        self._contracts = tuple(contracts)
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def start(self) -> None:
        """Open the channels; they connect with the first call."""
        self._channels = {
            contract.name: channels.connect(self._address(contract), self._settings)
            for contract in self._contracts
        }

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> object:
        """Send the call to the service's address."""
        channel = self._channels[method.service]
        return await channels.call(channel, method, request, timeout=seconds, request_id=request_id)

    async def ready(self) -> Mapping[str, bool]:
        """Ask every service's standard health check, all at the same time."""
        names = list(self._channels)
        answers = await asyncio.gather(*(_serving(self._channels[name]) for name in names))
        return dict(zip(names, answers, strict=True))

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))


async def _serving(channel: grpc.aio.Channel) -> bool:
    health = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await health.Check(
            health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS, wait_for_ready=False
        )
    except grpc.aio.AioRpcError:
        return False
    serving: bool = answer.status == health_pb2.HealthCheckResponse.SERVING
    return serving
