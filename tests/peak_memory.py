"""How much memory work takes, measured in a process of its own."""

import subprocess
import sys
import textwrap
from typing import Final

from tests.conftest import ROOT

PROGRAM: Final = """
def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024

{prepare}
before = resident("VmRSS")
# Forget the peak so far.
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
{work}
print(resident("{counted}") - before)
"""
"""What the process runs; Linux alone tells a peak and lets it be forgotten."""


def measure_peak(prepare: str, work: str) -> int:
    """Return the bytes that ``work`` adds to the resident memory at its peak.

    Both are Python code. What ``prepare`` makes is there before and does not count.
    """
    return _measure(prepare, work, counted="VmHWM")


def measure_growth(prepare: str, work: str) -> int:
    """Return the bytes that ``work`` leaves resident, less than 0 if it gives some back."""
    return _measure(prepare, work, counted="VmRSS")


def _measure(prepare: str, work: str, *, counted: str) -> int:
    code = PROGRAM.format(
        prepare=textwrap.dedent(prepare), work=textwrap.dedent(work), counted=counted
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)
