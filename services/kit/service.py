"""A service once it is loaded: what both the gRPC server and the in-process backend run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _nothing_to_close() -> None:
    """Most engines are freed with their last reference."""


@dataclass(frozen=True)
class Service:
    """A loaded service.

    ``handlers`` maps each rpc to a plain blocking function from the contract's request to its
    response. They are called from worker threads, never from the event loop. ``engine`` names the
    engine behind them; ``close`` releases it.
    """

    engine: str
    handlers: Mapping[str, Callable[[Any], Any]]
    close: Callable[[], None] = _nothing_to_close
