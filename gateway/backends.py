"""Backends: how the graph's calls reach the services, in this process or over gRPC.

All backends have one protocol. The same arrays go in and come out.
"""

import asyncio
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, Protocol

import structlog

from gateway import replicas
from gateway.inventory import Health, LastErrors, Replica, ServiceState, best_health
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.run_mode import RunMode
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import DeadlineExceeded, InternalError, ServiceUnavailable, TryOnError
from services.kit.executor import BoundedExecutor
from services.kit.runtimes import memory
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.weights.identity import load_identified
from services.kit.wire import channels

CONTRACTS: Final[tuple[Contract, ...]] = tuple(
    importlib.import_module(f"services.{name}.contract").CONTRACT
    for name in dict.fromkeys(step.method.service for step in TRY_ON_PIPELINE.steps)
)
"""Every service that the pipeline calls."""

MAX_NAME_LOOKUPS: Final = 4
"""Network names that are resolved at the same time."""

log = structlog.stdlib.get_logger(__name__)


class Backend(Protocol):
    """Runs the services' methods."""

    async def start(self) -> None:
        """Load the services, or open the channels to them."""
        ...

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Return the method's answer within ``seconds``. Raises TryOnError."""
        ...

    async def identity(self, service: str) -> str:
        """Return the identity of the engine that would answer now; empty if none can be told."""
        ...

    async def ready(self) -> Mapping[str, bool]:
        """Return for every service whether it would answer now."""
        ...

    async def services(self) -> Sequence[ServiceState]:
        """Return every service's state within seconds. Never raises for a service that hangs."""
        ...

    async def close(self) -> None:
        """Release everything; calls in flight fail."""
        ...


