"""What every service's server does, whatever the service."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import structlog
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]
    ProtoReflectionDescriptorDatabase,
)

from services.kit.contract import Contract
from services.kit.errors import (
    DeadlineExceeded,
    ImageTooLarge,
    InternalError,
    InvalidRequest,
    NoPerson,
    Overloaded,
    ServiceUnavailable,
    TryOnError,
)
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.types import Image, Placement
from services.kit.wire import channels, codec, server
from services.resize.contract import CONTRACT, FIT, RESTORE, FitRequest, FitResponse
from tests.contract.conftest import Launch, Serve, Served, ask_health, until
from tests.ports import free_port

pytestmark = pytest.mark.contract

LONG = 30.0
PICTURE: Image = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)


def fits(fit: Callable[[FitRequest], FitResponse]) -> Callable[[], Service]:
    """The load function of a service whose only working procedure is ``fit``."""
    return lambda: Service(engine="test", handlers={"Fit": fit})


def echo(request: FitRequest) -> FitResponse:
    return FitResponse(request.image, Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1)))


def raises(error: Exception) -> Callable[[FitRequest], FitResponse]:
    def fit(_: FitRequest) -> FitResponse:
        raise error

    return fit


class Slow:
    """A procedure that waits until it is let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.started = threading.Semaphore(0)
        self.calls = 0

    def __call__(self, request: FitRequest) -> FitResponse:
        self.calls += 1
        self.started.release()
        assert self.open.wait(LONG)
        return echo(request)

    async def wait_for_start(self) -> None:
        assert await asyncio.to_thread(self.started.acquire, timeout=LONG)


@pytest.fixture
def slow() -> Slow:
    return Slow()


def call(served: Served, **options: Any) -> asyncio.Task[FitResponse]:
    return asyncio.create_task(channels.call(served.channel, FIT, FitRequest(PICTURE), **options))


def send(
    served: Served, data: bytes, metadata: tuple[tuple[str, str], ...] = ()
) -> "grpc.aio.UnaryUnaryCall[bytes, bytes]":
    """Send bytes to Fit as any other client would."""
    procedure: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = served.channel.unary_unary(
        codec.message_classes(FIT).path
    )
    return procedure(data, metadata=metadata)


async def test_answers_health_while_it_loads_and_refuses_calls(serve: Serve) -> None:
    go_on = threading.Event()

    def load() -> Service:
        assert go_on.wait(LONG)
        return Service(engine="test", handlers={"Fit": echo})

    served = await serve(CONTRACT, load)
    assert await served.health() == "NOT_SERVING"
    assert await served.health("tryon.v1.Resize") == "NOT_SERVING"
    with pytest.raises(ServiceUnavailable, match="resize service is still starting"):
        await call(served)
    go_on.set()
    await served.running.loading
    assert await served.health() == "SERVING"
    assert await served.health("tryon.v1.Resize") == "SERVING"
    np.testing.assert_array_equal((await call(served)).image, PICTURE)


