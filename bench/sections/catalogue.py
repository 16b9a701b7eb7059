"""Catalogue work: one person in many garments, one garment on many people."""

from collections.abc import Sequence

from bench.reports.tables import Row, TableData, comparison_table
from bench.runs.servers import LONG_MEMO, Sample, make_in_turns, start_servers
from bench.runs.uploads import VARIANTS, Upload, make_upload, make_variant
from bench.sections.plan import Plan, cpu_row, make_row, seconds_row


def measure_catalogue(plan: Plan) -> TableData:
    """Measure both kinds of work; servers remember, and begin with nothing remembered."""
    count = plan.catalogue
    work = {
        f"1 person, {count} garments": [make_upload(1, number) for number in range(count)],
        f"{count} people, 1 garment": [make_upload(number, 1) for number in range(count)],
    }
    rows: list[Row] = []
    for label, uploads in work.items():
        with start_servers(plan.checkouts, LONG_MEMO) as servers:
            make_in_turns(servers, [_warm_up()])
            rows += _rows(label, make_in_turns(servers, uploads))
    return comparison_table("Catalogue work, embedded", rows, plan.names)


def _warm_up() -> Upload:
    """Return a person and a garment that are not part of the work."""
    return make_variant(VARIANTS - 1)


def _rows(label: str, samples: Sequence[Sequence[Sample]]) -> list[Row]:
    totals = [[sum(sample.seconds for sample in made)] for made in samples]
    return [
        make_row(f"{label}: seconds in all", totals, decimals=1),
        seconds_row(f"{label}: seconds a picture", samples),
        cpu_row(f"{label}: CPU seconds a picture", samples),
    ]
