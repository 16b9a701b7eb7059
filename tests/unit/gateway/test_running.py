"""Which servers run from a run folder, and ``tryon stop``."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from gateway import cli, running
from gateway.commands import exits
from gateway.commands import stop as stop_command
from gateway.settings import GatewaySettings
from services.kit.settings import Settings

pytestmark = pytest.mark.unit

DRAIN_SECONDS = 210.0


def stop(run_dir: Path) -> Result:
    return CliRunner().invoke(cli.cli, ["stop"], env={"TRYON_RUN_DIR": str(run_dir)})


@contextmanager
def locked(path: Path, text: str) -> Iterator[None]:
    """Hold a file as a server does."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(text)
        file.flush()
        yield


def test_a_server_is_listed_while_it_runs(tmp_path: Path) -> None:
    with running.registered(tmp_path, 9000, drain_seconds=DRAIN_SECONDS):
        [server] = running.servers(tmp_path)
        assert (server.port, server.pid) == (9000, os.getpid())
        assert server.drain_seconds == DRAIN_SECONDS
    assert running.servers(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_second_server_on_the_port_leaves_the_first_one_s_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "server-9000.pid"
    with running.registered(tmp_path, 9000, drain_seconds=DRAIN_SECONDS):
        before = path.read_text()
        with (
            pytest.raises(
                running.ServerFileError, match=rf"\(process {os.getpid()}\) runs on port"
            ),
            running.registered(tmp_path, 9000, drain_seconds=DRAIN_SECONDS),
        ):
            pass
        assert path.read_text() == before
        with running.registered(tmp_path, 9001, drain_seconds=DRAIN_SECONDS):
            assert [server.port for server in running.servers(tmp_path)] == [9000, 9001]
        assert [server.pid for server in running.servers(tmp_path)] == [os.getpid()]


def test_a_file_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "server-9000.pid").write_text("1\n")
    with running.registered(tmp_path, 9000, drain_seconds=DRAIN_SECONDS):
        assert [server.pid for server in running.servers(tmp_path)] == [os.getpid()]


def test_files_that_dead_servers_left_are_removed(tmp_path: Path) -> None:
    for text in ("", "1", "nonsense"):
        (tmp_path / "server-9000.pid").write_text(text)
        stopped = stop(tmp_path)
        assert (stopped.exit_code, stopped.stdout) == (0, "No server is running.\n")
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "nonsense", "0", "-1", "1", "99999999", "4\nsoon"])
def test_stop_refuses_a_file_that_does_not_name_its_process(tmp_path: Path, text: str) -> None:
    path = tmp_path / "server-9000.pid"
    with locked(path, text):
        stopped = stop(tmp_path)
        assert path.read_text() == text
    assert stopped.exit_code == 1
    assert isinstance(stopped.exception, SystemExit)
    assert "server on port 9000 was not stopped" in stopped.stderr
    assert f"{path} does not name its process" in stopped.stderr


def test_files_of_other_kinds_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "server-old.pid").write_text("1")
    assert "No server is running." in stop(tmp_path).stdout
    assert (tmp_path / "server-old.pid").exists()


class Clock:
    """Stands in for ``time`` in ``gateway.running``: sleeping takes no time."""

    def __init__(self, on_sleep: Callable[[float], None]) -> None:
        self.seconds = 0.0
        self._on_sleep = on_sleep

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self._on_sleep(self.seconds)


@pytest.mark.parametrize(("drained_after", "exit_code"), [(200.0, 0), (1000.0, 1)])
def test_stop_waits_as_long_as_the_server_may_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drained_after: float, exit_code: int
) -> None:
    server = running.registered(tmp_path, 9000, drain_seconds=DRAIN_SECONDS)
    signals: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    is_listed = True

    def drain(now: float) -> None:
        nonlocal is_listed
        if is_listed and now > drained_after:
            is_listed = False
            server.__exit__(None, None, None)

    clock = Clock(drain)
    monkeypatch.setattr(running, "time", clock)
    monkeypatch.setattr(stop_command, "time", SimpleNamespace(monotonic=clock.monotonic))
    try:
        server.__enter__()
        stopped = stop(tmp_path)
    finally:
        drain(float("inf"))
        signal.signal(signal.SIGTERM, former)
    assert signals == [signal.SIGTERM]
    assert stopped.exit_code == exit_code
    assert stopped.stderr.count("Waiting for pictures in progress on port 9000") == 1
    if exit_code:
        assert "The server on port 9000 did not stop in time" in stopped.stderr
        assert clock.seconds == pytest.approx(DRAIN_SECONDS + running.EXIT_MARGIN_SECONDS, abs=1)
    else:
        assert "Stopped the server on port 9000." in stopped.stdout


def test_a_server_s_drain_time_follows_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_DEADLINE", "500")
    monkeypatch.setenv("TRYON_SHUTDOWN_GRACE", "60")
    assert exits.drain_seconds(GatewaySettings(), Settings()) == 560


def test_stop_ends_a_server_of_its_own_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from gateway import running\n"
        "with running.registered(Path(sys.argv[1]), 9000, drain_seconds=5):\n"
        "    print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        began = time.monotonic()
        stopped = stop(tmp_path)
        assert time.monotonic() - began < 20
    assert process.returncode == -signal.SIGTERM
    assert stopped.stdout == "Stopped the server on port 9000.\n"
