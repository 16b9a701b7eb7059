"""Two stages of the try-on at the same time, on two CPU cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def run_both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Run two functions at the same time and return both results.

    ``first`` runs on a thread of its own. If both raise, the error of ``second`` is raised.
    """
    with ThreadPoolExecutor(1, "stage") as executor:
        pending = executor.submit(first)
        result = second()
        return pending.result(), result
