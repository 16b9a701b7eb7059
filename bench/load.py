"""Measure a running gateway under load.

``.venv/bin/python bench/load.py [URL] [-c 4] [-n 20] [--pid PID] [--json]``. Each client sends its
next request after the response to the last one, and obeys ``Retry-After``. Pictures per minute,
latency, and the number of errors by code are printed. With ``--pid``, the CPU time of that process
and its children is printed too.
"""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
from rich.table import Table

from bench.runs.example_run import GARMENT, PERSON, print_figures

SECONDS = 600.0
"""Seconds that a client waits for one answer."""

LONGEST_PAUSE = 30.0
"""Seconds that a client waits at most after a refusal, whatever Retry-After says."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured."""

    clients: int
    """Largest number of requests at the same time."""
    requests: int
    """Requests that were sent."""
    pictures: int
    """Requests that a picture answered."""
    seconds: float
    """Duration of the whole run."""
    pictures_a_minute: float
    """Pictures per minute of the run."""
    p50: float | None
    """Median latency of the pictures, in seconds; None without any."""
    p95: float | None
    """95th percentile of the pictures' latency, in seconds; None without any."""
    errors: dict[str, int]
    """Problem code, or HTTP status, to its count."""
    cpu_a_picture: float | None
    """CPU seconds per picture; None if no process was measured."""


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
    load = Load(arguments.url, files, arguments.requests)
    asyncio.run(load.run(arguments.clients))
    used = _cpu(process) - before if process else None
    figures = load.figures(arguments.clients, used)
    print_figures(asdict(figures), lambda: _table(figures), as_json=arguments.json)


class Load:
    """Requests to one address, and what came of them."""

    def __init__(self, url: str, files: dict[str, bytes], requests: int) -> None:
        self._url = url
        self._files = files
        self._requests = requests
        self._numbers: Iterator[int] = iter(range(requests))
        self._latencies: list[float] = []
        self._errors: Counter[str] = Counter()
        self._seconds = 0.0

    async def run(self, clients: int) -> None:
        """Send every request; at most ``clients`` are under way."""
        began = time.perf_counter()
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(timeout=SECONDS, limits=limits, trust_env=False) as http:
            await asyncio.gather(*(self._client(http) for _ in range(clients)))
        self._seconds = time.perf_counter() - began

    def figures(self, clients: int, cpu: float | None) -> Figures:
        """Sum up; ``cpu`` is the CPU time in seconds that all of it took."""
        pictures = len(self._latencies)
        return Figures(
            clients=clients,
            requests=self._requests,
            pictures=pictures,
            seconds=self._seconds,
            pictures_a_minute=60 * pictures / self._seconds,
            p50=_percentile(self._latencies, 50),
            p95=_percentile(self._latencies, 95),
            errors=dict(self._errors.most_common()),
            cpu_a_picture=cpu / pictures if cpu is not None and pictures else None,
        )

    async def _client(self, http: httpx.AsyncClient) -> None:
        for _ in self._numbers:
            sent = time.perf_counter()
            try:
                answer = await http.post(self._url, files=self._files)
            except httpx.HTTPError as error:
                self._errors[type(error).__name__] += 1
                continue
            if answer.is_success:
                self._latencies.append(time.perf_counter() - sent)
                continue
            self._errors[_code(answer)] += 1
            pause = answer.headers.get("retry-after", "")
            await asyncio.sleep(min(float(pause), LONGEST_PAUSE) if pause.isdecimal() else 0.0)


def _code(answer: httpx.Response) -> str:
    """Give the problem's code, or the status where a proxy answered."""
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _cpu(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    times = [each.cpu_times() for each in family]
    return float(sum(each.user + each.system for each in times))


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
