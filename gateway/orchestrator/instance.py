"""Tells whose containers are whose, and which owners are dead.

An owner is one run of a gateway. It has an id of its own, and the id of its home, the folder in
which it keeps a locked file as long as it lives. Only homes of the same id are compared: of an
owner whose folder is elsewhere, on another machine or in another container, nothing is known.
"""

import fcntl
import uuid
from pathlib import Path
from typing import IO, Final

HOME_FILE: Final = "home"


class Instance:
    """A run of the gateway, this one: ``run`` and ``home`` are its ids; alive until ``release``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.home = _home_id(folder)
        self.run = uuid.uuid4().hex
        self._lock: IO[str] = self._path(self.run).open("x")
        # The kernel lets go of the lock when the process ends, however it ends.
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_dead(self, run: str) -> bool:
        """Tell whether another run from this home has ended; forgets it if so."""
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
        """End this run; what it owned may be cleaned up by the next."""
        self._path(self.run).unlink(missing_ok=True)
        self._lock.close()

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.lock"


def _home_id(folder: Path) -> str:
    """Read the folder's id, made when it is first asked for."""
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
