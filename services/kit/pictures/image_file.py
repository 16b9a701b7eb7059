"""Read the header of a JPEG, PNG or WebP file without decoding pixels.

The file is reduced to the parts that its pixels need: text, thumbnails, location, further images
and appended data never reach a decoder. Every loop is bounded, because the bytes are not trusted.

Sources: ITU-T T.81 (JPEG), W3C PNG third edition, RFC 9649 (WebP), Exif 2.32, ICC.1:2022 annex B.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from services.kit.errors import (
    AnimatedImage,
    EmptyUpload,
    NotAnImage,
    TruncatedImage,
    UnsupportedFormat,
)

Format = Literal["JPEG", "PNG", "WEBP"]

MAX_BLOCKS: Final = 50_000
"""Most segments or chunks of a file; a 20 MB PNG in the smallest usual chunks has 5,000."""

MAX_SCANS: Final = 100
"""Most scans of a JPEG. Photos have about ten. A scan of a few bytes takes as long to decode as a
full one, so thousands of them would occupy a core for hours."""

MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
"""Most bytes of a colour profile; the largest press profiles have about 2 MB."""

REMEDY: Final = "save it as JPEG or PNG and send that"
"""End of the message about an unsupported file."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image file, reduced to the parts that its pixels need."""

    format: Format
    """Format of the file."""

    width: int
    """Pixels as shown, after ``orientation`` is applied."""

    height: int
    """Pixels as shown, after ``orientation`` is applied."""

    orientation: int
    """Orientation of Exif, 1 to 8."""

    profile: bytes
    """ICC profile; empty if there is none."""

    pixels: bytes
    """Complete file of the same format without metadata."""


def read_header(data: bytes) -> ImageFile:
    """Read a file's header.

    Raises EmptyUpload, NotAnImage, UnsupportedFormat, AnimatedImage, or TruncatedImage if the
    file's structure is broken. Damaged pixels are found by decoding only.
    """
    if not data:
        raise EmptyUpload("The uploaded file is empty; choose the photo again and send it.")
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _read_png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _read_webp(data)
    if name := _unsupported_format(data):
        raise UnsupportedFormat(f"This file is {name}, which cannot be read; {REMEDY}.")
    raise NotAnImage("This file is not a picture; send a photo as JPEG, PNG or WebP.")


def damaged_error() -> TruncatedImage:
    """Make the error for a file that ends early or holds broken data."""
    return TruncatedImage(
        "The picture ends early or is damaged; save or download it again and send the new file."
    )


def _image_file(
    file_format: Format, size: tuple[int, int], exif: bytes, profile: bytes, pixels: bytes
) -> ImageFile:
    orientation = _orientation(exif)
    width, height = size if orientation < 5 else size[::-1]
    return ImageFile(
        format=file_format,
        width=width,
        height=height,
        orientation=orientation,
        profile=profile,
        pixels=pixels,
    )


# JPEG

_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A marker, except those inside a scan's data: a stuffed zero and the restart markers."""

_TEM: Final = 0x01
"""Marker for temporary use, without a length."""

_SOI: Final = 0xD8
"""Marker of the start of an image."""

_EOI: Final = 0xD9
"""Marker of the end of an image."""

_SOS: Final = 0xDA
"""Marker of the start of a scan."""

