"""A backend that remembers: what is the same question, what is not, and two who ask at once."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.inventory import ServiceState
from gateway.memo.backend import MemoBackend, remember
from gateway.memo.stores import FolderStore, Limits, MemoryStore
from gateway.settings import GatewaySettings
from services.human_parse.contract import PARSE, ParseRequest, ParseResponse
from services.kit.contract import Answer, Method
from services.kit.errors import DeadlineExceeded, NoPerson, Overloaded, TryOnError
from services.kit.types import Placement
from services.resize.contract import RESTORE, RestoreRequest, RestoreResponse
from tests.contract.conftest import until

pytestmark = pytest.mark.unit

LONG = 60.0
LIMITS = Limits(max_bytes=10_000_000, max_seconds=3600)
PLACEMENT = Placement(
    source_width=4,
    source_height=4,
    canvas_width=4,
    canvas_height=4,
    left=0,
    top=0,
    width=4,
    height=4,
)


class Counting:
    """A backend that counts its calls; each answer is its number."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.closed = False
        self.known_identity = "one"
        self.answering_identity: str | None = None
        self.errors: list[TryOnError] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.called = asyncio.Event()

    async def start(self) -> None: ...

    async def identity(self, service: str) -> str:
        assert service == "human_parse"
        return self.known_identity

    async def call(
        self, method: Method[Any, Any], request: object, seconds: float, request_id: str
    ) -> Answer[Any]:
        assert seconds > 0
        assert request_id
        self.calls += 1
        number = self.calls
        self.called.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.errors:
            raise self.errors.pop(0)
        identity = (
            self.known_identity if self.answering_identity is None else self.answering_identity
        )
        if method is RESTORE:
            assert isinstance(request, RestoreRequest)
            return Answer(RestoreResponse(request.original), identity)
        return Answer(ParseResponse(np.full((4, 4), number, np.uint8)), identity)

    async def ready(self) -> Mapping[str, bool]:
        return {"human_parse": True}

    async def services(self) -> Sequence[ServiceState]:
        return []

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def remembering(
    memory: MemoryStore | None = None,
    folder: FolderStore | None = None,
    sweep_seconds: float = LONG,
) -> AsyncIterator[tuple[MemoBackend, Counting]]:
    backend = Counting()
    memo = MemoBackend(backend, memory or MemoryStore(LIMITS), folder, sweep_seconds=sweep_seconds)
    await memo.start()
    yield memo, backend
    await memo.close()


def request(value: int = 0) -> ParseRequest:
    return ParseRequest(np.full((4, 4, 3), value, np.uint8), np.zeros((25, 3), np.float32))


async def ask(memo: MemoBackend, value: int = 0, seconds: float = LONG) -> tuple[int, bool]:
    """Return the number of the call that answers, and whether it was remembered."""
    answer = await memo.call(PARSE, request(value), seconds, "id")
    return int(answer.response.labels[0, 0]), answer.remembered


async def test_an_equal_request_is_computed_once() -> None:
    async with remembering() as (memo, backend):
        assert [await ask(memo), await ask(memo), await ask(memo, 1)] == [
            (1, False),
            (1, True),
            (2, False),
        ]
        assert backend.calls == 2


async def test_another_engine_weight_file_or_setting_is_never_answered_from_before() -> None:
    async with remembering() as (memo, backend):
        await ask(memo)
        backend.known_identity = "two"
        assert await ask(memo) == (2, False)
        backend.known_identity = "one"
        assert await ask(memo) == (1, True)


async def test_an_answer_counts_for_the_engine_that_gave_it() -> None:
    """Of several replicas, one with a new engine may answer in place of the one that was asked."""
    async with remembering() as (memo, backend):
        backend.answering_identity = "two"
        assert await ask(memo) == (1, False)
        backend.answering_identity = None
        assert await ask(memo) == (2, False)
        backend.known_identity = "two"
        assert await ask(memo) == (1, True)


async def test_nothing_is_remembered_without_an_identity() -> None:
    async with remembering() as (memo, backend):
        backend.known_identity = ""
        assert [await ask(memo), await ask(memo)] == [(1, False), (2, False)]
        backend.known_identity, backend.answering_identity = "one", ""
        assert [await ask(memo), await ask(memo)] == [(3, False), (4, False)]