async def test_health_of_a_service_that_is_not_here_is_not_found(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.health("tryon.v1.Viton")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_call_through_reflection_alone(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading

    def ask() -> tuple[list[str], dict[str, Any]]:
        with grpc.insecure_channel(served.address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            pool = DescriptorPool(database)
            method = pool.FindServiceByName("tryon.v1.Resize").methods_by_name["Fit"]
            request: Any = GetMessageClass(method.input_type)()
            request.image.height, request.image.width = 40, 30
            request.image.channels, request.image.encoding = 1, 1
            request.image.data = PICTURE.tobytes()
            procedure: grpc.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
                f"/{method.containing_service.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            response = procedure(request, timeout=LONG)
            return list(database.get_services()), MessageToDict(response.placement)

    listed, placement = await asyncio.to_thread(ask)
    assert set(listed) == {
        "tryon.v1.Resize",
        "tryon.v1.Status",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert placement["sourceWidth"] == 1


async def test_past_its_queue_it_refuses_at_once(serve: Serve, slow: Slow) -> None:
    served = await serve(CONTRACT, fits(slow), workers=1, queue_size=1)
    await served.running.loading
    first = call(served)
    await slow.wait_for_start()
    both = [call(served) for _ in range(2)]
    done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [Overloaded]
    assert slow.calls == 1
    slow.open.set()
    for task in (first, *waiting):
        np.testing.assert_array_equal((await task).image, PICTURE)


async def test_refusal_is_resource_exhausted_to_any_client(serve: Serve, slow: Slow) -> None:
    served = await serve(CONTRACT, fits(slow), workers=1, queue_size=0)
    await served.running.loading
    first = call(served)
    await slow.wait_for_start()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(served, b"")
    slow.open.set()
    await first
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == (
        "The resize service is busy and its queue is full; try again in a few seconds."
    )


async def test_health_answers_while_every_worker_is_busy(serve: Serve, slow: Slow) -> None:
    served = await serve(CONTRACT, fits(slow), workers=1)
    await served.running.loading
    working = call(served)
    await slow.wait_for_start()
    assert await served.health() == "SERVING"
    slow.open.set()
    await working


async def test_a_call_whose_deadline_passes_in_the_queue_never_runs(
    serve: Serve, slow: Slow
) -> None:
    served = await serve(CONTRACT, fits(slow), workers=1, queue_size=4)
    await served.running.loading
    first = call(served)
    await slow.wait_for_start()
    with pytest.raises(DeadlineExceeded, match="resize service did not answer in time"):
        await call(served, timeout=0.2)
    last = call(served)
    slow.open.set()
    await asyncio.gather(first, last)
    assert slow.calls == 2


def test_work_past_its_deadline_is_not_begun(slow: Slow) -> None:
    with pytest.raises(DeadlineExceeded):
        server._handle_call(FIT, slow, b"", time.monotonic())
    assert slow.calls == 0


async def test_what_nobody_foresaw_has_the_fixed_text_and_a_log(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(raises(ValueError("secret path"))))
    await served.running.loading
    with structlog.testing.capture_logs() as logs, pytest.raises(InternalError) as caught:
        await call(served)
    assert caught.value.message == InternalError.TEXT
    assert caught.value.stage == "resize"
    assert [line["log_level"] for line in logs if line["event"] == "unforeseen error"] == ["error"]
    with pytest.raises(grpc.aio.AioRpcError) as raw:
        await send(served, _bytes(PICTURE))
    assert "secret" not in repr((raw.value.details(), raw.value.trailing_metadata()))


def _bytes(image: Image) -> bytes:
    rpc = codec.message_classes(FIT)
    return codec.encode(FitRequest(image), rpc.request).SerializeToString()


@pytest.mark.parametrize(
    ("raised", "stage"), [(NoPerson("Nobody."), "resize"), (NoPerson("N.", stage="x"), "x")]
)
async def test_errors_of_the_tree_arrive_as_they_were(
    serve: Serve, raised: TryOnError, stage: str
) -> None:
    served = await serve(CONTRACT, fits(raises(raised)))
    await served.running.loading
    with pytest.raises(NoPerson) as caught:
        await call(served)
    assert caught.value.message == raised.message
    assert caught.value.stage == stage


async def test_bytes_that_are_no_message_are_an_invalid_request(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    for data in (b"\xff\xff\xff", b""):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(served, data)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    np.testing.assert_array_equal((await call(served)).image, PICTURE)


async def test_an_answer_outside_the_contract_is_not_the_callers_fault(serve: Serve) -> None:
    def wrong(request: FitRequest) -> FitResponse:
        return FitResponse(
            request.image[:, :, 0], Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1))
        )

    served = await serve(CONTRACT, fits(wrong))
    await served.running.loading
    with pytest.raises(InternalError):
        await call(served)


async def test_a_procedure_that_it_does_not_have(serve: Serve) -> None:
    without_restore = type(CONTRACT)("resize", CONTRACT.proto, 0, (FIT,))
    served = await serve(without_restore, fits(echo))
    await served.running.loading
    plane, flow = PICTURE[:, :, 0], PICTURE[:, :, :2].astype(np.float32)
    placement = Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1))
    request = RESTORE.request(
        original=PICTURE,
        image=PICTURE,
        edit_mask=plane,
        placement=placement,
        garment=PICTURE,
        flow=flow,
        garment_alpha=plane,
    )
    with pytest.raises(ServiceUnavailable, match="same version of every service"):
        await channels.call(served.channel, RESTORE, request)


@pytest.mark.parametrize("sent", ["id-7.a:b_c", None, "no spaces", "x" * 129])
async def test_the_request_id_comes_back_even_with_an_error(serve: Serve, sent: str | None) -> None:
    def work(_: FitRequest) -> FitResponse:
        time.sleep(seconds_of_work)
        raise NoPerson("Nobody.")

    seconds_of_work = 0.02
    served = await serve(CONTRACT, fits(work))
    await served.running.loading
    metadata = (("x-request-id", sent),) if sent else ()
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logs:
        began = time.perf_counter()
        running = send(served, _bytes(PICTURE), metadata=metadata)
        trailing = dict(await running.trailing_metadata())
        # The server logs the call once it has answered.
        await until(lambda: any(line["event"] == "call" for line in logs))
        elapsed = time.perf_counter() - began
    returned = trailing["x-request-id"]
    assert (returned == sent) == (sent == "id-7.a:b_c")
    assert returned
    assert "grpc-status-details-bin" in trailing
    (line,) = [line for line in logs if line["event"] == "call"]
    assert line["request_id"] == returned
    assert line["code"] == "INVALID_ARGUMENT"
    assert line["method"] == "/tryon.v1.Resize/Fit"
    # The log rounds to ten-thousandths.
    assert seconds_of_work - 1e-4 <= line["seconds"] <= elapsed + 1e-4


async def test_the_largest_picture_goes_through_and_comes_back(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    largest = np.zeros((5000, 5000, 3), np.uint8)
    largest[-1, -1] = 7
    response = await channels.call(served.channel, FIT, FitRequest(largest))
    assert response.image.shape == largest.shape
    assert response.image[-1, -1].tolist() == [7, 7, 7]


async def test_one_row_more_is_refused(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    await served.running.loading
    with pytest.raises(ImageTooLarge):
        await channels.call(served.channel, FIT, FitRequest(np.zeros((5001, 5000, 3), np.uint8)))


async def test_a_message_over_the_limit_is_refused_with_the_remedy(serve: Serve) -> None:
    limits = {"max_pixels": 10_000, "max_message_bytes": 4_000_000}
    served = await serve(CONTRACT, fits(echo), **limits)
    await served.running.loading
    with pytest.raises(InvalidRequest, match="TRYON_MAX_MESSAGE_BYTES"):
        await channels.call(served.channel, FIT, FitRequest(np.zeros((1400, 1000, 3), np.uint8)))


async def test_nobody_there_is_unavailable() -> None:
    async with channels.connect(f"127.0.0.1:{free_port()}", Settings()) as channel:
        with pytest.raises(ServiceUnavailable, match="resize service cannot be reached"):
            await channels.call(channel, FIT, FitRequest(PICTURE), timeout=LONG)


async def test_a_call_to_a_server_that_is_starting_is_sent_again(serve: Serve) -> None:
    go_on = threading.Event()

    def load() -> Service:
        assert go_on.wait(LONG)
        return Service(engine="test", handlers={"Fit": echo})

    served = await serve(CONTRACT, load)
    with structlog.testing.capture_logs() as logs:
        caller = channels.RetryingClient(served.address, Settings())
        waiting = asyncio.create_task(caller.call(FIT, FitRequest(PICTURE), timeout=LONG))
        await until(lambda: any(line.get("code") == "UNAVAILABLE" for line in logs))
        go_on.set()
        np.testing.assert_array_equal((await waiting).response.image, PICTURE)
        await caller.close()


async def test_stop_answers_what_is_in_flight_and_then_releases(serve: Serve, slow: Slow) -> None:
    closed: list[int] = []
    service = Service(
        engine="test", handlers={"Fit": slow}, close=lambda: closed.append(slow.calls)
    )
    served = await serve(CONTRACT, lambda: service)
    await served.running.loading
    working = call(served)
    await slow.wait_for_start()
    stopping = asyncio.create_task(served.running.stop(LONG))
    await asyncio.sleep(0.05)
    assert closed == []
    slow.open.set()
    np.testing.assert_array_equal((await working).image, PICTURE)
    assert await stopping
    assert await served.running.stop(LONG)
    assert closed == [1]


async def test_two_servers_do_not_share_a_port(serve: Serve) -> None:
    served = await serve(CONTRACT, fits(echo))
    with pytest.raises(OSError, match="is the port taken"):
        await server.start(CONTRACT, fits(echo), Settings(port=served.running.port))


SLOW_SERVER = """
import os, time
from pathlib import Path
from services.kit.wire.server import main
from services.kit.service import Service
from services.kit.types import Placement
from services.resize.contract import CONTRACT, FitResponse

def fit(request):
    Path(os.environ["BEGUN"]).touch()
    time.sleep(float(os.environ["SECONDS_OF_WORK"]))
    return FitResponse(request.image, Placement(**dict.fromkeys(Placement.__dataclass_fields__, 1)))

def load():
    time.sleep(float(os.environ.get("SECONDS_OF_LOADING", "0")))
    return Service(
        engine="slow",
        handlers={"Fit": fit},
        close=lambda: print("closed", flush=True),
    )

main(CONTRACT, load)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_a_call_in_flight_finish(
    launch: Launch, tmp_path: Path, number: signal.Signals
) -> None:
    begun = tmp_path / "begun"
    process = launch("-c", SLOW_SERVER, "--port", "0", BEGUN=str(begun), SECONDS_OF_WORK="1")
    async with await process.channel() as channel:
        await process.event("serving")
        working = asyncio.create_task(channels.call(channel, FIT, FitRequest(PICTURE)))
        await until(begun.exists)
        process.popen.send_signal(number)
        await process.event("stopping")
        np.testing.assert_array_equal((await working).image, PICTURE)
    assert await process.ended() == 0
    assert "closed" in process.output.splitlines()
    assert process.events()[-1]["drained"] is True


async def test_work_longer_than_the_grace_is_cut_off(launch: Launch, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    process = launch(
        "-c",
        SLOW_SERVER,
        "--port",
        "0",
        BEGUN=str(begun),
        SECONDS_OF_WORK="600",
        TRYON_SHUTDOWN_GRACE="0.2",
    )
    async with await process.channel() as channel:
        await process.event("serving")
        working = asyncio.create_task(channels.call(channel, FIT, FitRequest(PICTURE)))
        await until(begun.exists)
        process.popen.send_signal(signal.SIGTERM)
        with pytest.raises(ServiceUnavailable):
            await working
    assert await process.ended() == 0
    assert process.events()[-1]["drained"] is False


async def test_a_signal_while_it_loads_ends_it(launch: Launch) -> None:
    process = launch("-c", SLOW_SERVER, "--port", "0", SECONDS_OF_LOADING="600")
    async with await process.channel() as channel:
        assert await ask_health(channel) == "NOT_SERVING"
        process.popen.send_signal(signal.SIGTERM)
    assert await process.ended() == 0
    assert "Traceback" not in process.output


async def test_what_cannot_start_says_why_in_one_line(
    launch: Launch, serve: Serve, tmp_path: Path
) -> None:
    taken = await serve(CONTRACT, fits(echo))
    port = str(taken.running.port)
    resize, openpose = "services.resize", "services.openpose"
    started = [
        (launch("-m", resize, "--port", "0", TRYON_RESIZE_ENGINE="pilow"), 78, "no engine of the"),
        (launch("-m", resize, TRYON_WORKERS="many"), 78, "TRYON_WORKERS: "),
        (launch("-m", resize, "--port", port), 69, f"cannot listen on 127.0.0.1:{port}"),
        (
            launch("-m", openpose, "--port", "0", TRYON_MODELS_DIR=str(tmp_path)),
            78,
            "run `bash run.sh models`",
        ),
    ]
    for process, status, text in started:
        assert await process.ended() == status, process.output
        assert len([line for line in process.output.splitlines() if text in line]) == 1
        assert "Traceback" not in process.output


async def test_an_unforeseen_failure_to_load_is_logged_in_full(launch: Launch) -> None:
    process = launch("-c", SLOW_SERVER, "--port", "0", SECONDS_OF_LOADING="not a number")
    assert await process.ended() == 70
    assert "ValueError" in process.output


async def test_a_port_of_the_command_line_comes_before_the_environment(
    launch: Launch, serve: Serve
) -> None:
    taken = await serve(CONTRACT, fits(echo))
    process = launch("-m", "services.resize", "--port", "0", TRYON_PORT=str(taken.running.port))
    async with await process.channel() as channel:
        await process.event("serving")
        assert await ask_health(channel, CONTRACT.proto) == "SERVING"
        response = await channels.call(channel, FIT, FitRequest(PICTURE))
    assert response.image.shape == (1024, 768, 3)


def test_every_service_starts_with_its_own_name(contract: Contract) -> None:
    """``python -m services.NAME`` is how everything starts a service, containers too."""
    shown = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", f"services.{contract.name}", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"default {contract.port}" in shown.stdout
