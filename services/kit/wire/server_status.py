"""``tryon.v1.Status/Get``: what every server tells of itself (``protos/tryon/v1/status.proto``)."""

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Final

from services.kit.contract import Method

PROTO: Final = "tryon.v1.Status"


@dataclass(frozen=True)
class StatusRequest:
    """Nothing; a server knows only one service."""


@dataclass(frozen=True)
class StatusResponse:
    """The service's folder name and engine (empty while it loads) and the package's version.

    ``memory`` is the process's resident memory in bytes; ``running`` and ``waiting`` count calls
    that have a worker and calls that wait for one.
    """

    service: str
    engine: str
    version: str
    memory: int
    running: int
    waiting: int


GET: Final = Method("status", "Get", StatusRequest, StatusResponse, deadline=2.0)


@cache
def version() -> str:
    """Tell the installed package's version; empty where it runs without being installed."""
    try:
        return metadata.version("tryon")
    except metadata.PackageNotFoundError:
        return ""
