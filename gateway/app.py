"""The HTTP application. ``create`` makes it; its lifespan starts and closes the backend."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway import __version__
from gateway.admission import AdmissionControl
from gateway.backends.protocol import Backend
from gateway.middleware import RequestMiddleware
from gateway.openapi import DocumentedApp
from gateway.problem import problem_from_error, problem_from_status, problem_response
from gateway.routes import health, pages, services, viton_events, vitons
from gateway.settings import GatewaySettings
from gateway.tryon import TryOn
from services.kit.errors import InternalError, InvalidRequest, Overloaded, TryOnError

HTTP_ERROR_DETAILS: Final = {
    404: "There is nothing at this address; the page is at /index and the API's description at "
    "/docs.",
    405: "This address does not take that method; /docs lists those that it takes.",
}
"""Details of the framework's own errors, by HTTP status."""

log = structlog.stdlib.get_logger(__name__)


@dataclass
class Startup:
    """The state of the backend's start."""

    done: bool = False
    """Whether the backend is ready."""
    failure: TryOnError | None = None
    """Why the backend could not start."""


def create(
    backend: Backend,
    settings: GatewaySettings,
    on_started: Callable[[TryOnError | None], None] = lambda _: None,
) -> FastAPI:
    """Make the application.

    The backend starts in the background: the page and the health checks answer while the models
    load. ``on_started`` is called when it is ready, or with the error if it cannot start.
    """
    startup = Startup()

    async def start() -> None:
        try:
            await backend.start()
        except TryOnError as error:
            startup.failure = error
            log.error("cannot start", code=error.code, stage=error.stage, detail=error.message)
            on_started(error)
        except Exception:
            log.exception("cannot start")
            startup.failure = InternalError()
            on_started(startup.failure)
        else:
            startup.done = True
            log.info("ready")
            on_started(None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(start())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await backend.close()

    app = DocumentedApp(
        named_types=viton_events.EVENT_TYPES.values(),
        title="Virtual try-on",
        summary="A person's photo and a garment's photo in, the person wearing it out.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.backend = backend
    app.state.service_reporter = services.ServiceReporter(backend)
    app.state.startup = startup
    app.state.tryon = TryOn(backend, settings)
    app.state.uploads = AdmissionControl(
        max_concurrent=settings.max_concurrent_uploads, max_queued=0
    )
    app.add_middleware(RequestMiddleware)
    app.add_exception_handler(TryOnError, _handle_try_on_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    # The first that matches: clients that accept events, then all others.
    app.include_router(viton_events.router)
    app.include_router(vitons.router)
    app.include_router(health.router)
    app.include_router(services.router)
    pages.add_pages(app, settings)
    return app


async def _handle_try_on_error(request: Request, error: Any) -> Response:
    problem = problem_from_error(error, request.state.request_id)
    write = log.error if problem.status >= 500 else log.info
    write("refused", code=problem.code, stage=problem.stage, exc_info=error.__cause__)
    retry_after = str(request.app.state.settings.retry_after)
    headers = {"Retry-After": retry_after} if isinstance(error, Overloaded) else None
    return problem_response(problem, headers)


async def _handle_http_error(request: Request, error: Any) -> Response:
    detail = HTTP_ERROR_DETAILS.get(error.status_code, error.detail)
    problem = problem_from_status(error.status_code, detail, request.state.request_id)
    return problem_response(problem, error.headers)


async def _handle_validation_error(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"])
    invalid = InvalidRequest(f"The request's {location} is not valid: {first['msg']}.")
    return problem_response(problem_from_error(invalid, request.state.request_id))
