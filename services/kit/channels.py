"""Calls services over gRPC: the one place where channels are made and calls are sent."""

import asyncio
import json
from typing import Any, Final, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from services.kit import codec
from services.kit.contract import Method
from services.kit.errors import InternalError, TryOnError
from services.kit.interceptors import REQUEST_ID
from services.kit.settings import Settings
from services.kit.status import from_rpc_error

Request = TypeVar("Request")
Response = TypeVar("Response")

RETRIES: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
"""gRPC's service config: a server that is gone or starting is asked again, three times at most."""

log = structlog.stdlib.get_logger(__name__)


def connect(address: str, settings: Settings) -> grpc.aio.Channel:
    """Make a channel to ``host:port``; it connects with the first call. Close it after use."""
    return grpc.aio.insecure_channel(
        address,
        options=(
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.service_config", json.dumps(RETRIES)),
            # A message larger than this buffer would never be sent again.
            ("grpc.per_rpc_retry_buffer_size", settings.max_message_bytes),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
            # Services are neighbours: a proxy meant for the internet cannot reach them.
            ("grpc.enable_http_proxy", 0),
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

    ``timeout`` is in seconds and covers retries; the method's own deadline where it is None.
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
        raise from_rpc_error(error, method.service) from error
    try:
        return await asyncio.to_thread(_unpack, answer, rpc.response, method)
    except (TryOnError, DecodeError) as error:
        log.exception("answer outside the contract", service=method.service, rpc=method.rpc)
        raise InternalError(stage=method.service) from error


def _pack(request: object, message_class: type[Message]) -> bytes:
    return codec.encode(request, message_class).SerializeToString()


def _unpack(answer: bytes, message_class: type[Message], method: Method[Any, Response]) -> Response:
    return codec.decode(message_class.FromString(answer), method.response)
