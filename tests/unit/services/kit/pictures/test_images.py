"""Upload decoding against real, odd, broken and hostile files, all made here."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ImageCms, PngImagePlugin

from services.kit.errors import (
    AnimatedImage,
    EmptyUpload,
    ImageTooLarge,
    ImageTooSmall,
    InputError,
    NotAcceptable,
    NotAnImage,
    TruncatedImage,
    UnsupportedFormat,
    UploadTooLarge,
)
from services.kit.pictures import image_file, images
from services.kit.pictures.images import Limits, decode, encode, probe
from tests.conftest import forget_settings
from tests.peak_memory import measure_peak

pytestmark = pytest.mark.unit

LIMITS = Limits(max_bytes=2_000_000, max_pixels=1_000_000, min_side=8)
Array = NDArray[np.uint8]


def scene(height: int = 60, width: int = 44) -> Array:
    """A smooth picture without any symmetry: every orientation of it is different."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * y / height
    green = 255 * x / width
    blue = 127 + 120 * np.sin(y / 9.0) * np.cos(x / 13.0)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def saved(picture: PIL.Image.Image | Array, kind: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def difference(left: Array, right: Array) -> float:
    return float(np.abs(left.astype(int) - right.astype(int)).mean())


# What is read


def test_png_and_lossless_webp_come_back_exactly() -> None:
    picture = scene()
    for data in (saved(picture, "PNG"), saved(picture, "WEBP", lossless=True)):
        decoded = decode(data, LIMITS)
        assert decoded.dtype == np.uint8
        assert not decoded.flags.writeable
        np.testing.assert_array_equal(decoded, picture)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg(progressive: bool) -> None:
    picture = scene()
    data = saved(picture, "JPEG", quality=95, subsampling=0, progressive=progressive)
    assert difference(decode(data, LIMITS), picture) < 2
    with PIL.Image.open(io.BytesIO(data)) as direct:
        np.testing.assert_array_equal(decode(data, LIMITS), np.asarray(direct))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = scene(40, 64)
    # How a camera held this way stores the upright picture, by the Exif standard.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = PIL.Image.Exif()
    exif[0x010F] = "Camera"
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "JPEG":
        options = {"quality": 98, "subsampling": 0}
    data = saved(np.ascontiguousarray(stored), kind, exif=exif, **options)
    file = probe(data, LIMITS)
    assert (file.width, file.height) == (64, 40)
    decoded = decode(data, LIMITS)
    assert decoded.shape == upright.shape
    assert difference(decoded, upright) < 1.5


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_in_either_byte_order_and_nonsense_ignored(order: str) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    picture = scene()

    def with_exif(kind: int, value: int, offset: int = 8, entries: int = 1) -> Array:
        directory = struct.pack(order + "HHHIHH", entries, 0x0112, kind, 1, value, 0)
        tiff = mark + struct.pack(order + "I", offset) + directory
        return decode(saved(picture, "PNG", exif=b"Exif\0\0" + tiff), LIMITS)

    np.testing.assert_array_equal(with_exif(3, 3), picture[::-1, ::-1])
    for nonsense in (
        with_exif(3, 9),
        with_exif(3, 0),
        with_exif(2, 3),
        with_exif(3, 3, offset=4_000_000_000),
        with_exif(9, 3, entries=0),
    ):
        np.testing.assert_array_equal(nonsense, picture)


def test_grey_one_bit_and_palette() -> None:
    picture = scene()
    grey = picture[..., 0]
    np.testing.assert_array_equal(
        decode(saved(grey, "PNG"), LIMITS), np.repeat(grey[..., None], 3, axis=2)
    )
    bits = PIL.Image.fromarray(np.where(grey > 127, 255, 0).astype(np.uint8)).convert("1")
    ones = decode(saved(bits, "PNG"), LIMITS)
    np.testing.assert_array_equal(ones[..., 1], np.where(grey > 127, 255, 0))
    palette = PIL.Image.fromarray(picture).quantize(64)
    np.testing.assert_array_equal(
        decode(saved(palette, "PNG"), LIMITS), np.asarray(palette.convert("RGB"))
    )
    jpeg = decode(saved(grey, "JPEG", quality=98), LIMITS)
    assert difference(jpeg, np.repeat(grey[..., None], 3, axis=2)) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_of_several_bands_are_turned_as_a_whole(orientation: int) -> None:
    stored = PIL.Image.fromarray(scene(2 * images.BAND_ROWS + 9, 3 * images.BAND_ROWS + 5))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = saved(stored, "PNG", exif=exif)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        upright = PIL.ImageOps.exif_transpose(opened)
    np.testing.assert_array_equal(decode(data, LIMITS), np.asarray(upright))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "profile", "key"])
