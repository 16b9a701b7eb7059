"""The reader of protocol buffers against what the protobuf library writes."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, UninterpretedOption

from networks.protobuf_fields import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    NotAMessage,
    read_fields,
    read_packed_varints,
    read_varint,
)

pytestmark = pytest.mark.unit


def fields(message: bytes) -> list[tuple[int, int, int | bytes]]:
    """Read all fields; bytes are copied."""
    return [
        (number, wire, value if isinstance(value, int) else bytes(value))
        for number, wire, value in read_fields(memoryview(message))
    ]


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1])
def test_numbers_of_every_length_are_read(value: int) -> None:
    written = UninterpretedOption(positive_int_value=value).SerializeToString()
    assert fields(written) == [(4, VARINT, value)]
    assert read_varint(memoryview(written), 1) == (value, len(written))


def test_text_and_eight_bytes_are_read() -> None:
    written = UninterpretedOption(identifier_value="née", double_value=1.0).SerializeToString()
    one = b"\x00\x00\x00\x00\x00\x00\xf0\x3f"
    assert fields(written) == [(3, BYTES, "née".encode()), (6, FIXED64, one)]


def test_four_bytes_are_read() -> None:
    assert fields(b"\x0d\x01\x02\x03\x04") == [(1, FIXED32, b"\x01\x02\x03\x04")]


def test_messages_in_a_message_keep_their_order() -> None:
    file = FileDescriptorProto(name="a.proto", dependency=["b.proto", "c.proto"])
    file.message_type.add(name="Inner")
    read = fields(file.SerializeToString())
    assert [number for number, _, _ in read] == [1, 3, 3, 4]
    assert fields(bytes(read[3][2])) == [(1, BYTES, b"Inner")]


def test_packed_numbers_are_read() -> None:
    assert read_packed_varints(memoryview(b"\x03\x8e\x02\x9e\xa7\x05")) == [3, 270, 86942]
    assert read_packed_varints(memoryview(b"")) == []


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"\x80", "no end"),
        (b"\x08" + b"\xff" * 11, "no end"),
        (b"\x08\x80", "no end"),
        (b"\x0a\x05abcd", "ends within a field"),
        (b"\x0a\xff\xff\xff\xff\x0f", "ends within a field"),
        (b"\x0d\x01\x02\x03", "ends within a field"),
        (b"\x09\x01\x02\x03\x04", "ends within a field"),
        (b"\x0b", "unknown wire type 3"),
        (b"\x0f", "unknown wire type 7"),
    ],
)
def test_a_malformed_field_is_refused(message: bytes, sentence: str) -> None:
    with pytest.raises(NotAMessage, match=sentence):
        fields(message)


def test_a_packed_number_without_an_end_is_refused() -> None:
    with pytest.raises(NotAMessage, match="no end"):
        read_packed_varints(memoryview(b"\x03\x8e"))
