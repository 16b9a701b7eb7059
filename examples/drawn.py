"""Draw the example garments that are not rendered: trousers, a skirt and a dress.

python -m examples.drawn OUT_DIR
"""

import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

Floats: TypeAlias = NDArray[np.floating[Any]]
Profile: TypeAlias = tuple[tuple[float, float], ...]
"""Rows and half widths, from top to bottom, of 1200 and 900 pixels."""

WIDTH: Final = 900
"""Width of a photo, in pixels."""

HEIGHT: Final = 1200
"""Height of a photo, in pixels."""

FINE: Final = 2
"""Samples along each side of a pixel."""

GROUND: Final = (244, 244, 245)
"""Colour of the background, sRGB levels."""

DENIM: Final = (58, 78, 116)
"""The trousers' colour, sRGB levels."""

RUST: Final = (158, 66, 48)
"""The skirt's colour, sRGB levels."""

NAVY: Final = (38, 48, 84)
"""The dress's colour, sRGB levels."""

SKIRT: Final[Profile] = ((270, 150), (320, 158), (480, 205), (640, 232), (900, 268))
"""The skirt's outline: (row, half width) in pixels of 900 x 1200."""

DRESS: Final[Profile] = ((250, 128), (330, 136), (460, 112), (560, 150), (820, 222), (1090, 282))
"""The dress's outline: (row, half width) in pixels of 900 x 1200."""

LEG: Final[Profile] = ((110, 150), (150, 153), (330, 186), (420, 190), (700, 166), (1090, 150))
"""A trouser leg's outline: (row, half width) in pixels of 900 x 1200."""


def profile(points: Profile, rows: Floats) -> Floats:
    """Return the half width in each row, 0 beyond the ends."""
    ys, xs = np.array(points).T
    wide = PchipInterpolator(ys, xs)(np.clip(rows, ys[0], ys[-1]))
    return np.where((rows >= ys[0]) & (rows <= ys[-1]), wide, 0).astype(np.float32)


def canvas() -> tuple[Floats, Floats]:
    """Return x from the middle and y of each subpixel."""
    ys, xs = np.mgrid[: HEIGHT * FINE, : WIDTH * FINE].astype(np.float32) / FINE
    return xs - WIDTH / 2, ys


def skirt() -> tuple[Floats, Floats]:
    """Return coverage and light of a skirt buttoned down the front, with pockets."""
    xs, ys = canvas()
    level = ys + 14 * (xs / 300) ** 2
    wide = profile(SKIRT, level - 14)
    cover = np.abs(xs) < wide
    place = xs / np.maximum(wide, 1)
    drop = np.clip((ys - 330) / 500, 0, 1)
    light = 1 + 0.10 * drop * np.sin(place * 9 + 0.8 * np.sin(place * 5)) - 0.3 * place**6
    light = np.where(level < 326, 1.05 - 0.16 * place**4, light)
    light -= 0.35 * seam(level, 326) + 0.3 * seam(xs, 17) + 0.2 * seam(level, 876)
    light -= 0.25 * seam(level - 326 - 0.9 * np.clip(160 - np.abs(xs), 0, 80), 0) * (level < 420)
    for row in range(300, 880, 92):
        button = np.hypot(xs, ys - row)
        light += 0.55 * (button < 9) - 0.3 * seam(button, 10)
    return cover.astype(np.float32), light


def dress() -> tuple[Floats, Floats]:
    """Return coverage and light of a sleeveless dress with a waist and a round neck."""
    xs, ys = canvas()
    wide = profile(DRESS, ys)
    strap = np.clip((ys - 96) / 154, 0, 1)
    hole = 126 - 26 * np.clip(np.sin(np.pi * strap), 0, 1) ** 0.8 * (strap < 1)
    shoulders = (ys > 96 + 0.22 * (np.abs(xs) - 56)) & (ys <= 250) & (np.abs(xs) < hole)
    neck = (xs / 58) ** 2 + ((ys - 92) / 64) ** 2 < 1
    cover = ((np.abs(xs) < wide) | shoulders) & ~neck
    place = xs / np.maximum(np.where(ys < 250, 130, wide), 1)
    drop = np.clip((ys - 470) / 500, 0, 1)
    light = 1 + 0.15 * drop * np.sin(place * 17 + np.sin(place * 4)) - 0.24 * np.abs(place) ** 5
    return cover.astype(np.float32), light - 0.22 * seam(ys, 462)


def trousers() -> tuple[Floats, Floats]:
    """Return coverage and light of straight trousers with a fly and pockets."""
    xs, ys = canvas()
    wide = profile(LEG, ys)
    fork = 400.0
    gap = np.where(ys > fork, 3 + 34 * np.clip((ys - fork) / 690, 0, 1) ** 0.7, 0)
    cover = (np.abs(xs) < wide) & (np.abs(xs) >= gap)
    inner = np.where(ys > fork, gap, 0)
    place = np.where(ys > fork, (np.abs(xs) - inner) / np.maximum(wide - inner, 1) * 2 - 1, 0)
    leg = 1 - 0.20 * np.abs(place) ** 4 + 0.05 * np.exp(-((place / 0.25) ** 2))
    hip = 1 - 0.2 * (np.abs(xs) / np.maximum(wide, 1)) ** 6
    down = np.clip((ys - fork + 60) / 160, 0, 1)
    light = hip * (1 - down) + leg * down
    light -= 0.25 * seam(ys, 152) + 0.3 * seam(xs, 0) * (ys < fork)
    light -= 0.22 * seam(ys - 152 - 0.9 * np.clip(160 - np.abs(xs), 0, 90), 0) * (ys < 240)
    crease = np.exp(-(((ys - fork - 10 - 0.45 * np.abs(xs)) / 14) ** 2)) * (np.abs(xs) < 120)
    return cover.astype(np.float32), light - 0.1 * crease


def seam(values: Floats, at: float) -> Floats:
    """Return a stitched line along ``values`` == ``at``."""
    return np.asarray(np.exp(-(((values - at) / 1.8) ** 2)).astype(np.float32), np.float32)


def photo(cover: Floats, light: Floats, colour: tuple[int, int, int], seed: int) -> PIL.Image.Image:
    """Blend the garment over the background, with a soft shadow and the weave of the fabric."""
    rng = np.random.default_rng(seed)
    weave = gaussian_filter(rng.standard_normal(cover.shape), (0.8, 0.8))
    folds = gaussian_filter(rng.standard_normal(cover.shape), (90, 26))
    shade = light + 0.05 * weave / weave.std() * 0.6 + 0.035 * folds / folds.std()
    cloth = np.array(colour, np.float32) * np.clip(shade, 0.3, 1.3)[..., None]
    shadow = cv2.GaussianBlur(cover, (0, 0), 16 * FINE)
    ground = np.array(GROUND, np.float32) * (1 - 0.07 * shadow[..., None])
    soft = cv2.GaussianBlur(cover, (0, 0), 0.9 * FINE)[..., None]
    picture = np.clip(ground * (1 - soft) + cloth * soft, 0, 255).astype(np.uint8)
    return PIL.Image.fromarray(picture).resize((WIDTH, HEIGHT), PIL.Image.Resampling.LANCZOS)


PICTURES: Final = {
    "trousers.jpg": (trousers, DENIM),
    "skirt.jpg": (skirt, RUST),
    "dress.jpg": (dress, NAVY),
}
"""Drawing function of each file."""


def main(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (draw, colour)) in enumerate(PICTURES.items()):
        photo(*draw(), colour, seed).save(folder / name, quality=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
