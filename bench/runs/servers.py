"""Servers of checkouts, each started from its own code, and pictures made by them in turns.

Checkouts are driven over HTTP alone, because that interface does not change.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import httpx
import psutil

from bench.runs.machine import read_commit
from bench.runs.ports import find_free_port
from bench.runs.server_timing import parse_server_timing
from bench.runs.uploads import Upload
from bench.runs.usage import cpu_seconds, family, peak_mib, resident_mib

ROOT: Final = Path(__file__).resolve().parents[2]
"""This checkout."""

START_SECONDS: Final = 600.0
"""Seconds that a server may take to be ready."""

STOP_SECONDS: Final = 60.0
"""Seconds that a server may take to stop."""

PICTURE_SECONDS: Final = 900.0
"""Seconds that a picture may take; a busy machine may need them."""

POLL_SECONDS: Final = 0.1
"""Seconds between two requests for the readiness."""

LOG_CHARACTERS: Final = 2000
"""Characters of a server's log that are shown if it did not start."""

COMMON_ENVIRONMENT: Final = {
    "TRYON_LOG_LEVEL": "warning",
    "TRYON_MEMO_DIR": "",
    "TRYON_DEADLINE": str(PICTURE_SECONDS),
    "TRYON_STAGE_DEADLINE_FACTOR": "20",
}
"""Environment of every measured server. Nothing is remembered from one server to the next, and on a
busy machine a picture is late, not an error."""

NO_MEMO: Final = {"TRYON_MEMO_MB": "0"}
"""Environment of a server that remembers nothing."""

LONG_MEMO: Final = {"TRYON_MEMO_SECONDS": "86400"}
"""Environment of a server that forgets nothing while it is measured, but for lack of room."""


class MeasurementFailed(Exception):
    """A checkout cannot be measured: its server did not start or did not answer with a picture."""


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A folder with a version of this program."""

    folder: Path
    """Its root."""
    name: str
    """Its commit, by which tables name it."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one picture took."""

    seconds: float
    """Seconds from the request's first byte to the answer's last."""
    cpu: float
    """CPU seconds of the server, its services included."""
    stages: Mapping[str, float]
    """Seconds of every stage, as the server says."""


class Usage(Protocol):
    """Tells what a server uses, its services included."""

    def cpu_seconds(self) -> float:
        """Return the CPU seconds since it started."""

    def resident_mib(self) -> float:
        """Return the resident memory in MiB."""


class ProcessUsage:
    """What a process and its children use."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds since they started."""
        return sum(map(cpu_seconds, family(self._process)))

    def resident_mib(self) -> float:
        """Return their resident memory in MiB."""
        return sum(map(resident_mib, family(self._process)))

    def peak_mib(self) -> float:
        """Return the sum of each one's highest resident memory, in MiB."""
        return sum(map(peak_mib, family(self._process)))


UsageT_co = TypeVar("UsageT_co", bound=Usage, covariant=True)
"""How a server's use is told."""


class Server(Generic[UsageT_co]):
    """A running server. ``start_seconds`` is from its start until it was ready."""

    def __init__(self, name: str, url: str, usage: UsageT_co, start_seconds: float) -> None:
        self.name = name
        self.url = url
        self.usage = usage
        self.start_seconds = start_seconds

    def make_picture(self, upload: Upload) -> Sample:
        """Request a picture. Raises MeasurementFailed if the answer is none."""
        before = self.usage.cpu_seconds()
        started = time.perf_counter()
        try:
            response = httpx.post(
                f"{self.url}/vitons",
                data=upload.options,
                files=upload.files,
                timeout=PICTURE_SECONDS,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise MeasurementFailed(f"{self.name}: no answer ({error!r}).") from error
        seconds = time.perf_counter() - started
        if not response.is_success or not response.headers["content-type"].startswith("image/"):
            raise MeasurementFailed(
                f"{self.name}: HTTP {response.status_code}: {response.text[:LOG_CHARACTERS]}"
            )
        return Sample(
            seconds=seconds,
            cpu=self.usage.cpu_seconds() - before,
            stages=parse_server_timing(response.headers.get("server-timing", "")),
        )


def open_checkout(folder: Path) -> Checkout:
    """Return a checkout. Raises MeasurementFailed if its server cannot be started."""
    folder = folder.resolve()
    if not (folder / "gateway" / "cli.py").is_file():
        raise MeasurementFailed(f"{folder} is not a checkout of this program; name its root.")
    if not (folder / "generated" / "tryon").is_dir():
        raise MeasurementFailed(
            f"{folder} has no generated code; run `bash run.sh models` there once."
        )
    return Checkout(folder=folder, name=read_commit(folder))


@contextmanager
def start_server(
    checkout: Checkout,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = ("--embedded",),
) -> Iterator[Server[ProcessUsage]]:
    """Run ``tryon serve`` of a checkout for the block, by this interpreter.

    Raises MeasurementFailed if it does not start.
    """
    port = find_free_port()
    code = os.pathsep.join((str(checkout.folder), str(checkout.folder / "generated")))
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary) / "server.log"
        started = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "gateway.cli", "serve", "--port", str(port), *arguments],
                cwd=checkout.folder,
                env={
                    **os.environ,
                    **COMMON_ENVIRONMENT,
                    "PYTHONPATH": code,
                    "TRYON_RUN_DIR": str(Path(temporary) / "run"),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(url, lambda: process.poll() is None)
            seconds = time.perf_counter() - started
            yield Server(checkout.name, url, ProcessUsage(process.pid), seconds)
        except NotReady as error:
            tail = log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
            raise MeasurementFailed(f"{checkout.name} did not start:\n{tail}") from error
        finally:
            _stop(process)


class NotReady(Exception):
    """A server was not ready in time, or has ended."""


def wait_until_ready(url: str, is_running: Callable[[], bool]) -> None:
    """Wait until a server says that it is ready. Raises NotReady."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and is_running():
        try:
            if httpx.get(f"{url}/readyz", timeout=START_SECONDS, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    raise NotReady


@contextmanager
def start_servers(
    checkouts: Sequence[Checkout], environment: Mapping[str, str]
) -> Iterator[list[Server[ProcessUsage]]]:
    """Run an embedded server of every checkout for the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(start_server(each, environment)) for each in checkouts]


def make_in_turns(
    servers: Sequence[Server[Usage]], uploads: Sequence[Upload]
) -> list[list[Sample]]:
    """Let every server make the same pictures; return each one's samples in the uploads' order.

    With two servers the order is A B, B A, A B: what a picture leaves behind on the machine falls
    on both alike.
    """
    samples: list[list[Sample]] = [[] for _ in servers]
    pairs = list(zip(servers, samples, strict=True))
    for number, upload in enumerate(uploads):
        for server, made in pairs if number % 2 == 0 else reversed(pairs):
            made.append(server.make_picture(upload))
    return samples


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
