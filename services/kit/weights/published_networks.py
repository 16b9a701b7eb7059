"""Reads ``models/published.toml``: the published research networks, whose weights users bring.

No network is in there, only what the commands and the engines must know of each without PyTorch.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

FILE: Final = "published.toml"
SHA256: Final = r"^[0-9a-f]{64}$"
FILE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
TORCH: Final = ".safetensors"
HALF: Final = 2
"""Bytes of a parameter in the smallest files there are."""
TRAINED: Final = 4 * 4
"""Bytes of a parameter in a file that holds an optimiser's three copies beside it."""
BESIDE: Final = 16 * 1024 * 1024
"""Bytes that a file may hold beside its parameters."""


class Network(BaseModel):
    """One published network.

    ``name`` is what ``models add --as`` takes. ``files`` are its official file's names; ``sha256``
    is that file's where it is published. ``module`` holds the ``SPEC`` that converts it, none
    where the official file is the ONNX file that the engine reads. ``file`` is the converted one's
    name in the weights folder. ``least`` and ``most`` bound the official file's bytes where the
    number of parameters does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$")
    service: str
    engine: str
    title: str
    parameters: int = Field(gt=0)
    licence: str = Field(min_length=1)
    commercial: bool
    origin: str = Field(pattern=r"^https://")
    files: tuple[str, ...] = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern=SHA256)
    module: str | None = Field(default=None, pattern=r"^networks(\.[a-z0-9_]+)+$")
    file: str = Field(pattern=FILE_NAME)
    least: int | None = Field(default=None, gt=0)
    most: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _bounds_hold_something(self) -> Self:
        least, most = self.bounds()
        if least > most:
            raise ValueError("the least number of bytes is above the most")
        return self

    @property
    def torch_file(self) -> str | None:
        """Name the file of the official state, which PyTorch reads; None without a ``module``."""
        return Path(self.file).stem + TORCH if self.module else None

    def bounds(self) -> tuple[int, int]:
        """Say how many bytes the official file has at least and at most."""
        return (
            self.least or HALF * self.parameters,
            self.most or TRAINED * self.parameters + BESIDE,
        )


_Networks: Final = TypeAdapter(tuple[Network, ...])


def read(folder: Path) -> tuple[Network, ...]:
    """Read ``published.toml`` of a folder; none where there is no such file.

    Raises pydantic's ValidationError, OSError or ValueError if it is not well formed.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return _Networks.validate_python(tuple(table["networks"]))


def nearest(name: str, networks: tuple[Network, ...]) -> list[str]:
    """List the names most like ``name``, best first; three at most."""
    lowered = name.lower().replace("-", "_")
    names = [network.name for network in networks]
    held = [each for each in names if lowered and (lowered in each or each in lowered)]
    close = difflib.get_close_matches(lowered, names, n=3, cutoff=0.5)
    return list(dict.fromkeys([*close, *held]))[:3]