class EmbeddedBackend:
    """Every service in this process, each on worker threads of its own."""

    def __init__(self, settings: Settings, contracts: Iterable[Contract] = CONTRACTS) -> None:
        self._settings = settings
        self._contracts = tuple(contracts)
        self._services: dict[str, Service] = {}
        self._executors: dict[str, BoundedExecutor] = {}
        self._errors = LastErrors()

    async def start(self) -> None:
        """Load every service, ``threads`` of them at a time.

        Raises the first error of a service's ``load``, such as WeightsMissing or UnknownEngine.
        """
        memory.limit_malloc_arenas()
        load_slots = asyncio.Semaphore(self._settings.threads)

        async def load(contract: Contract) -> None:
            async with load_slots:
                with self._errors.recorded(contract.name):
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
    ) -> Answer[Any]:
        """Run the service's handler on its worker thread."""
        with self._errors.recorded(method.service):
            return await self._call(method, request, seconds)

    async def identity(self, service: str) -> str:
        """Return the identity of the loaded engine."""
        loaded = self._services.get(service)
        return loaded.identity if loaded else ""

    async def _call(self, method: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
        service = self._services.get(method.service)
        if service is None:
            raise ServiceUnavailable(
                f"The {method.service} service is still loading; try again in a few seconds.",
                stage=method.service,
            )
        handler = service.handlers[method.rpc]
        try:
            async with asyncio.timeout(seconds) as limit:
                response = await self._executors[method.service].run(handler, request)
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
        return Answer(response, service.identity)

    async def ready(self) -> Mapping[str, bool]:
        """Return for every service whether it is loaded."""
        return {contract.name: contract.name in self._services for contract in self._contracts}

    async def services(self) -> Sequence[ServiceState]:
        """Return every service's state, without memory: all share the process's."""
        return [self._state(contract.name) for contract in self._contracts]

    def _state(self, name: str) -> ServiceState:
        service, error = self._services.get(name), self._errors.last_of(name)
        if service is None:
            health = Health.FAILING if error else Health.STARTING
            return ServiceState(name=name, mode=RunMode.EMBEDDED, health=health, last_error=error)
        executor = self._executors[name]
        replica = Replica(
            address=None,
            health=Health.SERVING,
            running=executor.running,
            waiting=executor.waiting,
        )
        return ServiceState(
            name=name,
            engine=service.engine,
            mode=RunMode.EMBEDDED,
            health=replica.health,
            replicas=(replica,),
            last_error=error,
        )

    async def close(self) -> None:
        """Wait ``shutdown_grace`` seconds for running calls, then release the engines."""
        await asyncio.gather(
            *(each.close(self._settings.shutdown_grace) for each in self._executors.values())
        )
        for service in self._services.values():
            service.close()
        self._services.clear()


_import_lock: Final = Lock()


def _load(contract: Contract) -> Service:
    # By name, so that importing the gateway imports no model runtime.
    # Libraries with circular imports, SciPy among them, fail when two threads import them at once.
    with _import_lock:
        module = importlib.import_module(f"services.{contract.name}.service")
    service = load_identified(contract.name, module.load)
    log.info("loaded", service=contract.name, engine=service.engine)
    return service


class RemoteBackend:
    """Every service behind gRPC, at the ``host:port`` that ``address`` returns for its contract.

    ``replicas_address`` returns the name that stands for a service's replicas, if calls go
    elsewhere, such as to a proxy in front of them. ``mode`` is the mode in ``services``.
    """

    def __init__(
        self,
        settings: Settings,
        address: Callable[[Contract], str],
        contracts: Iterable[Contract] = CONTRACTS,
        *,
        replicas_address: Callable[[Contract], str] | None = None,
        mode: RunMode = RunMode.REMOTE,
    ) -> None:
        self._settings = settings
        self._address = address
        self._contracts = tuple(contracts)
        self._replicas_address = replicas_address or address
        self._mode = mode
        self._clients: dict[str, channels.RetryingClient] = {}
        self._errors = LastErrors()
        self._name_threads = ThreadPoolExecutor(MAX_NAME_LOOKUPS, "names")

    async def start(self) -> None:
        """Open the channels; they connect with the first call."""
        self._clients = {
            contract.name: channels.RetryingClient(self._address(contract), self._settings)
            for contract in self._contracts
        }

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Send the call to the service's address; once more if the connection was lost."""
        with self._errors.recorded(method.service):
            return await self._clients[method.service].call(
                method, request, timeout=seconds, request_id=request_id
            )

    async def identity(self, service: str) -> str:
        """Return the identity that the service's server has now."""
        return await self._clients[service].identity()

    async def ready(self) -> Mapping[str, bool]:
        """Run every service's standard health check, all at the same time."""
        answers = await asyncio.gather(*(client.is_serving() for client in self._clients.values()))
        return dict(zip(self._clients, answers, strict=True))

    async def services(self) -> Sequence[ServiceState]:
        """Probe every replica of every service, all within two seconds.

        The replicas are the machines behind the service's network name, or the one server at its
        address if that is no such name.
        """
        return await asyncio.gather(*(self._state(contract) for contract in self._contracts))

    async def _state(self, contract: Contract) -> ServiceState:
        address = self._address(contract)
        by_name = self._replicas_address(contract)
        found = await replicas.resolve(by_name, self._name_threads) or (address,)
        # Calls through a proxy may fail although every replica behind it is well.
        proxy = [address] if address not in (by_name, *found) else []
        probes = await asyncio.gather(
            *(replicas.probe(each, self._settings) for each in (*found, *proxy))
        )
        replica_probes, proxy_probes = probes[: len(found)], probes[len(found) :]
        engines = dict.fromkeys(probe.engine for probe in replica_probes if probe.engine)
        return ServiceState(
            name=contract.name,
            engine=", ".join(engines) or None,
            mode=self._mode,
            health=best_health(probe.replica for probe in proxy_probes or replica_probes),
            replicas=tuple(probe.replica for probe in replica_probes),
            last_error=self._errors.last_of(contract.name),
        )

    async def close(self) -> None:
        """Close the channels."""
        self._name_threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*(client.close() for client in self._clients.values()))
