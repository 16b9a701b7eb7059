"""Which servers run from a run folder: a locked file for each, with its process id.

A file appears complete and locked. Its lock ends with the process, however that ends. So a file
that can be locked is stale.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_POLL_SECONDS: Final = 0.1
"""Seconds between two looks whether a server has stopped."""

EXIT_MARGIN_SECONDS: Final = 30.0
"""Seconds beyond a server's own drain time that its process may take to end."""

PROC: Final = Path("/proc")
"""Where Linux lists the open files of every process."""


class ServerFileError(RuntimeError):
    """A server cannot be registered or stopped; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that runs from the run folder."""

    port: int
    """Its TCP port."""
    path: Path
    """Its file."""
    pid: int | None
    """Its process id, None if the file names no process."""
    drain_seconds: float | None
    """Seconds that it may take to finish its requests, None if the file does not say."""


@contextmanager
def registered(run_dir: Path, port: int, *, drain_seconds: float) -> Iterator[None]:
    """Be listed as the server on ``port`` in the block.

    Raises ServerFileError if another server is listed for that port; its file stays as it is.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / f"server-{port}.pid"
    unpublished = run_dir / f".server-{port}-{os.getpid()}"
    with unpublished.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(f"{os.getpid()}\n{drain_seconds:g}\n")
        file.flush()
        try:
            _publish(unpublished, path, port)
        finally:
            unpublished.unlink()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def servers(run_dir: Path) -> list[RunningServer]:
    """List the running servers by port. Removes the files of servers that have ended."""
    found = []
    for path in run_dir.glob("server-*.pid"):
        port = path.stem.removeprefix("server-")
        if port.isdecimal() and not _removed_as_stale(path):
            pid, drain_seconds = _read(path)
            found.append(
                RunningServer(port=int(port), path=path, pid=pid, drain_seconds=drain_seconds)
            )
    return sorted(found, key=lambda server: server.port)


def stop(
    run_dir: Path,
    *,
    default_drain_seconds: float,
    on_wait: Callable[[Sequence[RunningServer], float], None] = lambda _servers, _seconds: None,
) -> list[int]:
    """Tell every server to stop, and wait for their ends; return the ports of those that stopped.

    Each server has its own drain time, or ``default_drain_seconds`` if its file names none.
    ``on_wait`` is called while servers drain, with those that do and the seconds left. Raises
    ServerFileError, with a sentence for each server that cannot be stopped or outlasts its time.
    """
    running = servers(run_dir)
    problems = {server.path: problem for server in running if (problem := _terminate(server))}
    stopping = [server for server in running if server.path not in problems]
    began = time.monotonic()
    while draining := sorted({*stopping} & {*servers(run_dir)}, key=lambda server: server.port):
        limits = (server.drain_seconds or default_drain_seconds for server in draining)
        seconds_left = began + max(limits) + EXIT_MARGIN_SECONDS - time.monotonic()
        if seconds_left < 0:
            late = (
                f"The server on port {server.port} did not stop in time; try again, or end its "
                "process."
                for server in draining
            )
            raise ServerFileError(" ".join([*problems.values(), *late]))
        on_wait(draining, seconds_left)
        time.sleep(STOP_POLL_SECONDS)
    if problems:
        raise ServerFileError(" ".join(problems.values()))
    return [server.port for server in stopping]


def _publish(unpublished: Path, path: Path, port: int) -> None:
    """Give the file its name, in place of a stale one."""
    while True:
        try:
            path.hardlink_to(unpublished)
        except FileExistsError:
            if not _removed_as_stale(path):
                pid, _ = _read(path)
                process = f" (process {pid})" if pid else ""
                raise ServerFileError(
                    f"Another server{process} runs on port {port} from {path.parent}; stop it with "
                    "`tryon stop`, or choose another port with --port or another folder with "
                    "TRYON_RUN_DIR."
                ) from None
        else:
            return


def _removed_as_stale(path: Path) -> bool:
    """Remove a file that no process has locked. Returns whether it is gone."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if _is_at(file.fileno(), path):
                path.unlink(missing_ok=True)
    except FileNotFoundError:
        return True
    except OSError:
        # Locked, or another user's.
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the one at ``path``."""
    return os.path.samestat(os.fstat(descriptor), path.stat())


def _read(path: Path) -> tuple[int | None, float | None]:
    """Read the process id and the drain seconds, each None if it is not there."""
    try:
        first, *rest = path.read_text().split() or [""]
        pid = int(first)
        seconds = float(rest[0]) if rest else None
    except (OSError, ValueError):
        return None, None
    return (pid if pid > 0 else None), seconds


def _terminate(server: RunningServer) -> str | None:
    """Send SIGTERM to the server's process; return why it cannot be sent, None if it was."""
    refusal = f"The server on port {server.port} was not stopped:"
    if server.pid is None or not _has_open(server.pid, server.path):
        if _removed_as_stale(server.path):
            return None
        return f"{refusal} {server.path} does not name its process. End that process by its id."
    try:
        os.kill(server.pid, signal.SIGTERM)
    except ProcessLookupError:
        return None
    except PermissionError:
        return f"{refusal} its process {server.pid} belongs to another user."
    return None


def _has_open(pid: int, path: Path) -> bool:
    """Return whether the process has the file open; True if that is not known."""
    if not (PROC / "self").exists():
        return True
    try:
        own = path.stat()
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            try:
                if os.path.samestat(own, descriptor.stat()):
                    return True
            except OSError:
                # Closed meanwhile, or no file.
                continue
    except PermissionError:
        return True
    except FileNotFoundError:
        pass
    return False
