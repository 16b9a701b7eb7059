"""Pictures of this project that the activations are measured on: people and garments."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.cloth_mask.model import FIRST_SIDE_PX
from services.human_parse.model import GARMENT_SIDE_PX
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.pictures import images
from services.kit.types import Image, Mask
from training.garment.drawn.photo import draw

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
"""Folder of the example photos."""

PEOPLE: Final = ("person", "person-2")
"""Example photos of people."""

GARMENTS: Final = ("garment", "garment-striped", "trousers", "skirt", "dress")
"""Example photos of garments."""

VARIANTS: Final = 8
"""Pictures made of each photo of a person: in other light, mirrored, cropped."""

DRAWN_GARMENTS: Final = 18
"""Garments that are drawn, a third of each category, every other one before a room."""

SEED: Final = 900
"""Seed of the variants and of the drawn garments."""

ROOM_RECTANGLES: Final = 6
"""Rectangles of a drawn room."""

GAINS: Final = (0.6, 1.25)
"""Least and greatest factor on the brightness."""

GAMMAS: Final = (0.8, 1.3)
"""Least and greatest exponent of the tone curve."""

MAX_CROP: Final = 0.25
"""Largest fraction of a photo's height that is cut off at an end; of its width 0.6 of that."""


@dataclass(frozen=True)
class Picture:
    """A picture, and the size at which the network sees it."""

    image: Image
    """H x W x 3 uint8 RGB."""
    side_px: int
    """Side of the network's input, in pixels."""


def vary_people() -> Iterator[Picture]:
    """Return the example photos of people and variants of them."""
    random = np.random.default_rng(SEED)
    for name in PEOPLE:
        photo = _read(name)
        yield Picture(photo, GARMENT_SIDE_PX)
        for number in range(VARIANTS):
            variant = relight(photo, random)
            variant = variant[:, ::-1] if number % 2 else variant
            yield Picture(_crop(variant, random), GARMENT_SIDE_PX)


def draw_garments() -> Iterator[Picture]:
    """Return the example photos of garments, and drawn garments in other light."""
    random = np.random.default_rng(SEED)
    for name in GARMENTS:
        yield Picture(_read(name), FIRST_SIDE_PX)
    for number in range(DRAWN_GARMENTS):
        category = GARMENT_CATEGORIES[number % len(GARMENT_CATEGORIES)]
        drawn = draw(SEED, number, category=category, height=FIRST_SIDE_PX)
        image = drawn.image if number % 2 else _on_room(drawn.image, drawn.mask, random)
        yield Picture(relight(image, random), FIRST_SIDE_PX)


def _on_room(image: Image, mask: Mask, random: np.random.Generator) -> Image:
    """Return a garment on a ground of blurred rectangles, as a room behind it looks."""
    height, width = mask.shape
    ground = np.full(image.shape, random.uniform(20, 250, 3))
    for _ in range(ROOM_RECTANGLES):
        left, top = random.uniform(0, width), random.uniform(0, height)
        corner = (int(left + random.uniform(0.1, 0.6) * width), int(random.uniform(top, height)))
        colour = [float(value) for value in random.uniform(10, 250, 3)]
        cv2.rectangle(ground, (int(left), int(top)), corner, colour, cv2.FILLED)
    blurred = np.asarray(cv2.GaussianBlur(ground, (0, 0), random.uniform(1, 6)), np.float64)
    noisy = blurred + random.normal(0, random.uniform(0.5, 4), image.shape)
    share = mask[..., None] / 255
    mixed: NDArray[np.float64] = image * share + np.clip(noisy, 0, 255) * (1 - share)
    return np.rint(mixed).astype(np.uint8)


def relight(image: Image, random: np.random.Generator) -> Image:
    """Return a picture in other light: another brightness, colour and tone curve."""
    gain = random.uniform(*GAINS) * random.uniform(0.93, 1.07, 3)
    gamma = random.uniform(*GAMMAS)
    lit: NDArray[np.float64] = 255 * (image / 255) ** gamma * gain
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def _crop(image: Image, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    top, bottom = (int(random.uniform(0, MAX_CROP) * height) for _ in range(2))
    left, right = (int(random.uniform(0, 0.6 * MAX_CROP) * width) for _ in range(2))
    return np.ascontiguousarray(image[top : height - bottom, left : width - right])


def _read(name: str) -> Image:
    return images.decode((EXAMPLES / f"{name}.jpg").read_bytes())
