"""Show the progress of a fetch: bars on a terminal, lines in other outputs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Column

from services.kit.model_commands.fetch import Progress

LINE_INTERVAL_SECONDS: Final = 5.0
"""Least seconds between two lines of one download."""


@contextmanager
def show_on(console: Console) -> Iterator[Progress]:
    """Show progress on a console during the block."""
    if not console.is_terminal:
        yield _LineProgress(console)
        return
    with Bars(
        # Only the name is shortened on a narrow terminal.
        TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1)),
        BarColumn(bar_width=10),
        DownloadColumn(table_column=Column(no_wrap=True, min_width=14)),
        TransferSpeedColumn(table_column=Column(no_wrap=True, min_width=10)),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[phase]}", table_column=Column(no_wrap=True, min_width=11)),
        console=console,
    ) as bars:
        yield _BarProgress(bars)


class _BarProgress:
    """One bar per file."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._lock = Lock()

    def note(self, text: str) -> None:
        self._bars.console.print(text)

    def phase(self, file: str, text: str) -> None:
        self._bars.update(self._task(file), phase=text)

    def bytes(self, file: str, done: int, total: int | None) -> None:
        self._bars.update(self._task(file), completed=done, total=total)

    def finished(self, file: str) -> None:
        self._bars.update(self._task(file), phase="done")

    def _task(self, file: str) -> TaskID:
        with self._lock:
            if file not in self._tasks:
                self._tasks[file] = self._bars.add_task(file, total=None, phase="")
            return self._tasks[file]


class _LineProgress:
    """One line per phase of a file, and per ``LINE_INTERVAL_SECONDS`` of a download."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_line_times: dict[str, float] = {}
        self._phases: dict[str, str] = {}

    def note(self, text: str) -> None:
        self._print(text)

    def phase(self, file: str, text: str) -> None:
        if self._phases.get(file) != text:
            self._phases[file] = text
            self._print(f"{file}: {text}")
        self._last_line_times[file] = time.monotonic()

    def bytes(self, file: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last_line_times.get(file, 0.0) >= LINE_INTERVAL_SECONDS:
            self._last_line_times[file] = now
            of = f" of {total / 1e6:.0f}" if total else ""
            self._print(f"{file}: {done / 1e6:.0f}{of} MB")

    def finished(self, file: str) -> None:
        self._print(f"{file}: done")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
