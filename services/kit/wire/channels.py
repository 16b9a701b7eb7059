"""Calls services over gRPC: the one place where channels are made and calls are sent."""

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

from services.kit.contract import Method
from services.kit.errors import InternalError, ServiceError, ServiceUnavailable, TryOnError
from services.kit.settings import Settings
from services.kit.wire import codec, error_status
from services.kit.wire.interceptors import REQUEST_ID

Request = TypeVar("Request")
Response = TypeVar("Response")

SERVICE_CONFIG: Final = '{"loadBalancingConfig": [{"round_robin": {}}]}'
"""gRPC's own retry policy is left out: it gives up within seconds, sooner than a server starts, and
repeats a call that kills its server as often as any other."""

ATTEMPTS: Final = 2
"""How often a call is sent: one that kills its server is not to do so for ever."""

GONE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""How a call ends whose server is gone, is cut off, is still starting, or stops."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between the questions whether a server serves again; the last one repeats."""

HEALTH_SECONDS: Final = 2.0
"""How long one such question may take."""

SERVING: Final = health_pb2.HealthCheckResponse.SERVING

ONCE: Final = (("grpc.enable_retries", 0),)

log = structlog.stdlib.get_logger(__name__)


def connect(address: str, settings: Settings, *, once: bool = False) -> grpc.aio.Channel:
    """Make a channel to ``host:port``; it connects with the first call. Close it after use.

    ``once`` is for asking a server how it is: nothing is sent again.
    """
    return grpc.aio.insecure_channel(
        address,
        options=(
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.service_config", SERVICE_CONFIG),
            # A call that a server has not begun when it stops is sent to another one by gRPC
            # itself, but not if its message is larger than this buffer.
            ("grpc.per_rpc_retry_buffer_size", settings.max_message_bytes),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
            # A service's addresses are asked for again whenever a connection ends, but not more
            # often than this; gRPC's own 30 s would keep calling a container that is gone.
            ("grpc.dns_min_time_between_resolutions_ms", 1_000),
            # What other channels have found out about the address is not believed.
            ("grpc.use_local_subchannel_pool", 1),
            # By default up to two minutes pass before a server that was gone is tried again.
            ("grpc.max_reconnect_backoff_ms", 1_000),
            # An address that a container has left answers nothing at all; gRPC would wait 20 s.
            ("grpc.min_reconnect_backoff_ms", 2_000),
            # Services are neighbours: a proxy meant for the internet cannot reach them.
            ("grpc.enable_http_proxy", 0),
            *(ONCE if once else ()),
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
    """Call a method and wait for its answer.

    ``timeout`` is in seconds; the method's own deadline where it is None. The call is sent once.
    Raises the error of ``errors.py`` that the service raised, or a ServiceError where the service
    cannot be reached, is busy or late, or answers outside its contract.
    """
    rpc = codec.message_classes(method)
    # Pictures are large: copying them into messages would hold up the loop.
    data = await asyncio.to_thread(_pack, request, rpc.request)
    send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(rpc.path)
    try:
        answer = await send(
            data,
            timeout=method.deadline if timeout is None else timeout,
            metadata=((REQUEST_ID, request_id),) if request_id else (),
        )
    except grpc.aio.AioRpcError as error:
        raise error_status.from_rpc_error(error, method.service) from error
    try:
        return await asyncio.to_thread(_unpack, answer, rpc.response, method)
    except (TryOnError, DecodeError) as error:
        log.exception("answer outside the contract", service=method.service, rpc=method.rpc)
        raise InternalError(stage=method.service) from error


async def serving(channel: grpc.aio.Channel, seconds: float = HEALTH_SECONDS) -> bool:
    """Ask the standard health check; what gives no answer within ``seconds`` does not serve."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=seconds, wait_for_ready=False
        )
    except grpc.aio.AioRpcError:
        return False
    is_serving: bool = answer.status == SERVING
    return is_serving


class Caller:
    """Calls one service at ``host:port``, and outlives its restarts. Belongs to one event loop.

    Methods are pure functions, so a call whose server ends, is cut off, stops or still starts waits
    for the service to serve again, ``restart_wait`` of the settings at most, and is sent once more.
    Once one call has waited in vain, the others fail at once, until the service serves.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        self._address = address
        self._settings = settings
        self._channel = connect(address, settings)
        self._users = 0
        self._given_up = False
        self._closed = False

    async def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout: float,  # noqa: ASYNC109 - travels with the call as its deadline
        request_id: str | None = None,
    ) -> Response:
        """Call a method as the function ``call`` does, within ``timeout`` seconds in all."""
        ends = time.monotonic() + timeout
        async with self._current() as (channel, lost):
            # Sent now, it would fail at once and have one attempt less.
            if lost and not await self._serves_again(channel, ends):
                raise error_status.unreachable(method.service)
            for attempt in range(1, ATTEMPTS + 1):
                left = ends - time.monotonic()
                try:
                    return await call(channel, method, request, timeout=left, request_id=request_id)
                except ServiceError as error:
                    cause = error.__cause__
                    if not isinstance(cause, grpc.aio.AioRpcError) or not _is_gone(
                        cause, method.service
                    ):
                        raise
                    if attempt == ATTEMPTS:
                        raise error_status.told(cause, method.service) or _gone_again(
                            method
                        ) from cause
                    if not await self._serves_again(channel, ends):
                        raise
                    log.warning(
                        "called again",
                        service=method.service,
                        rpc=method.rpc,
                        reason=cause.details(),
                    )
        raise AssertionError

    async def serving(self) -> bool:
        """Ask the standard health check, once."""
        async with self._current() as (channel, _):
            return await serving(channel)

    async def close(self) -> None:
        """Close the channel; calls in flight fail."""
        self._closed = True
        await self._channel.close()

    @asynccontextmanager
    async def _current(self) -> AsyncIterator[tuple[grpc.aio.Channel, bool]]:
        """Give the channel, and whether the service was last found to be gone."""
        lost = self._channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
        if lost and not self._users:
            # One that could not resolve the name asks again after up to two minutes, a new one now.
            old, self._channel = self._channel, connect(self._address, self._settings)
            await old.close()
        self._users += 1
        try:
            yield self._channel, lost
        finally:
            self._users -= 1

    async def _serves_again(self, channel: grpc.aio.Channel, ends: float) -> bool:
        """Wait for it, and tell whether it does."""
        began = time.monotonic()
        last = began if self._given_up else min(ends, began + self._settings.restart_wait)
        pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
        while True:
            if self._closed:
                return False
            if await serving(channel, min(HEALTH_SECONDS, ends - time.monotonic())):
                self._given_up = False
                return True
            left = last - time.monotonic()
            if left <= 0:
                self._given_up = True
                return False
            await asyncio.sleep(min(next(pauses), left))


def _is_gone(error: grpc.aio.AioRpcError, service: str) -> bool:
    """Tell whether its server is what failed.

    An answer that broke off in its middle is passed on by nginx as a stream that ends in INTERNAL.
    """
    broke_off = error.code() is grpc.StatusCode.INTERNAL and not error_status.told(error, service)
    return error.code() in GONE or broke_off


def _gone_again(method: Method[Any, Any]) -> ServiceError:
    return ServiceUnavailable(
        f"The {method.service} service ended or was cut off both times while it worked on this; it "
        "may need more memory, or smaller photos.",
        stage=method.service,
    )


def _pack(request: object, message_class: type[Message]) -> bytes:
    return codec.encode(request, message_class).SerializeToString()


def _unpack(answer: bytes, message_class: type[Message], method: Method[Any, Response]) -> Response:
    return codec.decode(message_class.FromString(answer), method.response)
