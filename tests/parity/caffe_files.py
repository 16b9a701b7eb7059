"""Writes a state as a ``.caffemodel``, as Caffe does: for tests of what reads one."""

from collections.abc import Mapping
from typing import Any


def number(value: int) -> bytes:
    """Encode a varint."""
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def nested(field: int, content: bytes) -> bytes:
    """Encode a field of bytes."""
    return number(field << 3 | 2) + number(len(content)) + content


def caffemodel(state: Mapping[str, Any]) -> bytes:
    """Write the arrays ``LAYER.weight`` and ``LAYER.bias`` as a NetParameter."""
    layers: dict[str, list[bytes]] = {}
    for key, array in state.items():
        shape = b"".join(number(size) for size in array.shape)
        blob = nested(7, nested(1, shape)) + nested(5, array.astype("<f4").tobytes())
        layers.setdefault(key.rpartition(".")[0], []).append(nested(7, blob))
    written = [nested(1, b"a name")]
    written += [
        nested(100, nested(1, name.encode()) + nested(2, b"Convolution") + b"".join(blobs))
        for name, blobs in layers.items()
    ]
    return b"".join(written)
