"""Clients that load a server at the same time, and what came of their requests."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

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


class Load:
    """Requests to one address, and what came of them.

    The requests take the files of ``files`` in turns.
    """

    def __init__(self, url: str, files: Sequence[dict[str, bytes]], requests: int) -> None:
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
        for number in self._numbers:
            sent = time.perf_counter()
            try:
                files = self._files[number % len(self._files)]
                answer = await http.post(self._url, files=files)
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
