"""gRPC server interceptors: bind the request id, log each call, convert errors.

They run in the order of ``server_interceptors``. Streams (health watches, reflection) pass
untouched.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import grpc
import structlog
from grpc_status import rpc_status

from services.kit.errors import InternalError, TryOnError
from services.kit.wire import error_status, server_status

REQUEST_ID: Final = "x-request-id"
"""Metadata key of the request id."""

_REQUEST_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
"""Request ids that are taken from a client."""

_DEBUG_METHODS: Final = ("/grpc.health.", f"/{server_status.PROTO}/")
"""Prefixes of methods that are logged for debugging only."""

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

log = structlog.stdlib.get_logger(__name__)


def server_interceptors(service: str) -> tuple[grpc.aio.ServerInterceptor, ...]:
    """Return the interceptors of the server of ``service``, outermost first."""
    return (RequestIdInterceptor(), CallLogInterceptor(), ErrorInterceptor(service))


def request_id_or_new(sent: str | bytes | None) -> str:
    """Return the client's request id if it has the accepted form, else a new one."""
    if isinstance(sent, str) and _REQUEST_ID_PATTERN.fullmatch(sent):
        return sent
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class UnaryCall:
    """A call with one request message and one response message."""

    behaviour: Behaviour
    """What answers the call: the handler, or the next interceptor."""
    request: Any
    """The request message."""
    context: Context
    """The call's context at the server."""
    method: str
    """Full name of the method, ``/package.Service/Method``."""
    metadata: Mapping[str, str | bytes]
    """The client's metadata."""

    async def proceed(self) -> Any:
        """Return the response message, or raise what the handler raises."""
        return await self.behaviour(self.request, self.context)


class _UnaryInterceptor(grpc.aio.ServerInterceptor):
    """Wraps procedures with one request message and one response message."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the next handler, wrapped in ``intercept_call``."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        behaviour = cast("Behaviour", handler.unary_unary)

        async def wrapped(request: Any, context: Context) -> Any:
            call = UnaryCall(
                behaviour=behaviour,
                request=request,
                context=context,
                method=handler_call_details.method,
                metadata=dict(handler_call_details.invocation_metadata or ()),
            )
            return await self.intercept_call(call)

        return grpc.unary_unary_rpc_method_handler(
            wrapped,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def intercept_call(self, call: UnaryCall) -> Any:
        """Return the call's response message."""
        raise NotImplementedError


class RequestIdInterceptor(_UnaryInterceptor):
    """Binds the call's ``x-request-id`` to log lines and returns it in trailing metadata."""

    async def intercept_call(self, call: UnaryCall) -> Any:
        """Run the call with its id bound; a missing or malformed id is replaced by a new one."""
        request_id = request_id_or_new(call.metadata.get(REQUEST_ID))
        call.context.set_trailing_metadata(((REQUEST_ID, request_id),))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            return await call.proceed()


class CallLogInterceptor(_UnaryInterceptor):
    """Logs each call when it has ended: method, status code and seconds, never contents."""

    async def intercept_call(self, call: UnaryCall) -> Any:
        """Run and time the call; health checks and status calls are logged for debugging only."""
        began, code = time.perf_counter(), "UNKNOWN"
        try:
            response = await call.proceed()
            code = "OK"
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            code = call.context.code().name
            raise
        else:
            return response
        finally:
            write = log.debug if call.method.startswith(_DEBUG_METHODS) else log.info
            seconds = round(time.perf_counter() - began, 4)
            write("call", method=call.method, code=code, seconds=seconds)


class ErrorInterceptor(_UnaryInterceptor):
    """Converts a handler's error to a status; an error outside the tree gets a fixed message."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def intercept_call(self, call: UnaryCall) -> Any:
        """Run the call; an error without a stage gets the service's name."""
        try:
            return await call.proceed()
        except grpc.aio.AbortError:
            raise
        except TryOnError as error:
            failure = error
        except Exception:
            log.exception("unforeseen error", method=call.method)
            failure = InternalError()
        failure.stage = failure.stage or self._service
        status = rpc_status.to_status(error_status.to_status(failure))
        trailing = (*(call.context.trailing_metadata() or ()), *status.trailing_metadata)
        return await call.context.abort(status.code, status.details, trailing)
