"""Where weight files are, and whether they are what the manifest names.

A file that was hashed once is recorded with its size and time of change, so that starting a service
costs one ``stat`` per file. Files the manifest does not name (the user's own research weights) are
taken as they are.
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
from services.kit.manifest import Manifest, Weight, get_manifest
from services.kit.settings import get_settings

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

    Raises WeightsMissing with the remedy if it is not on this machine or is another file than the
    manifest names.
    """
    folder = get_settings().models_dir
    file = folder / name
    weight = get_manifest().find(name)
    if weight is None:
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


def state(folder: Path, weight: Weight, *, rehash: bool = False) -> State:
    """Say what ``folder`` holds of a weight file; hash it if it changed, or with ``rehash``."""
    file = folder / weight.file
    try:
        status = file.stat()
    except OSError:
        return State.MISSING
    if status.st_size != weight.size:
        return State.DAMAGED
    entry = Entry(size=status.st_size, mtime=status.st_mtime_ns, sha256=weight.sha256)
    if not rehash and _read_record(folder).get(weight.file) == entry:
        return State.PRESENT
    if sha256(file) != weight.sha256:
        _write_record(folder, weight.file, None)
        return State.DAMAGED
    _write_record(folder, weight.file, entry)
    return State.PRESENT


def states(folder: Path, manifest: Manifest, *, rehash: bool = False) -> list[tuple[Weight, State]]:
    """List every weight file of the manifest with what ``folder`` holds of it."""
    return [(weight, state(folder, weight, rehash=rehash)) for weight in manifest.weights]


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
