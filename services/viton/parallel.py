"""Two stages of the try-on at the same time, on two CPU cores."""

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.kit.cancellation import check_cancelled

First = TypeVar("First")
Second = TypeVar("Second")


def run_both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Run two functions at the same time and return both results.

    ``first`` runs on a thread of its own, in the caller's context. If both raise, the error of
    ``second`` is raised. Raises Cancelled.
    """
    check_cancelled()
    with ThreadPoolExecutor(1, "stage") as executor:
        pending = executor.submit(contextvars.copy_context().run, first)
        result = second()
        return pending.result(), result
