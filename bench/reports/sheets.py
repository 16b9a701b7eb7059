"""Contact sheets, and faults drawn in colour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from bench.measures.regions import Bool
from services.kit.types import Image

CELL: Final = (288, 384)
"""Width and height in pixels of one picture on a sheet."""
CAPTION: Final = 22
"""Height of a caption in pixels."""

ROWS: Final = 4
"""Cases on one sheet."""

MARKS: Final = {"foreign": (255, 0, 0), "leftovers": (255, 150, 0), "slits": (255, 0, 255)}
"""The colour of each fault."""


@dataclass(frozen=True)
class Cell:
    """A picture and its caption; without a picture the cell is grey."""

    picture: Image | None
    """The picture; None leaves the place grey."""
    caption: str
    """The line below the picture."""


def draw_faults(picture: Image, faults: dict[str, Bool]) -> Image:
    """Return the dimmed picture with every fault in its colour, ringed so that small ones show."""
    shown = (picture // 3 + 110).astype(np.uint8)
    for name, where in faults.items():
        ring = cv2.dilate(where.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
        shown[ring & ~where] = np.array(MARKS[name], np.uint8) // 2 + 100
        shown[where] = MARKS[name]
    return shown


def draw_difference(first: Image, second: Image) -> Image:
    """Return the difference of two pictures: white for none, dark from 64 levels."""
    if first.shape != second.shape:
        size = (first.shape[1], first.shape[0])
        second = np.asarray(cv2.resize(second, size, interpolation=cv2.INTER_AREA), np.uint8)
    away = cv2.absdiff(first, second).max(axis=2).astype(np.float32)
    grey = 255 - np.clip(away * 4, 0, 255)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def sheet(rows: Sequence[Sequence[Cell]]) -> Image:
    """Lay out rows of cells, each picture fitted to its cell; return H x W x 3 uint8."""
    width, height = CELL
    columns = max(len(row) for row in rows)
    page = PIL.Image.new("RGB", (columns * width, len(rows) * (height + CAPTION)), "white")
    draw = PIL.ImageDraw.Draw(page)
    font = PIL.ImageFont.load_default(size=14)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            corner = (x * width, y * (height + CAPTION))
            if cell.picture is None:
                picture = PIL.Image.new("RGB", CELL, "#ddd")
            else:
                picture = PIL.Image.fromarray(cell.picture)
                picture.thumbnail(CELL, PIL.Image.Resampling.LANCZOS)
            page.paste(picture, corner)
            place = (corner[0] + 4, corner[1] + height + 2)
            draw.text(place, cell.caption, fill="black", font=font)
    return np.asarray(page)


def pages(rows: Sequence[Sequence[Cell]]) -> Iterable[Image]:
    """Lay out sheets of ``ROWS`` rows each."""
    for first in range(0, len(rows), ROWS):
        yield sheet(rows[first : first + ROWS])
