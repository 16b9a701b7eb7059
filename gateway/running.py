"""Which servers run from this run folder: a locked file for each, with its process id."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def registered(run_dir: Path, port: int) -> Iterator[None]:
    """Be listed as the server on ``port`` for the block.

    The lock ends with the process, however it ends, so a file that can be locked is stale.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / f"server-{port}.pid"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def servers(run_dir: Path) -> dict[int, int]:
    """List the running servers: port to process id. Removes what dead ones left."""
    found = {}
    for path in sorted(run_dir.glob("server-*.pid")):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found[int(path.stem.removeprefix("server-"))] = int(file.read())
            else:
                path.unlink(missing_ok=True)
    return found


def stop(run_dir: Path, *, grace: float) -> list[int]:
    """Tell every server to stop and wait until they have; give the ports of those that ran.

    Raises TimeoutError when one still runs after ``grace`` seconds.
    """
    running = servers(run_dir)
    for pid in running.values():
        os.kill(pid, signal.SIGTERM)
    ends = time.monotonic() + grace
    while servers(run_dir):
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.1)
    return list(running)
