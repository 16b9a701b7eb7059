"""The running system, started once for all tests of this folder; real weights, a real socket."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240
STOP_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A gateway in a process of its own: ``url`` has no slash at its end."""

    url: str
    process: subprocess.Popen[bytes]
    temporary: Path
    log: Path

    def client(self) -> httpx.Client:
        """Make a client that waits as long as a picture may take."""
        return httpx.Client(base_url=self.url, timeout=180)


def start_server(folder: Path, *arguments: str, **environment: str) -> Server:
    """Start ``tryon serve`` and wait until it is ready; fail with its log when it is not."""
    port, log, temporary = free_port(), folder / "server.log", folder / "tmp"
    temporary.mkdir()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "gateway.cli", "serve", "--port", str(port), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "TMPDIR": str(temporary),
                "TRYON_RUN_DIR": str(folder / "run"),
                **environment,
            },
        )
    server = Server(f"http://127.0.0.1:{port}", process, temporary, log)
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/readyz", timeout=5).status_code == 200:
                return server
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    process.kill()
    process.wait()
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


def stop_server(server: Server) -> int:
    """Tell the server to stop and give its exit status."""
    server.process.send_signal(signal.SIGTERM)
    try:
        return server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        pytest.fail(f"the server did not stop:\n{server.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded system, ready. It remembers nothing, so that every test's stages run."""
    server = start_server(
        tmp_path_factory.mktemp("server"),
        "--embedded",
        TRYON_MAX_QUEUED_TRY_ONS="1",
        TRYON_MEMO_MB="0",
    )
    yield server
    assert stop_server(server) == 0


@pytest.fixture(scope="session")
def person(examples: Path) -> bytes:
    """The sample photo of a person."""
    return (examples / "person.jpg").read_bytes()


@pytest.fixture(scope="session")
def garment(examples: Path) -> bytes:
    """The sample photo of a garment."""
    return (examples / "garment.jpg").read_bytes()
