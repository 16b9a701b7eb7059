"""Follows the log files of a folder through rotation, truncation and removal."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

BLOCK_BYTES: Final = 64 * 1024
"""Bytes that are read at once from the end of a file, to find its last lines."""


@dataclass(frozen=True)
class LogLine:
    """One line, without its end."""

    log: str
    """Name of the file, without ``.log``."""
    text: str
    """The line; bytes that are not UTF-8 are replaced."""


class LogFollower:
    """Follows every ``*.log`` of a folder.

    The first ``poll`` begins ``tail_lines`` lines before each file's end. Files that appear later
    are read from their start. A file that is replaced (log rotation) is read to its end first. A
    file that is truncated is read from its start again. As a context manager it closes its files.
    """

    def __init__(self, folder: Path, *, tail_lines: int) -> None:
        self._folder = folder
        self._tail_lines: int | None = tail_lines
        self._files: dict[Path, _FollowedFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _line in self.finish():
            pass

    @property
    def has_files(self) -> bool:
        """Whether any file is followed."""
        return bool(self._files)

    def poll(self) -> Iterator[LogLine]:
        """Yield the complete lines that were added since the last call."""
        for path in sorted({*self._folder.glob("*.log"), *self._files}):
            followed = self._files.get(path)
            if followed and not followed.is_at(path):
                # Rotated or removed: its last lines are in it already.
                yield from self._finish(path)
                followed = None
            if followed is None:
                followed = self._open(path)
            if followed:
                yield from followed.added_lines()
        self._tail_lines = None

    def finish(self) -> Iterator[LogLine]:
        """Yield what is left, incomplete last lines too, and close every file."""
        for path in list(self._files):
            yield from self._finish(path)

    def _open(self, path: Path) -> "_FollowedFile | None":
        try:
            file = path.open("rb")
        except OSError:
            return None
        if self._tail_lines is not None:
            file.seek(_tail_offset(file, self._tail_lines))
        self._files[path] = _FollowedFile(path.stem, file)
        return self._files[path]

    def _finish(self, path: Path) -> Iterator[LogLine]:
        followed = self._files.pop(path)
        yield from followed.added_lines()
        yield from followed.close()


class _FollowedFile:
    """An open log file and the incomplete line at its end."""

    def __init__(self, log: str, file: BinaryIO) -> None:
        self._log = log
        self._file = file
        self._incomplete = b""

    def is_at(self, path: Path) -> bool:
        """Return whether the open file is still the one at ``path``."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        except FileNotFoundError:
            return False

    def added_lines(self) -> Iterator[LogLine]:
        """Yield the complete lines from the position on; start anew if the file was truncated."""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
            self._incomplete = b""
        while piece := self._file.readline():
            self._incomplete += piece
            if piece.endswith(b"\n"):
                yield self._take_line()

    def close(self) -> Iterator[LogLine]:
        """Close the file; yield its incomplete last line, if it has one."""
        self._file.close()
        if self._incomplete:
            yield self._take_line()

    def _take_line(self) -> LogLine:
        line, self._incomplete = self._incomplete.rstrip(b"\r\n"), b""
        return LogLine(self._log, line.decode(errors="replace"))


def _tail_offset(file: BinaryIO, lines: int) -> int:
    """Return the position of the last ``lines`` lines, reading from the end in blocks."""
    position = file.seek(0, os.SEEK_END)
    if not position or not lines:
        return position
    file.seek(position - 1)
    # The last line's own end is not one before it.
    wanted = lines + (file.read(1) == b"\n")
    while position:
        start = max(0, position - BLOCK_BYTES)
        file.seek(start)
        block = file.read(position - start)
        count = block.count(b"\n")
        if count >= wanted:
            end = len(block)
            for _ in range(wanted):
                end = block.rindex(b"\n", 0, end)
            return start + end + 1
        wanted -= count
        position = start
    return 0
