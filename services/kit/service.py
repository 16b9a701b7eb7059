"""A loaded service, which the gRPC server and the embedded backend run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _nothing_to_close() -> None:
    """Do nothing: most engines are freed with their last reference."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A loaded service."""

    engine: str
    """Name of the engine."""

    handlers: Mapping[str, Callable[[Any], Any]]
    """Blocking function of each rpc, from the contract's request to its response. Worker threads
    call it, never the event loop."""

    close: Callable[[], None] = _nothing_to_close
    """Releases the engine."""

    reproducible: bool = True
    """Whether equal requests have equal responses as long as the engine, its weights, the settings
    and the code stay. False for an upstream container, whose image is not known here."""

    identity: str = ""
    """Digest of all that determines responses besides requests; empty if not reproducible.
    ``services/kit/weights/identity.py`` sets it."""
