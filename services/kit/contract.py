"""Contracts of services: methods, typed requests and responses, port.

Each service has one in its ``contract.py``. The gateway's pipeline and backends, the gRPC server
and the codec read it from there.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True, kw_only=True)
class Method(Generic[Request, Response]):
    """One remote procedure."""

    service: str
    """The service's folder name, such as ``openpose``."""

    rpc: str
    """The procedure's name in the proto file."""

    request: type[Request]
    """Frozen dataclass whose field names and types are those of the request's proto message."""

    response: type[Response]
    """Frozen dataclass whose field names and types are those of the response's proto message."""

    deadline_seconds: float
    """Seconds for the whole call, retries included."""

    memoized: bool = False
    """Whether the gateway remembers its responses: true if it costs more than to hash a request."""


@dataclass(frozen=True)
class Answer(Generic[Response]):
    """A response, and where it comes from."""

    response: Response
    """The response of the method."""

    identity: str = ""
    """Identity of the engine that computed it; empty if unknown."""

    remembered: bool = False
    """Whether it was computed for an earlier request, or for another one at the same time."""


@dataclass(frozen=True)
class Contract:
    """A service."""

    name: str
    """The folder's name."""

    proto: str
    """Full name of the gRPC service, such as ``tryon.v1.OpenPose``."""

    port: int
    """Default TCP port; no other service has it."""

    methods: tuple[Method[Any, Any], ...]
    """Procedures of the gRPC service."""

    @property
    def host(self) -> str:
        """Host name and image name: the folder's name with hyphens instead of underscores."""
        return self.name.replace("_", "-")
