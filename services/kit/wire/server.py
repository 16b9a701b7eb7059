"""The gRPC server of any one service, built from its contract and its ``load`` function."""

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeVar, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_health.v1 import (  # type: ignore[import-untyped]
    health,
    health_pb2,
    health_pb2_grpc,
)
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]
from pydantic import ValidationError

from services.kit import logs
from services.kit.contract import Contract, Method
from services.kit.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ServiceUnavailable,
    TryOnError,
)
from services.kit.executor import BoundedExecutor
from services.kit.runtimes import memory
from services.kit.service import Service
from services.kit.settings import Settings, get_settings
from services.kit.weights import identity
from services.kit.wire import codec, interceptors, server_status

EXIT_NO_PORT: Final = 69
"""Exit status if the port cannot be listened on."""

EXIT_LOAD_FAILED: Final = 70
"""Exit status if loading failed for an unexpected reason."""

EXIT_NOT_CONFIGURED: Final = 78
"""Exit status if weights are missing, or an engine or a setting is wrong."""

SERVING: Final = health_pb2.HealthCheckResponse.SERVING
"""Health of a server that has loaded its engine."""

NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
"""Health of a server that loads or stops."""

Result = TypeVar("Result")

log = structlog.stdlib.get_logger(__name__)


def main(contract: Contract, load: Callable[[], Service]) -> NoReturn:
    """Run a service's server until SIGTERM or SIGINT, then exit.

    ``--host`` and ``--port`` override ``TRYON_HOST`` and ``TRYON_PORT``, which override the
    contract's port. The exit status is 0 after a signal, else one of this module's constants.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{contract.name}", description=f"The server of {contract.proto}."
    )
    parser.add_argument("--host", help="address to listen on (TRYON_HOST; default 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, help=f"port to listen on (TRYON_PORT; default {contract.port})"
    )
    arguments = parser.parse_args()
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    try:
        settings = Settings.model_validate(get_settings().model_dump() | given)
    except ValidationError as error:
        for problem in error.errors():
            field = "_".join(["TRYON", *(str(part).upper() for part in problem["loc"])])
            print(f"{field}: {problem['msg']}", file=sys.stderr)
        sys.exit(EXIT_NOT_CONFIGURED)
    logs.configure(settings)
    memory.limit_malloc_arenas()
    sys.exit(asyncio.run(_serve(contract, load, settings)))


async def start(
    contract: Contract, load: Callable[[], Service], settings: Settings
) -> "RunningServer":
    """Start a server that listens at once; health is NOT_SERVING until ``load`` has returned.

    The host and the port are those of the settings, else the contract's port. Raises OSError if the
    port cannot be listened on.
    """
    running = RunningServer(contract, settings)
    await running.listen(load)
    return running


class RunningServer:
    """A listening server."""

    port: int
    """TCP port that the server listens on."""

    loading: asyncio.Task[None]
    """Ends when the server serves; raises what the service's ``load`` raised."""

    def __init__(self, contract: Contract, settings: Settings) -> None:
        self._contract = contract
        self._settings = settings
        self._service: Service | None = None
        self._health = health.aio.HealthServicer()
        self._executor = BoundedExecutor(
            contract.name, workers=settings.workers, queue_size=settings.queue_size
        )
        self._server = grpc.aio.server(
            interceptors=interceptors.server_interceptors(contract.name),
            options=_server_options(settings),
        )

    async def listen(self, load: Callable[[], Service]) -> None:
        """Open the port and start loading the engine."""
        names = (
            self._contract.proto,
            server_status.PROTO,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        )
        for name in ("", self._contract.proto):
            await self._health.set(name, NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(names, self._server)
        handlers = {method.rpc: self._handler(method) for method in self._contract.methods}
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(self._contract.proto, handlers),
                grpc.method_handlers_generic_handler(server_status.PROTO, self._status_handlers()),
            )
        )
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        port = self._contract.port if settings.port is None else settings.port
        try:
            self.port = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on {host}:{port}; is the port taken?") from error
        await self._server.start()
        self.loading = asyncio.create_task(self._load(load))

    async def stop(self, grace: float) -> bool:
        """Refuse new calls, wait for those in flight, release the engine.

        Returns whether all calls ended within ``grace`` seconds. If not, the engine is not
        released, since a thread still uses it.
        """
        began = time.monotonic()
        self.loading.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        drained = await self._executor.close(max(0.0, began + grace - time.monotonic()))
        service, self._service = self._service, None
        if drained and service:
            service.close()
        return drained

    async def _load(self, load: Callable[[], Service]) -> None:
        began = time.perf_counter()
        service = await _in_daemon_thread(
            lambda: identity.load_identified(self._contract.name, load)
        )
        self._service = service
        for name in ("", self._contract.proto):
            await self._health.set(name, SERVING)
        seconds = round(time.perf_counter() - began, 2)
        log.info("serving", service=self._contract.name, engine=service.engine, loaded=seconds)

    def _handler(self, method: Method[Any, Any]) -> "grpc.RpcMethodHandler[Any, Any]":
        codec.message_classes(method)

        async def behaviour(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            if self._service is None:
                raise ServiceUnavailable(
                    f"The {method.service} service is still starting; try again in a few seconds."
                )
            service = self._service
            handle = service.handlers[method.rpc]
            remaining = cast("float | None", context.time_remaining())
            deadline = time.monotonic() + (
                method.deadline_seconds if remaining is None else remaining
            )
            answer = await self._executor.run(_handle_call, method, handle, data, deadline)
            if service.identity:
                set_by_others = context.trailing_metadata() or ()
                context.set_trailing_metadata(
                    (*set_by_others, (server_status.IDENTITY, service.identity))
                )
            return answer

        # The message stays bytes here: a worker parses it, not the event loop.
        return grpc.unary_unary_rpc_method_handler(behaviour)

    def _status_handlers(self) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
        rpc = codec.message_classes(server_status.GET)

        # Answered on the event loop, because all workers may be busy for minutes.
        async def behaviour(_: bytes, __: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            status = server_status.StatusResponse(
                service=self._contract.name,
                engine=self._service.engine if self._service else "",
                version=server_status.version(),
                resident_bytes=memory.resident_bytes(),
                running=self._executor.running,
                waiting=self._executor.waiting,
                identity=self._service.identity if self._service else "",
            )
            return codec.encode(status, rpc.response).SerializeToString()

        return {server_status.GET.rpc: grpc.unary_unary_rpc_method_handler(behaviour)}


def _handle_call(
    method: Method[Any, Any], handle: Callable[[Any], Any], data: bytes, deadline: float
) -> bytes:
    """Parse, call, serialise: the whole of a call's blocking work."""
    if time.monotonic() >= deadline:
        raise DeadlineExceeded(
            f"The {method.service} service was too busy to start in time; try again."
        )
    rpc = codec.message_classes(method)
    try:
        message = rpc.request.FromString(data)
    except DecodeError as error:
        raise InvalidRequest(
            f"The request is not a {rpc.request.DESCRIPTOR.full_name} message."
        ) from error
    request = codec.decode(message, method.request)
    del message
    return codec.encode(handle(request), rpc.response).SerializeToString()


def _server_options(settings: Settings) -> Sequence[tuple[str, int]]:
    return (
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # Without this, a second server on the same port would silently take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.max_pings_without_data", 0),
        # Clients ping while an inference runs and nothing is sent; see channels.py.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        *_connection_age_options(settings),
    )


def _connection_age_options(settings: Settings) -> Sequence[tuple[str, int]]:
    if settings.max_connection_age is None:
        return ()
    # No grace: calls in flight finish on the old connection, bounded by their own deadlines.
    return (("grpc.max_connection_age_ms", round(1000 * settings.max_connection_age)),)


async def _serve(contract: Contract, load: Callable[[], Service], settings: Settings) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        running = await start(contract, load, settings)
    except OSError as error:
        log.error("not started", service=contract.name, reason=str(error))
        return EXIT_NO_PORT
    log.info("listening", service=contract.name, host=settings.host, port=running.port)
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({running.loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
    status = _exit_status_of_loading(contract, running.loading) if running.loading.done() else 0
    if status:
        stopped.cancel()
        await running.stop(grace=0.0)
        return status
    await stopped
    log.info("stopping", service=contract.name, grace=settings.shutdown_grace)
    drained = await running.stop(settings.shutdown_grace)
    log.info("stopped", service=contract.name, drained=drained)
    if not drained:
        # A normal exit would wait for the worker thread that still runs.
        os._exit(status)
    return status


def _exit_status_of_loading(contract: Contract, loading: asyncio.Task[None]) -> int:
    try:
        loading.result()
    except TryOnError as error:
        log.error("not started", service=contract.name, code=error.code, reason=error.message)
        return EXIT_NOT_CONFIGURED
    except Exception:
        log.exception("not started", service=contract.name)
        return EXIT_LOAD_FAILED
    return 0


async def _in_daemon_thread(function: Callable[[], Result]) -> Result:
    """Run a function in a daemon thread, which does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def resolve(give: Callable[[Any], None], value: object) -> None:
        if not future.done():
            give(value)

    def work() -> None:
        try:
            outcome: tuple[Callable[[Any], None], object] = (future.set_result, function())
        except Exception as error:
            outcome = (future.set_exception, error)
        # The loop is closed if the process was stopped while this ran.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(resolve, *outcome)

    threading.Thread(target=work, name="load", daemon=True).start()
    return await future