_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header."""

_TABLE_MARKERS: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD})
"""Markers of tables: Huffman, arithmetic coding, quantisation, restart interval."""

_COLOUR_MARKERS: Final = frozenset({0xE0, 0xEE})
"""Markers of JFIF's and Adobe's segments, which define the colour space."""


def _read_jpeg(data: bytes) -> ImageFile:
    kept = [b"\xff\xd8"]
    size: tuple[int, int] | None = None
    exif = b""
    profile: dict[int, bytes] = {}
    scans = 0
    for marker, start, end, following in _segments(data):
        body = data[start + 4 : end]
        if marker in _FRAME_MARKERS:
            if size:
                raise damaged_error()
            size = _frame_size(body)
        elif marker == _SOS:
            scans += 1
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = exif or body[6:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile[body[12] if len(body) > 12 else 0] = body[14:]
        if scans > MAX_SCANS:
            raise UnsupportedFormat(f"This JPEG is built in an unusual way; {REMEDY}.")
        if marker in _FRAME_MARKERS or marker in _TABLE_MARKERS or marker in _COLOUR_MARKERS:
            kept.append(data[start:end])
        elif marker == _SOS:
            kept.append(data[start:following])
    if size is None or not scans:
        raise damaged_error()
    kept.append(b"\xff\xd9")
    joined = b"".join(profile[number] for number in sorted(profile))
    return _image_file("JPEG", size, exif, _bounded_profile(joined), b"".join(kept))


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield marker, start and end of each segment, and the start of the next one."""
    found = _MARKER.search(data, 2)
    for _ in range(MAX_BLOCKS):
        if found is None:
            break
        marker, start = found[1][0], found.start()
        if marker == _EOI:
            return
        if marker == _SOI or start + 4 > len(data):
            break
        length = 0 if marker == _TEM else int.from_bytes(data[start + 2 : start + 4], "big")
        end = start + 2 + length
        if end > len(data) or (marker != _TEM and length < 2):
            break
        found = _MARKER.search(data, end)
        yield marker, start, end, found.start() if found else len(data)
    raise damaged_error()


def _frame_size(body: bytes) -> tuple[int, int]:
    if len(body) < 6:
        raise damaged_error()
    precision, height, width = struct.unpack_from(">BHH", body)
    if precision != 8:
        raise UnsupportedFormat(f"This JPEG has {precision} bits a colour, not 8; {REMEDY}.")
    if not width or not height:
        raise damaged_error()
    return width, height


# PNG

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
"""First bytes of a PNG."""

_PNG_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"eXIf", b"iCCP"})
"""Chunks that are read, besides those of the pixels."""


def _read_png(data: bytes) -> ImageFile:
    first: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    for chunk_type, body in _chunks(data):
        if not first and (chunk_type != b"IHDR" or len(body) != 13):
            raise damaged_error()
        if chunk_type == b"IDAT":
            pixels.append(body)
        elif chunk_type in _PNG_CHUNKS:
            first.setdefault(chunk_type, body)
    if not first or not pixels:
        raise damaged_error()
    if int.from_bytes(first.get(b"acTL", b"")[:4], "big") > 1:
        raise _animated_error()
    width, height, depth, colour = struct.unpack_from(">IIBB", first[b"IHDR"])
    if not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
        raise damaged_error()
    # A transparent colour of 16 bits is left out: it is rare, and the decoder would compare it with
    # pixels reduced to 8 bits.
    kept = [b"IHDR", b"PLTE", b"tRNS"] if depth < 16 or colour == 3 else [b"IHDR", b"PLTE"]
    # One chunk of pixels: each chunk costs the decoder a pass of its Python loop.
    parts = [_chunk(chunk_type, first[chunk_type]) for chunk_type in kept if chunk_type in first]
    parts += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    exif, profile = first.get(b"eXIf", b""), _png_profile(first.get(b"iCCP", b""))
    return _image_file("PNG", (width, height), exif, profile, _PNG_SIGNATURE + b"".join(parts))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each chunk; the end of the file may cut the last body."""
    at = len(_PNG_SIGNATURE)
    for _ in range(MAX_BLOCKS):
        if at + 8 > len(data):
            return
        length, chunk_type = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        # Pixels need the chunks whose name begins with a capital letter.
        if (
            chunk_type[:1].isupper()
            and len(check) == 4
            and int.from_bytes(check, "big") != zlib.crc32(body, zlib.crc32(chunk_type))
        ):
            raise damaged_error()
        yield chunk_type, body
        if chunk_type == b"IEND":
            return
        at += 12 + length
    raise damaged_error()


def _chunk(chunk_type: bytes, body: bytes) -> bytes:
    check = zlib.crc32(body, zlib.crc32(chunk_type))
    return struct.pack(">I4s", len(body), chunk_type) + body + struct.pack(">I", check)


def _png_profile(body: bytes) -> bytes:
    """Inflate the profile of an iCCP chunk (name, zero, method, zlib stream)."""
    _, _, packed = body.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(packed[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return b""
    return _bounded_profile(profile)


# WebP


def _read_webp(data: bytes) -> ImageFile:
    kept: list[bytes] = []
    canvas: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    exif = profile = b""
    for chunk_type, body in _riff_chunks(data):
        if chunk_type == b"ANIM" or (chunk_type == b"VP8X" and body[:1] and body[0] & 0x02):
            raise _animated_error()
        if chunk_type == b"VP8X" and len(body) >= 10 and not canvas:
            canvas = _u24(body, 4) + 1, _u24(body, 7) + 1
            # Of the flags, only that of transparency holds for the kept chunks.
            kept.append(_riff_chunk(chunk_type, bytes([body[0] & 0x10]) + body[1:]))
        elif chunk_type == b"ALPH" and not size:
            kept.append(_riff_chunk(chunk_type, body))
        elif chunk_type in {b"VP8 ", b"VP8L"} and not size:
            size = _frame_size_vp8(body) if chunk_type == b"VP8 " else _frame_size_vp8l(body)
            kept.append(_riff_chunk(chunk_type, body))
        elif chunk_type == b"EXIF":
            exif = exif or body.removeprefix(b"Exif\0\0")
        elif chunk_type == b"ICCP":
            profile = profile or body
    if not size or (canvas and canvas != size):
        raise damaged_error()
    joined = b"WEBP" + b"".join(kept)
    file = b"RIFF" + struct.pack("<I", len(joined)) + joined
    return _image_file("WEBP", size, exif, _bounded_profile(profile), file)


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(MAX_BLOCKS):
        if at + 8 > len(data):
            return
        chunk_type, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length and chunk_type in {b"VP8 ", b"VP8L", b"ALPH"}:
            raise damaged_error()
        yield chunk_type, body
        at += 8 + length + length % 2
    raise damaged_error()


def _riff_chunk(chunk_type: bytes, body: bytes) -> bytes:
    return chunk_type + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _frame_size_vp8(body: bytes) -> tuple[int, int]:
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise damaged_error()
    width, height = struct.unpack_from("<HH", body, 6)
    return _check_positive(width & 0x3FFF, height & 0x3FFF)


def _frame_size_vp8l(body: bytes) -> tuple[int, int]:
    if len(body) < 5 or body[0] != 0x2F:
        raise damaged_error()
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _check_positive(width: int, height: int) -> tuple[int, int]:
    if not width or not height:
        raise damaged_error()
    return width, height


def _u24(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")


# Metadata

_ORIENTATION_TAG: Final = 0x0112
"""Exif's tag of the orientation."""

