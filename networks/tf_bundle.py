"""Read the variables of a TensorFlow checkpoint, without TensorFlow.

A checkpoint is an index and data files. The index is a sorted table in LevelDB's format
(https://github.com/tensorflow/tensorflow, core/util/tensor_bundle and core/protobuf/
tensor_bundle.proto; https://github.com/google/leveldb/blob/main/doc/table_format.md). Every entry
of the index is checked against the files before the read.
"""

import glob
import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import WrongWeightFile, shorten_name
from networks.protobuf_fields import NotAMessage, read_fields, read_varint

_DATA: Final = re.compile(r"(?P<prefix>.+)\.data-\d{5}-of-\d{5}")
"""Names of a checkpoint's data files."""

_FOOTER: Final = 48
"""Bytes of the footer of an index."""

_MAGIC: Final = 0xDB4775248B80FB57
"""Last eight bytes of an index, the mark of LevelDB's table format."""

_TRAILER: Final = 5
"""Bytes after each block: compression type and checksum."""

_FLOAT: Final = 1
"""TensorFlow's number of the data type float32."""

_BYTES: Final = 4
"""Bytes of a value."""

_MOST_AXES: Final = 8
"""Largest number of axes of a variable."""

_MOST_SHARDS: Final = 1000
"""Largest number of data files."""

_MOST_ENTRIES: Final = 100_000
"""Largest number of variables."""

_MOST_INDEX: Final = 8 * 1024 * 1024
"""Largest index in bytes; that of a thousand variables has some 100 thousand."""

_MOST_KEY: Final = 512
"""Largest name of a variable in bytes; the file stores differences between names."""

_MOST_VALUE: Final = 4096
"""Largest entry of a variable in bytes."""


@dataclass(kw_only=True)
class _Entry:
    """Place of a variable's bytes."""

    kind: int = 0
    """TensorFlow's number of the data type."""
    shape: list[int] = field(default_factory=list)
    """Length of each axis."""
    shard: int = 0
    """Index of the data file."""
    offset: int = 0
    """First byte in the data file."""
    size: int = 0
    """Number of bytes."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the float32 variables of a checkpoint, by name, from the path of a ``.data-*`` file.

    The ``.index`` file and any other ``.data-*`` files lie in the same folder. Checksums are not
    checked. Raises WrongWeightFile if the files are not one complete checkpoint.
    """
    named = _DATA.fullmatch(path.name)
    if not named:
        raise WrongWeightFile(
            f"{path.name} is not called as TensorFlow calls it, PREFIX.data-00000-of-00001; give "
            "the file with its own name, PREFIX.index beside it."
        )
    index = path.with_name(f"{named['prefix']}.index")
    if not index.is_file():
        raise WrongWeightFile(
            f"{index.name} is not beside {path.name}; it says which weights are where."
        )
    try:
        if index.stat().st_size > _MOST_INDEX:
            raise NotAMessage(f"it has more than {_MOST_INDEX:,} bytes")
        return _variables(index)
    except (NotAMessage, UnicodeDecodeError, struct.error) as error:
        raise WrongWeightFile(
            f"{index.name} is not the index of a TensorFlow checkpoint ({error}); take the files "
            "that the network's authors publish, whole and unchanged."
        ) from error


def companion_files(path: Path) -> tuple[Path, ...]:
    """List the other existing files of the checkpoint of a ``.data-*`` file."""
    named = _DATA.fullmatch(path.name)
    if not named:
        return ()
    others = path.parent.glob(f"{glob.escape(named['prefix'])}.data-*-of-*")
    files = {path.with_name(f"{named['prefix']}.index"), *others} - {path}
    return tuple(sorted(file for file in files if file.is_file()))


def _variables(path: Path) -> dict[str, Tensor]:
    entries = list(islice(_table(memoryview(path.read_bytes())), _MOST_ENTRIES))
    shards, big_endian = _header(entries)
    if big_endian or not 0 < shards <= _MOST_SHARDS:
        raise NotAMessage("its files are not as this machine stores numbers")
    files = [
        path.with_name(f"{path.stem}.data-{shard:05d}-of-{shards:05d}") for shard in range(shards)
    ]
    missing = [file.name for file in files if not file.is_file() or not file.stat().st_size]
    if missing:
        raise WrongWeightFile(f"{missing[0]} is not beside {path.name}; it holds the weights.")
    state: dict[str, Tensor] = {}
    maps = [np.memmap(file, np.uint8, "r") for file in files]
    left = sum(map(len, maps))
    for key, value in entries[1:]:
        entry = _entry(value)
        if entry.kind != _FLOAT:
            continue
        name = bytes(key).decode()
        if entry.shard >= shards or entry.offset + entry.size > len(maps[entry.shard]):
            raise NotAMessage(f"{shorten_name(name)} lies outside the files")
        left -= entry.size
        if left < 0:
            raise NotAMessage("it names more bytes than there are")
        if len(entry.shape) > _MOST_AXES or math.prod(entry.shape) * _BYTES != entry.size:
            raise NotAMessage(f"{shorten_name(name)} has another size than its shape says")
        held = maps[entry.shard][entry.offset : entry.offset + entry.size]
        values = np.frombuffer(held.tobytes(), "<f4").astype(np.float32)
        state[name] = torch.from_numpy(values.reshape(entry.shape))
    return state


def _table(file: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield a table's keys and values, in order."""
    if len(file) < _FOOTER or struct.unpack("<Q", file[-8:])[0] != _MAGIC:
        raise NotAMessage("it does not end as one")
    footer, at = file[-_FOOTER:], 0
    for _ in range(2):  # The handle of the metadata index, which checkpoints leave empty.
        _, at = read_varint(footer, at)
    for _, handle in _block(file, footer[at:]):
        yield from _block(file, handle)


def _block(file: memoryview, handle: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    offset, at = read_varint(handle, 0)
    size, _ = read_varint(handle, at)
    if offset + size + _TRAILER > len(file):
        raise NotAMessage("a block of it lies outside the file")
    if file[offset + size] != 0:
        raise NotAMessage("it is compressed, which checkpoints are not")
    block = file[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 * (restarts + 1)
    if end < 0:
        raise NotAMessage("a block of it has no end")
    key, at = b"", 0
    while at < end:
        shared, at = read_varint(block, at)
        own, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise NotAMessage("an entry of it reaches too far")
        if shared + own > _MOST_KEY or length > _MOST_VALUE:
            raise NotAMessage("an entry of it is too long")
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + length]
        at += own + length


def _header(entries: Sequence[tuple[bytes, memoryview]]) -> tuple[int, bool]:
    if not entries or entries[0][0]:
        raise NotAMessage("it has no header")
    numbers = {number: value for number, _, value in read_fields(entries[0][1])}
    shards = numbers.get(1, 1)
    return (shards if isinstance(shards, int) else 0), bool(numbers.get(2, 0))


def _entry(message: memoryview) -> _Entry:
    entry = _Entry()
    for number, _, value in read_fields(message):
        if isinstance(value, int):
            if number == 1:
                entry.kind = value
            elif number == 3:
                entry.shard = value
            elif number == 4:
                entry.offset = value
            elif number == 5:
                entry.size = value
        elif number == 2:
            entry.shape = [_size(size) for axis, _, size in read_fields(value) if axis == 2]
    return entry


def _size(message: int | memoryview) -> int:
    if isinstance(message, int):
        raise NotAMessage("a shape is a number")
    sizes = [value for number, _, value in read_fields(message) if number == 1]
    return sizes[0] if sizes and isinstance(sizes[0], int) else 0
