"""Draw the neckline: the inside of the back, a label, and the band along the front."""

from typing import Final

import cv2
import numpy as np

from training.garment.drawn.brush import FINE, Floats, cover, line, over, shade
from training.garment.drawn.shape import Points, Shape, at
from training.garment.drawn.spec import Spec

BANDED: Final = ("crew", "v", "scoop", "wide")
"""Necklines that may have a band of ribbing or another cloth."""


def inside(
    spec: Spec, drawn: Shape, rng: np.random.Generator, picture: Floats, scale: float
) -> Floats:
    """Paint the inside of the back above the front neckline, with a label, and the band.

    The inside may be as light as the front, patterned as it is, or crossed by a tape: on photos of
    plain T-shirts a thin line is often all that tells the front's edge.
    """
    shape = (picture.shape[0], picture.shape[1])
    band = float(rng.uniform(0.8, 3.6)) * scale
    trim = _trim(spec, rng)
    back = _back(spec, rng, picture)
    if rng.random() < 0.5:
        tape = trim if rng.random() < 0.5 else rng.uniform(0.85, 1.05) * back.mean(axis=(0, 1))
        wide = float(rng.uniform(0.5, 1.0)) * band
        strip = cover(shape, _strip(drawn.back, wide))
        back = over(back, np.asarray(tape, np.float32), strip)
        shade(back, line(shape, drawn.back + at(0, wide), FINE * scale), rng.uniform(0.05, 0.3))
    near = drawn.front - at(0, scale)
    shade(back, line(shape, near, float(rng.uniform(0.5, 1.6)) * scale), rng.uniform(0.0, 0.35))
    if spec.label and spec.inside:
        _label(drawn, rng, back, scale)
    picture = over(picture, back, cover(shape, drawn.inside))
    if spec.neck in BANDED and rng.random() < 0.75:
        if rng.random() < 0.3:
            picture = over(picture, trim, cover(shape, _strip(drawn.front, band)))
        seam = line(shape, drawn.front + at(0, band), 0.9 * FINE * scale)
        shade(picture, seam, float(rng.uniform(0.05, 0.35)))
    edge = line(shape, drawn.front, 0.9 * FINE * scale)
    shade(picture, edge, float(rng.uniform(0.06, 0.4)))
    return picture


def _trim(spec: Spec, rng: np.random.Generator) -> Floats:
    """Return the colour of a band that is not the cloth's own."""
    if rng.random() < 0.5:
        return np.asarray(spec.second, np.float32)
    return np.asarray(np.clip(np.array(spec.cloth) * rng.uniform(0.5, 1.3), 0, 255), np.float32)


def _back(spec: Spec, rng: np.random.Generator, picture: Floats) -> Floats:
    """Return the inside of the back: darker than the front or as light; of dark cloth, lighter."""
    low, high = ((0.6, 0.86), (0.86, 0.97), (0.96, 1.03))[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
    tone = float(rng.uniform(low, high))
    if rng.random() < 0.4:
        back = picture * np.float32(tone)
    else:
        back = np.empty_like(picture)
        back[:] = np.array(spec.cloth, np.float32) * np.float32(tone)
    if spec.tone == "dark" and rng.random() < 0.5:
        back += np.float32(rng.uniform(4, 24))
    return np.asarray(back, np.float32)


def _strip(edge: Points, wide: float) -> Points:
    """Return the outline of a strip below an edge."""
    return np.concatenate([edge, edge[::-1] + at(0, wide)])


def _label(drawn: Shape, rng: np.random.Generator, back: Floats, scale: float) -> None:
    x, y = drawn.back[20]
    wide, tall = (float(v) * scale for v in rng.uniform((2.0, 1.4), (6.0, 4.2)))
    left, top = int(x - wide / 2), int(y + rng.uniform(0.2, 1.6) * scale)
    level = float(rng.choice((235.0, rng.uniform(20, 60), rng.uniform(60, 230))))
    box = (int(left + wide), int(top + tall))
    cv2.rectangle(back, (left, top), box, (level, level, 0.98 * level), -1)
    if rng.random() < 0.5:
        ink = 255.0 - level
        row = int(top + tall / 2)
        cv2.line(back, (int(left + wide / 4), row), (int(left + 3 * wide / 4), row), (ink,) * 3, 1)
