"""Make gRPC channels and call services; nothing else in the project does."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import (  # type: ignore[import-untyped]
    health_pb2,
    health_pb2_grpc,
)

from services.kit.contract import Answer, Method
from services.kit.errors import InternalError, ServiceError, ServiceUnavailable, TryOnError
from services.kit.settings import Settings
from services.kit.wire import codec, error_status, server_status
from services.kit.wire.interceptors import REQUEST_ID

Request = TypeVar("Request")
Response = TypeVar("Response")

ROUND_ROBIN_CONFIG: Final = '{"loadBalancingConfig": [{"round_robin": {}}]}'
"""gRPC's service config: each call goes to the next address of the service. It has no retry policy,
because gRPC gives up within seconds, sooner than a server starts, and because it would repeat a
call that kills its server as often as any other."""

MAX_ATTEMPTS: Final = 2
"""How often one call is sent at most; a call that kills its server must not be sent for ever."""

LOST_SERVER_CODES: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""Status codes of a call whose server ended, was cut off, still starts or stops."""

HEALTH_POLL_DELAYS_SECONDS: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between health checks of a server that was lost; the last delay repeats."""

HEALTH_TIMEOUT_SECONDS: Final = 2.0
"""Deadline of one health check in seconds."""

SERVING: Final = health_pb2.HealthCheckResponse.SERVING
"""The health check's status of a server that has loaded its engine."""

NO_RETRIES: Final = (("grpc.enable_retries", 0),)
"""Channel option: gRPC sends a call once."""

log = structlog.stdlib.get_logger(__name__)


def connect(address: str, settings: Settings, *, retry: bool = True) -> grpc.aio.Channel:
    """Make a channel to ``host:port``; it connects with the first call. Close it after use.

    Without ``retry`` gRPC never sends a call again, as a health check needs it.
    """
    return grpc.aio.insecure_channel(
        address,
        options=(
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.service_config", ROUND_ROBIN_CONFIG),
            # gRPC sends a call again that a stopping server has not begun, but only if the message
            # fits into this buffer.
            ("grpc.per_rpc_retry_buffer_size", settings.max_message_bytes),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
            # gRPC resolves a service's name again when a connection ends, but not more often than
            # this; its default of 30 s would keep calling a removed container.
            ("grpc.dns_min_time_between_resolutions_ms", 1_000),
            # The connection state of other channels to the same address may be out of date.
            ("grpc.use_local_subchannel_pool", 1),
            # By default gRPC waits up to two minutes before it connects to a lost server again.
            ("grpc.max_reconnect_backoff_ms", 1_000),
            # The address of a removed container never answers; gRPC would wait 20 s for it.
            ("grpc.min_reconnect_backoff_ms", 2_000),
            # A proxy for the internet cannot reach the services.
            ("grpc.enable_http_proxy", 0),
            *(() if retry else NO_RETRIES),
        ),
    )


async def call(
    channel: grpc.aio.Channel,
    method: Method[Request, Response],
    request: Request,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - travels with the call as its deadline
    request_id: str | None = None,
) -> Response:
    """Send a call once and return the response; see ``call_for_answer``."""
    answer = await call_for_answer(channel, method, request, timeout=timeout, request_id=request_id)
    return answer.response


async def call_for_answer(
    channel: grpc.aio.Channel,
    method: Method[Request, Response],
    request: Request,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - travels with the call as its deadline
    request_id: str | None = None,
) -> Answer[Response]:
    """Send a call once and return the response with the identity of the engine behind it.

    ``timeout`` is in seconds; None means the method's own deadline. Raises the error of
    ``errors.py`` that the service raised. Raises a ServiceError if the service cannot be reached,
    is busy, is late or answers outside its contract.
    """
    rpc = codec.message_classes(method)
    # Serialising large images would block the event loop.
    data = await asyncio.to_thread(_serialise, request, rpc.request)
    send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(rpc.path)
    sent = send(
        data,
        timeout=method.deadline_seconds if timeout is None else timeout,
        metadata=((REQUEST_ID, request_id),) if request_id else (),
    )
    try:
        data = await sent
        trailing = await sent.trailing_metadata()
    except grpc.aio.AioRpcError as error:
        raise error_status.from_rpc_error(error, method.service) from error
    try:
        response = await asyncio.to_thread(_parse, data, rpc.response, method)
    except (TryOnError, DecodeError) as error:
        log.exception("answer outside the contract", service=method.service, rpc=method.rpc)
        raise InternalError(stage=method.service) from error
    return Answer(response, str(dict(trailing or ()).get(server_status.IDENTITY, "")))


