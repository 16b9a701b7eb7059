"""The orchestrator's settings, from ``TRYON_DOCKER_*`` environment variables."""

import difflib
import json
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway import __version__
from gateway.backends.contracts import CONTRACTS
from services.kit.contract import Contract
from services.kit.deployment import read_deployment

NAMES: Final = tuple(contract.name for contract in CONTRACTS)
"""Every service."""

MEMORY_MIB: Final[dict[str, int]] = {
    name: read_deployment(name).orchestrator.memory_mib for name in NAMES
}
"""MiB of memory of one container, from each service's ``deployment.toml``."""

REPLICAS: Final[dict[str, int]] = {
    name: read_deployment(name).orchestrator.replicas for name in NAMES
}
"""Containers of a service, from each service's ``deployment.toml``."""

REPLICAS_RANGE: Final = (1, 64)
"""Least and most containers of a service."""

MEMORY_RANGE_MIB: Final = (64, 1024 * 1024)
"""Least and most memory of one container, in MiB."""

BUDGET_SHARE: Final = 0.75
"""Budget of all containers if none is set, as a fraction of the machine's memory."""


def _split(value: object) -> object:
    """Parse a list: JSON, or names with commas between."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [name.strip() for name in value.split(",") if name.strip()]
    return _json(value)


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})") from None


def _known(names: Iterable[str]) -> None:
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name.replace("-", "_"), NAMES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{name!r} is no service{hint} There are: {', '.join(NAMES)}")


Numbers = Annotated[dict[str, int], NoDecode, BeforeValidator(_json)]


class OrchestratorSettings(BaseSettings):
    """The orchestrator's settings; each field is ``TRYON_DOCKER_`` and its name in capitals.

    Raises pydantic's ``ValidationError`` for a value outside its bounds.
    """

    model_config = SettingsConfigDict(
        env_prefix="TRYON_DOCKER_", frozen=True, env_ignore_empty=True
    )

    image: str = Field(default="tryon/{host}:{version}", min_length=1)
    """Image of a service; ``{host}`` is its name with hyphens, ``{version}`` the gateway's."""

    resident: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = tuple(
        name for name in NAMES if read_deployment(name).orchestrator.resident
    )
    """Services that run from the gateway's start, the most wanted first: names with commas between,
    or a JSON list. All others start when they are needed."""

    replicas: Numbers = Field(default_factory=dict)
    """Containers of a service, as JSON: ``{"densepose": 3}``; those not named keep the default."""

    memory_mib: Numbers = Field(default_factory=dict)
    """MiB of memory that one container of a service may use, as JSON; above it, it is killed."""

    budget_mib: int | None = Field(default=None, ge=64)
    """MiB of memory that all containers together may use; by default three quarters of what the
    engine's machine has."""

    cpus: float | None = Field(default=None, gt=0.0, le=1024.0)
    """Cores that one container may keep busy; by default and at most all of the machine."""

    idle_seconds: float = Field(default=300.0, ge=1.0, le=86_400.0)
    """Seconds without a call after which an on-demand service is stopped."""

    start_timeout: float = Field(default=120.0, ge=1.0, le=3600.0)
    """Seconds that a container may take until it serves."""

    unhealthy_seconds: float = Field(default=15.0, ge=2.0, le=3600.0)
    """Seconds without an answer to a health check after which a container is replaced."""

    network: str | None = None
    """Docker network through which the gateway, itself in a container of that network, reaches the
    services; by default their ports are published on 127.0.0.1 instead."""

    weights: str | None = None
    """Folder of the weight files as the engine's machine sees it (an absolute path), or the name of
    a Docker volume; by default TRYON_MODELS_DIR. Mounted read-only."""

    prefix: str = Field(default="tryon", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,31}$")
    """Beginning of the containers' names."""

    @field_validator("image")
    @classmethod
    def _is_template(cls, image: str) -> str:
        try:
            image.format(host="resize", name="resize", version="0")
        except (KeyError, IndexError, ValueError):
            raise ValueError("may hold {host}, {name} and {version} and no other braces") from None
        return image

    @field_validator("resident")
    @classmethod
    def _are_services(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        _known(names)
        return tuple(dict.fromkeys(names))

    @field_validator("replicas", "memory_mib")
    @classmethod
    def _are_of_services(cls, table: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        _known(table)
        low, high = REPLICAS_RANGE if info.field_name == "replicas" else MEMORY_RANGE_MIB
        for name, number in table.items():
            if not low <= number <= high:
                raise ValueError(f"{name}: {number} is not between {low} and {high}")
        return table

    def image_of(self, contract: Contract) -> str:
        """Return the name and tag of a service's image."""
        return self.image.format(host=contract.host, name=contract.name, version=__version__)

    def replicas_of(self, name: str) -> int:
        """Return the number of containers that a service has while it runs."""
        return self.replicas.get(name) or REPLICAS[name]

    def memory_of(self, name: str) -> int:
        """Return the MiB of memory that one container of a service may use."""
        return self.memory_mib.get(name) or MEMORY_MIB[name]

    def need_of(self, name: str) -> int:
        """Return the MiB of memory that a service needs with all its replicas."""
        return self.replicas_of(name) * self.memory_of(name)


@cache
def get_orchestrator_settings() -> OrchestratorSettings:
    """Read the process's settings, once."""
    return OrchestratorSettings()
