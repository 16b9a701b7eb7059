"""Remembers what was computed of a photo alone, for the next picture that shows the same photo.

Kept in memory, bounded in bytes and in age.
"""

import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import numpy as np

from services.kit.cancellation import LOCK_POLL_SECONDS, check_cancelled

Value = TypeVar("Value")

SWEEPS_PER_LIFETIME: Final = 10
"""Times that too old values are dropped in the lifetime of a value."""

VALUE_BYTES: Final = 1_024
"""Bytes that a value takes beside its arrays."""


@dataclass(frozen=True, kw_only=True)
class MemoLimits:
    """Bounds of a memo."""

    max_bytes: int
    """Bytes of all values; 0 remembers nothing."""
    max_seconds: float
    """Age of a value, since it was computed."""


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    """A value that is remembered."""

    value: object
    """The value. Its arrays are read-only."""
    size: int
    """Its size in bytes, with what keeping it takes."""
    computed_at: float
    """Time of the memo's clock at which it was computed, in seconds."""


@dataclass
class _Computation:
    """A value that a thread computes; others may wait for it."""

    done: threading.Event = field(default_factory=threading.Event)
    """Set when the thread has ended, with or without a value."""
    values: list[object] = field(default_factory=list)
    """The value; nothing before it is there and if the computation failed."""


class Memo:
    """Values by key. Those that were used last stay. Its methods may be called from any thread."""

    def __init__(self, limits: MemoLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._values: OrderedDict[str, _Remembered] = OrderedDict()
        self._computations: dict[str, _Computation] = {}
        self._bytes = 0
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self._bytes

    def recall(self, key: str, compute: Callable[[], Value]) -> Value:
        """Return the value of a key: remembered, of a computation in flight, else computed.

        ``key`` must name all that the value depends on. What ``compute`` returns is made read-only.
        Raises what ``compute`` raises, which is not remembered, and Cancelled.
        """
        if not self._limits.max_bytes:
            return compute()
        while True:
            with self._lock:
                found = self._find(key)
                if found is not None:
                    return cast("Value", found.value)
                computation = self._computations.get(key)
                if computation is None:
                    own = self._computations[key] = _Computation()
                    break
            while not computation.done.wait(LOCK_POLL_SECONDS):
                check_cancelled()
            if computation.values:
                return cast("Value", computation.values[0])
        try:
            value = compute()
            size = sum(array.nbytes for array in _freeze(value).values()) + VALUE_BYTES
            own.values.append(value)
            with self._lock:
                self._keep(key, _Remembered(value=value, size=size, computed_at=self._clock()))
        finally:
            with self._lock:
                del self._computations[key]
            own.done.set()
        return value

    def sweep(self) -> None:
        """Drop what is too old."""
        with self._lock:
            for key in list(self._values):
                self._find(key, used=False)

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
            self._bytes = 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _find(self, key: str, *, used: bool = True) -> _Remembered | None:
        found = self._values.get(key)
        if found is None:
            return None
        if self._clock() - found.computed_at >= self._limits.max_seconds:
            self._drop(key)
            return None
        if used:
            self._values.move_to_end(key)
        return found

    def _keep(self, key: str, remembered: _Remembered) -> None:
        if remembered.size > self._limits.max_bytes:
            return
        while self._bytes + remembered.size > self._limits.max_bytes:
            self._drop(next(iter(self._values)))
        self._values[key] = remembered
        self._bytes += remembered.size
        self._sweep_later()

    def _drop(self, key: str) -> None:
        self._bytes -= self._values.pop(key).size

    def _sweep_later(self) -> None:
        if self._timer is None and self._values:
            seconds = self._limits.max_seconds / SWEEPS_PER_LIFETIME
            self._timer = threading.Timer(seconds, self._sweep_again)
            self._timer.daemon = True
            self._timer.start()

    def _sweep_again(self) -> None:
        self.sweep()
        with self._lock:
            if self._timer is threading.current_thread():
                self._timer = None
                self._sweep_later()


def _freeze(value: object) -> dict[int, np.ndarray[Any, Any]]:
    """Make all arrays of a value read-only. Return those that own the memory, each once, by id."""
    owners: dict[int, np.ndarray[Any, Any]] = {}
    for array in _arrays_in(value):
        array.flags.writeable = False
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        owners[id(owner)] = owner
    return owners


def _arrays_in(value: object) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            yield from _arrays_in(getattr(value, each.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _arrays_in(item)