async def is_serving(
    channel: grpc.aio.Channel, timeout_seconds: float = HEALTH_TIMEOUT_SECONDS
) -> bool:
    """Return whether the server's health check says SERVING within ``timeout_seconds``."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=timeout_seconds, wait_for_ready=False
        )
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == SERVING)


async def identity(channel: grpc.aio.Channel) -> str:
    """Return the identity of the engine that serves now; empty if none can be told."""
    try:
        status = await call(channel, server_status.GET, server_status.StatusRequest())
    except TryOnError:
        return ""
    return status.identity


class RetryingClient:
    """Calls one service at ``host:port`` across restarts of its server. Belongs to one event loop.

    A call may be sent twice because methods are pure functions. If the server of a call ends, is
    cut off, stops or still starts, the call waits until the service serves again, at most
    ``restart_wait`` of the settings, and is sent once more. After one call has waited in vain,
    further calls fail at once until the service serves.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        self._address = address
        self._settings = settings
        self._channel = connect(address, settings)
        self._calls_in_flight = 0
        self._wait_failed = False
        self._closed = False

    async def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout: float,  # noqa: ASYNC109 - travels with the call as its deadline
        request_id: str | None = None,
    ) -> Answer[Response]:
        """Call a method; ``timeout`` is in seconds and covers all attempts."""
        ends = time.monotonic() + timeout
        async with self._current_channel() as (channel, lost):
            # A call sent to a lost server fails at once and uses up an attempt.
            if lost and not await self._wait_until_serving(channel, ends):
                raise error_status.unreachable(method.service)
            for attempt in range(1, MAX_ATTEMPTS + 1):
                left = ends - time.monotonic()
                try:
                    return await call_for_answer(
                        channel, method, request, timeout=left, request_id=request_id
                    )
                except ServiceError as error:
                    cause = error.__cause__
                    if not isinstance(cause, grpc.aio.AioRpcError) or not _is_server_lost(
                        cause, method.service
                    ):
                        raise
                    if attempt == MAX_ATTEMPTS:
                        raise error_status.service_error(cause, method.service) or _lost_twice(
                            method
                        ) from cause
                    if not await self._wait_until_serving(channel, ends):
                        raise
                    log.warning(
                        "called again",
                        service=method.service,
                        rpc=method.rpc,
                        reason=cause.details(),
                    )
        raise AssertionError

    async def is_serving(self) -> bool:
        """Return whether the service's health check says SERVING; it is asked once."""
        async with self._current_channel() as (channel, _):
            return await is_serving(channel)

    async def identity(self) -> str:
        """Return the identity of the engine that serves now; empty if none can be told."""
        async with self._current_channel() as (channel, _):
            return await identity(channel)

    async def close(self) -> None:
        """Close the channel; calls in flight fail."""
        self._closed = True
        await self._channel.close()

    @asynccontextmanager
    async def _current_channel(self) -> AsyncIterator[tuple[grpc.aio.Channel, bool]]:
        """Yield the channel, and whether its last connection attempt failed."""
        lost = self._channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
        if lost and not self._calls_in_flight:
            # A channel that could not resolve the name waits up to two minutes; a new one does not.
            old, self._channel = self._channel, connect(self._address, self._settings)
            await old.close()
        self._calls_in_flight += 1
        try:
            yield self._channel, lost
        finally:
            self._calls_in_flight -= 1

    async def _wait_until_serving(self, channel: grpc.aio.Channel, ends: float) -> bool:
        """Wait for the service; return whether it serves."""
        began = time.monotonic()
        last = began if self._wait_failed else min(ends, began + self._settings.restart_wait)
        delays = itertools.chain(
            HEALTH_POLL_DELAYS_SECONDS, itertools.repeat(HEALTH_POLL_DELAYS_SECONDS[-1])
        )
        while True:
            if self._closed:
                return False
            try:
                serving = await is_serving(
                    channel, min(HEALTH_TIMEOUT_SECONDS, ends - time.monotonic())
                )
            except asyncio.CancelledError:
                # Closing the channel cancels its health check; nobody cancelled this task.
                task = asyncio.current_task()
                if task and not task.cancelling():
                    return False
                raise
            if serving:
                self._wait_failed = False
                return True
            left = last - time.monotonic()
            if left <= 0:
                self._wait_failed = True
                return False
            await asyncio.sleep(min(next(delays), left))


def _is_server_lost(error: grpc.aio.AioRpcError, service: str) -> bool:
    """Return whether the call failed because its server was lost.

    nginx reports a response that broke off as INTERNAL, without the service's error details.
    """
    broke_off = error.code() is grpc.StatusCode.INTERNAL and not error_status.service_error(
        error, service
    )
    return error.code() in LOST_SERVER_CODES or broke_off


def _lost_twice(method: Method[Any, Any]) -> ServiceError:
    return ServiceUnavailable(
        f"The {method.service} service ended or was cut off both times while it worked on this; it "
        "may need more memory, or smaller photos.",
        stage=method.service,
    )


def _serialise(request: object, message_class: type[Message]) -> bytes:
    return codec.encode(request, message_class).SerializeToString()


def _parse(answer: bytes, message_class: type[Message], method: Method[Any, Response]) -> Response:
    return codec.decode(message_class.FromString(answer), method.response)
