"""CPU time and memory of processes and of what they start; Linux."""

from pathlib import Path
from typing import Final

import psutil

MIB: Final = 1024 * 1024
"""Bytes of a mebibyte."""


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and everything that it started and that still runs."""
    return [process, *process.children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds that a process has used, in its own code and in the kernel."""
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mib(process: psutil.Process) -> float:
    """Return a process's resident memory in MiB."""
    return float(process.memory_info().rss) / MIB


def peak_mib(process: psutil.Process) -> float:
    """Return a process's highest resident memory since it started, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
