"""Where weight files are, and whether they are what the manifest names.

A file that was hashed once is recorded with its size and time of change, so that starting a service
costs one ``stat`` per file. Converted files of the published networks are held against the record
that ``models add`` wrote beside them. Files without one, and files that neither the manifest nor
``published.toml`` names, are the user's own and taken as they are.
"""

import hashlib
import json
import os
from contextlib import suppress
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

RECORD: Final = ".verified.json"
CHUNK: Final = 1024 * 1024


class State(Enum):
    """What lies where a weight file belongs."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"


class Entry(BaseModel):
    """A file as it was when its digest was computed; ``mtime`` is in nanoseconds."""

    size: int
    mtime: int
    sha256: str


_Entries: Final = TypeAdapter(dict[str, Entry])
_record_lock: Final = Lock()


def path(name: str) -> Path:
    """Return where the weight file of that name is.

    Raises WeightsMissing with the remedy if it is not on this machine, is another file than the
    manifest names or was changed since it was converted.
    """
    folder = get_settings().models_dir
    file = folder / name
    weight = get_manifest().find(name)
    if weight is None:
        network = get_manifest().converted(name)
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


def torch_path(network: Network) -> Path:
    """Return where the official state of a published network is, for PyTorch.

    Raises WeightsMissing with the remedy as ``path`` does.
    """
    return _converted(get_settings().models_dir / str(network.torch_file), network, " --torch")


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
    """Say what ``folder`` holds of a weight file; hash it if it changed, or with ``rehash``."""
    return _verified(folder / weight.file, weight.size, weight.sha256, rehash=rehash)


def network_state(folder: Path, network: Network, *, rehash: bool = False) -> State:
    """Say what ``folder`` holds of a published network's converted file, as ``state`` does."""
    return _converted_state(folder / network.file, network, rehash=rehash)


def torch_state(folder: Path, network: Network, *, rehash: bool = False) -> State:
    """Say the same of its official state for PyTorch, which none has without a ``module``."""
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
    entry = Entry(size=status.st_size, mtime=status.st_mtime_ns, sha256=digest)
    if not rehash and _read_record(folder).get(file.name) == entry:
        return State.PRESENT
    if sha256(file) != digest:
        _write_record(folder, file.name, None)
        return State.DAMAGED
    _write_record(folder, file.name, entry)
    return State.PRESENT


def states(folder: Path, manifest: Manifest, *, rehash: bool = False) -> list[tuple[Weight, State]]:
    """List every weight file of the manifest with what ``folder`` holds of it."""
    return [(weight, state(folder, weight, rehash=rehash)) for weight in manifest.weights]


def network_states(
    folder: Path, manifest: Manifest, *, rehash: bool = False
) -> list[tuple[Network, State]]:
    """List every published network with what ``folder`` holds of its converted file."""
    return [
        (network, network_state(folder, network, rehash=rehash)) for network in manifest.networks
    ]


def sha256(file: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_record(folder: Path) -> dict[str, Entry]:
    try:
        return _Entries.validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return {}


def _write_record(folder: Path, name: str, entry: Entry | None) -> None:
    """Record a file as verified, or forget it; a read-only folder stays without."""
    with _record_lock:
        entries = _read_record(folder)
        if entries.get(name) == entry:
            return
        entries.pop(name, None)
        if entry is not None:
            entries[name] = entry
        table = {key: value.model_dump() for key, value in sorted(entries.items())}
        temporary = folder / f"{RECORD}.{os.getpid()}"
        with suppress(OSError):
            temporary.write_text(json.dumps(table, indent=1), encoding="utf-8")
            temporary.replace(folder / RECORD)
