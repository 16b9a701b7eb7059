"""Keeps one service's containers: starts them, watches them, replaces those that end."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Final

import structlog

from gateway import replicas
from gateway.inventory import Health, ServiceState, StartPolicy, line_of
from gateway.orchestrator.backoff import Backoff
from gateway.orchestrator.budget import Holding
from gateway.orchestrator.copies import Copy, least_busy
from gateway.orchestrator.ending import error_of
from gateway.orchestrator.engine import Engine
from gateway.orchestrator.settings import OrchestratorSettings
from gateway.orchestrator.spec import Spec
from gateway.run_mode import RunMode
from services.kit.contract import Contract
from services.kit.errors import InternalError, ServiceError, ServiceUnavailable
from services.kit.settings import Settings

STARTING_SECONDS: Final = 0.2
"""Between two questions to a container that starts."""

SERVING_SECONDS: Final = 2.0
"""Between two questions to a container that serves."""

DOUBTED_SECONDS: Final = 0.5
"""Between two questions to one that did not answer."""

STOP_SECONDS: Final = 10
"""What a container without calls gets to stop by itself."""

PERSON_SECONDS: Final = 10.0
"""Before another try where only a person can mend what went wrong."""

HOPELESS: Final = 3
"""Failed starts in a row after which callers no longer wait for the next."""

log = structlog.stdlib.get_logger(__name__)


class Changes:
    """Wakes everybody who waits for something to have changed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Wake all who wait now."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next change, of whatever kind."""
        await self._next.wait()


class Phase(Enum):
    """What is wanted of a service's containers."""

    STOPPED = "stopped"
    QUEUED = "queued"
    """Its start waits for memory."""

    UP = "up"
    STOPPING = "stopping"


