"""The four ways to run the services: the values of ``TRYON_BACKEND`` and of each service's mode."""

from enum import StrEnum
from typing import Final


class RunMode(StrEnum):
    """Where the services run, and who starts them."""

    EMBEDDED = "embedded"
    """In the gateway's own process."""

    PROCESSES = "processes"
    """Each as a process of its own, which the gateway starts and stops."""

    REMOTE = "remote"
    """Behind gRPC, started and stopped by other means."""

    ORCHESTRATED = "orchestrated"
    """In containers that the gateway starts and stops."""


FORMER_NAMES: Final = {
    "in_process": RunMode.EMBEDDED,
    "grpc": RunMode.REMOTE,
    "docker": RunMode.ORCHESTRATED,
}
"""Values of ``TRYON_BACKEND`` up to version 0.2.0, still accepted."""
