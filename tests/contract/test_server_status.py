"""``tryon.v1.Status/Get``: every server tells how it is, whatever it is busy with."""

import asyncio
import os
import threading
from importlib import metadata

import psutil
import pytest
import structlog

from services.kit.service import Service
from services.kit.wire import channels
from services.kit.wire.server_status import GET, StatusRequest, StatusResponse
from services.resize.contract import CONTRACT, FIT, FitRequest
from tests.contract.conftest import Serve, Served, until, until_told
from tests.contract.test_server import LONG, PICTURE, Slow, call, echo, fits

pytestmark = pytest.mark.contract


async def status_of(served: Served) -> StatusResponse:
    return await channels.call(served.channel, GET, StatusRequest())


async def test_it_tells_the_service_its_engine_its_version_and_its_memory(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    told = await status_of(served)
    assert (told.service, told.engine) == ("resize", "test")
    assert told.version == metadata.version("tryon")
    assert (told.running, told.waiting) == (0, 0)
    assert told.resident_bytes == pytest.approx(
        psutil.Process(os.getpid()).memory_info().rss, rel=0.2
    )


async def test_while_it_loads_the_engine_is_empty(serve: Serve) -> None:
    go_on = threading.Event()

    def load() -> Service:
        assert go_on.wait(LONG)
        return Service(engine="test", handlers={"Fit": echo})

    served = await serve(CONTRACT, load)
    told = await status_of(served)
    assert (told.service, told.engine, told.identity) == ("resize", "", "")
    assert told.resident_bytes > 0
    go_on.set()
    await served.running.loading
    assert (await status_of(served)).engine == "test"


async def test_an_answer_carries_the_identity_that_the_status_tells(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    told = await status_of(served)
    assert told.identity
    assert await channels.identity(served.channel) == told.identity
    answer = await channels.call_for_answer(served.channel, FIT, FitRequest(PICTURE))
    assert answer.identity == told.identity
    assert not answer.remembered


async def test_a_service_that_may_answer_otherwise_has_no_identity(serve: Serve) -> None:
    served = await serve(
        CONTRACT, lambda: Service(engine="test", handlers={"Fit": echo}, reproducible=False)
    )
    await served.running.loading
    assert await channels.identity(served.channel) == ""
    answer = await channels.call_for_answer(served.channel, FIT, FitRequest(PICTURE))
    assert answer.identity == ""


async def test_a_load_that_failed_leaves_the_engine_empty(serve: Serve) -> None:
    def load() -> Service:
        raise OSError("no disk")

    served = await serve(CONTRACT, load)
    with pytest.raises(OSError, match="no disk"):
        await served.running.loading
    assert (await status_of(served)).engine == ""


async def test_it_answers_and_counts_while_every_worker_is_busy(serve: Serve) -> None:
    slow = Slow()
    served = await serve(CONTRACT, fits(slow), workers=2, queue_size=3)
    await served.running.loading
    tasks = [call(served) for _ in range(5)]
    for _ in range(2):
        await slow.wait_for_start()
    told = await until_told(lambda: status_of(served), lambda told: told.waiting == 3)
    assert told.running == 2
    # It needs no worker and takes no place in the queue.
    await asyncio.gather(*(status_of(served) for _ in range(20)))
    slow.open.set()
    await asyncio.gather(*tasks)
    told = await until_told(lambda: status_of(served), lambda told: told.running == 0)
    assert told.waiting == 0


async def test_a_call_that_nobody_waits_for_still_counts(serve: Serve) -> None:
    slow = Slow()
    served = await serve(CONTRACT, fits(slow), workers=1)
    await served.running.loading
    left = call(served)
    await slow.wait_for_start()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    assert (await status_of(served)).running == 1
    slow.open.set()
    await until_told(lambda: status_of(served), lambda told: told.running == 0)


async def test_it_is_logged_for_debugging_only_and_calls_are_not(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    with structlog.testing.capture_logs() as logs:
        await status_of(served)
        await served.health()
        await call(served)
        await until(lambda: sum(line["event"] == "call" for line in logs) == 3)
    levels = {line["method"]: line["log_level"] for line in logs if line["event"] == "call"}
    assert levels == {
        "/tryon.v1.Status/Get": "debug",
        "/grpc.health.v1.Health/Check": "debug",
        "/tryon.v1.Resize/Fit": "info",
    }
