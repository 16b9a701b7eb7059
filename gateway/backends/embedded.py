"""Every service in this process."""

import asyncio
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

import structlog

from gateway.backends.contracts import CONTRACTS
from gateway.backends.protocol import no_answer_in_time
from gateway.heap import HeapTrimmer
from gateway.inventory import Health, LastErrors, Replica, ServiceState
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.run_mode import RunMode
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import InternalError, ServiceUnavailable, TryOnError
from services.kit.executor import BoundedExecutor
from services.kit.runtimes import memory
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.weights.identity import load_identified

SKIPPABLE_SERVICES: Final = frozenset(
    step.method.service for step in TRY_ON_PIPELINE.steps if step.short_circuit
) - frozenset(step.method.service for step in TRY_ON_PIPELINE.steps if not step.short_circuit)
"""Services that some pictures do not need: every step that calls them has a short circuit."""

log = structlog.stdlib.get_logger(__name__)


class EmbeddedBackend:
    """Every service in this process, each on worker threads of its own.

    A ``lazy`` backend starts at once: a call waits until its service is loaded, and a service that
    no picture needs for certain is loaded with its first call.
    """

    def __init__(
        self,
        settings: Settings,
        contracts: Iterable[Contract] = CONTRACTS,
        *,
        lazy: bool = False,
    ) -> None:
        self._settings = settings
        self._contracts = tuple(contracts)
        self._lazy = lazy
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._load_slots = asyncio.Semaphore(settings.threads)
        self._services: dict[str, Service] = {}
        self._executors: dict[str, BoundedExecutor] = {}
        self._errors = LastErrors()
        self._heap = HeapTrimmer()

    async def start(self) -> None:
        """Load every service, ``threads`` of them at a time; a lazy backend only begins to.

        Raises the first error of a service's ``load``, such as WeightsMissing or UnknownEngine.
        """
        memory.limit_malloc_arenas()
        if self._lazy:
            for contract in self._contracts:
                if contract.name not in SKIPPABLE_SERVICES:
                    self._begin_loading(contract)
            return
        await asyncio.gather(*(self._begin_loading(contract) for contract in self._contracts))

    def _begin_loading(self, contract: Contract) -> asyncio.Task[None]:
        if contract.name not in self._loading:
            self._loading[contract.name] = asyncio.create_task(self._load(contract))
        return self._loading[contract.name]

    async def _load(self, contract: Contract) -> None:
        async with self._load_slots:
            with self._errors.recorded(contract.name):
                service = await asyncio.to_thread(_load, contract)
        self._services[contract.name] = service
        self._executors[contract.name] = BoundedExecutor(
            contract.name,
            workers=self._settings.workers,
            queue_size=self._settings.queue_size,
        )

    async def _load_on_demand(self, name: str) -> None:
        """Wait until a service is loaded; begin if need be. Raises what its ``load`` raises."""
        for contract in self._contracts:
            if contract.name == name:
                # A call that is given up must not end the load that others wait for.
                await asyncio.shield(self._begin_loading(contract))

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
        if self._lazy and method.service not in self._services:
            await self._load_on_demand(method.service)
        service = self._services.get(method.service)
        if service is None:
            raise ServiceUnavailable(
                f"The {method.service} service is still loading; try again in a few seconds.",
                stage=method.service,
            )
        handler = service.handlers[method.rpc]
        try:
            async with asyncio.timeout(seconds) as limit:
                response = await self._executors[method.service].run(self._handle, handler, request)
        except TryOnError:
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                raise no_answer_in_time(method.service, seconds) from None
            log.exception("unforeseen error", service=method.service, rpc=method.rpc)
            raise InternalError(stage=method.service) from error
        return Answer(response, service.identity)

    def _handle(self, handler: Callable[[Any], Any], request: object) -> object:
        """Run a handler, on its worker thread; give much freed memory back."""
        try:
            return handler(request)
        finally:
            self._heap.trim_if_grown()

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
        for task in self._loading.values():
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
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
