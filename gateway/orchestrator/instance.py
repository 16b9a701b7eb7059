"""Which run of a gateway owns a container, and which runs have ended.

A run has an id and the id of its home. The home is a folder that holds a locked file for each run
that is alive. Only runs of the same home are compared. Whether a run of another home, on another
machine or in another container, is alive cannot be found out.
"""

import fcntl
import uuid
from pathlib import Path
from typing import IO, Final

HOME_FILE: Final = "home"
"""The file in the folder that holds the home's id."""


class Instance:
    """The present run of the gateway: its ids ``run`` and ``home``. Alive until ``release``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.home = _home_id(folder)
        self.run = uuid.uuid4().hex
        self._lock: IO[str] = self._path(self.run).open("x")
        # The kernel releases the lock when the process ends, however it ends.
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_dead(self, run: str) -> bool:
        """Return whether another run of this home has ended; if so, remove its file."""
        path = self._path(run)
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except FileNotFoundError:
            return True
        path.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """End this run. The next run may remove its containers."""
        self._path(self.run).unlink(missing_ok=True)
        self._lock.close()

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.lock"


def _home_id(folder: Path) -> str:
    """Read the folder's id; make one if it has none."""
    path = folder / HOME_FILE
    while True:
        try:
            if known := path.read_text().strip():
                return known
        except FileNotFoundError:
            pass
        new = folder / f"{HOME_FILE}.{uuid.uuid4().hex}"
        new.write_text(uuid.uuid4().hex)
        try:
            # Two at once: the first one's id stays.
            path.hardlink_to(new)
        except FileExistsError:
            pass
        finally:
            new.unlink()
