"""Supervises one service's containers: starts them, probes them, replaces those that end."""

import asyncio
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Final

import structlog

from gateway import replicas
from gateway.inventory import Health, ServiceState, StartPolicy, error_line
from gateway.orchestrator.backoff import Backoff
from gateway.orchestrator.budget import MemoryReservation
from gateway.orchestrator.container_exit import error_from_exit
from gateway.orchestrator.container_spec import ContainerOptions, container_spec
from gateway.orchestrator.engine import DockerEngine
from gateway.orchestrator.replica_handle import ReplicaHandle, least_busy
from gateway.run_mode import RunMode
from services.kit.contract import Contract
from services.kit.errors import InternalError, ServiceError, ServiceUnavailable

STARTING_PROBE_INTERVAL_SECONDS: Final = 0.2
"""Seconds between two health checks of a container that starts."""

SERVING_PROBE_INTERVAL_SECONDS: Final = 2.0
"""Seconds between two health checks of a container that serves."""

SUSPECT_PROBE_INTERVAL_SECONDS: Final = 0.5
"""Seconds between two health checks of a container that failed the last one."""

STOP_GRACE_SECONDS: Final = 10
"""Seconds that a container without calls may take to stop before it is killed."""

CONFIGURATION_RETRY_SECONDS: Final = 10.0
"""Least seconds to the next start after an error that only a change of configuration resolves."""

MAX_FAILED_STARTS: Final = 3
"""Failed starts in a row after which calls are refused at once."""

log = structlog.stdlib.get_logger(__name__)


class ChangeNotifier:
    """Wakes every task that waits for a change."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Wake every task that waits now."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next change of any kind."""
        await self._next.wait()


class Phase(Enum):
    """The state that a service's containers are brought to."""

    STOPPED = "stopped"
    QUEUED = "queued"
    """The start waits for memory."""

    UP = "up"
    STOPPING = "stopping"


@dataclass(frozen=True, kw_only=True)
class Orchestration:
    """What all supervisors of a backend share."""

    engine: DockerEngine
    """Starts, inspects and removes the containers."""
    options: ContainerOptions
    """What every service's containers are made from."""
    changes: ChangeNotifier
    """Notified after every change that a task may wait for."""
    start_slots: asyncio.Semaphore
    """Bounds how many containers start at the same time."""


