"""Blocking work: bounded threads, bounded queue, nothing lost."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator

import pytest

from services.kit.cancellation import current_token
from services.kit.errors import Overloaded, ServiceUnavailable
from services.kit.executor import BoundedExecutor

pytestmark = pytest.mark.unit

LONG = 30.0


class Gate:
    """Work that waits until it is let go, and counts itself."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.started = threading.Semaphore(0)
        self.ran: list[str] = []

    def work(self, name: str) -> str:
        self.ran.append(name)
        self.started.release()
        assert self.open.wait(LONG)
        return name

    async def wait_for_start(self) -> None:
        assert await asyncio.to_thread(self.started.acquire, timeout=LONG)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


async def test_gives_the_result_from_a_thread_of_its_own() -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=0)
    name = await executor.run(lambda: threading.current_thread().name)
    assert name.startswith("viton")
    assert await executor.run(divmod, 7, 2) == (3, 1)
    assert await executor.close(LONG)


async def test_raises_what_the_work_raises_and_goes_on() -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=0)
    with pytest.raises(ZeroDivisionError):
        await executor.run(divmod, 1, 0)
    assert await executor.run(divmod, 1, 1) == (1, 0)
    assert await executor.close(LONG)


async def test_work_sees_the_context_of_its_caller() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("request 7")
    executor = BoundedExecutor("viton", workers=1, queue_size=0)
    assert await executor.run(variable.get) == "request 7"
    assert await executor.close(LONG)


async def test_one_more_than_the_queue_holds_is_refused_at_once(gate: Gate) -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=2)
    tasks = [asyncio.create_task(executor.run(gate.work, name)) for name in "abc"]
    await gate.wait_for_start()
    with pytest.raises(Overloaded, match="viton service is busy"):
        await executor.run(gate.work, "d")
    assert gate.ran == ["a"]
    assert (executor.running, executor.waiting) == (1, 2)
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]
    assert gate.ran == ["a", "b", "c"]
    assert await executor.close(LONG)


async def test_no_more_than_its_workers_run_at_once(gate: Gate) -> None:
    executor = BoundedExecutor("viton", workers=2, queue_size=3)
    tasks = [asyncio.create_task(executor.run(gate.work, name)) for name in "abcde"]
    await gate.wait_for_start()
    await gate.wait_for_start()
    await asyncio.sleep(0.05)
    assert sorted(gate.ran) == ["a", "b"]
    gate.open.set()
    assert await asyncio.gather(*tasks) == list("abcde")
    assert await executor.close(LONG)


async def test_cancelled_in_the_queue_frees_the_place_and_never_runs(gate: Gate) -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=1)
    first = asyncio.create_task(executor.run(gate.work, "first"))
    await gate.wait_for_start()
    second = asyncio.create_task(executor.run(gate.work, "second"))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await executor.run(gate.work, "refused")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    third = asyncio.create_task(executor.run(gate.work, "third"))
    await asyncio.sleep(0)
    gate.open.set()
    assert (await first, await third) == ("first", "third")
    assert gate.ran == ["first", "third"]
    assert await executor.close(LONG)
    assert (executor.running, executor.waiting) == (0, 0)


async def test_cancelled_while_it_runs_it_is_told_and_keeps_its_worker_until_it_ends(
    gate: Gate,
) -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=0)
    told: list[bool] = []

    def work() -> None:
        gate.work("first")
        told.append(current_token().cancelled)

    first = asyncio.create_task(executor.run(work))
    await gate.wait_for_start()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert executor.running == 1
    with pytest.raises(Overloaded):
        await executor.run(gate.work, "second")
    gate.open.set()
    assert await executor.close(LONG)
    assert told == [True]
    assert executor.running == 0


async def test_each_function_has_a_token_of_its_own() -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=0)
    tokens = [await executor.run(current_token) for _ in range(2)]
    assert tokens[0] is not tokens[1]
    assert not any(token.cancelled for token in tokens)
    assert await executor.close(LONG)


async def test_close_drains_what_was_taken_and_refuses_the_rest(gate: Gate) -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=2)
    tasks = [asyncio.create_task(executor.run(gate.work, name)) for name in "ab"]
    await gate.wait_for_start()
    closing = asyncio.create_task(executor.close(LONG))
    await asyncio.sleep(0)
    with pytest.raises(ServiceUnavailable, match="shutting down"):
        await executor.run(gate.work, "late")
    gate.open.set()
    assert await closing
    assert await asyncio.gather(*tasks) == ["a", "b"]
    assert gate.ran == ["a", "b"]


async def test_close_says_when_the_grace_was_too_short(gate: Gate) -> None:
    executor = BoundedExecutor("viton", workers=1, queue_size=1)
    running = asyncio.create_task(executor.run(gate.work, "running"))
    await gate.wait_for_start()
    waiting = asyncio.create_task(executor.run(gate.work, "waiting"))
    await asyncio.sleep(0)
    assert not await executor.close(0.05)
    gate.open.set()
    assert await running == "running"
    with pytest.raises(ServiceUnavailable, match="shutting down"):
        await waiting
    assert gate.ran == ["running"]
