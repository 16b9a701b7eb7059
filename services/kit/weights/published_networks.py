"""Read ``models/published.toml``: published research networks, whose weights users bring.

The file holds what the commands and the engines need without PyTorch.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

FILE: Final = "published.toml"
"""Name of the file in the ``models`` folder."""

SHA256: Final = r"^[0-9a-f]{64}$"
"""Pattern of a SHA-256 in hexadecimal."""

FILE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Pattern of a weight file's name."""

TORCH_SUFFIX: Final = ".safetensors"
"""Suffix of an official state that is kept for PyTorch."""

MIN_BYTES_PER_PARAMETER: Final = 2
"""Least bytes of a parameter in an official file: fp16."""

MAX_BYTES_PER_PARAMETER: Final = 4 * 4
"""Most bytes of a parameter in an official file: fp32, and three copies of the optimiser's."""

MAX_EXTRA_BYTES: Final = 16 * 1024 * 1024
"""Most bytes of an official file besides its parameters."""


class Network(BaseModel):
    """One published network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$")
    """Name that ``models add --as`` takes."""

    service: str
    """Folder name of the service that runs it."""

    engine: str
    """Engine of the service that runs it."""

    title: str
    """Name for people."""

    parameters: int = Field(gt=0)
    """Number of parameters."""

    licence: str = Field(min_length=1)
    """Licence of the weights."""

    commercial: bool
    """Whether the licence allows commercial use."""

    origin: str = Field(pattern=r"^https://")
    """Address where the weights are published."""

    files: tuple[str, ...] = Field(min_length=1)
    """Names of the official file."""

    sha256: str | None = Field(default=None, pattern=SHA256)
    """SHA-256 of the official file, if it is published."""

    module: str | None = Field(default=None, pattern=r"^networks(\.[a-z0-9_]+)+$")
    """Module whose ``SPEC`` converts the official file; None if that is the ONNX file itself."""

    file: str = Field(pattern=FILE_NAME)
    """Name of the converted file in the weights folder."""

    min_bytes: int | None = Field(default=None, gt=0)
    """Least bytes of the official file; None if the number of parameters bounds it."""

    max_bytes: int | None = Field(default=None, gt=0)
    """Most bytes of the official file; None if the number of parameters bounds it."""

    @model_validator(mode="after")
    def _has_ordered_bounds(self) -> Self:
        min_bytes, max_bytes = self.official_size_bounds()
        if min_bytes > max_bytes:
            raise ValueError("the least number of bytes is above the most")
        return self

    @property
    def torch_file(self) -> str | None:
        """Name of the official state's file for PyTorch; None without a ``module``."""
        return Path(self.file).stem + TORCH_SUFFIX if self.module else None

    def official_size_bounds(self) -> tuple[int, int]:
        """Return the least and the most bytes of the official file."""
        return (
            self.min_bytes or MIN_BYTES_PER_PARAMETER * self.parameters,
            self.max_bytes or MAX_BYTES_PER_PARAMETER * self.parameters + MAX_EXTRA_BYTES,
        )


_Networks: Final = TypeAdapter(tuple[Network, ...])


def read(folder: Path) -> tuple[Network, ...]:
    """Read ``published.toml`` of a folder; empty if there is no such file.

    Raises pydantic's ValidationError, OSError or ValueError if it is not well formed.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return _Networks.validate_python(tuple(table["networks"]))


def similar_names(name: str, networks: tuple[Network, ...]) -> list[str]:
    """Return the three names most similar to ``name``, best first."""
    lowered = name.lower().replace("-", "_")
    names = [network.name for network in networks]
    held = [each for each in names if lowered and (lowered in each or each in lowered)]
    close = difflib.get_close_matches(lowered, names, n=3, cutoff=0.5)
    return list(dict.fromkeys([*close, *held]))[:3]
