"""Measure a running gateway under load.

``.venv/bin/python bench/load.py [URL] [-c 4] [-n 20] [--pid PID] [--json]``. Each client sends its
next request after the response to the last one, and obeys ``Retry-After``. Pictures per minute,
latency, and the number of errors by code are printed. With ``--pid``, the CPU time of that process
and its children is printed too.
"""

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.table import Table

from bench.runs.example_run import GARMENT, PERSON, print_figures
from bench.runs.load import Figures, Load
from bench.runs.usage import cpu_seconds, family


def main() -> None:
    """Load and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8888/vitons")
    parser.add_argument("--person", type=Path, default=PERSON)
    parser.add_argument("--garment", type=Path, default=GARMENT)
    parser.add_argument("-c", "--clients", type=int, default=4, help="requests at the same time")
    parser.add_argument("-n", "--requests", type=int, default=20, help="requests in all")
    parser.add_argument("--pid", type=int, help="process whose CPU time is measured")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    files = {"image": arguments.person.read_bytes(), "cloth": arguments.garment.read_bytes()}
    process = psutil.Process(arguments.pid) if arguments.pid else None
    before = _cpu(process) if process else 0.0
    load = Load(arguments.url, [files], arguments.requests)
    asyncio.run(load.run(arguments.clients))
    used = _cpu(process) - before if process else None
    figures = load.figures(arguments.clients, used)
    print_figures(asdict(figures), lambda: _table(figures), as_json=arguments.json)


def _cpu(process: psutil.Process) -> float:
    return sum(map(cpu_seconds, family(process)))


def _table(figures: Figures) -> Table:
    table = Table(title=f"{figures.clients} clients, {figures.requests} requests")
    table.add_column("")
    table.add_column("", justify="right")
    rows = {
        "pictures": str(figures.pictures),
        "seconds": f"{figures.seconds:.1f}",
        "pictures a minute": f"{figures.pictures_a_minute:.1f}",
        "p50, seconds": _shown(figures.p50),
        "p95, seconds": _shown(figures.p95),
        "CPU seconds a picture": _shown(figures.cpu_a_picture),
        **{f"error: {code}": str(count) for code, count in figures.errors.items()},
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
