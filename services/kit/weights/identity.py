"""Identify a loaded service: a digest of all that determines its responses besides requests."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from services.kit.service import Service
from services.kit.settings import get_settings
from services.kit.weights import store

ROOT: Final = Path(__file__).resolve().parents[3]
"""Folder of the packages ``services`` and ``networks``."""

SHARED_CODE: Final = ("services/kit", "networks")
"""Folders of code that every service may run. Images of services lack ``networks``."""

NEUTRAL_SETTINGS: Final = frozenset(
    {
        "models_dir",
        "threads",
        "host",
        "port",
        "workers",
        "queue_size",
        "max_message_bytes",
        "venuns_deadline",
        "max_connection_age",
        "restart_wait",
        "shutdown_grace",
        "log_level",
        "log_format",
        "memo_mb",
        "memo_seconds",
    }
)
"""Settings that change no response. Any other is part of the identity."""


def load_identified(name: str, load: Callable[[], Service]) -> Service:
    """Load the service ``name`` and set its identity.

    ``load`` must find its weight files through ``store`` in the thread that calls it. Raises what
    ``load`` raises.
    """
    with store.recorded() as files:
        service = load()
    if not service.reproducible:
        return service
    return replace(service, identity=_identify(name, service.engine, files))


def _identify(name: str, engine: str, weights: Iterable[Path]) -> str:
    settings = get_settings()
    parts = {
        "engine": engine,
        "weights": {file.name: store.current_digest(file) for file in sorted(weights)},
        "settings": settings.model_dump(mode="json", exclude=set(NEUTRAL_SETTINGS)),
        "code": [code_digest(folder) for folder in (f"services/{name}", *SHARED_CODE)],
        "packages": installed_packages(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def code_digest(folder: str) -> str:
    """Return the SHA-256 of a folder's files: code, and networks that come with it."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / folder).rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@cache
def installed_packages() -> list[str]:
    """List the installed packages with their versions: another NumPy or OpenCV may change pixels.

    Their folders' names tell both; ``importlib.metadata`` reads each folder, which takes 0.1 s.
    """
    return sorted({info.stem for folder in sys.path for info in Path(folder).glob("*.dist-info")})
