"""Measures how soon the cores are free after a call was cancelled, for every stage.

``.venv/bin/python bench/cancel.py [PERSON GARMENT] [-n 9] [--processes] [--json]``. Every stage's
call is made alone, once to its end and ``-n`` times cancelled, at moments spread evenly over its
time. Stages that the photos skip, as large photos skip super-resolution, are not measured.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.table import Table

from bench.runs.example_run import GARMENT, PERSON, print_figures
from bench.runs.ports import find_free_ports
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.processes import ProcessesBackend
from services.kit import logs
from services.kit.contract import Answer, Method
from services.kit.pictures import images
from services.kit.settings import get_settings

CALL_SECONDS: Final = 600.0
"""Deadline of every call, in seconds: none is to end by it."""

POLL_SECONDS: Final = 0.002
"""Seconds between two looks whether a service still works."""


@dataclass(frozen=True, kw_only=True)
class StageCall:
    """The call of a stage, as a picture makes it."""

    stage: str
    """The stage's name."""
    method: Method[Any, Any]
    """What is called."""
    request: object
    """With what."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """How soon a stage's cores are free."""

    stage: str
    """The stage's name."""
    seconds: float
    """Time of its call to the end."""
    cancelled: int
    """Calls that were cancelled before their end."""
    median: float
    """Median of the times from cancelling to free cores, in seconds."""
    worst: float
    """The longest of these times, in seconds."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("person", type=Path, nargs="?", default=PERSON)
    parser.add_argument("garment", type=Path, nargs="?", default=GARMENT)
    parser.add_argument("-n", "--moments", type=int, default=9, help="cancelled calls a stage")
    parser.add_argument("--processes", action="store_true", help="services as processes")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    # Standard output is for the figures; that a call is cancelled is no news here.
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    photos = [images.decode(path.read_bytes()) for path in (arguments.person, arguments.garment)]
    with tempfile.TemporaryDirectory() as folder:
        backend = _make_backend(Path(folder), processes=arguments.processes)
        releases = asyncio.run(measure(backend, photos, arguments.moments))
    mode = "processes" if arguments.processes else "embedded"
    print_figures(
        [asdict(release) for release in releases],
        lambda: _table(releases, f"Seconds from cancelling to free cores, {mode}"),
        as_json=arguments.json,
    )


async def measure(
    backend: Backend, photos: Sequence[np.ndarray[Any, Any]], moments: int
) -> list[Release]:
    """Start the services, make a picture of both photos, and measure every stage of it."""
    await backend.start()
    try:
        calls = await _record_calls(backend, photos)
        return [await _measure_stage(backend, call, moments) for call in calls]
    finally:
        await backend.close()


def _make_backend(log_dir: Path, *, processes: bool) -> Backend:
    if not processes:
        return EmbeddedBackend(get_settings())
    ports = find_free_ports()
    return ProcessesBackend(
        get_settings(), lambda contract: f"127.0.0.1:{ports[contract.name]}", log_dir
    )


async def _record_calls(
    backend: Backend, photos: Sequence[np.ndarray[Any, Any]]
) -> list[StageCall]:
    calls: list[StageCall] = []

    async def call(method: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
        # The pipeline names a stage's task after it.
        task = asyncio.current_task()
        assert task
        calls.append(StageCall(stage=task.get_name(), method=method, request=request))
        return await backend.call(method, request, seconds, "picture")

    person, garment = photos
    inputs: dict[str, object] = {"person_upload": person, "garment_upload": garment}
    await TRY_ON_PIPELINE.run(
        call, inputs, deadline=CALL_SECONDS, stage_deadline_factor=CALL_SECONDS
    )
    return calls


async def _measure_stage(backend: Backend, call: StageCall, moments: int) -> Release:
    began = time.perf_counter()
    await _make_call(backend, call)
    seconds = time.perf_counter() - began
    waits = []
    for moment in range(moments):
        task = asyncio.create_task(_make_call(backend, call))
        await asyncio.sleep((moment + 0.5) / moments * seconds)
        if task.done():
            continue
        cancelled = time.perf_counter()
        task.cancel()
        await asyncio.wait([task])
        while await _is_busy(backend, call.method.service):  # noqa: ASYNC110 - found by asking
            await asyncio.sleep(POLL_SECONDS)
        waits.append(time.perf_counter() - cancelled)
    return Release(
        stage=call.stage,
        seconds=seconds,
        cancelled=len(waits),
        median=statistics.median(waits or [0.0]),
        worst=max(waits, default=0.0),
    )


async def _make_call(backend: Backend, call: StageCall) -> Answer[Any]:
    return await backend.call(call.method, call.request, CALL_SECONDS, "cancelled")


async def _is_busy(backend: Backend, service: str) -> bool:
    [state] = [state for state in await backend.services() if state.name == service]
    return bool(state.calls)


def _table(releases: Sequence[Release], title: str) -> Table:
    table = Table(title=title)
    table.add_column("stage")
    for name in ("its call", "cancelled calls", "median", "worst"):
        table.add_column(name, justify="right")
    for release in releases:
        table.add_row(
            release.stage,
            f"{release.seconds:.3f}",
            str(release.cancelled),
            f"{release.median:.3f}",
            f"{release.worst:.3f}",
        )
    return table


if __name__ == "__main__":
    main()
