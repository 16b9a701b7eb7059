"""What a service promises: its methods, their typed requests and responses, its port.

Each service states this once, in its ``contract.py``. The gateway's pipeline, both of its backends,
the gRPC server and the codec all read it from there.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """One remote procedure.

    ``service`` is the folder's name (``openpose``), ``rpc`` the procedure's name in the proto file.
    ``request`` and ``response`` are frozen dataclasses whose field names and types match the proto
    messages. ``deadline`` is in seconds and covers the whole call, retries included.
    """

    service: str
    rpc: str
    request: type[Request]
    response: type[Response]
    deadline: float


@dataclass(frozen=True)
class Contract:
    """A service: its folder name, its name in the proto package and its default port."""

    name: str
    proto: str
    port: int
    methods: tuple[Method[Any, Any], ...]

    @property
    def host(self) -> str:
        """The name in networks and of images: host names take hyphens, no underscores."""
        return self.name.replace("_", "-")
