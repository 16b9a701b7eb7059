"""Liveness of the gateway and readiness of every service."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The gateway runs."""

    status: str = "alive"


class Ready(BaseModel):
    """Readiness of the gateway and of every service."""

    ready: bool = Field(description="Whether every service is ready.")
    services: dict[str, bool] = Field(description="Whether each service is ready, by its name.")
    detail: str = Field(description="One sentence: what is not ready.")


@router.get("/healthz", summary="Is the gateway alive?")
async def healthz() -> Alive:
    """Answer 200 while the process runs, whatever the services do."""
    return Alive()


@router.get(
    "/readyz",
    summary="Is every service ready?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Not yet; says which service is not."}},
)
async def readyz(request: Request) -> Response:
    """Answer 200 if every service is ready for a try-on, else 503."""
    state: Any = request.app.state
    services = dict(await state.backend.ready())
    missing = [name for name, is_ready in services.items() if not is_ready]
    ready = state.startup.done and not missing
    if state.startup.failure:
        detail = state.startup.failure.message
    elif missing:
        detail = f"Not ready: {', '.join(missing)}."
    else:
        detail = "Every service is ready." if ready else "Still starting."
    readiness = Ready(ready=ready, services=services, detail=detail)
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(readiness.model_dump(), 200 if ready else 503, headers)
