"""Shows how a fetch goes: bars on a terminal, a line now and then anywhere else."""

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

SECONDS_BETWEEN_LINES: Final = 5.0


@contextmanager
def on(console: Console) -> Iterator[Progress]:
    """Progress shown on a console for the length of the block."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Bars(
        # The name gives way where the terminal is narrow, nothing else.
        TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1)),
        BarColumn(bar_width=10),
        DownloadColumn(table_column=Column(no_wrap=True, min_width=14)),
        TransferSpeedColumn(table_column=Column(no_wrap=True, min_width=10)),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[phase]}", table_column=Column(no_wrap=True, min_width=11)),
        console=console,
    ) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar a file."""

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


class _Lines:
    """A line when a file changes phase, and every few seconds of a download."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, float] = {}
        self._phases: dict[str, str] = {}

    def note(self, text: str) -> None:
        self._print(text)

    def phase(self, file: str, text: str) -> None:
        if self._phases.get(file) != text:
            self._phases[file] = text
            self._print(f"{file}: {text}")
        self._told[file] = time.monotonic()

    def bytes(self, file: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._told.get(file, 0.0) >= SECONDS_BETWEEN_LINES:
            self._told[file] = now
            of = f" of {total / 1e6:.0f}" if total else ""
            self._print(f"{file}: {done / 1e6:.0f}{of} MB")

    def finished(self, file: str) -> None:
        self._print(f"{file}: done")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
