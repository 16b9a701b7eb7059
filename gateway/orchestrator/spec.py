"""What a service's container is made of: everything that is told to the engine, as plain data."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from gateway.orchestrator.settings import OrchestratorSettings
from services.kit.contract import Contract
from services.kit.engines import PRESET_VARIABLES
from services.kit.settings import Settings

OWNER: Final = "tryon.owner"
"""Label: the run of the gateway that started the container."""

HOME: Final = "tryon.home"
"""Label: the folder in which that run can be seen to live."""

SERVICE: Final = "tryon.service"
"""Label: the service's name."""

WEIGHTS: Final = "/weights"

PASSED_ON: Final = (
    "workers",
    "queue_size",
    "max_message_bytes",
    "shutdown_grace",
    "log_level",
    "max_upload_bytes",
    "max_pixels",
    "min_side",
)
"""Settings that a service shares with the gateway that calls it."""


@dataclass(frozen=True)
class Machine:
    """The machine that the engine runs on: bytes of memory, and cores."""

    memory: int
    cores: int


@dataclass(frozen=True)
class Spec:
    """One container. ``memory`` is in bytes, ``cpus`` in cores.

    ``network`` is the one to join; without one, ``port`` is published on 127.0.0.1. ``weights`` is
    a folder of the engine's machine or a volume's name.
    """

    name: str
    image: str
    port: int
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    memory: int
    cpus: float
    network: str | None
    weights: str

    @property
    def weights_are_a_folder(self) -> bool:
        """Whether the weights are a folder, not a volume."""
        return _is_folder(self.weights)


@dataclass(frozen=True)
class Owner:
    """Whose containers these are; see ``instance.py``."""

    run: str
    home: str


def describe(
    contract: Contract,
    name: str,
    *,
    owner: Owner,
    machine: Machine,
    docker: OrchestratorSettings,
    settings: Settings,
    environment: Mapping[str, str] = os.environ,
) -> Spec:
    """Describe a service's container called ``name``.

    What the environment says to this one service alone (``TRYON_OPENPOSE_ENGINE``) is passed on,
    and so is the engine preset.
    """
    cpus = min(docker.cpus or machine.cores, float(machine.cores))
    threads = settings.threads if "threads" in settings.model_fields_set else math.ceil(cpus)
    own = f"TRYON_{contract.name.upper()}_"
    return Spec(
        name=name,
        image=docker.image_of(contract),
        port=contract.port,
        environment={
            **{f"TRYON_{field.upper()}": str(getattr(settings, field)) for field in PASSED_ON},
            **{
                key: value
                for key, value in environment.items()
                if key.startswith(own) or key in PRESET_VARIABLES
            },
            "TRYON_HOST": "0.0.0.0",  # noqa: S104 - the container's own network
            "TRYON_PORT": str(contract.port),
            "TRYON_THREADS": str(threads),
            "TRYON_MODELS_DIR": WEIGHTS,
            "TRYON_LOG_FORMAT": "json",
        },
        labels={OWNER: owner.run, HOME: owner.home, SERVICE: contract.name},
        memory=docker.memory_of(contract.name) * 1024 * 1024,
        cpus=cpus,
        network=docker.network,
        weights=docker.weights or str(settings.models_dir.absolute()),
    )


def _is_folder(source: str) -> bool:
    """Tell a folder from a volume's name, on whatever system the engine runs."""
    return PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute()