class Keeper:
    """One service. ``describe`` makes the specification of a container of a given name.

    ``changes`` is told whenever something happened that somebody may wait for; ``at_once`` bounds
    how many containers start at the same time.
    """

    def __init__(
        self,
        contract: Contract,
        start_policy: StartPolicy,
        engine: Engine,
        describe: Callable[[str], Spec],
        *,
        docker: OrchestratorSettings,
        settings: Settings,
        changes: Changes,
        at_once: asyncio.Semaphore,
    ) -> None:
        self.name = contract.name
        self.start_policy = start_policy
        self.mib = docker.need_of(contract.name)
        self.phase = Phase.STOPPED
        self.callers = 0
        """Calls in flight or waiting for the service."""

        self.last_error: str | None = None
        self._engine = engine
        self._describe = describe
        self._docker = docker
        self._settings = settings
        self._changes = changes
        self._at_once = at_once
        self._last_used = 0.0
        self._host = contract.host
        self._engine_name: str | None = None
        self._failure: ServiceError | None = None
        self._failures = 0
        self._copies: list[Copy] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start its containers, and keep them until ``stop``."""
        self.phase = Phase.UP
        self._failure, self._failures = None, 0
        self._last_used = time.monotonic()
        self._keeping = [
            asyncio.create_task(self._keep(), name=f"keep {self.name}")
            for _ in range(self._docker.replicas_of(self.name))
        ]

    def stop(self) -> asyncio.Task[None]:
        """Stop and remove its containers; gives the task that has done so when it ends."""
        self.phase = Phase.STOPPING
        return self._apart(self._stop())

    async def _stop(self) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._keeping = []
        self.phase = Phase.STOPPED
        log.info("service stopped", service=self.name)
        self._changes.tell()

    async def close(self) -> None:
        """Wait for what it still does in the background."""
        await asyncio.gather(*self._background, return_exceptions=True)

    async def all_serving(self) -> None:
        """Wait until every container serves. Raises what kept one of them from it."""
        while sum(copy.serving for copy in self._copies) < len(self._keeping):
            if self._failure:
                raise self._failure
            await self._changes.wait()

    def best(self) -> Copy | None:
        """Give the container for the next call, if one serves.

        Raises ServiceUnavailable where waiting for one is in vain, and the error that the service
        told itself where it cannot start as it is configured.
        """
        if self.phase is not Phase.UP:
            return None
        copy = least_busy(self._copies)
        if copy is None and self._failure:
            if not isinstance(self._failure, ServiceUnavailable):
                raise self._failure
            if self._failures >= HOPELESS:
                raise ServiceUnavailable(
                    f"The {self.name} service does not start; `tryon services` tells why.",
                    stage=self.name,
                )
        return copy

    def used(self) -> None:
        """Note that somebody needs it now."""
        self._last_used = time.monotonic()

    def note(self, error: ServiceError) -> None:
        """Keep the error for those who ask how the service is."""
        self.last_error = line_of(error)

    def holding(self) -> Holding | None:
        """Tell what it holds of the memory budget."""
        if self.phase in (Phase.STOPPED, Phase.QUEUED):
            return None
        return Holding(
            name=self.name,
            mib=self.mib,
            resident=self.start_policy is StartPolicy.RESIDENT,
            busy=self.callers > 0,
            stopping=self.phase is Phase.STOPPING,
            last_used=self._last_used,
        )

    def find_ended(self, known: frozenset[str], running: frozenset[str]) -> None:
        """Learn which containers run, of those ``known`` before the engine was asked."""
        for copy in self._copies:
            if copy.name in known and copy.name not in running:
                copy.end()

    def names(self, *, launched: bool = False) -> frozenset[str]:
        """Name its containers: those that it has or is about to have, or only the former."""
        return frozenset(copy.name for copy in self._copies if copy.launched or not launched)

    def state(self) -> ServiceState:
        """Tell how the service is."""
        told = tuple(copy.state() for copy in self._copies if copy.address)
        if any(copy.serving for copy in self._copies):
            health = Health.SERVING
        elif self.phase in (Phase.STOPPED, Phase.STOPPING):
            health = Health.STOPPED
        else:
            health = Health.FAILING if self._failure else Health.STARTING
        return ServiceState(
            self.name,
            self._engine_name,
            RunMode.ORCHESTRATED,
            health,
            told,
            self.last_error,
            self.start_policy,
        )

    async def _keep(self) -> None:
        """Have one container run, again and again."""
        backoff = Backoff()
        while True:
            copy = Copy(f"{self._docker.prefix}-{self._host}-{uuid.uuid4().hex[:8]}")
            self._copies.append(copy)
            began: float | None = None
            try:
                async with self._at_once:
                    await self._launch(copy)
                began = time.monotonic()
                self._failure, self._failures = None, 0
                self._changes.tell()
                await self._watch(copy)
            except ServiceError as error:
                served = time.monotonic() - began if began else 0.0
                backoff = backoff.ended(served)
                delay = backoff.delay
                if not isinstance(error, ServiceUnavailable):
                    delay = max(delay, PERSON_SECONDS)
                self._failed(error, is_start=began is None, delay=delay)
            except Exception:
                log.exception("unforeseen error", service=self.name)
                delay = PERSON_SECONDS
                self._failed(InternalError(stage=self.name), is_start=True, delay=delay)
            finally:
                await self._discard(copy)
            await asyncio.sleep(delay)

    async def _launch(self, copy: Copy) -> None:
        """Start a container and wait until it serves."""
        began = time.monotonic()
        spec = self._describe(copy.name)
        await self._engine.launch(spec)
        copy.launched = True
        copy.address = await self._engine.address(spec) or ""
        while copy.address:
            answer = await replicas.ask(copy.address, self._settings)
            if answer.replica.health is Health.SERVING:
                break
            await copy.news(STARTING_SECONDS)
            if copy.ended:
                break
            if time.monotonic() - began > self._docker.start_timeout:
                raise ServiceUnavailable(
                    f"The {self.name} service did not serve within "
                    f"{self._docker.start_timeout:g} seconds of its start; see what else keeps the "
                    "machine busy, or raise TRYON_DOCKER_START_TIMEOUT.",
                    stage=self.name,
                )
        if copy.ended or not copy.address:
            raise await self._why_ended(copy)
        copy.connect(self._settings)
        copy.told, copy.serving = answer.replica, True
        self._engine_name = answer.engine or self._engine_name
        log.info(
            "container serves",
            service=self.name,
            container=copy.name,
            seconds=round(time.monotonic() - began, 2),
        )

    async def _watch(self, copy: Copy) -> None:
        """Ask a container how it is until it ends, or has not answered for too long."""
        answered = time.monotonic()
        while True:
            await copy.news(SERVING_SECONDS if copy.serving else DOUBTED_SECONDS)
            if copy.ended:
                raise await self._why_ended(copy)
            answer = await replicas.ask(copy.address, self._settings)
            copy.told = answer.replica
            if answer.replica.health is Health.SERVING:
                answered = time.monotonic()
                if not (copy.serving or copy.ended):
                    copy.serving = True
                    self._changes.tell()
            else:
                copy.serving = False
                silent = time.monotonic() - answered
                if silent > self._docker.unhealthy_seconds:
                    raise ServiceUnavailable(
                        f"A container of the {self.name} service did not answer its health check "
                        f"for {silent:.0f} seconds and was replaced.",
                        stage=self.name,
                    )

    async def _why_ended(self, copy: Copy) -> ServiceError:
        ending = await self._engine.ending(copy.name)
        log.error(
            "container ended",
            service=self.name,
            container=copy.name,
            exit_code=ending.exit_code,
            out_of_memory=ending.out_of_memory,
            lines=list(ending.lines),
        )
        return error_of(ending, self.name, self._docker.memory_of(self.name))

    def _failed(self, error: ServiceError, *, is_start: bool, delay: float) -> None:
        self.note(error)
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

    def _apart(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _discard(self, copy: Copy) -> None:
        """Remove a container; one that cannot be removed now is found by the next sweep."""
        is_wanted = self.phase is Phase.UP
        copy.end()
        try:
            # What is to be replaced is dead or does not answer: there is nothing to wait for.
            await self._engine.remove(copy.name, 0 if is_wanted else STOP_SECONDS)
        except ServiceError as error:
            log.warning("container not removed", container=copy.name, reason=error.message)
        finally:
            self._copies.remove(copy)
            self._apart(copy.close())
            self._changes.tell()