async def test_a_cheap_method_is_not_remembered() -> None:
    assert not RESTORE.memoized
    image, mask = request().image, np.zeros((4, 4), np.uint8)
    restore = RestoreRequest(
        original=image,
        image=image,
        edit_mask=mask,
        placement=PLACEMENT,
        garment=image,
        flow=np.zeros((4, 4, 2), np.float32),
        garment_alpha=mask,
    )
    async with remembering() as (memo, backend):
        for _ in range(2):
            answer = await memo.call(RESTORE, restore, LONG, "id")
            assert not answer.remembered
        assert backend.calls == 2


async def test_equal_requests_at_once_are_one_computation() -> None:
    async with remembering() as (memo, backend):
        backend.go_on.clear()
        asking = [asyncio.create_task(ask(memo)) for _ in range(3)]
        other = asyncio.create_task(ask(memo, 1))
        await until(lambda: backend.calls == 2)
        await settle()
        backend.go_on.set()
        answers = await asyncio.gather(*asking)
        assert sorted(remembered for _, remembered in answers) == [False, True, True]
        assert len({number for number, _ in answers}) == 1
        assert not (await other)[1]
        assert backend.calls == 2


async def test_a_request_that_is_given_up_leaves_the_computation_to_the_others() -> None:
    async with remembering() as (memo, backend):
        backend.go_on.clear()
        first, second = asyncio.create_task(ask(memo)), asyncio.create_task(ask(memo))
        await backend.called.wait()
        await settle()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        backend.go_on.set()
        assert await second == (1, True)
        assert backend.cancelled == 0


async def test_a_computation_that_all_give_up_is_cancelled_and_begins_anew() -> None:
    async with remembering() as (memo, backend):
        backend.go_on.clear()
        asking = [asyncio.create_task(ask(memo)) for _ in range(2)]
        await backend.called.wait()
        await settle()
        for task in asking:
            task.cancel()
        # Before the cancelled computation has ended.
        again = asyncio.create_task(ask(memo))
        await asyncio.gather(*asking, return_exceptions=True)
        await until(lambda: backend.cancelled == 1)
        backend.go_on.set()
        assert await again == (2, False)


async def test_what_is_wrong_with_the_photo_is_told_to_all_and_not_remembered() -> None:
    async with remembering() as (memo, backend):
        backend.errors = [NoPerson("No person was found; choose another photo.")]
        backend.go_on.clear()
        asking = [asyncio.create_task(ask(memo)) for _ in range(2)]
        await backend.called.wait()
        await settle()
        backend.go_on.set()
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(each) for each in told] == [NoPerson, NoPerson]
        assert await ask(memo) == (2, False)


@pytest.mark.parametrize("error", [Overloaded, DeadlineExceeded])
async def test_a_failure_of_the_first_request_is_not_the_second_ones(
    error: type[TryOnError],
) -> None:
    async with remembering() as (memo, backend):
        backend.errors = [error("The service is busy; try again.")]
        backend.go_on.clear()
        asking = [asyncio.create_task(ask(memo)) for _ in range(2)]
        await backend.called.wait()
        await settle()
        backend.go_on.set()
        first, second = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(first, error)
        assert second == (2, False)


async def test_a_request_waits_no_longer_than_its_own_deadline() -> None:
    async with remembering() as (memo, backend):
        backend.go_on.clear()
        first = asyncio.create_task(ask(memo))
        await backend.called.wait()
        with pytest.raises(DeadlineExceeded, match="try again"):
            await ask(memo, seconds=0.01)
        backend.go_on.set()
        assert await first == (1, False)


async def test_memory_is_bounded() -> None:
    memory = MemoryStore(Limits(max_bytes=3_000, max_seconds=60))
    async with remembering(memory) as (memo, backend):
        for value in range(10):
            await ask(memo, value)
            assert memory.size <= 3_000
        assert await ask(memo, 9) == (10, True)
        assert await ask(memo, 0) == (11, False)
        assert backend.calls == 11


async def test_what_is_too_old_is_dropped_although_nobody_asks() -> None:
    now = 0.0
    memory = MemoryStore(Limits(max_bytes=10_000, max_seconds=60), lambda: now)
    async with remembering(memory, sweep_seconds=0.001) as (memo, _):
        await ask(memo)
        assert memory.size
        now = 60.0
        await until(lambda: memory.size == 0)


