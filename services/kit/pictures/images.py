"""Decode untrusted image files to RGB arrays, and encode RGB arrays."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, Self

import numpy as np
import PIL.Image
from PIL import ImageCms

from services.kit.errors import ImageTooLarge, ImageTooSmall, NotAcceptable, UploadTooLarge
from services.kit.pictures import image_file
from services.kit.pictures.image_file import ImageFile
from services.kit.settings import get_settings
from services.kit.types import Image

PNG: Final = "image/png"
"""Media type of PNG."""

JPEG: Final = "image/jpeg"
"""Media type of JPEG."""

WEBP: Final = "image/webp"
"""Media type of WebP."""

MEDIA_TYPES: Final = (PNG, JPEG, WEBP)
"""Media types that ``encode`` writes, the default first."""

MAX_SIDE_PX: Final = {PNG: 2**31 - 1, JPEG: 65_500, WEBP: 16_383}
"""Longest side in pixels that a format or its encoder allows, by media type."""

PNG_COMPRESSION: Final = 4
"""zlib's level: two thirds of the time of the default 6, for about 6 % more bytes."""

LOSSY_QUALITY: Final = 95
"""Quality of JPEG and WebP, 0 to 100."""

WEBP_METHOD: Final = 4
"""Effort of the WebP encoder, 0 (fast) to 6."""

MIN_PROFILE_WHITE: Final = 201
"""Least level, 0 to 255, to which a sound colour profile converts white."""

MAX_PROFILE_BLACK: Final = 79
"""Largest level, 0 to 255, to which a sound colour profile converts black."""

BAND_ROWS: Final = 64
"""Rows that are converted at a time. Pillow holds 4 bytes a pixel, and each conversion copies."""


@dataclass(frozen=True)
class Limits:
    """Limits of an uploaded image."""

    max_bytes: int
    """Largest size of the file, in bytes."""
    max_pixels: int
    """Largest product of width and height."""
    min_side: int
    """Least length of the shorter side, in pixels."""

    @classmethod
    def from_settings(cls) -> Self:
        """Return the limits of the settings."""
        settings = get_settings()
        return cls(settings.max_upload_bytes, settings.max_pixels, settings.min_side)


def probe(data: bytes, limits: Limits | None = None) -> ImageFile:
    """Check an image file's header against the limits, without decoding pixels.

    ``limits`` defaults to the settings'. Raises EmptyUpload, UploadTooLarge, NotAnImage,
    UnsupportedFormat, AnimatedImage, ImageTooLarge, ImageTooSmall, or TruncatedImage if the file's
    structure is broken.
    """
    limits = limits or Limits.from_settings()
    if len(data) > limits.max_bytes:
        raise UploadTooLarge(
            f"The file has {_megabytes(len(data))} MB and at most {_megabytes(limits.max_bytes)} "
            "are accepted; make the picture smaller or save it as JPEG."
        )
    file = image_file.read_header(data)
    if file.width * file.height > limits.max_pixels:
        raise ImageTooLarge(
            f"The picture is {file.width} x {file.height} pixels, more than the "
            f"{limits.max_pixels / 1e6:.3g} million accepted; make it smaller and send it again."
        )
    if min(file.width, file.height) < limits.min_side:
        raise ImageTooSmall(
            f"The picture is {file.width} x {file.height} pixels, and each side needs at least "
            f"{limits.min_side}; send a larger photo."
        )
    return file


def decode(data: bytes, limits: Limits | None = None) -> Image:
    """Decode a JPEG, PNG or WebP file to H x W x 3 uint8 sRGB, read-only.

    The orientation is applied, a colour profile is converted to sRGB, 16 bits are scaled to 8, and
    transparency is blended with white. ``limits`` defaults to the settings' and is checked before
    pixels are decoded. Raises the errors of ``probe``, and TruncatedImage if pixels are damaged.
    """
    file = probe(data, limits)
    # The header is sound, so every error of Pillow means damaged pixels.
    try:
        with PIL.Image.open(io.BytesIO(file.pixels), formats=[file.format]) as picture:
            picture.load()
            if picture.size != _stored_size(file):
                raise image_file.damaged_error()
            decoded = _to_upright_srgb(picture, file)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("The picture has too many pixels; make it smaller.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise image_file.damaged_error() from error
    decoded.flags.writeable = False
    return decoded


def encode(image: Image, media_type: str) -> bytes:
    """Encode H x W x 3 uint8 sRGB as image/png (lossless), image/jpeg or image/webp.

    The same array gives the same bytes; no metadata is written. Raises NotAcceptable for another
    media type, and for an image with a side too long for the format.
    """
    if media_type not in MEDIA_TYPES:
        raise NotAcceptable(
            f"Results cannot be sent as {media_type[:80]}; ask for {', '.join(MEDIA_TYPES)}."
        )
    if max(image.shape[:2]) > MAX_SIDE_PX[media_type]:
        raise NotAcceptable(
            f"The result is too long for {media_type}, which holds at most "
            f"{MAX_SIDE_PX[media_type]} pixels a side; ask for {PNG}."
        )
    picture = PIL.Image.fromarray(image)
    file = io.BytesIO()
    if media_type == PNG:
        picture.save(file, "PNG", compress_level=PNG_COMPRESSION)
    elif media_type == JPEG:
        picture.save(file, "JPEG", quality=LOSSY_QUALITY, subsampling="4:4:4")
    else:
        picture.save(file, "WEBP", quality=LOSSY_QUALITY, method=WEBP_METHOD)
    return file.getvalue()


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.3g}"


