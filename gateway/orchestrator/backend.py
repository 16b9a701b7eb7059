"""The backend that runs every service in containers of its own making."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.backends.contracts import CONTRACTS
from gateway.inventory import ServiceState, StartPolicy
from gateway.orchestrator import budget
from gateway.orchestrator.container_spec import HOME, OWNER, ContainerOptions, Machine, Owner
from gateway.orchestrator.engine import BUILD_HINT, DockerEngine
from gateway.orchestrator.instance import Instance
from gateway.orchestrator.replica_handle import ReplicaHandle
from gateway.orchestrator.settings import BUDGET_SHARE, OrchestratorSettings
from gateway.orchestrator.supervisor import (
    STOP_GRACE_SECONDS,
    ChangeNotifier,
    Orchestration,
    Phase,
    ServiceSupervisor,
)
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import (
    ContainersUnavailable,
    DeadlineExceeded,
    ServiceError,
    ServiceUnavailable,
)
from services.kit.settings import MIB, Settings

LOOK_INTERVAL_SECONDS: Final = 1.0
"""Seconds between two queries of the engine for the containers that run."""

ATTEMPTS: Final = 3
"""Most times that a call is sent if its container ends. Services have no side effects."""

log = structlog.stdlib.get_logger(__name__)


class OrchestratedBackend:
    """A backend that starts, supervises and stops the services' containers.

    Resident services run from ``start`` to ``close``. On-demand services run from their first call
    until they have been idle, or until another service needs their memory. ``run_dir`` holds a lock
    for each instance that is alive.
    """

    def __init__(
        self,
        settings: Settings,
        docker: OrchestratorSettings,
        run_dir: Path,
        contracts: Iterable[Contract] = CONTRACTS,
    ) -> None:
        self._settings = settings
        self._docker = docker
        self._folder = run_dir / "orchestrator"
        self._contracts = tuple(contracts)
        self._engine = DockerEngine()
        self._instance: Instance | None = None
        self._supervisors: dict[str, ServiceSupervisor] = {}
        self._budget = 0
        self._changes = ChangeNotifier()
        self._start_lock = asyncio.Lock()
        self._look_now = asyncio.Event()
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Clean up after instances that were killed, then start the resident services.

        Raises ContainersUnavailable if Docker cannot be used, images are missing or the memory
        budget is too small for a service; else the error of a resident service that cannot start.
        """
        machine = await self._engine.open()
        self._instance = Instance(self._folder)
        owner = Owner(self._instance.run, self._instance.home)
        await self._remove_orphans(self._instance)
        await self._check_images()
        self._create_supervisors(machine, owner)
        self._watching = asyncio.create_task(self._watch(owner))
        residents = [
            each for each in self._supervisors.values() if each.start_policy is StartPolicy.RESIDENT
        ]
        for supervisor in residents:
            supervisor.start()
        waiting = [
            asyncio.create_task(supervisor.wait_until_all_serve()) for supervisor in residents
        ]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Send the call to one of the service's containers as soon as one serves.

        If that container ends, the call goes to another, within the same ``seconds``.
        """
        supervisor = self._supervisors.get(method.service)
        if self._closing or supervisor is None:
            raise ServiceUnavailable(
                f"The {method.service} service is "
                f"{'shutting down' if self._closing else 'still starting'}; "
                "try again in a few seconds.",
                stage=method.service,
            )
        ends = time.monotonic() + seconds
        attempt = 0
        with self._counted_caller(supervisor):
            while True:
                attempt += 1
                replica = await self._serving_replica(supervisor, ends, seconds)
                try:
                    return await replica.call(method, request, ends - time.monotonic(), request_id)
                except ServiceUnavailable as error:
                    # The supervisor finds out and records why it could not answer.
                    replica.suspect()
                    self._look_now.set()
                    if attempt == ATTEMPTS:
                        raise ServiceUnavailable(
                            f"The {supervisor.name} service ended or was out of reach each of the "
                            f"{ATTEMPTS} times it was called; `tryon services` shows why.",
                            stage=supervisor.name,
                        ) from error
                    log.warning("called again", service=supervisor.name, reason=error.message)
                except ServiceError as error:
                    supervisor.record_error(error)
                    raise

    async def identity(self, service: str) -> str:
        """Return the identity that one of the service's containers has now; empty if none serves.

        A stopped service is not started for it.
        """
        supervisor = self._supervisors.get(service)
        replica = supervisor.pick_replica() if supervisor else None
        return await replica.identity() if replica else ""

    async def ready(self) -> Mapping[str, bool]:
        """Return for each service whether it serves, or would be started by a call."""
        return {
            contract.name: self._is_ready(self._supervisors.get(contract.name))
            for contract in self._contracts
        }

    async def services(self) -> Sequence[ServiceState]:
        """Return every service's state at the last health checks, seconds ago at most."""
        return [supervisor.state() for supervisor in self._supervisors.values()]

    async def close(self) -> None:
        """Let calls in flight finish within ``shutdown_grace``, then remove the containers."""
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(self._settings.shutdown_grace):
                while any(supervisor.callers for supervisor in self._supervisors.values()):
                    await self._changes.wait()
        except TimeoutError:
            log.warning("calls in flight are given up")
        pending = [*self._starting.values(), *([self._watching] if self._watching else [])]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.gather(
            *(each.stop() for each in self._supervisors.values() if each.phase is Phase.UP)
        )
        await asyncio.gather(*(supervisor.close() for supervisor in self._supervisors.values()))
        if self._instance:
            await self._sweep(OWNER, self._instance.run)
            self._instance.release()
        await self._engine.close()

    async def _serving_replica(
        self, supervisor: ServiceSupervisor, ends: float, seconds: float
    ) -> ReplicaHandle:
        """Wait for a container that serves; request the service's start if it is stopped."""
        try:
            async with asyncio.timeout_at(
                asyncio.get_running_loop().time() + ends - time.monotonic()
            ):
                while True:
                    if supervisor.phase is Phase.STOPPED:
                        self._request_start(supervisor)
                    replica = supervisor.pick_replica()
                    if replica:
                        return replica
                    await self._changes.wait()
        except TimeoutError:
            error = DeadlineExceeded(
                f"The {supervisor.name} service did not start within {seconds:.0f} seconds; try "
                "again when the system is less busy, or raise TRYON_STAGE_DEADLINE_FACTOR or "
                "TRYON_DOCKER_BUDGET_MIB.",
                stage=supervisor.name,
            )
            supervisor.record_error(error)
            raise error from None

    @contextmanager
    def _counted_caller(self, supervisor: ServiceSupervisor) -> Iterator[None]:
        supervisor.callers += 1
        supervisor.mark_used()
        try:
            yield
        finally:
            supervisor.callers -= 1
            supervisor.mark_used()
            if supervisor.phase is Phase.QUEUED and not supervisor.callers:
                self._starting[supervisor.name].cancel()
            self._changes.notify()

    def _request_start(self, supervisor: ServiceSupervisor) -> None:
        supervisor.phase = Phase.QUEUED
        self._starting[supervisor.name] = asyncio.create_task(self._start(supervisor))

    async def _start(self, supervisor: ServiceSupervisor) -> None:
        """Start a service as soon as there is memory for it, in the order of requests."""
        try:
            async with self._start_lock:
                while (to_stop := self._services_to_stop(supervisor)) != ():
                    for name in to_stop or ():
                        log.info("makes room", service=name, needed_by=supervisor.name)
                        self._supervisors[name].stop()
                    await self._changes.wait()
                supervisor.start()
        finally:
            if supervisor.phase is Phase.QUEUED:
                supervisor.phase = Phase.STOPPED
            self._changes.notify()

    def _services_to_stop(self, supervisor: ServiceSupervisor) -> tuple[str, ...] | None:
        return budget.services_to_stop(supervisor.mib, self._budget, self._reservations())

    def _reservations(self) -> list[budget.MemoryReservation]:
        found = (supervisor.reservation() for supervisor in self._supervisors.values())
        return [each for each in found if each]

    def _is_ready(self, supervisor: ServiceSupervisor | None) -> bool:
        if supervisor is None or self._closing:
            return False
        try:
            return bool(supervisor.pick_replica()) or (
                supervisor.start_policy is StartPolicy.ON_DEMAND
                and supervisor.phase is not Phase.UP
            )
        except ServiceError:
            return False

    def _create_supervisors(self, machine: Machine, owner: Owner) -> None:
        needs = {each.name: self._docker.need_of(each.name) for each in self._contracts}
        self._budget = self._docker.budget_mib or int(machine.memory * BUDGET_SHARE) // MIB
        if too_large := budget.exceeding(needs, self._budget):
            wanted = ", ".join(f"{name} needs {needs[name]} MiB" for name in too_large)
            raise ContainersUnavailable(
                f"The memory budget is {self._budget} MiB, but {wanted}; raise "
                "TRYON_DOCKER_BUDGET_MIB, or lower TRYON_DOCKER_REPLICAS or "
                "TRYON_DOCKER_MEMORY_MIB."
            )
        wanted_residents = [name for name in self._docker.resident if name in needs]
        residents = budget.choose_residents(wanted_residents, needs, self._budget)
        orchestration = Orchestration(
            engine=self._engine,
            options=ContainerOptions(
                owner=owner, machine=machine, docker=self._docker, settings=self._settings
            ),
            changes=self._changes,
            start_slots=asyncio.Semaphore(machine.cores),
        )
        for contract in self._contracts:
            self._supervisors[contract.name] = ServiceSupervisor(
                contract,
                StartPolicy.RESIDENT if contract.name in residents else StartPolicy.ON_DEMAND,
                orchestration,
            )
        for name in wanted_residents:
            if name not in residents:
                error = ContainersUnavailable(
                    f"The {name} service is wanted as resident but does not fit the memory budget "
                    f"of {self._budget} MiB beside the others, so it runs on demand; raise "
                    "TRYON_DOCKER_BUDGET_MIB to keep it.",
                    stage=name,
                )
                log.warning("not resident", service=name, reason=error.message)
                self._supervisors[name].record_error(error)

    async def _check_images(self) -> None:
        images = {self._docker.image_of(contract): contract.name for contract in self._contracts}
        missing = [
            image
            for image, is_missing in zip(
                images,
                await asyncio.gather(*(self._engine.is_image_missing(image) for image in images)),
                strict=True,
            )
            if is_missing
        ]
        if missing:
            raise ContainersUnavailable(
                f"The Docker engine has no image {', '.join(missing)}; {BUILD_HINT}, or name "
                "others in TRYON_DOCKER_IMAGE."
            )

    async def _remove_orphans(self, instance: Instance) -> None:
        """Remove the containers of killed instances of the same run folder."""
        left = await self._engine.find(HOME, instance.home)
        dead = {run for run in {each.run for each in left} if instance.is_dead(run)}
        names = [each.name for each in left if each.run in dead]
        if names:
            log.warning("cleans up after an instance that was killed", containers=names)
        await self._remove_all(names)

    async def _sweep(self, label: str, value: str) -> None:
        try:
            left = await self._engine.find(label, value)
            await self._remove_all([each.name for each in left])
        except ServiceError as error:
            log.warning("containers may be left", reason=error.message)

    async def _remove_all(self, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._engine.remove(name, STOP_GRACE_SECONDS) for name in names))

    async def _watch(self, owner: Owner) -> None:
        """Query the engine for the containers that run, and stop idle services, again and again."""
        is_engine_silent = False
        while True:
            try:
                await self._look_once(owner)
                is_engine_silent = False
            except ServiceError as error:
                # Calls go on: the services may run although the engine does not answer.
                if not is_engine_silent:
                    log.warning("cannot see the containers", reason=error.message)
                is_engine_silent = True
            except Exception:
                log.exception("unforeseen error")
            for name in budget.idle_services(
                self._reservations(), time.monotonic(), self._docker.idle_seconds
            ):
                log.info("idle", service=name)
                self._supervisors[name].stop()
            try:
                async with asyncio.timeout(LOOK_INTERVAL_SECONDS):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()

    async def _look_once(self, owner: Owner) -> None:
        supervisors = self._supervisors.values()
        known = frozenset[str]().union(
            *(supervisor.container_names(launched_only=True) for supervisor in supervisors)
        )
        found = await self._engine.find(OWNER, owner.run)
        running = frozenset(each.name for each in found if each.is_running)
        for supervisor in supervisors:
            supervisor.mark_ended_replicas(known, running)
        ours = frozenset[str]().union(*(supervisor.container_names() for supervisor in supervisors))
        await self._remove_all([each.name for each in found if each.name not in ours])
