"""Digest values: equal content has an equal digest."""

import dataclasses
import hashlib
from typing import Any

import numpy as np


def digest_content(*values: object) -> str:
    """Return the SHA-256 of arrays, texts, bytes, numbers and dataclasses of them, in hexadecimal.

    Raises TypeError for a value of another kind.
    """
    digest = hashlib.sha256()
    for value in values:
        _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: object) -> None:
    """Add a value. Each part begins with its kind and its length, so that no two values are one."""
    if isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.str} {value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        digest.update(f"{type(value).__name__} {len(fields)}\0".encode())
        for field in fields:
            digest.update(f"{field.name}\0".encode())
            _update(digest, getattr(value, field.name))
    elif isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        digest.update(f"{type(value).__name__} {len(data)}\0".encode())
        digest.update(data)
    elif isinstance(value, bool | int | float):
        digest.update(f"{type(value).__name__} {value!r}\0".encode())
    else:
        raise TypeError(f"a digest takes no {type(value).__name__}")
