"""Stores of remembered responses: in memory, and in a folder that gateways may share.

Both are bounded in bytes and in age. The entries that were used last stay.
"""

import dataclasses
import hashlib
import os
import re
import stat
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import structlog

from services.kit.contract import Method
from services.kit.errors import TryOnError

ENTRY_BYTES: Final = 1_024
"""Bytes that an entry takes beside its arrays and texts."""

SUFFIX: Final = ".response"
"""Suffix of the files of a ``FolderStore``."""

TEMPORARY_SUFFIX: Final = ".part"
"""Suffix of a file that is being written."""

FILE_NAME: Final = re.compile(r"[0-9a-f]{64}(\.[a-z0-9_]+\.part|\.response)")
"""Names of the files of a ``FolderStore``, which leaves all other files alone."""

DIGEST_BYTES: Final = 32
"""Bytes of the SHA-256 at the beginning of a file."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Found:
    """A response that was found in a store."""

    response: object
    """The response. Its arrays are read-only."""
    age_seconds: float
    """Time since it was computed."""


class Store(Protocol):
    """Keeps responses by a key: 64 hexadecimal digits."""

    def get(self, key: str, method: Method[Any, Any]) -> Found | None:
        """Return what is found of a key, None if nothing is here."""
        ...

    def put(self, key: str, method: Method[Any, Any], response: object) -> None:
        """Keep a response; it may be dropped at once if there is no room."""
        ...

    def sweep(self) -> None:
        """Drop what is too old."""
        ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a store."""

    max_bytes: int
    """Bytes of all entries."""

    max_seconds: float
    """Age of an entry, since it was computed."""


@dataclass(frozen=True)
class _Entry:
    """A remembered response."""

    response: object
    """The remembered response."""
    size: int
    """Its size in bytes, with what keeping it takes."""
    computed_at: float
    """Time of the store's clock at which it was computed, in seconds."""


class MemoryStore:
    """Responses in this process. Belongs to one thread."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return self._bytes

    def get(self, key: str, method: Method[Any, Any]) -> Found | None:  # noqa: ARG002 - Store
        """Return what is found of a key, None if nothing is here."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = self._age_of(entry)
        if age >= self._limits.max_seconds:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return Found(entry.response, age)

    def put(
        self,
        key: str,
        method: Method[Any, Any],  # noqa: ARG002 - Store
        response: object,
        age_seconds: float = 0.0,
    ) -> None:
        """Keep a response of that age; drop those that were not used for longest, to make room."""
        self._drop(key)
        size = _freeze(response) + ENTRY_BYTES
        if size > self._limits.max_bytes:
            return
        while self._bytes + size > self._limits.max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = _Entry(response, size, self._clock() - age_seconds)
        self._bytes += size

    def sweep(self) -> None:
        """Drop what is too old."""
        most = self._limits.max_seconds
        for key in [key for key, entry in self._entries.items() if self._age_of(entry) >= most]:
            self._drop(key)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self._bytes = 0

    def _age_of(self, entry: _Entry) -> float:
        return self._clock() - entry.computed_at

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            self._bytes -= entry.size


class FolderStore:
    """Responses as files: a SHA-256 of the key and the message, then the protobuf message.

    Several processes of one user may share the folder. A file is complete or not there. Its access
    time is the time of its last use, its modification time the time it was put. Only this user's
    files are answers, each only under the key that it was written for. A folder that cannot be read
    or written costs speed only; the failure is logged.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits

    def get(self, key: str, method: Method[Any, Any]) -> Found | None:
        """Return what is found of a key, None if nothing is here or its file is damaged."""
        # Imported here: a memo in memory needs no protobuf.
        from google.protobuf.message import DecodeError  # noqa: PLC0415

        from services.kit.wire import codec  # noqa: PLC0415

        file = self._file(key)
        try:
            content, status = self._read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log(error)
            return None
        age = time.time() - status.st_mtime
        if age >= self._limits.max_seconds:
            return None
        digest, message = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if _digest(key, message) != digest:
            log.warning("damaged", file=file.name)
            self._remove(file)
            return None
        rpc = codec.message_classes(method)
        try:
            response: object = codec.decode(rpc.response.FromString(message), method.response)
        except (TryOnError, DecodeError):
            self._remove(file)
            return None
        with suppress(OSError):
            os.utime(file, ns=(time.time_ns(), status.st_mtime_ns), follow_symlinks=False)
        # A clock that was put back makes no response younger than new.
        return Found(response, max(age, 0.0))

    def _read(self, file: Path) -> tuple[bytes, os.stat_result]:
        """Return the content of this user's own, regular file. Raises OSError for any other."""
        # A named pipe would block, and a link may lead to any file.
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as stream:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise PermissionError(f"{file.name} is no file of this user's; delete it")
            if status.st_size > self._limits.max_bytes:
                raise OSError(f"{file.name} is larger than the folder may be; delete it")
            return stream.read(status.st_size), status

    def put(self, key: str, method: Method[Any, Any], response: object) -> None:
        """Write a response, then delete those that were not used for longest, to make room."""
        from services.kit.wire import codec  # noqa: PLC0415 - as in get

        message = codec.encode(response, codec.message_classes(method).response).SerializeToString()
        if len(message) + DIGEST_BYTES > self._limits.max_bytes:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Readable by this user alone, as mkstemp makes it.
            number, name = tempfile.mkstemp(TEMPORARY_SUFFIX, f"{key}.", self._folder)
            try:
                with os.fdopen(number, "wb") as stream:
                    stream.write(_digest(key, message))
                    stream.write(message)
                Path(name).replace(self._file(key))
            except BaseException:
                self._remove(Path(name))
                raise
        except OSError as error:
            self._log(error)
        self.sweep()

    def sweep(self) -> None:
        """Delete what is too old, and what was not used for longest if there is too much."""
        now, kept = time.time(), []
        for file, status in self._files():
            if now - status.st_mtime >= self._limits.max_seconds:
                self._remove(file)
            elif file.suffix == SUFFIX:
                kept.append((status.st_atime, status.st_size, file))
        excess = sum(size for _, size, _ in kept) - self._limits.max_bytes
        for _, size, file in sorted(kept):
            if excess <= 0:
                break
            self._remove(file)
            excess -= size

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            files = list(self._folder.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            self._log(error)
            return
        for file in files:
            if FILE_NAME.fullmatch(file.name):
                try:
                    status = file.lstat()
                except FileNotFoundError:
                    # Another gateway has deleted it.
                    continue
                except OSError as error:
                    self._log(error)
                    continue
                yield file, status

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"

    def _remove(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            self._log(error)

    def _log(self, error: OSError) -> None:
        log.warning("memo folder failed", folder=str(self._folder), reason=str(error))


def _digest(key: str, message: bytes) -> bytes:
    return hashlib.sha256(key.encode() + message).digest()


def _freeze(value: Any) -> int:
    """Make all arrays of a response read-only and return the bytes that it keeps in memory."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        return _owner(value).nbytes
    if dataclasses.is_dataclass(value):
        return sum(_freeze(getattr(value, field.name)) for field in dataclasses.fields(value))
    return len(value) if isinstance(value, str | bytes) else 0


def _owner(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
