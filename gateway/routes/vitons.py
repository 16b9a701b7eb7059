"""``POST /vitons``: two photos in, the picture out, alone or within JSON."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.negotiation import EVENT_STREAM, JSON, ResponseBody
from gateway.openapi import schema_ref
from gateway.options import OPTIONS, Format
from gateway.problem import problem_documentation
from gateway.quality_warnings import WarningCode
from gateway.result import (
    CATEGORY_DESCRIPTION,
    CATEGORY_SCHEMA,
    CONFIDENCE_DESCRIPTION,
    CONFIDENCE_SCHEMA,
    REMEMBERED_DESCRIPTION,
    TryOnResult,
)
from gateway.routes.receiving import receive_try_on, run_while_connected
from gateway.routes.viton_events import EVENT_SCHEMA
from gateway.uploads import FILES

router = APIRouter(tags=["try-on"])

WARNINGS_HEADER: Final = "X-TryOn-Warnings"
"""Codes of the quality warnings, separated by commas."""

CATEGORY_HEADER: Final = "X-TryOn-Category"
"""What the garment was worn as."""

CONFIDENCE_HEADER: Final = "X-TryOn-Confidence"
"""The confidence, 0 to 1."""

MEMO_HEADER: Final = "X-TryOn-Memo"
"""Names of the remembered stages, separated by commas."""

PROBLEMS: Final = {
    400: "The form is malformed.",
    406: "The Accept header takes no format that can be sent.",
    408: "The photos did not arrive in time.",
    413: "A photo has too many bytes or too many pixels.",
    415: "A file is not a picture, or the body is not a multipart form.",
    422: "A field or an option is missing, unknown or doubled, or a photo cannot be used.",
    500: "An unforeseen error.",
    503: "Too busy (with Retry-After), or a service is not ready.",
    504: "The picture was not ready in time.",
}
"""Reasons of the errors, by HTTP status."""

PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
"""OpenAPI content of an image file."""

TEXT: Final = {"type": "string"}
"""JSON schema of a text."""

REQUEST_DOCUMENTATION: Final[dict[str, Any]] = {
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
                    "required": [*FILES],
                    "properties": {
                        **{
                            name: {
                                "type": "string",
                                "format": "binary",
                                "description": f"{meaning.capitalize()}: JPEG, PNG or WebP.",
                            }
                            for name, meaning in FILES.items()
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
"""The form and the query parameters, for the OpenAPI document."""

RESPONSE_DOCUMENTATION: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The picture. For `Accept: application/json`: the picture and what is known "
        "of it. For `Accept: text/event-stream`: the events `pipeline`, `stage` (many), and then "
        "`result`, which holds the same JSON, or `error`.",
        "content": {
            **{fmt.media_type: PICTURE for fmt in Format},
            JSON: {"schema": schema_ref(TryOnResult)},
            EVENT_STREAM: {"schema": TEXT, "itemSchema": EVENT_SCHEMA},
        },
        "headers": {
            "X-Request-Id": {"schema": TEXT},
            WARNINGS_HEADER: {
                "description": "Codes of the quality warnings, separated by commas; empty if there "
                "are none. " + ", ".join(f"`{code}`" for code in WarningCode) + ".",
                "schema": TEXT,
            },
            CATEGORY_HEADER: {"description": CATEGORY_DESCRIPTION, "schema": CATEGORY_SCHEMA},
            CONFIDENCE_HEADER: {"description": CONFIDENCE_DESCRIPTION, "schema": CONFIDENCE_SCHEMA},
            MEMO_HEADER: {
                "description": f"{REMEMBERED_DESCRIPTION} Separated by commas; empty if none.",
                "schema": TEXT,
            },
            "Server-Timing": {"description": "Milliseconds of every stage.", "schema": TEXT},
        },
    },
    **{status: problem_documentation(reason) for status, reason in PROBLEMS.items()},
}
"""The answers, for the OpenAPI document."""


@router.post(
    "/vitons",
    summary="Put the garment on the person",
    response_class=Response,
    openapi_extra=REQUEST_DOCUMENTATION,
    responses=RESPONSE_DOCUMENTATION,
)
async def vitons(request: Request) -> Response:
    """Send the person's photo as `image` and the garment's as `cloth`.

    The response is the person wearing the garment, in the frame of the person's photo.
    """
    received = await receive_try_on(request)
    result = await run_while_connected(request, received.run())
    headers = {
        "Server-Timing": _server_timing(result.timings),
        "Cache-Control": "no-store",
        CATEGORY_HEADER: result.category,
        WARNINGS_HEADER: ",".join(warning.code for warning in result.warnings),
        CONFIDENCE_HEADER: f"{result.confidence:g}",
        MEMO_HEADER: ",".join(result.remembered),
    }
    if received.response_options.body is ResponseBody.JSON:
        return Response(result.model_dump_json(), media_type=JSON, headers=headers)
    return Response(result.image, media_type=result.media_type, headers=headers)


def _server_timing(timings: Mapping[str, float]) -> str:
    """Return the value of the Server-Timing header; ``timings`` are seconds."""
    return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in timings.items())
