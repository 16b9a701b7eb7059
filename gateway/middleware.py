"""Middleware for every HTTP request: its id, one log line, security headers, unforeseen errors.

Plain ASGI, so that bodies stream through and a client that disconnects is noticed.
"""

import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problem import problem_from_error, problem_response
from services.kit.errors import InternalError
from services.kit.wire.interceptors import request_id_or_new

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response that does not set them itself."""

DEBUG_LOG_PATHS: Final = ("/healthz", "/readyz", "/static/", "/v1/services")
"""Beginnings of paths that are requested so often that they are logged at level debug."""

log = structlog.stdlib.get_logger("gateway.access")


class RequestMiddleware:
    """The one middleware of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with ``request_id`` in its state."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_or_new(Headers(scope=scope).get("x-request-id"))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if state.get("hang_up"):
                    headers["Connection"] = "close"
            await send(message)

        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_on)
            except ClientDisconnect:
                pass
            except Exception:
                log.exception("unforeseen error", path=scope["path"])
                if status:
                    raise
                problem = problem_from_error(InternalError(), request_id)
                await problem_response(problem)(scope, receive, send_on)
            finally:
                write = log.debug if scope["path"].startswith(DEBUG_LOG_PATHS) else log.info
                write(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status or "client left",
                    seconds=round(time.monotonic() - started, 3),
                )
