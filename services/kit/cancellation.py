"""Cancel work that runs on a thread. A thread cannot be stopped, so the work itself must ask.

Whoever starts the work makes a ``CancelToken`` the current one of the work's context, and cancels
it when nobody waits for the result any more. Work that takes long calls ``check_cancelled`` between
its steps; what blocks registers with ``CancelToken.on_cancel``. Threads that the work starts must
run in a copy of its context. Without a token nothing is ever cancelled.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from typing import Final

LOCK_POLL_SECONDS: Final = 0.05
"""Seconds between two looks at the token by work that waits for a lock."""


class Cancelled(Exception):
    """The work was cancelled. It reaches no user, because nobody waits for the result."""


class CancelToken:
    """Tells work that nobody waits for its result. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], object]] = []

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel the work, and call what is registered; calls after the first have no effect."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @contextmanager
    def on_cancel(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call ``callback`` if the work is cancelled before or in the block; it must not block.

        It runs on the thread that cancels, or on this one if the work is cancelled already. It may
        still run just after the block.
        """
        with self._lock:
            cancelled = self._cancelled
            if not cancelled:
                self._callbacks.append(callback)
        if cancelled:
            callback()
        try:
            yield
        finally:
            with self._lock, suppress(ValueError):
                self._callbacks.remove(callback)


_current: Final = ContextVar("cancel_token", default=CancelToken())  # noqa: B039 - never cancelled


def set_current_token(token: CancelToken) -> None:
    """Make a token the current one of this context."""
    _current.set(token)


def current_token() -> CancelToken:
    """Return the current token; without one, a token that is never cancelled."""
    return _current.get()


def check_cancelled() -> None:
    """Raise Cancelled if the current token is cancelled."""
    if _current.get().cancelled:
        raise Cancelled


@contextmanager
def hold_lock(lock: Lock) -> Iterator[None]:
    """Hold a lock in the block. Raises Cancelled if the token is cancelled before the block."""
    while not lock.acquire(timeout=LOCK_POLL_SECONDS):
        check_cancelled()
    try:
        check_cancelled()
        yield
    finally:
        lock.release()
