"""The protocol of all backends."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.inventory import ServiceState
from services.kit.contract import Answer, Method
from services.kit.errors import DeadlineExceeded


class Backend(Protocol):
    """Runs the services' methods."""

    async def start(self) -> None:
        """Load the services, or open the channels to them."""
        ...

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Return the method's answer within ``seconds``. Raises TryOnError."""
        ...

    async def identity(self, service: str) -> str:
        """Return the identity of the engine that would answer now; empty if none can be told."""
        ...

    async def ready(self) -> Mapping[str, bool]:
        """Return for every service whether it would answer now."""
        ...

    async def services(self) -> Sequence[ServiceState]:
        """Return every service's state within seconds. Never raises for a service that hangs."""
        ...

    async def close(self) -> None:
        """Release everything; calls in flight fail."""
        ...


def no_answer_in_time(service: str, seconds: float) -> DeadlineExceeded:
    """Return the error of a service that did not answer within ``seconds``."""
    return DeadlineExceeded(
        f"The {service} service did not answer within {seconds:.0f} seconds; "
        "try again when the system is less busy.",
        stage=service,
    )
