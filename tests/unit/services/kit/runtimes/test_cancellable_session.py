"""A run of a network ends when nobody waits for it, and the session goes on."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as state

from services.kit.executor import BoundedExecutor
from services.kit.runtimes import sessions
from tests import endless_network

pytestmark = pytest.mark.unit

LONG = 30.0


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return sessions.onnx_session(endless_network.write(tmp_path_factory.mktemp("net") / "net.onnx"))


async def test_a_cancelled_run_frees_its_worker_and_the_session_goes_on(session: Any) -> None:
    executor = BoundedExecutor("test", workers=1, queue_size=1)
    for _ in range(3):
        task = asyncio.create_task(
            executor.run(endless_network.count_to, session, endless_network.FOR_EVER)
        )
        await endless_network.until_busy()
        assert executor.running == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await executor.run(endless_network.count_to, session, 7) == 7
    assert await executor.close(LONG)
    assert executor.running == 0


async def test_other_runs_of_the_session_go_on(session: Any) -> None:
    executor = BoundedExecutor("test", workers=2, queue_size=0)
    abandoned = asyncio.create_task(
        executor.run(endless_network.count_to, session, endless_network.FOR_EVER)
    )
    await endless_network.until_busy()
    steps = 300_000
    wanted = asyncio.create_task(executor.run(endless_network.count_to, session, steps))
    await asyncio.sleep(0.05)
    abandoned.cancel()
    assert await wanted == steps
    assert await executor.close(LONG)


async def test_closing_ends_a_run_that_outlasts_the_grace(session: Any) -> None:
    executor = BoundedExecutor("test", workers=1, queue_size=0)
    task = asyncio.create_task(
        executor.run(endless_network.count_to, session, endless_network.FOR_EVER)
    )
    await endless_network.until_busy()
    assert not await executor.close(0.0)
    with pytest.raises(Exception, match="test service is shutting down"):
        await task


async def test_a_cancelled_function_begins_no_further_run(session: Any) -> None:
    executor = BoundedExecutor("test", workers=1, queue_size=0)
    begun, go_on, counted = threading.Event(), threading.Event(), list[int]()

    def work() -> None:
        begun.set()
        assert go_on.wait(LONG)
        counted.append(endless_network.count_to(session, 3))

    task = asyncio.create_task(executor.run(work))
    assert await asyncio.to_thread(begun.wait, LONG)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    go_on.set()
    assert await executor.close(LONG)
    assert counted == []


def test_a_failure_of_the_network_stays_one(tmp_path: Path) -> None:
    session = sessions.onnx_session(endless_network.write(tmp_path / "net.onnx"))
    with pytest.raises(state.InvalidArgument):
        session.run(None, {"count": np.zeros(3, np.float32)})
    assert endless_network.count_to(session, 2) == 2
