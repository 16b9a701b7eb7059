"""Settings that every service and the gateway read from ``TRYON_*`` environment variables."""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import platformdirs
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH

MIB: Final = 1024 * 1024
CGROUP_CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Count the cores this process may keep busy: its affinity, less where it has a CPU quota.

    ``cpu_max`` holds cgroup v2's ``quota period`` in microseconds, or ``max period`` without a
    quota. A machine that counts more cores than its quota allows slows down when every one of them
    gets an inference thread.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, cores)


class Settings(BaseSettings):
    """What a service can be told from outside; each field is ``TRYON_`` and its name in capitals.

    Raises pydantic's ``ValidationError`` for a value outside its bounds.
    """

    model_config = SettingsConfigDict(env_prefix="TRYON_", frozen=True, env_ignore_empty=True)

    models_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("tryon") / "weights"
    )
    """Folder of the weight files."""

    threads: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=usable_cores)
    """Threads that one inference may use."""

    onnx_provider: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    """What ONNX networks run on; cuda needs an NVIDIA GPU and the package onnxruntime-gpu, tensorrt
    TensorRT's libraries too, and keeps what it builds in ``.tensorrt`` of ``models_dir`` where that
    may be written to."""

    runtime: Literal["onnx", "torch"] = "onnx"
    """What runs the published networks: ONNX Runtime, or PyTorch where it is installed and
    ``models add --torch`` kept their official states; every other network runs as it always does.
    """

    torch_device: Literal["cpu", "cuda"] | None = None
    """What PyTorch runs on; none: the GPU where it has one, else the CPU."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address a server listens on; a container needs 0.0.0.0."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """TCP port of the one server started; 0 takes a free one, none the service's own."""

    workers: int = Field(default=1, ge=1, le=64)
    """Calls that one service works on at the same time, each on its own thread."""

    queue_size: int = Field(default=8, ge=0, le=1024)
    """Calls that may wait for a worker; one more is refused at once."""

    max_message_bytes: int = Field(default=128 * MIB, ge=MIB, le=2**31 - 1)
    """Bytes of one gRPC message; holds a raw RGB picture of ``max_pixels`` and a canvas."""

    venuns_deadline: float = Field(default=600.0, gt=0.0, le=3600.0)
    """Seconds that a container of the ancestor gets for one answer (engines ``venuns``)."""

    pgn_scales: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=4.0)], ...],
        NoDecode,
        Field(min_length=1, max_length=16),
    ] = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
    """Sizes at which CIHP-PGN looks at a photo, of the photo's own, with commas between them. The
    default is what its authors test with; each takes time as its square."""

    viton_seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Which noise the published networks draw with; one seed gives one picture."""

    max_connection_age: float | None = Field(default=None, gt=0.0, le=86_400.0)
    """Seconds after which a client is told to connect anew, and so asks for the service's
    addresses again; none: never. Calls in flight finish first."""

    restart_wait: float = Field(default=15.0, ge=0.0, le=600.0)
    """Seconds that a call waits for a service that has ended, is cut off or still starts, before it
    fails; within the call's deadline."""

    shutdown_grace: float = Field(default=30.0, ge=0.0, le=600.0)
    """Seconds that calls in flight get to finish once the server was told to stop."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe event that is logged."""

    log_format: Literal["console", "json"] = "console"
    """Lines for people, or one JSON object a line for machines."""

    max_upload_bytes: int = Field(default=20_000_000, ge=1_000, le=1_000_000_000)
    """Bytes of one encoded picture file."""

    max_pixels: int = Field(default=25_000_000, ge=1_024, le=100_000_000)
    """Pixels of one picture, width times height."""

    min_side: int = Field(default=32, ge=1, le=1_024)
    """Pixels of a picture's shorter side, at the least."""

    @field_validator("models_dir")
    @classmethod
    def _expand_home(cls, folder: Path) -> Path:
        return folder.expanduser()

    @field_validator("pgn_scales", mode="before")
    @classmethod
    def _split(cls, scales: object) -> object:
        return scales.split(",") if isinstance(scales, str) else scales

    @model_validator(mode="after")
    def _messages_hold_pictures(self) -> Self:
        needed = 3 * self.max_pixels + 4 * CANVAS_WIDTH * CANVAS_HEIGHT
        if self.max_message_bytes < needed:
            raise ValueError(
                f"max_message_bytes must be at least {needed} to hold a raw picture of max_pixels"
            )
        return self


@cache
def get_settings() -> Settings:
    """Read the process's settings, once."""
    return Settings()
