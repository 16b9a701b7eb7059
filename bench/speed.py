"""Measure warm pictures, embedded: seconds of each stage and picture, CPU seconds, peak memory.

``.venv/bin/python bench/speed.py [PERSON GARMENT] [-n 5] [--option NAME=VALUE] [--json]``. Both
photos are scaled to 768 x 1024 first, so that figures compare. The first picture warms up and does
not count.
``--against CHECKOUT`` compares this checkout with another in one run: an embedded server of each
makes ``-n`` pictures in turns, over HTTP. Stages, CPU seconds and memory of both are printed, with
the median and the quartiles of the pairs' ratios. ``bench/performance.py`` measures more.
"""

import asyncio
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from rich.table import Table

from bench.reports.tables import to_rich
from bench.runs.example_run import Arguments, parse_arguments, print_figures
from bench.runs.servers import ROOT, MeasurementFailed, open_checkout
from bench.runs.uploads import Upload
from bench.sections.pictures import measure_stages
from bench.sections.plan import Plan
from gateway.backends.embedded import EmbeddedBackend
from gateway.options import OptionValues
from gateway.settings import get_gateway_settings
from gateway.tryon import Photos, TryOn
from services.kit import logs
from services.kit.pictures import images
from services.kit.settings import get_settings
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured."""

    pictures: int
    """Number of warm pictures."""
    threads: int
    """Threads of every network."""
    load: float
    """Seconds that loading all services took."""
    stages: dict[str, float]
    """Name of a stage to its median seconds."""
    total: float
    """Median seconds of a picture."""
    cpu: float
    """Median CPU seconds of a picture."""
    peak_mib: float
    """Highest resident memory of the process, in MiB."""


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, compares=True)
    # Standard output is for the figures.
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    person, garment = _on_canvas(arguments.person), _on_canvas(arguments.garment)
    if arguments.against:
        _compare(arguments.against, Upload(person, garment, arguments.option_texts), arguments)
        return
    photos = Photos(person, garment)
    figures = asyncio.run(measure(photos, arguments.options, arguments.pictures))
    print_figures(asdict(figures), lambda: _table(figures), as_json=arguments.as_json)


async def measure(photos: Photos, options: OptionValues, pictures: int) -> Figures:
    """Load everything, warm up with one picture, and time ``pictures`` more."""
    settings = get_settings()
    backend = EmbeddedBackend(settings)
    tryon = TryOn(backend, get_gateway_settings())
    runs: list[dict[str, float]] = []
    cpu: list[float] = []
    started = time.perf_counter()
    await backend.start()
    load = time.perf_counter() - started
    try:
        await tryon.run(photos, options, request_id="warm-up")
        for number in range(pictures):
            before = time.process_time()
            result = await tryon.run(photos, options, request_id=f"picture-{number}")
            cpu.append(time.process_time() - before)
            runs.append(dict(result.timings))
    finally:
        await backend.close()
    stages = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    total = stages.pop("total")
    return Figures(
        pictures=pictures,
        threads=settings.threads,
        load=load,
        stages=stages,
        total=total,
        cpu=statistics.median(cpu),
        peak_mib=_peak_mib(),
    )


def _compare(other: Path, upload: Upload, arguments: Arguments) -> None:
    try:
        plan = Plan(this=open_checkout(ROOT), other=open_checkout(other), rounds=arguments.pictures)
        table = measure_stages(plan, upload)
    except MeasurementFailed as error:
        sys.exit(str(error))
    print_figures(asdict(table), lambda: to_rich(table), as_json=arguments.as_json)


def _on_canvas(path: Path) -> bytes:
    """Read a photo and pad it to 768 x 1024."""
    picture = PIL.Image.fromarray(images.decode(path.read_bytes()))
    canvas = PIL.ImageOps.pad(picture, (CANVAS_WIDTH, CANVAS_HEIGHT), color="white")
    return images.encode(np.asarray(canvas), images.PNG)


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _table(figures: Figures) -> Table:
    table = Table(title=f"{figures.pictures} warm pictures, {figures.threads} threads, medians")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for name, seconds in figures.stages.items():
        table.add_row(name, f"{seconds:.2f}")
    table.add_section()
    table.add_row("whole picture", f"{figures.total:.2f}")
    table.add_row("CPU", f"{figures.cpu:.2f}")
    table.add_row("loading, once", f"{figures.load:.2f}")
    table.add_row("peak memory, MiB", f"{figures.peak_mib:.0f}")
    return table


if __name__ == "__main__":
    main()
