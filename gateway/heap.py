"""Give freed memory back to the system.

glibc keeps most of what is freed for later. What one large photo needed would stay for as long as
the process runs.
"""

import ctypes
import platform
from collections.abc import Callable
from threading import Lock
from typing import Final

from services.kit.runtimes import memory

MAX_GROWTH_BYTES: Final = 192 * 1024 * 1024
"""Growth of the resident memory from which on freed memory is given back. Pictures of the canvas's
size free 100 to 200 MB, which the next picture needs again. Giving those back after every picture
would cost 7 % or more of its CPU time, for no lower peak."""


def trim_malloc() -> None:
    """Give all freed pages of glibc's heaps back; no effect on other C libraries."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


class HeapTrimmer:
    """Gives freed memory back after the process has grown by ``MAX_GROWTH_BYTES``.

    ``resident_bytes`` and ``trim`` are for tests. Any thread may call it.
    """

    def __init__(
        self,
        resident_bytes: Callable[[], int] = memory.resident_bytes,
        trim: Callable[[], None] = trim_malloc,
    ) -> None:
        self._resident_bytes = resident_bytes
        self._trim = trim
        self._lock = Lock()
        self._least = 0

    def trim_if_grown(self) -> None:
        """Give freed memory back if there is much more than after the last time.

        Takes about 10 ms, and some microseconds if there is not.
        """
        if not self._lock.acquire(blocking=False):
            # Another thread does it.
            return
        try:
            resident = self._resident_bytes()
            if resident > self._least + MAX_GROWTH_BYTES:
                self._trim()
                resident = self._least = self._resident_bytes()
            # Large pictures that are in use now must not count as what the process always needs.
            self._least = min(self._least, resident)
        finally:
            self._lock.release()
