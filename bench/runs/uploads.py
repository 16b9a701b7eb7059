"""The example photos as uploads of any size, and variants of them."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import PIL.Image
import PIL.ImageOps

from bench.runs.example_run import EXAMPLES
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH

Size = tuple[int, int]
"""Width and height in pixels."""

CANVAS_SIZE: Final[Size] = (CANVAS_WIDTH, CANVAS_HEIGHT)
"""The size that needs neither enlarging nor shrinking."""

SMALLEST_SIZE: Final[Size] = (192, 256)
"""The smallest size of the tables."""

SIZES: Final[tuple[Size, ...]] = (
    SMALLEST_SIZE,
    (256, 341),
    (380, 507),
    CANVAS_SIZE,
    (1536, 2048),
    (3000, 4000),
    (4330, 5773),
)
"""Sizes of uploads, to just under the limit of 25 megapixels."""

PEOPLE: Final = (EXAMPLES / "person.jpg", EXAMPLES / "person-2.jpg")
"""Photos of people."""

GARMENTS: Final = tuple(
    EXAMPLES / name
    for name in ("garment.jpg", "garment-striped.jpg", "trousers.jpg", "skirt.jpg", "dress.jpg")
)
"""Photos of garments."""

JPEG_QUALITY: Final = 95
"""Quality of the uploads' JPEG files."""

TINTS: Final = (0, 1, 2, -1, -2)
"""Levels that a variant adds to a colour channel."""

VARIANTS: Final = len(TINTS) ** 3
"""Variants of a photo."""


@dataclass(frozen=True)
class Upload:
    """What a request consists of."""

    person: bytes
    """The person's photo."""
    garment: bytes
    """The garment's photo."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the try-on, by name."""

    @property
    def files(self) -> dict[str, bytes]:
        """The files by the names of the form's fields."""
        return {"image": self.person, "cloth": self.garment}


def encode_photo(path: Path, size: Size = CANVAS_SIZE, variant: int = 0) -> bytes:
    """Return a photo as a JPEG file of exactly that size.

    The photo is padded to 768 x 1024 and then scaled. Every pixel of a variant differs from the
    photo's by at most two levels in each channel, so that the photo looks the same and nothing that
    was remembered of another variant is found. Raises ValueError for a variant that there is not.
    """
    if not 0 <= variant < VARIANTS:
        raise ValueError(f"There are {VARIANTS} variants of a photo; choose a lower number.")
    picture = _on_canvas(path).resize(size, PIL.Image.Resampling.LANCZOS)
    count = len(TINTS)
    tints = [TINTS[variant // count**channel % count] for channel in range(3)]
    levels = [min(max(level + tint, 0), 255) for tint in tints for level in range(256)]
    file = io.BytesIO()
    picture.point(levels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def make_upload(person: int, garment: int, size: Size = CANVAS_SIZE) -> Upload:
    """Return an upload of the example photos; each number is another person or garment.

    Numbers first go through the example photos and then through their variants.
    """
    return Upload(_encode(PEOPLE, person, size), _encode(GARMENTS, garment, size))


def make_variant(number: int, size: Size = CANVAS_SIZE) -> Upload:
    """Return variant ``number`` of the first person and the first garment."""
    return Upload(encode_photo(PEOPLE[0], size, number), encode_photo(GARMENTS[0], size, number))


def _encode(paths: Sequence[Path], number: int, size: Size) -> bytes:
    return encode_photo(paths[number % len(paths)], size, number // len(paths))


@cache
def _on_canvas(path: Path) -> PIL.Image.Image:
    with PIL.Image.open(path) as opened:
        photo = PIL.ImageOps.exif_transpose(opened).convert("RGB")
    return PIL.ImageOps.pad(photo, CANVAS_SIZE, color="white")
