"""What a measurement was made on."""

import datetime
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.kit.settings import get_settings

CPUINFO: Final = Path("/proc/cpuinfo")
"""Linux's description of the processors."""

SHOWN_FLAGS: Final = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimddp",
    "i8mm",
)
"""CPU flags that decide how fast networks run."""

UNKNOWN: Final = "unknown"
"""Text in place of what cannot be found out."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine, as far as it decides how fast networks run."""

    cores: int
    """Cores that this process may use."""
    model: str
    """The processor's name."""
    flags: tuple[str, ...]
    """Those of ``SHOWN_FLAGS`` that the processor has."""


def read_machine(cpuinfo: Path = CPUINFO) -> Machine:
    """Return the machine that this process runs on."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    pairs = (line.partition(":") for line in lines)
    values = {key.strip(): value.strip() for key, _, value in pairs}
    flags = values.get("flags", values.get("Features", "")).split()
    return Machine(
        cores=get_settings().threads,
        model=values.get("model name") or platform.processor() or platform.machine() or UNKNOWN,
        flags=tuple(flag for flag in SHOWN_FLAGS if flag in flags),
    )


def read_load() -> float:
    """Return how many processes wanted to run during the last minute, on average."""
    return os.getloadavg()[0]


def describe_run(command: str, names: str, loads: tuple[float, float]) -> str:
    """Return one sentence: the command, what it measured, the machine, its load and the date.

    ``names`` are the measured checkouts, ``loads`` the load before and after.
    """
    machine = read_machine()
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return (
        f"`{command}`, {today}, {names}; {machine.cores} cores of {machine.model}{flags}; "
        f"load {loads[0]:.1f} before and {loads[1]:.1f} after."
    )


def read_commit(folder: Path) -> str:
    """Return the short commit id of a checkout, with + if files differ; its name without Git."""
    git = ["git", "-C", str(folder)]
    try:
        commit = _output([*git, "rev-parse", "--short=7", "HEAD"])
        changed = _output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.CalledProcessError):
        return folder.resolve().name
    return f"{commit}+" if changed else commit


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()
