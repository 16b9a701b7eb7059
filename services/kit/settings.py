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
"""Bytes of a mebibyte."""

CGROUP_CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
"""CPU quota of the control group (cgroup v2)."""


def usable_cores(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Return the number of cores that this process may use: its affinity, at most its CPU quota.

    ``cpu_max`` holds cgroup v2's ``quota period`` in microseconds, or ``max period`` without a
    quota. More inference threads than the quota allows would slow inference down.
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
    """Settings of a service; the variable of a field is ``TRYON_`` and its name in capitals.

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
    """Provider of ONNX networks. cuda needs an NVIDIA GPU and the package onnxruntime-gpu. tensorrt
    also needs TensorRT's libraries; its engines are kept in ``.tensorrt`` of ``models_dir`` if that
    folder is writable."""

    precision: Literal["auto", "fp32"] = "auto"
    """Arithmetic of the default networks that have an 8-bit file. auto takes it on a CPU with VNNI
    instructions, fp32 never does."""

    runtime: Literal["onnx", "torch"] = "onnx"
    """Runtime of the published networks. torch needs PyTorch and the official states that
    ``models add --torch`` keeps; other networks run as with onnx."""

    torch_device: Literal["cpu", "cuda"] | None = None
    """Device of PyTorch; without a value the GPU if there is one, else the CPU."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address that a server listens on; a container needs 0.0.0.0."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """TCP port of the server; 0 takes a free one, no value the contract's port."""

    workers: int = Field(default=1, ge=1, le=64)
    """Calls that a service runs at the same time, each on a thread of its own."""

    queue_size: int = Field(default=8, ge=0, le=1024)
    """Calls that may wait for a worker; further calls are refused."""

    max_message_bytes: int = Field(default=128 * MIB, ge=MIB, le=2**31 - 1)
    """Largest gRPC message in bytes; holds a raw RGB image of ``max_pixels`` and a canvas."""

    venuns_deadline: float = Field(default=600.0, gt=0.0, le=3600.0)
    """Deadline of one call to an upstream container in seconds (engines ``venuns``)."""

    pgn_scales: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=4.0)], ...],
        NoDecode,
        Field(min_length=1, max_length=16),
    ] = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
    """Scales of a photo at which CIHP-PGN runs, separated by commas. The default is what its
    authors test with; the time grows with the square of each scale."""

    viton_seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the published networks' noise; the same seed gives the same picture."""

    memo_mb: int = Field(default=128, ge=0, le=65_536)
    """Megabytes that the gateway remembers; 0 remembers nothing here either. Of them the engine
    ``warp`` may remember 64 more, what it computed of single photos."""

    memo_seconds: float = Field(default=600.0, gt=0.0, le=604_800.0)
    """Seconds after which what was remembered is forgotten."""

    max_connection_age: float | None = Field(default=None, gt=0.0, le=86_400.0)
    """Seconds after which a server closes a connection, so that the client resolves the service's
    name again; no value means never. Calls in flight finish first."""

    restart_wait: float = Field(default=15.0, ge=0.0, le=600.0)
    """Seconds that a call waits for a service that ended, was cut off or still starts, within the
    call's deadline."""

    shutdown_grace: float = Field(default=30.0, ge=0.0, le=600.0)
    """Seconds that calls in flight have to finish when the server stops."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity of logged events."""

    log_format: Literal["console", "json"] = "console"
    """Lines for people, or one JSON object per line."""

    max_upload_bytes: int = Field(default=20_000_000, ge=1_000, le=1_000_000_000)
    """Largest encoded image file in bytes."""

    max_pixels: int = Field(default=25_000_000, ge=1_024, le=100_000_000)
    """Largest image in pixels, width times height."""

    min_side: int = Field(default=32, ge=1, le=1_024)
    """Least pixels of an image's shorter side."""

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
    """Return the process's settings, read once."""
    return Settings()
