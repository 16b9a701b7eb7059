"""Memory over many pictures of all sizes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.measures.spread import estimate_slope, summarize
from bench.reports.tables import Row, TableData, comparison_table
from bench.runs.servers import ProcessUsage, Server, start_servers
from bench.runs.uploads import Size, Upload, make_upload
from bench.sections.plan import Plan, make_row

PER_HUNDRED: Final = 100
"""Pictures that the slope is told for."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """A server's memory, in MiB."""

    ready: float
    """Resident when it was ready."""
    resident: tuple[float, ...]
    """Resident after each picture."""
    peak: float
    """The most that was ever resident."""


def measure_memory(plan: Plan) -> TableData:
    """Measure an embedded server with its default settings, the memo included."""
    courses = []
    for checkout in plan.checkouts:
        # Made one by one: all of them would take gigabytes.
        uploads = (_upload(number, plan.sizes) for number in range(plan.memory_pictures))
        with start_servers([checkout], {}) as [server]:
            courses.append(_run(server, uploads))
    title = f"Memory over {plan.memory_pictures} pictures of {len(plan.sizes)} sizes, MiB"
    return comparison_table(title, _rows(courses), plan.names)


def _upload(number: int, sizes: Sequence[Size]) -> Upload:
    """Return an upload of the next size; no two have a photo in common."""
    return make_upload(number, number, sizes[number % len(sizes)])


def _run(server: Server[ProcessUsage], uploads: Iterable[Upload]) -> Course:
    ready = server.usage.resident_mib()
    resident = []
    for upload in uploads:
        server.make_picture(upload)
        resident.append(server.usage.resident_mib())
    return Course(ready=ready, resident=tuple(resident), peak=server.usage.peak_mib())


def _rows(courses: Sequence[Course]) -> list[Row]:
    halves = [course.resident[len(course.resident) // 2 :] for course in courses]
    slopes = [[PER_HUNDRED * estimate_slope(half)] for half in halves]
    return [
        make_row("when ready", [[course.ready] for course in courses], decimals=0),
        make_row("peak", [[course.peak] for course in courses], decimals=0),
        make_row("second half, median", [[summarize(half).median] for half in halves], decimals=0),
        make_row(f"second half, growth in {PER_HUNDRED} pictures", slopes, decimals=0),
    ]
