import mmap
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from services.kit.runtimes import memory

pytestmark = pytest.mark.unit

PROGRAM = """
import ctypes, threading
from services.kit.runtimes.memory import limit_malloc_arenas
{call}
hold = threading.Barrier(9)
def work():
    block = ctypes.CDLL(None).malloc(1000)
    hold.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
hold.wait()
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""


def arenas(call: str) -> int:
    program = [sys.executable, "-c", PROGRAM.format(call=call)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stderr.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_two_heaps() -> None:
    assert arenas("") > 2
    assert arenas("limit_malloc_arenas()") <= 2


def test_resident_memory_grows_with_what_is_written() -> None:
    before = memory.resident_bytes()
    # Not from malloc: in a process that has freed as much before, its heap would not grow.
    block = np.frombuffer(mmap.mmap(-1, 100_000_000), np.uint8)
    block[:] = 1
    assert memory.resident_bytes() - before == pytest.approx(block.nbytes, rel=0.1)
    assert memory.resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def test_without_proc_the_peak_is_told(tmp_path: Path) -> None:
    peak = memory.resident_bytes(tmp_path / "statm")
    assert memory.resident_bytes() * 0.9 < peak < psutil.virtual_memory().total
