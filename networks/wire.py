"""The wire format of protocol buffers, read without a schema and never past the message's end.

https://protobuf.dev/programming-guides/encoding: for weight files whose schemas are not installed.
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
"""Bytes of the longest integer."""


class NotAMessage(ValueError):
    """The bytes are no message in the wire format."""


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read a varint at a byte: its value and the byte after it. Raises NotAMessage."""
    value = 0
    for count, byte in enumerate(message[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise NotAMessage("A number in the file has no end.")


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Give each field's number, wire type and value: a number of a varint, bytes of the others.

    Raises NotAMessage where the bytes are none, at the field it is about.
    """
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = varint(message, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, at = varint(message, at)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise NotAMessage(f"The file has a field of the unknown wire type {wire}.")
        if length > len(message) - at:
            raise NotAMessage("The file ends within a field.")
        yield number, wire, message[at : at + length]
        at += length


def varints(message: memoryview) -> list[int]:
    """Read a packed field of varints. Raises NotAMessage."""
    values, at = [], 0
    while at < len(message):
        value, at = varint(message, at)
        values.append(value)
    return values