async def test_gateways_share_a_folder(tmp_path: Path) -> None:
    async with remembering(folder=FolderStore(tmp_path, LIMITS)) as (memo, _):
        await ask(memo)
    async with remembering(folder=FolderStore(tmp_path, LIMITS)) as (memo, backend):
        assert [await ask(memo), await ask(memo)] == [(1, True), (1, True)]
        assert backend.calls == 0


async def test_a_response_from_the_folder_is_not_kept_longer_than_its_age(tmp_path: Path) -> None:
    async with remembering(folder=FolderStore(tmp_path, LIMITS)) as (memo, _):
        await ask(memo)
    [file] = list_files(tmp_path)
    computed = time.time() - 3_000
    os.utime(file, (computed, computed))
    now = 0.0
    memory = MemoryStore(LIMITS, lambda: now)
    async with remembering(memory, FolderStore(tmp_path, LIMITS)) as (memo, _):
        assert await ask(memo) == (1, True)
        file.unlink()
        assert await ask(memo) == (1, True)
        now = 600.0
        assert await ask(memo) == (1, False)


async def test_a_planted_file_does_not_end_the_sweeping(tmp_path: Path) -> None:
    limits = Limits(max_bytes=10_000, max_seconds=60)
    loop = tmp_path / f"{'0' * 64}.response"
    loop.symlink_to(loop)
    async with remembering(folder=FolderStore(tmp_path, limits), sweep_seconds=0.001) as (memo, _):
        await ask(memo)
        [file] = [each for each in list_files(tmp_path) if each != loop]
        os.utime(file, (0, 0))
        await until(lambda: not file.exists())


async def test_a_failure_that_nobody_waits_for_is_not_logged_by_the_loop() -> None:
    class FailsWhenCancelled(Counting):
        async def call(self, *_: object) -> Answer[Any]:
            self.called.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
                raise Overloaded("The service is busy; try again.")

    logged: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    backend = FailsWhenCancelled()
    memo = MemoBackend(backend, MemoryStore(LIMITS), sweep_seconds=LONG)
    asking = asyncio.create_task(ask(memo))
    await backend.called.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: backend.cancelled == 1)
    await settle()
    # A task logs its exception when it is freed.
    del asking
    gc.collect()
    assert logged == []


async def test_each_request_has_an_error_of_its_own() -> None:
    """The graph writes the name of its stage into it."""
    async with remembering() as (memo, backend):
        backend.errors = [NoPerson("No person was found; choose another photo.", stage="openpose")]
        backend.go_on.clear()
        asking = [asyncio.create_task(ask(memo)) for _ in range(2)]
        await backend.called.wait()
        await settle()
        backend.go_on.set()
        first, second = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(first, NoPerson)
        assert isinstance(second, NoPerson)
        assert first is not second
        assert (first.message, first.stage) == (second.message, second.stage)


async def test_the_answer_of_a_service_that_was_not_there_yet_is_remembered() -> None:
    """A call starts an on-demand service, which tells its identity only then."""
    async with remembering() as (memo, backend):
        backend.known_identity, backend.answering_identity = "", "one"
        assert await ask(memo) == (1, False)
        backend.known_identity = "one"
        assert await ask(memo) == (1, True)


async def test_closing_forgets_what_is_in_memory() -> None:
    memory = MemoryStore(LIMITS)
    async with remembering(memory) as (memo, backend):
        await ask(memo)
    assert memory.size == 0
    assert backend.closed


def test_the_settings_say_what_is_remembered(tmp_path: Path) -> None:
    backend = Counting()
    assert remember(backend, GatewaySettings(memo_mb=0)) is backend
    assert isinstance(remember(backend, GatewaySettings()), MemoBackend)
    # Nothing is written before there is something to remember.
    assert isinstance(remember(backend, GatewaySettings(memo_dir=tmp_path / "m")), MemoBackend)
    assert not (tmp_path / "m").exists()


def list_files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def settle() -> None:
    """Let every task run until it waits for something; digests are made on threads."""
    for _ in range(50):
        await asyncio.sleep(0.001)
