"""Read the wire format of protocol buffers without a schema, within the message's bounds.

https://protobuf.dev/programming-guides/encoding. It serves weight files whose schemas are not
installed.
"""

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
"""Wire type of integers of variable length."""

FIXED64: Final = 1
"""Wire type of eight bytes."""

BYTES: Final = 2
"""Wire type of bytes with a length in front."""

FIXED32: Final = 5
"""Wire type of four bytes."""

_FIXED: Final = {FIXED64: 8, FIXED32: 4}
"""Bytes of the fixed wire types."""

_VARINT_BYTES: Final = 10
"""Bytes of the longest varint."""


class NotAMessage(ValueError):
    """The bytes are not a message in the wire format."""


def read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read the varint at byte ``at``; return the value and the next byte. Raises NotAMessage."""
    value = 0
    for count, byte in enumerate(message[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise NotAMessage("A number in the file has no end.")


def read_fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield each field's number, wire type and value: an integer for a varint, else bytes.

    Raises NotAMessage at the first malformed field.
    """
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = read_varint(message, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, at = read_varint(message, at)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise NotAMessage(f"The file has a field of the unknown wire type {wire}.")
        if length > len(message) - at:
            raise NotAMessage("The file ends within a field.")
        yield number, wire, message[at : at + length]
        at += length


def read_packed_varints(message: memoryview) -> list[int]:
    """Read a packed field of varints. Raises NotAMessage."""
    values, at = [], 0
    while at < len(message):
        value, at = read_varint(message, at)
        values.append(value)
    return values
