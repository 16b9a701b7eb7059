"""The description of a service's container, as plain data."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from gateway.orchestrator.settings import OrchestratorSettings
from services.kit.contract import Contract
from services.kit.engines import PRESET_VARIABLES
from services.kit.settings import Settings

OWNER: Final = "tryon.owner"
"""Label: the run of the gateway that started the container."""

HOME: Final = "tryon.home"
"""Label: the id of the run folder, which holds a lock for each run that is alive."""

SERVICE: Final = "tryon.service"
"""Label: the service's name."""

WEIGHTS: Final = "/weights"
"""Where the weights are mounted in the container."""

PASSED_ON: Final = (
    "workers",
    "queue_size",
    "max_message_bytes",
    "shutdown_grace",
    "log_level",
    "max_upload_bytes",
    "max_pixels",
    "min_side",
    "precision",
    "memo_mb",
    "memo_seconds",
)
"""Settings that a service shares with the gateway that calls it."""


@dataclass(frozen=True)
class Machine:
    """The machine that the engine runs on."""

    memory: int
    """Memory in bytes."""
    cores: int
    """Number of cores."""


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container, as the engine is to make it."""

    name: str
    """The container's name."""
    image: str
    """The image's name and tag."""
    port: int
    """TCP port of its gRPC server."""
    environment: Mapping[str, str]
    """Its environment variables."""
    labels: Mapping[str, str]
    """Its labels: owner, home, service."""
    memory: int
    """Bytes of memory that it may use."""
    cpus: float
    """Cores that it may keep busy."""
    network: str | None
    """The network to join; None publishes ``port`` on 127.0.0.1."""
    weights: str
    """The weights: an absolute folder of the engine's machine, or a volume's name."""

    @property
    def weights_are_a_folder(self) -> bool:
        """Whether the weights are a folder, not a volume."""
        return _is_folder(self.weights)


@dataclass(frozen=True)
class Owner:
    """The run of a gateway that owns containers; see ``instance.py``."""

    run: str
    """The run's id."""
    home: str
    """The id of its run folder."""


@dataclass(frozen=True, kw_only=True)
class ContainerOptions:
    """What every service's container is made from."""

    owner: Owner
    """The run of the gateway that starts it."""
    machine: Machine
    """The engine's machine."""
    docker: OrchestratorSettings
    """The orchestrator's settings."""
    settings: Settings
    """The settings that the services share with the gateway."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """The gateway's environment variables."""


def container_spec(contract: Contract, name: str, options: ContainerOptions) -> ContainerSpec:
    """Describe a service's container called ``name``.

    Environment variables of this service alone (``TRYON_OPENPOSE_ENGINE``) and of the engine
    preset are passed on.
    """
    docker, machine, settings = options.docker, options.machine, options.settings
    cpus = min(docker.cpus or machine.cores, float(machine.cores))
    threads = settings.threads if "threads" in settings.model_fields_set else math.ceil(cpus)
    own = f"TRYON_{contract.name.upper()}_"
    return ContainerSpec(
        name=name,
        image=docker.image_of(contract),
        port=contract.port,
        environment={
            **{f"TRYON_{field.upper()}": str(getattr(settings, field)) for field in PASSED_ON},
            **{
                key: value
                for key, value in options.environment.items()
                if key.startswith(own) or key in PRESET_VARIABLES
            },
            "TRYON_HOST": "0.0.0.0",  # noqa: S104 - the container's own network
            "TRYON_PORT": str(contract.port),
            "TRYON_THREADS": str(threads),
            "TRYON_MODELS_DIR": WEIGHTS,
            "TRYON_LOG_FORMAT": "json",
        },
        labels={OWNER: options.owner.run, HOME: options.owner.home, SERVICE: contract.name},
        memory=docker.memory_of(contract.name) * 1024 * 1024,
        cpus=cpus,
        network=docker.network,
        weights=docker.weights or str(settings.models_dir.absolute()),
    )


def _is_folder(source: str) -> bool:
    """Return whether the source is a folder, not a volume's name, on any system of the engine."""
    return PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute()
