"""``POST /vitons``: two photos in, the picture out, or its progress and then the picture."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway import problem
from gateway.negotiation import EVENT_STREAM, JSON, ResponseBody, negotiate
from gateway.options import FORMAT, OPTIONS, Format, parse_options
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import WarningCode
from gateway.tryon import Photos, Result
from gateway.uploads import read_form
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.errors import InternalError, ServiceUnavailable, TryOnError
from services.kit.settings import get_settings

Done = TypeVar("Done")

log = structlog.stdlib.get_logger(__name__)
router = APIRouter(tags=["try-on"])

PROBLEMS: Final = {
    400: "The form is malformed.",
    406: "The Accept header takes no format that can be sent.",
    408: "The photos did not arrive in time.",
    413: "A photo has too many bytes or too many pixels.",
    415: "A file is not a picture, or the body is not a multipart form.",
    422: "A field or an option is missing, unknown or doubled, or a photo cannot be used.",
    500: "Something unforeseen.",
    503: "Too busy (with Retry-After), or a service is not ready.",
    504: "The picture was not ready in time.",
}
WARNINGS: Final = "X-TryOn-Warnings"
WORN_AS: Final = "X-TryOn-Category"
CONFIDENCE: Final = "X-TryOn-Confidence"
CODES: Final = [*WarningCode]
NUMBER: Final = {"type": "number", "minimum": 0, "maximum": 1}
CONFIDENCE_MEANS: Final = (
    "1 where nothing speaks against the picture; each warning multiplies it by its weight. "
    "It is not a probability."
)
GARMENT_CATEGORY_SCHEMA: Final = {"type": "string", "enum": [*GARMENT_CATEGORIES]}
WORN_AS_MEANS: Final = "What the garment was worn as."
RESULT: Final = {
    "type": "object",
    "required": [
        "media_type",
        "width",
        "height",
        "image",
        "timings",
        "category",
        "confidence",
        "warnings",
    ],
    "properties": {
        "media_type": {"type": "string", "enum": [fmt.media_type for fmt in Format]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "image": {"type": "string", "format": "byte", "description": "The file, in base64."},
        "timings": {
            "description": "Seconds of every stage.",
            "type": "object",
            "additionalProperties": {"type": "number"},
        },
        "category": {"description": WORN_AS_MEANS, **GARMENT_CATEGORY_SCHEMA},
        "confidence": {"description": CONFIDENCE_MEANS, **NUMBER},
        "warnings": {
            "description": "What may look wrong, and which photo would work better.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string", "enum": CODES},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
DOCUMENTATION: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": option.name,
            "in": "query",
            "schema": option.schema,
            "description": option.meaning,
        }
        for option in OPTIONS
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "cloth"],
                    "properties": {
                        "image": {
                            "type": "string",
                            "format": "binary",
                            "description": "The person's photo: JPEG, PNG or WebP.",
                        },
                        "cloth": {
                            "type": "string",
                            "format": "binary",
                            "description": "The garment's photo: JPEG, PNG or WebP.",
                        },
                        **{
                            option.name: {**option.schema, "description": option.meaning}
                            for option in OPTIONS
                        },
                    },
                }
            }
        },
    },
}


@router.post(
    "/vitons",
    summary="Put the garment on the person",
    response_class=Response,
    openapi_extra=DOCUMENTATION,
    responses={
        200: {
            "description": "The picture; for `Accept: application/json`, the picture and what is "
            "known of it; for `Accept: text/event-stream`, the events `pipeline`, `stage` (many) "
            "and then `result`, which holds the same JSON, or `error`.",
            "content": {
                **{fmt.media_type: PICTURE for fmt in Format},
                JSON: {"schema": RESULT},
                EVENT_STREAM: {"schema": {"type": "string"}},
            },
            "headers": {
                "X-Request-Id": {"schema": {"type": "string"}},
                WARNINGS: {
                    "description": "Codes of what may look wrong, separated by commas; empty "
                    "where nothing is known to: " + ", ".join(f"`{code}`" for code in CODES) + ".",
                    "schema": {"type": "string"},
                },
                WORN_AS: {"description": WORN_AS_MEANS, "schema": GARMENT_CATEGORY_SCHEMA},
                CONFIDENCE: {"description": CONFIDENCE_MEANS, "schema": NUMBER},
                "Server-Timing": {
                    "description": "Milliseconds of every stage.",
                    "schema": {"type": "string"},
                },
            },
        },
        **{
            status: {
                "description": description,
                "content": {
                    problem.MEDIA_TYPE: {"schema": problem.ProblemDetails.model_json_schema()}
                },
            }
            for status, description in PROBLEMS.items()
        },
    },
)
async def vitons(request: Request) -> Response:
    """Send the person's photo as `image` and the garment's as `cloth`.

    The answer is the person wearing the garment, in the frame of the person's photo.
    """
    state: Any = request.app.state
    if not state.startup.done:
        raise state.startup.failure or ServiceUnavailable(
            "The models are still loading; try again in a few seconds."
        )
    accept = request.headers.get("accept", "")
    # What is wrong in the URL and in the headers is refused before the photos are received.
    options = parse_options(request.query_params)
    response_options = negotiate(accept, options[FORMAT])
    async with state.uploads.slot():
        form = await read_form(
            request,
            max_file_bytes=get_settings().max_upload_bytes,
            seconds=state.settings.upload_timeout,
        )
    if form.options:
        options = parse_options({**request.query_params, **form.options})
        response_options = negotiate(accept, options[FORMAT])
    run = partial(
        state.tryon.run,
        Photos(form.image, form.cloth),
        options,
        request_id=request.state.request_id,
        picture_format=response_options.format,
    )
    if response_options.body is ResponseBody.EVENTS:
        return await _stream(request, run)
    result = await _while_connected(request, run())
    headers = {
        "Server-Timing": _server_timing(result.timings),
        "Cache-Control": "no-store",
        WORN_AS: result.category,
        WARNINGS: ",".join(warning.code for warning in result.warnings),
        CONFIDENCE: f"{result.confidence:g}",
    }
    if response_options.body is ResponseBody.JSON:
        return JSONResponse(_told(result), headers=headers)
    return Response(result.data, media_type=result.media_type, headers=headers)


async def _while_connected(request: Request, work: Coroutine[Any, Any, Done]) -> Done:
    """Do the work, but stop and raise ClientDisconnect as soon as the client leaves."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Wait for the client to leave; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stream(request: Request, run: Callable[..., Coroutine[Any, Any, Result]]) -> Response:
    """Answer with events once the pipeline starts; what goes wrong before raises as usual."""
    events: asyncio.Queue[str | None] = asyncio.Queue()
    stages = [{"name": step.name, "label": step.progress_text} for step in TRY_ON_PIPELINE.steps]
    task = asyncio.create_task(
        run(
            on_start=lambda: events.put_nowait(_event("pipeline", {"stages": stages})),
            on_event=lambda event: events.put_nowait(_event("stage", asdict(event))),
        )
    )
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        first = await _while_connected(request, events.get())
    except BaseException:
        task.cancel()
        raise
    if first is None:
        task.result()
    request_id = request.state.request_id

    async def told() -> AsyncIterator[str]:
        try:
            event = first
            while event is not None:
                yield event
                event = await events.get()
            yield _last_event(task, request_id)
        finally:
            task.cancel()

    return StreamingResponse(
        told(),
        media_type=EVENT_STREAM,
        # nginx would hold the events back.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _last_event(task: asyncio.Task[Result], request_id: str) -> str:
    try:
        result = task.result()
    except TryOnError as error:
        told = problem.problem_from_error(error, request_id)
        log.info("refused", code=told.code, stage=told.stage, exc_info=error.__cause__)
        return _event("error", told.model_dump())
    except Exception:
        log.exception("unforeseen error")
        return _event("error", problem.problem_from_error(InternalError(), request_id).model_dump())
    return _event("result", _told(result))


def _told(result: Result) -> dict[str, object]:
    """Put the picture and all that is known of it in the form of ``RESULT``."""
    return {
        "media_type": result.media_type,
        "width": result.width,
        "height": result.height,
        "image": base64.b64encode(result.data).decode(),
        "timings": dict(result.timings),
        "category": result.category,
        "confidence": result.confidence,
        "warnings": [{"code": each.code, "message": each.message} for each in result.warnings],
    }


def _event(name: str, data: Mapping[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _server_timing(timings: Mapping[str, float]) -> str:
    return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in timings.items())
