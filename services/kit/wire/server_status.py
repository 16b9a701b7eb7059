"""``tryon.v1.Status/Get``: the status of every server (``protos/tryon/v1/status.proto``)."""

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Final

from services.kit.contract import Method

PROTO: Final = "tryon.v1.Status"
"""Full name of the gRPC service."""

IDENTITY: Final = "x-tryon-identity"
"""Key of the trailing metadata that holds the identity of the engine behind a response."""


@dataclass(frozen=True)
class StatusRequest:
    """Empty: a server runs one service."""


@dataclass(frozen=True, kw_only=True)
class StatusResponse:
    """The status of one server."""

    service: str
    """The service's folder name, such as ``openpose``."""

    engine: str
    """Name of the engine; empty while it loads."""

    version: str
    """Version of the installed package; empty if it is not installed."""

    resident_bytes: int
    """Resident memory of the server's process in bytes."""

    running: int
    """Calls that have a worker."""

    waiting: int
    """Calls that wait for a worker."""

    identity: str
    """Digest of all that determines responses besides requests (``Service.identity``); empty while
    the engine loads, and if responses may not be remembered."""


GET: Final = Method(
    service="status",
    rpc="Get",
    request=StatusRequest,
    response=StatusResponse,
    deadline_seconds=2.0,
)
"""The method that returns a server's status."""


@cache
def version() -> str:
    """Return the installed package's version; empty if it is not installed."""
    try:
        return metadata.version("tryon")
    except metadata.PackageNotFoundError:
        return ""
