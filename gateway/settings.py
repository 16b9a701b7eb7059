"""The gateway's settings, from ``TRYON_*`` environment variables.

The limits of one picture (bytes, pixels) and logging are in ``services/kit/settings.py``, which
the services read too.
"""

from functools import cache
from pathlib import Path
from typing import Final

import platformdirs
from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.run_mode import FORMER_NAMES, RunMode
from services.kit.contract import Contract

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
"""The checkout, or the folder of the installed packages."""


def _run_dir() -> Path:
    """``.run`` in a checkout; the user's state folder for an installed package."""
    if (PROJECT_ROOT / "pyproject.toml").is_file():
        return PROJECT_ROOT / ".run"
    return platformdirs.user_state_path("tryon")


PREFIX: Final = "TRYON_"
"""Beginning of the environment variables' names."""


def _renamed(name: str, former: str) -> AliasChoices:
    """Read a field from its environment variable, else from the one it had up to 0.2.0."""
    return AliasChoices(*(f"{PREFIX}{each}".upper() for each in (name, former)))


class GatewaySettings(BaseSettings):
    """The gateway's settings; each field is ``TRYON_`` and its name in capitals.

    Fields with a ``validation_alias`` also accept the variable's former name.

    Raises pydantic's ``ValidationError`` for a value outside its bounds.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, populate_by_name=True
    )

    backend: RunMode = RunMode.EMBEDDED
    """Where the services run: ``embedded``, ``processes``, ``remote`` or ``orchestrated``."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address that the HTTP server listens on; a container needs 0.0.0.0."""

    port: int = Field(default=8888, ge=0, le=65535)
    """TCP port that the HTTP server listens on; 0 takes a free one."""

    service_address: str = "127.0.0.1:{port}"
    """gRPC address of every service; ``{name}``, ``{host}`` (the name with hyphens) and ``{port}``
    are the contract's."""

    addresses: dict[str, str] = Field(default_factory=dict)
    """Addresses of single services that differ, as JSON: ``{"densepose": "nginx:50052"}``."""

    max_concurrent_try_ons: int = Field(
        default=1, ge=1, le=64, validation_alias=_renamed("max_concurrent_try_ons", "max_running")
    )
    """Try-ons that run at the same time."""

    max_queued_try_ons: int = Field(
        default=4, ge=0, le=1024, validation_alias=_renamed("max_queued_try_ons", "max_waiting")
    )
    """Try-ons that may wait; the next is refused at once."""

    max_concurrent_uploads: int = Field(
        default=8, ge=1, le=1024, validation_alias=_renamed("max_concurrent_uploads", "max_uploads")
    )
    """Requests whose photos are received at the same time; the next is refused at once."""

    retry_after: int = Field(default=10, ge=1, le=3600)
    """Seconds in the ``Retry-After`` header of a refused request."""

    upload_timeout: float = Field(default=60.0, gt=0.0, le=3600.0)
    """Seconds that a request may take to arrive in full."""

    deadline: float = Field(default=180.0, gt=0.0, le=3600.0)
    """Seconds that one try-on may take, without its time in the queue."""

    stage_deadline_factor: float = Field(
        default=1.0,
        ge=0.1,
        le=100.0,
        validation_alias=_renamed("stage_deadline_factor", "patience"),
    )
    """Factor applied to every stage's deadline; more than 1 for slow engines."""

    memo_mb: int = Field(default=128, ge=0, le=65_536)
    """Megabytes of stage responses that the gateway remembers in memory; 0 remembers nothing."""

    memo_seconds: float = Field(default=600.0, gt=0.0, le=604_800.0)
    """Seconds after which a remembered response is forgotten, in memory and in ``memo_dir``."""

    memo_dir: Path | None = None
    """Folder of remembered responses, in addition to memory. Gateways may share it. No value keeps
    nothing on disk."""

    memo_dir_mb: int = Field(default=2_048, ge=1, le=1_048_576)
    """Megabytes that ``memo_dir`` may hold."""

    run_dir: Path = Field(default_factory=_run_dir)
    """Folder of the running servers' files and logs."""

    @field_validator("backend", mode="before")
    @classmethod
    def _accept_former_name(cls, name: object) -> object:
        return FORMER_NAMES.get(name, name) if isinstance(name, str) else name

    def address(self, contract: Contract) -> str:
        """Return ``host:port`` for calls to the service."""
        return self.addresses.get(contract.name) or self.replicas_address(contract)

    def replicas_address(self, contract: Contract) -> str:
        """Return ``host:port`` of the service itself, not of a proxy named in ``addresses``."""
        return self.service_address.format(
            name=contract.name, host=contract.host, port=contract.port
        )


@cache
def get_gateway_settings() -> GatewaySettings:
    """Read the process's settings, once."""
    return GatewaySettings()
