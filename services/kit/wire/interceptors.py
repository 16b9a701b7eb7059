"""What happens around every call of a server: request id, one log line, errors mapped.

Interceptors run in the order of ``all_for``; streams (health watches, reflection) pass untouched.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

import grpc
import structlog
from grpc_status import rpc_status

from services.kit.errors import InternalError, TryOnError
from services.kit.wire import error_status, server_status

REQUEST_ID: Final = "x-request-id"
_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET: Final = ("/grpc.health.", f"/{server_status.PROTO}/")

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

log = structlog.stdlib.get_logger(__name__)


def all_for(service: str) -> tuple[grpc.aio.ServerInterceptor, ...]:
    """List the interceptors of the server of ``service``, outermost first."""
    return (RequestId(), CallLog(), Errors(service))


def request_id_or_new(sent: str | bytes | None) -> str:
    """Take the caller's request id if it is plain and short, else make one."""
    if isinstance(sent, str) and _ACCEPTED_ID.fullmatch(sent):
        return sent
    return uuid.uuid4().hex


class _Unary(grpc.aio.ServerInterceptor):
    """Wraps procedures that take one message and give one."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Give the next handler, with ``around`` wrapped about it."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        behaviour = cast("Behaviour", handler.unary_unary)

        async def wrapped(request: Any, context: Context) -> Any:
            return await self.around(behaviour, request, context, handler_call_details)

        return grpc.unary_unary_rpc_method_handler(
            wrapped,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def around(
        self,
        behaviour: Behaviour,
        request: Any,
        context: Context,
        details: grpc.HandlerCallDetails,
    ) -> Any:
        raise NotImplementedError


class RequestId(_Unary):
    """Binds the call's ``x-request-id`` to its log lines and returns it in trailing metadata."""

    async def around(
        self,
        behaviour: Behaviour,
        request: Any,
        context: Context,
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Run the call with its id bound; a missing or odd id is replaced by a new one."""
        sent = dict(details.invocation_metadata or ()).get(REQUEST_ID)
        request_id = request_id_or_new(sent)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            return await behaviour(request, context)


class CallLog(_Unary):
    """Logs each call once it has ended: method, status code and seconds, never contents."""

    async def around(
        self,
        behaviour: Behaviour,
        request: Any,
        context: Context,
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Time the call; health and status are logged for debugging only."""
        began, code = time.perf_counter(), "UNKNOWN"
        try:
            response = await behaviour(request, context)
            code = "OK"
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        else:
            return response
        finally:
            write = log.debug if details.method.startswith(_QUIET) else log.info
            seconds = round(time.perf_counter() - began, 4)
            write("call", method=details.method, code=code, seconds=seconds)


class Errors(_Unary):
    """Turns what a handler raises into a status; what is not of the tree gets a fixed text."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def around(
        self,
        behaviour: Behaviour,
        request: Any,
        context: Context,
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Run the call; an error without a stage gets the service's name."""
        try:
            return await behaviour(request, context)
        except grpc.aio.AbortError:
            raise
        except TryOnError as error:
            failure = error
        except Exception:
            log.exception("unforeseen error", method=details.method)
            failure = InternalError()
        failure.stage = failure.stage or self._service
        told = rpc_status.to_status(error_status.to_status(failure))
        returned = (*(context.trailing_metadata() or ()), *told.trailing_metadata)
        return await context.abort(told.code, told.details, returned)
