"""Find weight files and verify them.

A verified file is recorded with its size and modification time, so that starting a service costs
one ``stat`` per file. A converted file of a published network is compared with the record that
``models add`` wrote beside it. A file without a record, and a file that neither the manifest nor
``published.toml`` names, is the user's own and not verified.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.kit.errors import WeightsMissing
from services.kit.settings import get_settings
from services.kit.weights import conversion_record
from services.kit.weights.manifest import Manifest, Weight, get_manifest
from services.kit.weights.published_networks import Network

VERIFIED_FILE: Final = ".verified.json"
"""Record of the verified files, in the weights folder."""


class State(Enum):
    """State of a weight file."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"


class VerifiedFile(BaseModel):
    """A file when its digest was computed; ``mtime`` is in nanoseconds."""

    size: int
    mtime: int
    sha256: str


_found_files: Final[ContextVar[set[Path] | None]] = ContextVar("found_files", default=None)
"""Files that were found within ``recorded``."""

_VerifiedFiles: Final = TypeAdapter(dict[str, VerifiedFile])
_verified_lock: Final = Lock()


@contextmanager
def recorded() -> Iterator[set[Path]]:
    """Collect the weight files that the block finds, in this thread."""
    files: set[Path] = set()
    token = _found_files.set(files)
    try:
        yield files
    finally:
        _found_files.reset(token)


def find_weights(name: str) -> Path:
    """Return the path of the weight file of that name.

    Raises WeightsMissing with a remedy if the file is missing, is not the manifest's or was changed
    since it was converted.
    """
    return _record(_find_weights(name))


def _record(file: Path) -> Path:
    files = _found_files.get()
    if files is not None:
        files.add(file)
    return file


def _find_weights(name: str) -> Path:
    folder = get_settings().models_dir
    file = folder / name
    weight = get_manifest().find(name)
    if weight is None:
        network = get_manifest().find_converted(name)
        if network is not None:
            return _converted(file, network)
        if file.is_file():
            return file
        raise WeightsMissing(f"{name} is not in {folder}; put it there, or choose another engine.")
    found = state(folder, weight)
    if found is State.MISSING:
        command = "bash run.sh models" + ("" if weight.default else f" fetch {name}")
        raise WeightsMissing(f"{name} is not in {folder}; run `{command}` to fetch it.")
    if found is State.DAMAGED:
        raise WeightsMissing(
            f"{name} in {folder} is not the file of the manifest; "
            f"run `bash run.sh models fetch {name}` to replace it."
        )
    return file


def find_torch_state(network: Network) -> Path:
    """Return the path of a published network's official state, for PyTorch.

    Raises WeightsMissing with a remedy, as ``find_weights`` does.
    """
    file = get_settings().models_dir / str(network.torch_file)
    return _record(_converted(file, network, " --torch"))


def _converted(file: Path, network: Network, option: str = "") -> Path:
    folder = file.parent
    found = _converted_state(file, network, rehash=False)
    command = f"bash run.sh models add FILE --as {network.name}{option}"
    if found is State.MISSING:
        names = " or ".join(network.files)
        raise WeightsMissing(
            f"{file.name} is not in {folder}; get {names} from {network.origin} and "
            f"run `{command}`."
        )
    if found is State.DAMAGED:
        raise WeightsMissing(
            f"{file.name} in {folder} is not the file that was converted from yours, or its "
            f"record is damaged; run `{command}` to convert it again."
        )
    return file


def state(folder: Path, weight: Weight, *, rehash: bool = False) -> State:
    """Return a weight file's state in ``folder``; hash it if it changed or with ``rehash``."""
    return _verified(folder / weight.file, weight.size, weight.sha256, rehash=rehash)


def network_state(folder: Path, network: Network, *, rehash: bool = False) -> State:
    """Return the state of a published network's converted file in ``folder``."""
    return _converted_state(folder / network.file, network, rehash=rehash)


def torch_state(folder: Path, network: Network, *, rehash: bool = False) -> State:
    """Return the state of a published network's official state for PyTorch, in ``folder``."""
    if network.torch_file is None:
        return State.MISSING
    return _converted_state(folder / network.torch_file, network, rehash=rehash)


def _converted_state(file: Path, network: Network, *, rehash: bool) -> State:
    if not file.is_file():
        return State.MISSING
    try:
        record = conversion_record.read(file)
    except ValueError:
        return State.DAMAGED
    if record is None:
        return State.PRESENT
    if record.network != network.name:
        return State.DAMAGED
    return _verified(file, record.size, record.sha256, rehash=rehash)


def _verified(file: Path, size: int, digest: str, *, rehash: bool) -> State:
    folder = file.parent
    try:
        status = file.stat()
    except OSError:
        return State.MISSING
    if status.st_size != size:
        return State.DAMAGED
    entry = VerifiedFile(size=status.st_size, mtime=status.st_mtime_ns, sha256=digest)
    if not rehash and _read_verified(folder).get(file.name) == entry:
        return State.PRESENT
    if sha256(file) != digest:
        _write_verified(folder, file.name, None)
        return State.DAMAGED
    _write_verified(folder, file.name, entry)
    return State.PRESENT


def states(folder: Path, manifest: Manifest, *, rehash: bool = False) -> list[tuple[Weight, State]]:
    """Return every weight file of the manifest with its state in ``folder``."""
    return [(weight, state(folder, weight, rehash=rehash)) for weight in manifest.weights]


def network_states(
    folder: Path, manifest: Manifest, *, rehash: bool = False
) -> list[tuple[Network, State]]:
    """Return every published network with the state of its converted file in ``folder``."""
    return [
        (network, network_state(folder, network, rehash=rehash)) for network in manifest.networks
    ]


def current_digest(file: Path) -> str:
    """Return the SHA-256 of a weight file, in hexadecimal; hash it only if it changed.

    Raises OSError if the file cannot be read.
    """
    status = file.stat()
    known = _read_verified(file.parent).get(file.name)
    if known and (known.size, known.mtime) == (status.st_size, status.st_mtime_ns):
        return known.sha256
    return sha256(file)


def sha256(file: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_verified(folder: Path) -> dict[str, VerifiedFile]:
    try:
        return _VerifiedFiles.validate_json((folder / VERIFIED_FILE).read_bytes())
    except (OSError, ValidationError):
        return {}


def _write_verified(folder: Path, name: str, entry: VerifiedFile | None) -> None:
    """Record a file as verified, or remove its record; a read-only folder stays unchanged."""
    with _verified_lock:
        entries = _read_verified(folder)
        if entries.get(name) == entry:
            return
        entries.pop(name, None)
        if entry is not None:
            entries[name] = entry
        table = {key: value.model_dump() for key, value in sorted(entries.items())}
        temporary = folder / f"{VERIFIED_FILE}.{os.getpid()}"
        with suppress(OSError):
            temporary.write_text(json.dumps(table, indent=1), encoding="utf-8")
            temporary.replace(folder / VERIFIED_FILE)
