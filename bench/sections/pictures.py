"""Warm pictures: in summary, stage by stage, and by the size of the uploads."""

from collections.abc import Sequence

from bench.reports.tables import Row, TableData, comparison_table
from bench.runs.servers import (
    LONG_MEMO,
    NO_MEMO,
    ProcessUsage,
    Sample,
    Server,
    make_in_turns,
    start_servers,
)
from bench.runs.uploads import CANVAS_SIZE, SMALLEST_SIZE, Size, Upload, make_variant
from bench.sections.plan import Plan, cpu_row, make_row, seconds_row

WARM_UP_VARIANT = 0
"""Variant of the upload that warms up; measured uploads are other variants."""


def measure_summary(plan: Plan) -> TableData:
    """Measure a warm picture, what is remembered, and the smallest uploads."""
    with start_servers(plan.checkouts, NO_MEMO) as servers:
        rows = [*_picture_rows(servers, CANVAS_SIZE, plan.rounds)]
        rows += _picture_rows(servers, SMALLEST_SIZE, plan.rounds)
    with start_servers(plan.checkouts, LONG_MEMO) as servers:
        rows += _reuse_rows(servers, plan.rounds)
    return comparison_table("Seconds a picture, embedded", rows, plan.names)


def measure_stages(plan: Plan, photos: Upload | None = None) -> TableData:
    """Measure the stages of a warm picture of 768 x 1024, of ``photos`` if they are given."""
    with start_servers(plan.checkouts, NO_MEMO) as servers:
        samples, peaks = _make_warm(servers, CANVAS_SIZE, plan.rounds, photos)
    rows = [_stage_row(name, samples) for name in _stage_names(samples)]
    rows.append(seconds_row("request and answer", samples))
    rows.append(cpu_row("CPU", samples))
    rows.append(make_row("peak memory, MiB", [[peak] for peak in peaks], decimals=0))
    return comparison_table("Seconds of each stage, embedded", rows, plan.names)


def measure_sizes(plan: Plan) -> TableData:
    """Measure warm pictures of uploads of several sizes, both photos of the same."""
    rows: list[Row] = []
    with start_servers(plan.checkouts, NO_MEMO) as servers:
        for size in plan.sizes:
            rows += _picture_rows(servers, size, plan.rounds)
    return comparison_table("Seconds a picture by the uploads' size", rows, plan.names)


def _picture_rows(servers: Sequence[Server[ProcessUsage]], size: Size, rounds: int) -> list[Row]:
    samples, _ = _make_warm(servers, size, rounds)
    label = f"uploads of {size[0]} x {size[1]}"
    return [seconds_row(label, samples), cpu_row(f"{label}: CPU", samples)]


def _make_warm(
    servers: Sequence[Server[ProcessUsage]], size: Size, rounds: int, photos: Upload | None = None
) -> tuple[list[list[Sample]], list[float]]:
    """Make pictures in turns after one that is not counted; also return the servers' peaks."""
    make_in_turns(servers, [photos or make_variant(WARM_UP_VARIANT, size)])
    uploads = [photos or make_variant(number, size) for number in _numbers(rounds)]
    samples = make_in_turns(servers, uploads)
    return samples, [server.usage.peak_mib() for server in servers]


def _reuse_rows(servers: Sequence[Server[ProcessUsage]], rounds: int) -> list[Row]:
    """Measure pictures of which the server may remember the person or the garment."""
    first = make_variant(WARM_UP_VARIANT)
    make_in_turns(servers, [first])
    others = [make_variant(number) for number in _numbers(rounds)]
    garments = [Upload(first.person, other.garment) for other in others]
    people = [Upload(other.person, first.garment) for other in others]
    rows: list[Row] = []
    for label, uploads in {
        "second garment, same person": garments,
        "second person, same garment": people,
        "the same request again": [first] * rounds,
    }.items():
        samples = make_in_turns(servers, uploads)
        rows += [seconds_row(label, samples), cpu_row(f"{label}: CPU", samples)]
    return rows


def _numbers(rounds: int) -> range:
    return range(WARM_UP_VARIANT + 1, WARM_UP_VARIANT + 1 + rounds)


def _stage_names(samples: Sequence[Sequence[Sample]]) -> list[str]:
    """Return the names of all stages, in the order of the last checkout, the total last."""
    names = dict.fromkeys(
        name for made in reversed(samples) for sample in made for name in sample.stages
    )
    return sorted(names, key=lambda name: name == "total")


def _stage_row(name: str, samples: Sequence[Sequence[Sample]]) -> Row:
    """Make the row of a stage; a checkout without it has no values."""
    values = [[sample.stages[name] for sample in made if name in sample.stages] for made in samples]
    return make_row(name, values)