def test_pictures_of_several_bands_are_converted_like_their_parts(mode: str) -> None:
    rows = images.BAND_ROWS
    options: dict[str, Any] = {}
    picture = PIL.Image.fromarray(scene(3 * rows, 50))
    if mode == "profile":
        options["icc_profile"] = _linear_profile()
    elif mode == "key":
        options["transparency"] = picture.getpixel((20, 2 * rows))
    elif mode == "I;16":
        grey = np.asarray(picture.convert("L")).astype(np.uint16)
        picture = PIL.Image.fromarray(grey * 250)
    elif mode == "P":
        picture = picture.quantize(64)
        options["transparency"] = bytes(range(64))
    else:
        if mode.endswith("A"):
            picture.putalpha(picture.getchannel("G"))
        picture = picture.convert(mode)
    parts = [picture.crop((0, top, 50, top + rows)) for top in range(0, 3 * rows, rows)]
    decoded = [decode(saved(part, "PNG", **options), LIMITS) for part in parts]
    whole = decode(saved(picture, "PNG", **options), LIMITS)
    np.testing.assert_array_equal(whole, np.concatenate(decoded))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a process")
@pytest.mark.parametrize("orientation", [1, 6])
def test_decoding_takes_the_decoder_s_copy_and_the_picture(orientation: int) -> None:
    """A profile, an orientation and the conversion to an array copy bands, not the picture."""
    prepare = f"""
        import io, PIL.Image
        from services.kit.pictures import images
        from tests.unit.services.kit.pictures.test_images import _linear_profile
        exif = PIL.Image.Exif()
        exif[0x0112] = {orientation}
        file = io.BytesIO()
        picture = PIL.Image.effect_noise((4000, 3000), 20).convert("RGB")
        picture.save(file, "JPEG", exif=exif, icc_profile=_linear_profile())
        del picture
        data = file.getvalue()
        images.decode(images.encode(images.decode(data)[:99, :99], images.JPEG))
    """
    peak = measure_peak(prepare, "decoded = images.decode(data)")
    pixels = 4000 * 3000
    # Four bytes a pixel in the decoder, three in the array.
    assert peak < 7 * pixels + 20_000_000


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.linspace(0, 65_535, 64 * 16).astype(">u2").reshape(16, 64)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    expected = values.astype(np.float64) / 257
    grey = decode(png(64, 16, 16, 0, rows), LIMITS)
    assert np.abs(grey[..., 0] - expected).max() <= 0.5
    rows = b"".join(b"\0" + np.repeat(row[:, None], 3, axis=1).tobytes() for row in values)
    colour = decode(png(64, 16, 16, 2, rows), LIMITS)
    assert np.abs(colour - expected[..., None]).max() <= 1
    assert colour.max() == 255
    # A colour key of 16 bits is left out of account, whatever it says.
    keyed = decode(png(64, 16, 16, 2, rows, chunk(b"tRNS", b"\0\x01\0\x02\0\x03")), LIMITS)
    np.testing.assert_array_equal(keyed, colour)
    opaque = np.full((16, 64), 65_535, ">u2")
    pairs = np.stack([values, opaque], axis=2).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pairs)
    assert np.abs(decode(png(64, 16, 16, 4, rows), LIMITS)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_put_on_white(kind: str) -> None:
    picture = scene()
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[10:30], alpha[30:] = 128, 255
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    decoded = decode(saved(np.dstack([picture, alpha]), kind, **options), LIMITS)
    assert (decoded[:10] == 255).all()
    np.testing.assert_array_equal(decoded[30:], picture[30:])
    half = picture[10:30] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(decoded[10:30] - half).max() <= 1


def test_transparency_of_lossy_webp_grey_and_palette() -> None:
    picture = scene()
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[20:] = 255
    lossy = decode(saved(np.dstack([picture, alpha]), "WEBP", quality=95), LIMITS)
    assert (lossy[:20] == 255).all()
    assert difference(lossy[20:], picture[20:]) < 6
    grey = PIL.Image.merge("LA", [PIL.Image.fromarray(p) for p in (picture[..., 0], alpha)])
    decoded = decode(saved(grey, "PNG"), LIMITS)
    assert (decoded[:20] == 255).all()
    np.testing.assert_array_equal(decoded[20:, :, 1], picture[20:, :, 0])
    indices = np.zeros((16, 16), np.uint8)
    indices[8:] = 1
    palette = PIL.Image.fromarray(indices)
    palette.putpalette([10, 20, 30, 200, 100, 50])
    for transparency in (0, b"\x00\xff"):
        keyed = decode(saved(palette, "PNG", transparency=transparency), LIMITS)
        assert (keyed[:8] == 255).all()
        assert (keyed[8:] == (200, 100, 50)).all()
    key = saved(PIL.Image.fromarray(picture), "PNG", transparency=(0, 0, 127))
    assert (decode(key, LIMITS)[0, 0] == 255).all()
    one_bit = PIL.Image.fromarray(indices * 255).convert("1")
    assert (decode(saved(one_bit, "PNG", transparency=0), LIMITS) == 255).all()


def test_cmyk_jpeg_is_read_as_adobe_writes_it() -> None:
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:16, :, 1:3] = 255
    ink[16:, :, 3] = 255
    data = saved(PIL.Image.fromarray(ink, "CMYK"), "JPEG", quality=98)
    assert b"Adobe" in data
    decoded = decode(data, LIMITS)
    assert np.abs(decoded[4, 4].astype(int) - (255, 0, 0)).max() < 8
    assert decoded[28, 4].max() < 8


