"""Writes a checkpoint, index and data, as TensorFlow does: for tests of what reads one."""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.parity.caffe_files import nested, number

MAGIC = 0xDB4775248B80FB57
PER_BLOCK = 40


def block(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write one block of a table, keys shortened by what they share, without its trailer."""
    written, before = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        written += number(shared) + number(len(key) - shared) + number(len(value))
        written += key[shared:] + value
        before = key
    return written + struct.pack("<II", 0, 1)


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Write a sorted table of several blocks."""
    file, handles = b"", []

    def add(content: bytes) -> bytes:
        nonlocal file
        handle = number(len(file)) + number(len(content))
        file += content + b"\0\0\0\0\0"
        return handle

    for start in range(0, len(entries), PER_BLOCK):
        part = entries[start : start + PER_BLOCK]
        handles.append((part[-1][0], add(block(part))))
    footer = add(block([])) + add(block(handles))
    return file + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def checkpoint(variables: Mapping[str, Any], prefix: Path) -> Path:
    """Write arrays by their variables' names; return the file of their bytes."""
    entries = [(b"", nested(3, b"\x08\x01") + b"\x08\x01")]
    data = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    with data.open("wb") as file:
        for name in sorted(variables):
            array = variables[name]
            shape = b"".join(nested(2, b"\x08" + number(size)) for size in array.shape)
            place = b"\x20" + number(file.tell()) + b"\x28" + number(array.nbytes)
            entries.append((name.encode(), b"\x08\x01" + nested(2, shape) + place))
            file.write(array.astype("<f4").tobytes())
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(entries))
    return data
