"""Sum up the limits of compose's containers and compare the sums with the machines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
"""Folder of the repository."""

BASE: Final = "docker-compose.yml"
"""The file that lists every container."""

CORES: Final = 16.0
"""Cores of the machines that the files are for."""

MACHINES_MIB: Final = {BASE: 31 * 1024, "docker-compose.small.yml": 16 * 1024}
"""Memory in MiB that the containers may have together, by file."""

ENDED: Final = "weights"
"""The service that has ended before the others start, so that its limits do not count."""

_MIB: Final = {"M": 1, "G": 1024}
"""MiB of a unit."""


@dataclass(frozen=True)
class Room:
    """The part of a machine that the limits leave; negative if they exceed the machine."""

    cores: float
    """Cores."""
    memory_mib: int
    """Memory in MiB."""


def measure_room(file: str) -> Room:
    """Return the room that the limits of ``file``, a key of ``MACHINES_MIB``, leave."""
    services = _read_services(BASE)
    changed = _read_services(file)
    cores, memory_mib = 0.0, 0
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        changes = changed.get(name, {}).get("deploy", {}).get("resources", {}).get("limits", {})
        replicas = service["deploy"].get("replicas", 1) if name != ENDED else 0
        cpus = limits["cpus"].removeprefix("${TRYON_CPUS:-").removesuffix("}")
        cores += replicas * float(cpus)
        memory_mib += replicas * _mib((limits | changes)["memory"])
    return Room(CORES - cores, MACHINES_MIB[file] - memory_mib)


def _read_services(file: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["services"]
    return services


def _mib(memory: str) -> int:
    return int(memory[:-1]) * _MIB[memory[-1]]
