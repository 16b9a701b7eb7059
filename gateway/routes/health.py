"""Whether the gateway is alive, and whether every service would answer."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The gateway runs."""

    status: str = "alive"


class Ready(BaseModel):
    """Whether everything is ready, and of every service whether it is."""

    ready: bool
    services: dict[str, bool]
    detail: str


@router.get("/healthz", summary="Is the gateway alive?")
async def healthz() -> Alive:
    """Answer as long as the process does, whatever the services do."""
    return Alive()


@router.get(
    "/readyz",
    summary="Is every service ready?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Not yet; says which service is not."}},
)
async def readyz(request: Request) -> Response:
    """Answer 200 only when a try-on would find every service ready."""
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
    told = Ready(ready=ready, services=services, detail=detail)
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(told.model_dump(), 200 if ready else 503, headers)