_SHORT_TYPE: Final = 3
"""Exif's type of a 16-bit number."""


def _animated_error() -> AnimatedImage:
    return AnimatedImage("This picture is animated; send a single still photo.")


def _bounded_profile(profile: bytes) -> bytes:
    return profile if len(profile) <= MAX_PROFILE_BYTES else b""


def _orientation(exif: bytes) -> int:
    """Return the orientation in a TIFF directory; 1 if it is absent or invalid."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, directory)
        for number in range(entries):
            tag, value_type, value = struct.unpack_from(
                order + "HH4xH", exif, directory + 2 + 12 * number
            )
            if tag == _ORIENTATION_TAG and value_type == _SHORT_TYPE:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


# Unsupported formats

_SIGNATURES: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF or camera raw picture"),
    (b"MM\0*", "a TIFF or camera raw picture"),
    (b"II+\0", "a TIFF picture"),
    (b"MM\0+", "a TIFF picture"),
    (b"IIRO", "a camera raw picture"),
    (b"IIU\0", "a camera raw picture"),
    (b"FUJIFILMCCD-RAW", "a camera raw picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF-", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"\0\0\1\0", "an icon"),
    (b"\x1a\x45\xdf\xa3", "a video"),
)
"""First bytes of unsupported formats, and their names."""

_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
"""Brands of HEIC in ISO base media files."""


def _unsupported_format(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return _iso_media_format(data)
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    text = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        return "an SVG drawing"
    return None


def _iso_media_format(data: bytes) -> str:
    """Name an ISO base media file by its major and compatible brands."""
    end = min(int.from_bytes(data[:4], "big"), 512, len(data))
    brands = {data[8:12]} | {data[at : at + 4] for at in range(16, end - 3, 4)}
    if brands & {b"avif", b"avis"}:
        return "an AVIF picture"
    if brands & _HEIC_BRANDS:
        return "a HEIC picture"
    if b"crx " in brands:
        return "a camera raw picture"
    return "a video"
