"""Errors as the HTTP client gets them: problem details after RFC 9457, for every error."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.openapi import schema_ref
from services.kit.errors import STATUS, InternalError, TryOnError

MEDIA_TYPE: Final = "application/problem+json"
"""Media type of problem details in JSON (RFC 9457, 3)."""


class ProblemDetails(BaseModel):
    """What went wrong, for people (title, detail) and for programs (code, stage)."""

    type: str = Field(examples=["urn:tryon:problem:no_person"])
    title: str = Field(examples=["No person"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="One sentence: what is wrong and what to do.")
    code: str = Field(description="Stable and machine-readable.", examples=["no_person"])
    stage: str | None = Field(description="The stage that failed.", examples=["openpose"])
    request_id: str = Field(description="Identifies this request in the server's log.")


def problem_from_error(error: TryOnError, request_id: str) -> ProblemDetails:
    """Return the details of an error of the tree; ``STATUS`` gives the HTTP status.

    The message of an InternalError is replaced by its fixed text.
    """
    detail = InternalError.TEXT if isinstance(error, InternalError) else error.message
    status = STATUS[type(error)].http
    return _problem(status, error.code, detail, error.stage, request_id)


def problem_from_status(status: int, detail: str, request_id: str) -> ProblemDetails:
    """Return the details of an HTTP error such as 404 or 405; the code is the status's phrase."""
    phrase = HTTPStatus(status)
    code = phrase.name.lower()
    return _problem(phrase, code, detail, None, request_id)


def problem_response(problem: ProblemDetails, headers: Mapping[str, str] | None = None) -> Response:
    """Return the HTTP response that carries the problem."""
    return Response(problem.model_dump_json(), problem.status, headers, MEDIA_TYPE)


def problem_documentation(reason: str) -> dict[str, Any]:
    """Return the OpenAPI response of a problem."""
    return {"description": reason, "content": {MEDIA_TYPE: {"schema": schema_ref(ProblemDetails)}}}


def _problem(
    status: HTTPStatus, code: str, detail: str, stage: str | None, request_id: str
) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:tryon:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        stage=stage,
        request_id=request_id,
    )
