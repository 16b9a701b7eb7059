"""The ways to run it, against each other."""

import json
from contextlib import ExitStack
from typing import Final

from bench.measures.spread import summarize, summarize_ratios
from bench.reports.tables import TableData, format_range
from bench.runs import containers
from bench.runs.ports import find_free_ports
from bench.runs.servers import Sample, Server, Usage, make_in_turns, start_server
from bench.runs.uploads import make_variant
from bench.sections.plan import Plan

COLUMNS: Final = (
    "way to run",
    "seconds a picture",
    "ratio to embedded",
    "quartiles of the ratio",
    "CPU seconds a picture",
    "memory, MiB",
    "seconds from start to ready",
)
"""Heads of the table."""


def measure_modes(plan: Plan) -> TableData:
    """Measure warm pictures embedded, in processes and, if an engine answers, in containers.

    Every picture is of other photos, so that nothing is remembered.
    """
    with ExitStack() as stack:
        servers: dict[str, Server[Usage]] = {
            "embedded": stack.enter_context(start_server(plan.this, {})),
            "processes": stack.enter_context(
                start_server(plan.this, _service_addresses(), arguments=["--processes"])
            ),
        }
        if containers.engine_answers():
            servers["containers"] = stack.enter_context(containers.start_containers(plan.this))
        running = list(servers.values())
        make_in_turns(running, [make_variant(0)])
        uploads = [make_variant(number) for number in range(1, plan.rounds + 1)]
        samples = make_in_turns(running, uploads)
        rows = [
            _cells(way, server, samples[0], made)
            for (way, server), made in zip(servers.items(), samples, strict=True)
        ]
    return TableData(title="Ways to run it", columns=COLUMNS, rows=tuple(rows))


def _service_addresses() -> dict[str, str]:
    """Return an environment that gives every service process a free port."""
    addresses = {name: f"127.0.0.1:{port}" for name, port in find_free_ports().items()}
    return {"TRYON_ADDRESSES": json.dumps(addresses)}


def _cells(
    way: str, server: Server[Usage], embedded: list[Sample], made: list[Sample]
) -> tuple[str, ...]:
    seconds = [sample.seconds for sample in made]
    ratio = summarize_ratios([sample.seconds for sample in embedded], seconds)
    cpu = summarize([sample.cpu for sample in made])
    return (
        way,
        f"{summarize(seconds).median:.2f}",
        f"{ratio.median:.2f}" if ratio else "",
        format_range(ratio) if ratio else "",
        f"{cpu.median:.2f}",
        f"{server.usage.resident_mib():.0f}",
        f"{server.start_seconds:.1f}",
    )