class ServiceSupervisor:
    """Supervises one service's containers."""

    def __init__(
        self, contract: Contract, start_policy: StartPolicy, orchestration: Orchestration
    ) -> None:
        docker = orchestration.options.docker
        self.name = contract.name
        self.start_policy = start_policy
        self.mib = docker.need_of(contract.name)
        self.phase = Phase.STOPPED
        self.callers = 0
        """Calls in flight or waiting for the service."""

        self.last_error: str | None = None
        self._contract = contract
        self._engine = orchestration.engine
        self._options = orchestration.options
        self._docker = docker
        self._settings = orchestration.options.settings
        self._changes = orchestration.changes
        self._start_slots = orchestration.start_slots
        self._last_used = 0.0
        self._engine_name: str | None = None
        self._failure: ServiceError | None = None
        self._failures = 0
        self._replicas: list[ReplicaHandle] = []
        self._replica_tasks: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the containers, and replace those that end until ``stop``."""
        self.phase = Phase.UP
        self._failure, self._failures = None, 0
        self._last_used = time.monotonic()
        self._replica_tasks = [
            asyncio.create_task(self._run_replica(), name=f"supervise {self.name}")
            for _ in range(self._docker.replicas_of(self.name))
        ]

    def stop(self) -> asyncio.Task[None]:
        """Stop and remove the containers; return the task that does so."""
        self.phase = Phase.STOPPING
        return self._run_in_background(self._stop())

    async def _stop(self) -> None:
        for task in self._replica_tasks:
            task.cancel()
        await asyncio.gather(*self._replica_tasks, return_exceptions=True)
        self._replica_tasks = []
        self.phase = Phase.STOPPED
        log.info("service stopped", service=self.name)
        self._changes.notify()

    async def close(self) -> None:
        """Wait for the background tasks."""
        await asyncio.gather(*self._background, return_exceptions=True)

    async def wait_until_all_serve(self) -> None:
        """Wait until every container serves. Raises the error of the first that cannot start."""
        while sum(replica.serving for replica in self._replicas) < len(self._replica_tasks):
            if self._failure:
                raise self._failure
            await self._changes.wait()

    def pick_replica(self) -> ReplicaHandle | None:
        """Return the container for the next call, None if no container serves.

        Raises ServiceUnavailable after too many failed starts, or the service's own error if it
        cannot start with its configuration.
        """
        if self.phase is not Phase.UP:
            return None
        replica = least_busy(self._replicas)
        if replica is None and self._failure:
            if not isinstance(self._failure, ServiceUnavailable):
                raise self._failure
            if self._failures >= MAX_FAILED_STARTS:
                raise ServiceUnavailable(
                    f"The {self.name} service does not start; `tryon services` shows why.",
                    stage=self.name,
                )
        return replica

    def mark_used(self) -> None:
        """Set the time of the last use to now."""
        self._last_used = time.monotonic()

    def record_error(self, error: ServiceError) -> None:
        """Record the error as the last one in ``state``."""
        self.last_error = error_line(error)

    def reservation(self) -> MemoryReservation | None:
        """Return its part of the memory budget, None if it has none."""
        if self.phase in (Phase.STOPPED, Phase.QUEUED):
            return None
        return MemoryReservation(
            name=self.name,
            mib=self.mib,
            resident=self.start_policy is StartPolicy.RESIDENT,
            busy=self.callers > 0,
            stopping=self.phase is Phase.STOPPING,
            last_used=self._last_used,
        )

    def mark_ended_replicas(self, known: frozenset[str], running: frozenset[str]) -> None:
        """Mark the containers as ended that were ``known`` before the query and do not run."""
        for replica in self._replicas:
            if replica.name in known and replica.name not in running:
                replica.mark_ended()

    def container_names(self, *, launched_only: bool = False) -> frozenset[str]:
        """Return the names of its containers, with or without those that are not yet made."""
        return frozenset(
            replica.name for replica in self._replicas if replica.launched or not launched_only
        )

    def state(self) -> ServiceState:
        """Return the service's state at the last health checks."""
        states = tuple(replica.state() for replica in self._replicas if replica.address)
        if any(replica.serving for replica in self._replicas):
            health = Health.SERVING
        elif self.phase in (Phase.STOPPED, Phase.STOPPING):
            health = Health.STOPPED
        else:
            health = Health.FAILING if self._failure else Health.STARTING
        return ServiceState(
            name=self.name,
            engine=self._engine_name,
            mode=RunMode.ORCHESTRATED,
            health=health,
            replicas=states,
            last_error=self.last_error,
            start_policy=self.start_policy,
        )

    async def _run_replica(self) -> None:
        """Run one container; start another when it ends."""
        backoff = Backoff()
        while True:
            replica = ReplicaHandle(
                f"{self._docker.prefix}-{self._contract.host}-{uuid.uuid4().hex[:8]}"
            )
            self._replicas.append(replica)
            began: float | None = None
            try:
                async with self._start_slots:
                    await self._launch(replica)
                began = time.monotonic()
                self._failure, self._failures = None, 0
                self._changes.notify()
                await self._monitor(replica)
            except ServiceError as error:
                served = time.monotonic() - began if began else 0.0
                backoff = backoff.ended(served)
                delay = backoff.delay
                if not isinstance(error, ServiceUnavailable):
                    delay = max(delay, CONFIGURATION_RETRY_SECONDS)
                self._record_failure(error, is_start=began is None, delay=delay)
            except Exception:
                log.exception("unforeseen error", service=self.name)
                delay = CONFIGURATION_RETRY_SECONDS
                self._record_failure(InternalError(stage=self.name), is_start=True, delay=delay)
            finally:
                await self._remove_replica(replica)
            await asyncio.sleep(delay)

    async def _launch(self, replica: ReplicaHandle) -> None:
        """Start a container and wait until it serves."""
        began = time.monotonic()
        spec = container_spec(self._contract, replica.name, self._options)
        await self._engine.launch(spec)
        replica.launched = True
        replica.address = await self._engine.address(spec) or ""
        while replica.address:
            probe = await replicas.probe(replica.address, self._settings)
            if probe.replica.health is Health.SERVING:
                break
            await replica.wait_for_change(STARTING_PROBE_INTERVAL_SECONDS)
            if replica.ended:
                break
            if time.monotonic() - began > self._docker.start_timeout:
                raise ServiceUnavailable(
                    f"The {self.name} service did not serve within "
                    f"{self._docker.start_timeout:g} seconds of its start; see what else keeps the "
                    "machine busy, or raise TRYON_DOCKER_START_TIMEOUT.",
                    stage=self.name,
                )
        if replica.ended or not replica.address:
            raise await self._error_of_exit(replica)
        replica.connect(self._settings)
        replica.last_status, replica.serving = probe.replica, True
        self._engine_name = probe.engine or self._engine_name
        log.info(
            "container serves",
            service=self.name,
            container=replica.name,
            seconds=round(time.monotonic() - began, 2),
        )

    async def _monitor(self, replica: ReplicaHandle) -> None:
        """Probe a container until it ends or fails for ``unhealthy_seconds``. Always raises."""
        answered = time.monotonic()
        while True:
            await replica.wait_for_change(
                SERVING_PROBE_INTERVAL_SECONDS
                if replica.serving
                else SUSPECT_PROBE_INTERVAL_SECONDS
            )
            if replica.ended:
                raise await self._error_of_exit(replica)
            probe = await replicas.probe(replica.address, self._settings)
            replica.last_status = probe.replica
            if probe.replica.health is Health.SERVING:
                answered = time.monotonic()
                if not (replica.serving or replica.ended):
                    replica.serving = True
                    self._changes.notify()
            else:
                replica.serving = False
                silent = time.monotonic() - answered
                if silent > self._docker.unhealthy_seconds:
                    raise ServiceUnavailable(
                        f"A container of the {self.name} service did not answer its health check "
                        f"for {silent:.0f} seconds and was replaced.",
                        stage=self.name,
                    )

    async def _error_of_exit(self, replica: ReplicaHandle) -> ServiceError:
        container_exit = await self._engine.inspect_exit(replica.name)
        log.error(
            "container ended",
            service=self.name,
            container=replica.name,
            exit_code=container_exit.exit_code,
            out_of_memory=container_exit.out_of_memory,
            lines=list(container_exit.lines),
        )
        return error_from_exit(container_exit, self.name, self._docker.memory_of(self.name))

    def _record_failure(self, error: ServiceError, *, is_start: bool, delay: float) -> None:
        self.record_error(error)
        if is_start:
            self._failure = error
            self._failures += 1
        log.warning(
            "container failed",
            service=self.name,
            code=error.code,
            reason=error.message,
            delay=delay,
        )

    def _run_in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _remove_replica(self, replica: ReplicaHandle) -> None:
        """Remove a container. If that fails, the next look at the containers removes it."""
        is_wanted = self.phase is Phase.UP
        replica.mark_ended()
        try:
            # What is to be replaced is dead or does not answer: there is nothing to wait for.
            await self._engine.remove(replica.name, 0 if is_wanted else STOP_GRACE_SECONDS)
        except ServiceError as error:
            log.warning("container not removed", container=replica.name, reason=error.message)
        finally:
            self._replicas.remove(replica)
            self._run_in_background(replica.close())
            self._changes.notify()