def _linear_profile() -> bytes:
    """sRGB's profile with a gamma of 1 in place of its curves."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(int.from_bytes(data[128:132], "big")):
        tag, at, _ = struct.unpack_from(">4sII", data, 132 + 12 * number)
        if tag in {b"rTRC", b"gTRC", b"bTRC"}:
            data[at : at + 12] = b"curv" + bytes(8)
        if tag == b"desc":
            where = bytes(data).find("sRGB".encode("utf-16-be"), at)
            data[where : where + 8] = "Test".encode("utf-16-be")
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_profiles_are_converted_to_srgb(kind: str) -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    profile = _linear_profile()
    # 128 / 255 of linear light is 188 in sRGB (IEC 61966-2-1).
    assert abs(int(decode(saved(grey, kind, icc_profile=profile), LIMITS)[5, 5, 0]) - 188) <= 1
    assert (decode(saved(grey, kind), LIMITS)[5, 5] == 128).all()


def test_profiles_that_make_no_sense_are_ignored() -> None:
    picture = scene()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    black = bytearray(_linear_profile())
    for number in range(int.from_bytes(black[128:132], "big")):
        tag, at, size = struct.unpack_from(">4sII", black, 132 + 12 * number)
        if tag in {b"rXYZ", b"gXYZ", b"bXYZ"}:
            black[at + 8 : at + size] = bytes(size - 8)
    huge = bytes(image_file.MAX_PROFILE_BYTES + 1)
    for profile in (srgb, lab, bytes(black), srgb[:200], b"nonsense", huge):
        data = saved(picture, "PNG", icc_profile=profile)
        np.testing.assert_array_equal(decode(data, LIMITS), picture)


def test_a_jpeg_with_a_second_picture_inside_gives_the_first() -> None:
    """Phones append depth maps, gain maps and previews (Multi-Picture Format)."""
    first, second = scene(), scene()[::-1].copy()
    data = saved(
        PIL.Image.fromarray(first),
        "MPO",
        save_all=True,
        append_images=[PIL.Image.fromarray(second)],
        quality=95,
    )
    with PIL.Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "MPO"
    assert difference(decode(data, LIMITS), first) < 4


def test_a_jpeg_with_a_thumbnail_in_its_exif() -> None:
    picture = scene()
    data = saved(picture, "JPEG", quality=95, subsampling=0)
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(data)) + b"Exif\0\0" + data
    assert difference(decode(data[:2] + thumbnail + data[2:], LIMITS), picture) < 2


def test_polyglots_are_read_as_the_picture_they_start_with() -> None:
    picture = scene()
    tail = b"PK\x03\x04<script>alert(1)</script>%PDF-1.7" + saved(picture, "GIF")
    for kind in ("PNG", "JPEG", "WEBP"):
        data = saved(picture, kind)
        np.testing.assert_array_equal(decode(data + tail, LIMITS), decode(data, LIMITS))
        assert tail not in probe(data + tail, LIMITS).pixels


def test_metadata_never_reaches_the_decoder() -> None:
    picture = PIL.Image.fromarray(scene())
    text = PngImagePlugin.PngInfo()
    text.add_text("Secret", "x" * 3_000_000, zip=True)
    text.add_itxt("Secret", "y" * 3_000_000, zip=True)
    data = saved(picture, "PNG", pnginfo=text)
    # Pillow alone refuses the file for its text.
    with pytest.raises(ValueError, match="too large"), PIL.Image.open(io.BytesIO(data)) as opened:
        opened.load()
    np.testing.assert_array_equal(decode(data, LIMITS), scene())
    data = saved(picture, "JPEG", comment=b"Secret", exif=b"Exif\0\0Secret", icc_profile=b"Secret")
    assert b"Secret" in data
    assert b"Secret" not in probe(data, LIMITS).pixels
    data = saved(picture, "WEBP", exif=b"Exif\0\0Secret", xmp=b"Secret", icc_profile=b"Secret")
    assert b"Secret" in data
    assert b"Secret" not in probe(data, LIMITS).pixels


# What is refused


def test_limits_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(100, 100), "PNG")
    assert decode(data).shape == (100, 100, 3)
    monkeypatch.setenv("TRYON_MAX_PIXELS", "9999")
    forget_settings()
    with pytest.raises(ImageTooLarge, match="100 x 100"):
        decode(data)


def test_empty() -> None:
    with pytest.raises(EmptyUpload):
        decode(b"", LIMITS)


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(UploadTooLarge, match=r"2\.5 MB.*at most 2 are") as raised:
        decode(bytes(2_500_000), LIMITS)
    assert str(raised.value).count(".") == 2


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"<!doctype html><title>404</title>",
        b"PK\x03\x04" + bytes(100),
        bytes(1000),
        b"\x89PN",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"<?xml version='1.0'?><note/>",
    ],
)
def test_not_a_picture(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        decode(data, LIMITS)


def _iso(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 4 + len(body)) + body + bytes(64)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("GIF", lambda: saved(scene(), "GIF")),
        ("BMP", lambda: saved(scene(), "BMP")),
        ("TIFF", lambda: saved(scene(), "TIFF")),
        ("PDF", lambda: saved(scene(), "PDF")),
        ("AVIF", lambda: saved(scene(), "AVIF")),
        ("icon", lambda: saved(scene(), "ICO")),
        ("HEIC", lambda: _iso(b"heic", b"mif1", b"heic")),
        ("HEIC", lambda: _iso(b"mif1", b"mif1", b"heic")),
        ("AVIF", lambda: _iso(b"mif1", b"avif")),
        ("video", lambda: _iso(b"isom", b"mp42")),
        ("camera raw", lambda: _iso(b"crx ", b"isom")),
        ("SVG", lambda: b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x --><svg xmlns=''/>"),
        ("SVG", lambda: b"<svg width='10'></svg>"),
        ("JPEG XL", lambda: b"\xff\x0a" + bytes(20)),
        ("Photoshop", lambda: b"8BPS" + bytes(20)),
    ],
)
def test_other_formats_are_named_with_the_remedy(name: str, data: Callable[[], bytes]) -> None:
    with pytest.raises(UnsupportedFormat, match=f"{name}.*save it as JPEG or PNG"):
        decode(data(), LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations(kind: str) -> None:
    frames = [PIL.Image.fromarray(frame) for frame in (scene(), scene()[::-1].copy())]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(AnimatedImage):
        decode(data, LIMITS)


def test_too_small() -> None:
    with pytest.raises(ImageTooSmall, match=r"1 x 1.*at least 8"):
        decode(saved(scene(1, 1), "PNG"), LIMITS)
    with pytest.raises(ImageTooSmall):
        decode(saved(scene(400, 7), "JPEG"), LIMITS)
    assert decode(saved(scene(8, 8), "PNG"), LIMITS).shape == (8, 8, 3)


def _webp_canvas(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    bits = (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14
    body += b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", bits) + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_claimed_sizes_are_refused_before_decoding() -> None:
    header = png(20_000, 20_000, 8, 2, b"")
    with pytest.raises(ImageTooLarge, match="20000 x 20000"):
        decode(header, LIMITS)
    jpeg = bytearray(saved(scene(), "JPEG"))
    frame = jpeg.find(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageTooLarge, match="60000 x 60000"):
        decode(bytes(jpeg), LIMITS)
    with pytest.raises(ImageTooLarge, match="16000 x 16000"):
        decode(_webp_canvas(16_000, 16_000), LIMITS)
    with pytest.raises(ImageTooLarge):
        decode(png(2**31 - 1, 2**31 - 1, 8, 2, b""), LIMITS)
    for width, height in ((0, 10), (10, 0), (2**31, 2**31)):
        with pytest.raises(TruncatedImage):
            decode(png(width, height, 8, 2, b""), LIMITS)


def test_a_real_bomb_just_past_the_limit_is_refused() -> None:
    row = bytes(1 + 5000 // 8)
    data = png(5000, 5001, 1, 0, row * 5001)
    assert len(data) < 5_000
    with pytest.raises(ImageTooLarge, match=r"5000 x 5001.*25 million"):
        decode(data, Limits(20_000_000, 25_000_000, 32))
    inside = decode(png(5000, 100, 1, 0, row * 100), LIMITS)
    assert inside.shape == (100, 5000, 3)


def test_pixels_past_the_header_are_never_inflated() -> None:
    """A hundred megabytes of zeros behind a 64 x 64 header cost no memory."""
    stream = zlib.compress(bytes(100_000_000))
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream)
    code = (
        "import resource, sys; from services.kit.pictures.images import decode, Limits\n"
        "data = sys.stdin.buffer.read(); before = resource.getrusage(resource.RUSAGE_SELF)\n"
        "assert decode(data, Limits(10**6, 10**6, 8)).shape == (64, 64, 3)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(after.ru_maxrss - before.ru_maxrss)"
    )
    root = Path(__file__).parents[5]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        input=data + chunk(b"IEND", b""),
        capture_output=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert int(done.stdout) < 20_000


def test_an_inflating_colour_profile_is_dropped() -> None:
    picture = scene()
    body = b"bomb\0\0" + zlib.compress(bytes(100_000_000))
    data = saved(picture, "PNG")
    bomb = data[:33] + chunk(b"iCCP", body) + data[33:]
    assert probe(bomb, LIMITS).profile == b""
    np.testing.assert_array_equal(decode(bomb, LIMITS), picture)


def test_jpeg_scans_are_bounded() -> None:
    """Each pass over the picture costs the decoder as much as a whole one, in a dozen bytes."""
    data = saved(scene(), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    bomb = data[:last] + data[last:-2] * 200 + data[-2:]
    with pytest.raises(UnsupportedFormat, match="unusual"):
        decode(bomb, LIMITS)


def test_endless_small_blocks_are_bounded() -> None:
    data = saved(scene(), "PNG")
    with pytest.raises(TruncatedImage):
        decode(data[:33] + chunk(b"teXt", b"") * 60_000 + data[33:], LIMITS)
    data = saved(scene(), "JPEG")
    with pytest.raises(TruncatedImage):
        decode(data[:2] + b"\xff\xfe\0\2" * 60_000 + data[2:], LIMITS)
    data = saved(scene(), "WEBP")
    with pytest.raises(TruncatedImage):
        decode(data[:12] + b"JUNK\0\0\0\0" * 60_000 + data[12:], LIMITS)


def test_twelve_bit_jpeg_is_named() -> None:
    data = bytearray(saved(scene(), "JPEG"))
    data[data.find(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedFormat, match="12 bits"):
        decode(bytes(data), LIMITS)


@pytest.mark.parametrize("options", [{"kind": "PNG"}, {"kind": "JPEG"}, {"kind": "WEBP"},
    {"kind": "JPEG", "progressive": True}, {"kind": "WEBP", "lossless": True}])  # fmt: skip
def test_a_file_cut_anywhere_is_refused_or_whole(options: dict[str, str]) -> None:
    """No cut yields a picture with grey or missing rows."""
    data = saved(scene(), **options)
    whole = decode(data, LIMITS)
    refused = 0
    for length in range(1, len(data)):
        try:
            decoded = decode(data[:length], LIMITS)
        except (TruncatedImage, NotAnImage):
            refused += 1
        else:
            np.testing.assert_array_equal(decoded, whole)
    assert refused > 0.95 * (len(data) - 1)


def test_damage_inside_is_noticed() -> None:
    data = bytearray(saved(scene(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(TruncatedImage):
        decode(bytes(data), LIMITS)
    # A download that was preallocated and broke off ends in zeros.
    jpeg = saved(scene(), "JPEG")
    with pytest.raises(TruncatedImage):
        decode(jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2), LIMITS)


SAMPLES = [
    saved(scene(24, 20), "PNG"),
    saved(PIL.Image.fromarray(scene(24, 20)).quantize(8), "PNG", transparency=1),
    saved(scene(24, 20), "JPEG", icc_profile=_linear_profile(), exif=b"Exif\0\0MM\0*\0\0\0\x08"),
    saved(scene(24, 20), "JPEG", progressive=True),
    saved(scene(24, 20), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08"),
    saved(scene(24, 20), "WEBP", lossless=True, icc_profile=_linear_profile()),
]


def decodes_or_refuses(data: bytes) -> None:
    try:
        decoded = decode(data, LIMITS)
    except InputError:
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[0] * decoded.shape[1] <= LIMITS.max_pixels


@given(st.binary(max_size=400), st.sampled_from([s[:n] for s in SAMPLES for n in (3, 12, 40, 200)]))
@settings(max_examples=300, deadline=2000)
def test_random_bytes_raise_nothing_but_input_errors(noise: bytes, start: bytes) -> None:
    decodes_or_refuses(noise)
    decodes_or_refuses(start + noise)


@given(st.data())
@settings(max_examples=800, deadline=2000)
def test_mutated_files_raise_nothing_but_input_errors(data: st.DataObject) -> None:
    sample = bytearray(data.draw(st.sampled_from(SAMPLES)))
    positions = st.integers(0, len(sample) - 1)
    for at, value in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=6)):
        sample[at] = value
    cut, move = data.draw(positions), data.draw(st.integers(-8, 8))
    if move:
        sample = sample[:cut] + sample[max(0, cut + move) :]
    if sample[:8] == SAMPLES[0][:8] and data.draw(st.booleans()):
        sample = bytearray(_with_true_checksums(bytes(sample)))
    decodes_or_refuses(bytes(sample))


def _with_true_checksums(data: bytes) -> bytes:
    """Without this a mutated PNG hardly gets past its checksums."""
    parts = [data[:8]]
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        parts.append(chunk(kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(parts)


# What is written


@pytest.mark.parametrize("media_type", images.MEDIA_TYPES)
def test_encode_round_trip(media_type: str) -> None:
    picture = scene(120, 80)
    data = encode(picture, media_type)
    assert data == encode(picture, media_type)
    limit = {"image/png": 0.0, "image/jpeg": 1.0, "image/webp": 4.0}[media_type]
    assert difference(decode(data, LIMITS), picture) <= limit
    with PIL.Image.open(io.BytesIO(data)) as opened:
        assert opened.get_format_mimetype() == media_type
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density",
            "loop", "background", "timestamp", "duration"}  # fmt: skip
        if media_type == "image/jpeg":
            assert [layer[1:3] for layer in opened.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_encode_keeps_nothing_of_the_upload() -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "Secret"
    data = saved(scene(), "JPEG", exif=exif, comment=b"Secret")
    for media_type in images.MEDIA_TYPES:
        assert b"Secret" not in encode(decode(data, LIMITS), media_type)


def test_encode_refuses_what_a_format_cannot_hold() -> None:
    with pytest.raises(NotAcceptable, match="image/png, image/jpeg, image/webp"):
        encode(scene(), "image/gif")
    long = np.zeros((1, 16_384, 3), np.uint8)
    with pytest.raises(NotAcceptable, match=r"16383.*image/png"):
        encode(long, "image/webp")
    assert decode(encode(long, "image/png"), Limits(10**6, 10**6, 1)).shape == long.shape
