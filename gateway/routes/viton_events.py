"""``POST /vitons`` for clients that accept server-sent events: progress, then the picture.

FastAPI writes the events and sends a comment every 15 seconds in which there is none, so that
proxies keep the connection.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from gateway.dag import StageEvent
from gateway.negotiation import accepts_events
from gateway.openapi import schema_ref
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.problem import ProblemDetails, problem_from_error
from gateway.result import TryOnResult
from gateway.routes.receiving import receive_try_on, run_while_connected
from services.kit.errors import InternalError, TryOnError

log = structlog.stdlib.get_logger(__name__)


class StageDescription(BaseModel):
    """A stage of the pipeline."""

    name: str = Field(examples=["openpose"])
    label: str = Field(description="What a user reads while the stage runs.")


class PipelineEvent(BaseModel):
    """The pipeline starts."""

    stages: list[StageDescription] = Field(description="All stages; some may be skipped.")


EVENT_TYPES: Final[dict[str, type]] = {
    "pipeline": PipelineEvent,
    "stage": StageEvent,
    "result": TryOnResult,
    "error": ProblemDetails,
}
"""Types of the events' data, by the events' names."""

EVENT_SCHEMA: Final = {
    "oneOf": [
        {
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"const": name},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": schema_ref(data_type),
                },
            },
        }
        for name, data_type in EVENT_TYPES.items()
    ]
}
"""One event, as OpenAPI 3.2 describes the items of a stream."""


class EventStreamRoute(APIRoute):
    """A route for requests that accept server-sent events; others go on to the next route."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path and the method as ever, and the Accept header."""
        match, child_scope = super().matches(scope)
        if match is Match.FULL and not accepts_events(Headers(scope=scope).get("accept", "")):
            return Match.NONE, {}
        return match, child_scope


router = APIRouter(route_class=EventStreamRoute)


async def start_try_on(
    request: Request, response: Response
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    """Start the try-on and give its events; cancel it when the response ends.

    Errors that come before the pipeline starts are raised, so that the client gets their status.
    """
    received = await receive_try_on(request)
    events: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
    stages = [
        StageDescription(name=step.name, label=step.progress_text) for step in TRY_ON_PIPELINE.steps
    ]

    def send(name: str, data: object) -> None:
        events.put_nowait(ServerSentEvent(event=name, data=data))

    task = asyncio.create_task(
        received.run(
            on_start=lambda: send("pipeline", PipelineEvent(stages=stages)),
            on_event=lambda event: send("stage", event),
        )
    )
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        first = await run_while_connected(request, events.get())
        if first is None:
            task.result()
        # FastAPI's own header allows caches to keep the photo.
        response.headers["Cache-Control"] = "no-store"
        yield _events(first, events, task, request.state.request_id)
    finally:
        task.cancel()


@router.post("/vitons", response_class=EventSourceResponse, include_in_schema=False)
async def viton_events(
    events: Annotated[AsyncIterator[ServerSentEvent], Depends(start_try_on)],
) -> AsyncIterator[ServerSentEvent]:
    """Send the events of a try-on."""
    async for event in events:
        yield event


async def _events(
    first: ServerSentEvent | None,
    events: asyncio.Queue[ServerSentEvent | None],
    task: asyncio.Task[TryOnResult],
    request_id: str,
) -> AsyncIterator[ServerSentEvent]:
    event = first
    while event is not None:
        yield event
        event = await events.get()
    yield _last_event(task, request_id)


def _last_event(task: asyncio.Task[Any], request_id: str) -> ServerSentEvent:
    """Return the result or the error of a task that is done."""
    try:
        return ServerSentEvent(event="result", data=task.result())
    except TryOnError as error:
        problem = problem_from_error(error, request_id)
        log.info("refused", code=problem.code, stage=problem.stage, exc_info=error.__cause__)
    except Exception:
        log.exception("unforeseen error")
        problem = problem_from_error(InternalError(), request_id)
    return ServerSentEvent(event="error", data=problem)
