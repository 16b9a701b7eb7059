"""The backend that runs every service in containers of its own making."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.backends import CONTRACTS
from gateway.inventory import ServiceState, StartPolicy
from gateway.orchestrator import budget
from gateway.orchestrator.copies import Copy
from gateway.orchestrator.engine import BUILD, Engine
from gateway.orchestrator.instance import Instance
from gateway.orchestrator.keeper import STOP_SECONDS, Changes, Keeper, Phase
from gateway.orchestrator.settings import BUDGET_SHARE, OrchestratorSettings
from gateway.orchestrator.spec import HOME, OWNER, Machine, Owner, describe
from services.kit.contract import Contract, Method
from services.kit.errors import (
    ContainersUnavailable,
    DeadlineExceeded,
    ServiceError,
    ServiceUnavailable,
)
from services.kit.settings import MIB, Settings

LOOK_SECONDS: Final = 1.0
"""Between two looks at which containers run."""

ATTEMPTS: Final = 3
"""How often a call is made whose container ends meanwhile; services have no side effects."""

log = structlog.stdlib.get_logger(__name__)


class OrchestratedBackend:
    """A backend that starts the services' containers, watches them and stops them with itself.

    Resident services run from ``start`` to ``close``; the others from their first call until they
    have been idle, or until another needs their memory. ``run_dir`` is where an instance that was
    killed can be told from one that lives.
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
        self._engine = Engine()
        self._instance: Instance | None = None
        self._keepers: dict[str, Keeper] = {}
        self._budget = 0
        self._changes = Changes()
        self._turn = asyncio.Lock()
        self._look = asyncio.Event()
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Clean up after instances that were killed, then start the resident services.

        Raises ContainersUnavailable where Docker cannot be used, images are missing or the memory
        budget is too small for a service; else what kept a resident service from serving.
        """
        machine = await self._engine.open()
        self._instance = Instance(self._folder)
        owner = Owner(self._instance.run, self._instance.home)
        await self._clean_up_after_the_dead(self._instance)
        await self._check_images()
        self._make_keepers(machine, owner)
        self._watching = asyncio.create_task(self._watch(owner))
        residents = [
            each for each in self._keepers.values() if each.start_policy is StartPolicy.RESIDENT
        ]
        for keeper in residents:
            keeper.start()
        waiting = [asyncio.create_task(keeper.all_serving()) for keeper in residents]
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
    ) -> object:
        """Send the call to one of the service's containers, once one serves.

        A call whose container ends is made again with another, within the same ``seconds``.
        """
        keeper = self._keepers.get(method.service)
        if self._closing or keeper is None:
            raise ServiceUnavailable(
                f"The {method.service} service is "
                f"{'shutting down' if self._closing else 'still starting'}; "
                "try again in a few seconds.",
                stage=method.service,
            )
        ends = time.monotonic() + seconds
        attempt = 0
        with self._needed(keeper):
            while True:
                attempt += 1
                copy = await self._copy(keeper, ends, seconds)
                try:
                    return await copy.call(method, request, ends - time.monotonic(), request_id)
                except ServiceUnavailable as error:
                    # Why it could not answer is what the keeper is about to find out and note.
                    copy.doubt()
                    self._look.set()
                    if attempt == ATTEMPTS:
                        raise ServiceUnavailable(
                            f"The {keeper.name} service ended or was out of reach each of the "
                            f"{ATTEMPTS} times it was asked; `tryon services` tells why.",
                            stage=keeper.name,
                        ) from error
                    log.warning("called again", service=keeper.name, reason=error.message)
                except ServiceError as error:
                    keeper.note(error)
                    raise

    async def ready(self) -> Mapping[str, bool]:
        """Tell which services serve, or would be started by a call."""
        return {
            contract.name: self._is_ready(self._keepers.get(contract.name))
            for contract in self._contracts
        }

    async def services(self) -> Sequence[ServiceState]:
        """Tell how every service was when it was last looked at, seconds ago at most."""
        return [keeper.state() for keeper in self._keepers.values()]

    async def close(self) -> None:
        """Let calls in flight finish for the configured grace, then remove what was started."""
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(self._settings.shutdown_grace):
                while any(keeper.callers for keeper in self._keepers.values()):
                    await self._changes.wait()
        except TimeoutError:
            log.warning("calls in flight are given up")
        pending = [*self._starting.values(), *([self._watching] if self._watching else [])]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.gather(
            *(each.stop() for each in self._keepers.values() if each.phase is Phase.UP)
        )
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))
        if self._instance:
            await self._sweep(OWNER, self._instance.run)
            self._instance.release()
        await self._engine.close()

    async def _copy(self, keeper: Keeper, ends: float, seconds: float) -> Copy:
        """Wait for a container that serves; have the service started if need be."""
        try:
            async with asyncio.timeout_at(
                asyncio.get_running_loop().time() + ends - time.monotonic()
            ):
                while True:
                    if keeper.phase is Phase.STOPPED:
                        self._have_started(keeper)
                    copy = keeper.best()
                    if copy:
                        return copy
                    await self._changes.wait()
        except TimeoutError:
            error = DeadlineExceeded(
                f"The {keeper.name} service did not start within {seconds:.0f} seconds; try again "
                "when the system is less busy, or raise TRYON_STAGE_DEADLINE_FACTOR or "
                "TRYON_DOCKER_BUDGET_MIB.",
                stage=keeper.name,
            )
            keeper.note(error)
            raise error from None

    @contextmanager
    def _needed(self, keeper: Keeper) -> Iterator[None]:
        keeper.callers += 1
        keeper.used()
        try:
            yield
        finally:
            keeper.callers -= 1
            keeper.used()
            if keeper.phase is Phase.QUEUED and not keeper.callers:
                self._starting[keeper.name].cancel()
            self._changes.tell()

    def _have_started(self, keeper: Keeper) -> None:
        keeper.phase = Phase.QUEUED
        self._starting[keeper.name] = asyncio.create_task(self._start(keeper))

    async def _start(self, keeper: Keeper) -> None:
        """Start a service once there is memory for it; the first that asked comes first."""
        try:
            async with self._turn:
                while (victims := self._room_for(keeper)) != ():
                    for name in victims or ():
                        log.info("makes room", service=name, needed_by=keeper.name)
                        self._keepers[name].stop()
                    await self._changes.wait()
                keeper.start()
        finally:
            if keeper.phase is Phase.QUEUED:
                keeper.phase = Phase.STOPPED
            self._changes.tell()

    def _room_for(self, keeper: Keeper) -> tuple[str, ...] | None:
        return budget.room(keeper.mib, self._budget, self._holdings())

    def _holdings(self) -> list[budget.Holding]:
        found = (keeper.holding() for keeper in self._keepers.values())
        return [each for each in found if each]

    def _is_ready(self, keeper: Keeper | None) -> bool:
        if keeper is None or self._closing:
            return False
        try:
            return bool(keeper.best()) or (
                keeper.start_policy is StartPolicy.ON_DEMAND and keeper.phase is not Phase.UP
            )
        except ServiceError:
            return False

    def _make_keepers(self, machine: Machine, owner: Owner) -> None:
        needs = {each.name: self._docker.need_of(each.name) for each in self._contracts}
        self._budget = self._docker.budget_mib or int(machine.memory * BUDGET_SHARE) // MIB
        if too_large := budget.too_large(needs, self._budget):
            wanted = ", ".join(f"{name} needs {needs[name]} MiB" for name in too_large)
            raise ContainersUnavailable(
                f"The memory budget is {self._budget} MiB, but {wanted}; raise "
                "TRYON_DOCKER_BUDGET_MIB, or lower TRYON_DOCKER_REPLICAS or "
                "TRYON_DOCKER_MEMORY_MIB."
            )
        wanted_residents = [name for name in self._docker.resident if name in needs]
        residents = budget.residents(wanted_residents, needs, self._budget)
        at_once = asyncio.Semaphore(machine.cores)
        for contract in self._contracts:
            self._keepers[contract.name] = Keeper(
                contract,
                StartPolicy.RESIDENT if contract.name in residents else StartPolicy.ON_DEMAND,
                self._engine,
                partial(
                    describe,
                    contract,
                    owner=owner,
                    machine=machine,
                    docker=self._docker,
                    settings=self._settings,
                ),
                docker=self._docker,
                settings=self._settings,
                changes=self._changes,
                at_once=at_once,
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
                self._keepers[name].note(error)

    async def _check_images(self) -> None:
        images = {self._docker.image_of(contract): contract.name for contract in self._contracts}
        lacking = [
            image
            for image, lacks in zip(
                images,
                await asyncio.gather(*(self._engine.lacks(image) for image in images)),
                strict=True,
            )
            if lacks
        ]
        if lacking:
            raise ContainersUnavailable(
                f"The Docker engine has no image {', '.join(lacking)}; {BUILD}, or name others in "
                "TRYON_DOCKER_IMAGE."
            )

    async def _clean_up_after_the_dead(self, instance: Instance) -> None:
        """Remove the containers of instances of this home that were killed."""
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
        await asyncio.gather(*(self._engine.remove(name, STOP_SECONDS) for name in names))

    async def _watch(self, owner: Owner) -> None:
        """Look which containers run, and stop services that nobody uses."""
        is_blind = False
        while True:
            try:
                await self._look_once(owner)
                is_blind = False
            except ServiceError as error:
                # Calls go on: the services may run although the engine does not answer.
                if not is_blind:
                    log.warning("cannot see the containers", reason=error.message)
                is_blind = True
            except Exception:
                log.exception("unforeseen error")
            for name in budget.unused(
                self._holdings(), time.monotonic(), self._docker.idle_seconds
            ):
                log.info("idle", service=name)
                self._keepers[name].stop()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    async def _look_once(self, owner: Owner) -> None:
        keepers = self._keepers.values()
        known = frozenset[str]().union(*(keeper.names(launched=True) for keeper in keepers))
        found = await self._engine.find(OWNER, owner.run)
        running = frozenset(each.name for each in found if each.is_running)
        for keeper in keepers:
            keeper.find_ended(known, running)
        ours = frozenset[str]().union(*(keeper.names() for keeper in keepers))
        await self._remove_all([each.name for each in found if each.name not in ours])