def _stored_size(file: ImageFile) -> tuple[int, int]:
    """Return width and height before the orientation is applied."""
    size = (file.width, file.height)
    return size[::-1] if file.orientation in _SIDEWAYS else size


def _to_upright_srgb(picture: PIL.Image.Image, file: ImageFile) -> Image:
    """Convert a decoded picture band by band, so that no conversion copies all of it."""
    width, rows = picture.size
    find_transform = cache(partial(_profile_transform, file.profile))
    upright = np.empty((file.height, file.width, 3), np.uint8)
    for top in range(0, rows, BAND_ROWS):
        bottom = min(rows, top + BAND_ROWS)
        band = _to_srgb(picture.crop((0, top, width, bottom)), find_transform)
        transpose = _UPRIGHT_TRANSPOSE.get(file.orientation)
        if transpose is not None:
            band = band.transpose(transpose)
        ahead = file.orientation in _LAST_ROW_FIRST
        place = slice(rows - bottom, rows - top) if ahead else slice(top, bottom)
        if file.orientation in _SIDEWAYS:
            upright[:, place] = np.asarray(band)
        else:
            upright[place] = np.asarray(band)
    return upright


_UPRIGHT_TRANSPOSE: Final = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""Transposition that makes an image upright, by the orientation of Exif."""

_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""Orientations whose stored rows are columns of the upright image."""

_LAST_ROW_FIRST: Final = frozenset({3, 4, 6, 7})
"""Orientations whose last stored row is the first row or column of the upright image."""


def _to_srgb(
    picture: PIL.Image.Image,
    find_transform: Callable[[str], ImageCms.ImageCmsTransform | None],
) -> PIL.Image.Image:
    """Convert any mode of the three formats to RGB.

    ``find_transform`` returns the transform from a mode to sRGB, None if there is none.
    """
    alpha = None
    if picture.mode == "I;16":
        wide = np.asarray(picture).astype(np.uint32)
        picture = PIL.Image.fromarray(((wide * 255 + 32_767) // 65_535).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    grey = picture.mode in {"1", "L"}
    if picture.mode != "CMYK":
        picture = picture.convert("L" if grey else "RGB")
    if transform := find_transform(picture.mode):
        picture = transform.apply(picture)
    picture = picture.convert("RGB")
    if alpha is not None:
        white = PIL.Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=alpha)
        picture = white
    return picture


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _profile_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from an embedded profile to sRGB; None if it is sRGB or broken.

    A sound profile is for the image's colour space, converts white to at least
    ``MIN_PROFILE_WHITE`` and black to at most ``MAX_PROFILE_BLACK``.
    """
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        described = source.profile.profile_description or ""
        if space != _COLOUR_SPACES[mode] or described.startswith("sRGB"):
            return None
        transform = ImageCms.buildTransform(
            source,
            _srgb(),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        white, black = (
            transform.apply(PIL.Image.new(mode, (1, 1), ends)).tobytes()
            for ends in _WHITE_AND_BLACK[mode]
        )
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    return (
        transform if min(white) >= MIN_PROFILE_WHITE and max(black) <= MAX_PROFILE_BLACK else None
    )


_COLOUR_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""Colour space of a profile, by Pillow's mode."""

_WHITE_AND_BLACK: Final[dict[str, tuple[str | tuple[int, ...], str | tuple[int, ...]]]] = {
    "L": ("white", "black"),
    "RGB": ("white", "black"),
    "CMYK": ((0, 0, 0, 0), (255, 255, 255, 255)),
}
"""White and black, by Pillow's mode."""
