"""Receiving a try-on: the form, the options and the response that the client asks for."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from gateway.negotiation import ResponseOptions, negotiate
from gateway.options import FORMAT, parse_options
from gateway.result import TryOnResult
from gateway.tryon import Photos
from gateway.uploads import read_form
from services.kit.errors import ServiceUnavailable
from services.kit.settings import get_settings

Done = TypeVar("Done")


@dataclass(frozen=True)
class ReceivedTryOn:
    """A try-on that can be started."""

    run: Callable[..., Coroutine[Any, Any, TryOnResult]]
    """``TryOn.run`` with the photos and options; takes ``on_start`` and ``on_event``."""

    response_options: ResponseOptions
    """What the client is sent."""


async def receive_try_on(request: Request) -> ReceivedTryOn:
    """Receive the form of a try-on. Options of the form take precedence over those of the URL.

    Raises the error of a backend that did not start, ServiceUnavailable while it starts, Overloaded
    for too many uploads at once, and what ``parse_options``, ``negotiate`` and ``read_form`` raise.
    """
    state: Any = request.app.state
    if not state.startup.done:
        raise state.startup.failure or ServiceUnavailable(
            "The models are still loading; try again in a few seconds."
        )
    accept = request.headers.get("accept", "")
    # Errors of the URL and of the headers are raised before the photos are received.
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
    return ReceivedTryOn(run, response_options)


async def run_while_connected(request: Request, work: Coroutine[Any, Any, Done]) -> Done:
    """Return what the work returns. Cancel it and raise ClientDisconnect if the client leaves.

    The body of the request must have been read.
    """
    task = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((task, disconnected), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for each in (task, disconnected):
            each.cancel()
        await asyncio.gather(task, disconnected, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
