"""Reads a service's ``deployment.toml``: what compose, Swarm, Kubernetes and the orchestrator need.

``python -m deploy.render`` writes the files of compose, Swarm and Kubernetes from it; the
orchestrator reads it when it starts.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SERVICES: Final = Path(__file__).resolve().parents[1]
"""Folder of all services."""

FILE: Final = "deployment.toml"
"""Name of the file in a service's folder."""

SMALLEST_MIB: Final = 64
"""Least memory of a container in MiB: an interpreter with gRPC and NumPy takes as much."""


class _Table(BaseModel):
    """A table of the file; a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Orchestration(_Table):
    """What the gateway's orchestrator starts."""

    replicas: int = Field(default=1, ge=1, le=64)
    """Containers while the service runs."""

    memory_mib: int = Field(ge=SMALLEST_MIB)
    """Limit of one container in MiB: about twice the measured peak of the default engine over
    photos from 0.04 to 13 megapixels (docs/orchestrator.md), and 512 at least."""

    resident: bool = True
    """Started with the gateway and kept; otherwise started by the first call."""


class Compose(_Table):
    """Limits of one container in docker-compose.yml."""

    replicas: int = Field(default=1, ge=1, le=64)
    """Containers of the service."""

    cpus: Annotated[float, Field(gt=0.0, le=4.0)] | Literal["host"]
    """Cores, or ``host``: as many as ``TRYON_CPUS`` allows, for a network that uses all cores."""

    memory_mib: int = Field(ge=SMALLEST_MIB)
    """MiB of memory on a machine with 32 GB."""

    small_memory_mib: int = Field(ge=SMALLEST_MIB)
    """MiB of memory on a machine with 16 GB."""


class Swarm(_Table):
    """Replicas and reservations in deploy/swarm/stack.yml; limits are those of compose."""

    replicas: int = Field(default=2, ge=1, le=64)
    """Tasks of the service."""

    reserved_cpus: float = Field(gt=0.0)
    """Cores that a node must have free for one task."""

    reserved_memory_mib: int = Field(ge=SMALLEST_MIB)
    """MiB of memory that a node must have free for one task: about what an idle server takes."""


class Resources(_Table):
    """Kubernetes quantities of one pod."""

    cpu: str = Field(pattern=r"^\d+m?$")
    """Cores, such as ``500m`` or ``2``."""

    memory: str = Field(pattern=r"^\d+[MG]i$")
    """Memory, such as ``768Mi``."""


class Pods(_Table):
    """How many pods the autoscalers keep."""

    least: int = Field(ge=1)
    """Pods without load."""

    most: int = Field(ge=1)
    """Pods under load; docs/scaling.md has the ratios between services."""


class Kubernetes(_Table):
    """Resources and autoscaling in deploy/kubernetes."""

    requests: Resources
    """What the scheduler reserves for one pod."""

    limits: Resources
    """What one pod may use."""

    pods: Pods | None = None
    """Bounds of autoscaling; None for a service so cheap that two pods always suffice."""


class Deployment(_Table):
    """A service's ``deployment.toml``."""

    summary: str = Field(min_length=1, pattern=r"^[^\n]+\.$")
    """One sentence: what the service does, and what is special about its cost."""

    default_engine: str = Field(min_length=1)
    """Name of the engine that runs without a setting."""

    awaited_weights: tuple[str, ...] = ()
    """Weight files without which the default engine does not start."""

    reads_weights: bool
    """Whether any engine reads weight files: the folder is mounted then."""

    gpu: bool = False
    """Whether the default engine's networks run on an NVIDIA GPU where there is one."""

    orchestrator: Orchestration
    compose: Compose
    swarm: Swarm
    kubernetes: Kubernetes


def service_names() -> tuple[str, ...]:
    """List the services' folders, in alphabetical order."""
    folders = {file.parent.name for file in SERVICES.glob("*/contract.py")}
    return tuple(sorted(folders - {"kit"}))


@cache
def read_deployment(service: str) -> Deployment:
    """Read the ``deployment.toml`` of a service's folder.

    Raises FileNotFoundError where there is none, and ValueError, which names the file and the key,
    for a value out of bounds.
    """
    file = SERVICES / service / FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"services/{service} has no {FILE}; docs/adding-a-service.md shows one."
        )
    try:
        return Deployment.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"services/{service}/{FILE}: {error}") from error
