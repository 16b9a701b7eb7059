"""Paint fabric with pattern, folds, seams and shading, on a canvas of H x W pixels."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from training.garment.drawn.brush import FINE, Floats, cover, line, noise, over, shade
from training.garment.drawn.details import belt, seams
from training.garment.drawn.neckband import inside
from training.garment.drawn.shape import Points, Shape, Sleeve, at
from training.garment.drawn.spec import Spec

WORDS: Final = ("RIVER", "STUDIO", "No 7", "HELLO", "north", "1987", "SUNDAY", "ola")
"""Words that prints may show."""


@dataclass(frozen=True)
class _Repeat:
    """How a garment's pattern repeats."""

    period: float
    """Length of a repeat, in pixels."""
    phase: float
    """Start of the first repeat, in pixels."""
    seed: int
    """Seed of what the pattern draws by chance; even."""


def cloth(
    spec: Spec, drawn: Shape, rng: np.random.Generator, shape: tuple[int, int], scale: float
) -> tuple[Floats, list[Floats]]:
    """Paint the garment: H x W x 3 colours, and the coverage of torso and of each sleeve.

    ``drawn`` is in pixels, ``scale`` pixels per centimetre.
    """
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    middle = drawn.front.mean(axis=0)
    period = float(rng.uniform(1.6, 6.0)) * scale
    phase = float(rng.uniform(0, period))
    seed = 2 * int(rng.integers(2**30))
    repeat = _Repeat(period=period, phase=phase, seed=seed)
    torso = cover(shape, drawn.torso)
    picture = _pattern(spec, xs - middle[0], ys - middle[1] + phase, period, seed=seed, scale=scale)
    _print(spec, picture, rng, middle, scale)
    picture *= _folds(spec, drawn, rng, shape, scale)[..., None]
    picture = inside(spec, drawn, rng, picture, scale)
    for collar in drawn.collars:
        picture = over(picture, _leaf(spec, picture, collar, shape, scale), cover(shape, collar))
    if len(drawn.gap):
        picture = _opened(spec, drawn, rng, picture, scale)
    _front(spec, drawn, picture, rng, scale)
    belt(spec, drawn, picture, scale)
    for path in seams(spec, drawn, scale):
        shade(picture, line(shape, path, FINE * scale), 0.25)
    torso = np.maximum(torso, cover(shape, drawn.inside))
    for collar in drawn.collars:
        torso = np.maximum(torso, cover(shape, collar))
    shade(picture, line(shape, drawn.hem - at(0, 1.6 * scale), 0.8 * FINE * scale), 0.12)
    sleeves = []
    for sleeve in drawn.sleeves:
        picture, covered = _sleeve(spec, sleeve, picture, rng, scale, repeat)
        sleeves.append(covered)
    if spec.texture > 0:
        weave = rng.normal(0, 1, shape).astype(np.float32)
        fine = 0.02 * spec.texture * min(FINE * scale, 1.0)
        picture *= 1 + fine * cv2.GaussianBlur(weave, (0, 0), 0.7)[..., None]
    return np.asarray(np.clip(picture, 0, 255), np.float32), [torso, *sleeves]


def _pattern(
    spec: Spec, across: Floats, along: Floats, period: float, *, seed: int, scale: float
) -> Floats:
    """Return cloth without light; ``along`` runs down the piece. Odd seeds are sleeves'."""
    rng = np.random.default_rng(seed)
    picture = np.empty((*across.shape, 3), np.float32)
    picture[:] = spec.cloth
    second = np.array(spec.second, np.float32)
    share: Floats = np.zeros(across.shape, np.float32)
    if spec.pattern.startswith("stripes"):
        way = along if spec.pattern == "stripes across" else across
        broad = float(rng.uniform(0.25, 0.6))
        place = np.abs(np.mod(way / period, 1.0) - 0.5) * 2
        share = np.clip((broad - place) * period / 3 + 0.5, 0, 1).astype(np.float32)
    elif spec.pattern == "fine stripes":
        fine = max(0.22 * period, 2.0)
        way = along if rng.random() < 0.6 else across
        share = (0.5 + 0.5 * np.sin(2 * np.pi * way / fine)).astype(np.float32)
    elif spec.pattern == "checks":
        for way in (along, across):
            place = np.abs(np.mod(way / period, 1.0) - 0.5) * 2
            share = share + np.clip((0.5 - place) * period / 3 + 0.5, 0, 1) * np.float32(0.5)
    elif spec.pattern == "blocks":
        share += np.float32(seed % 2)
        share = np.maximum(share, (np.abs(along - 4 * period) < period).astype(np.float32))
    elif spec.pattern == "speckled":
        share = (noise(rng, across.shape, 0.7 * scale) > 1.1).astype(np.float32)
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), FINE * scale), np.float32)
    elif spec.pattern == "print":
        grain = float(rng.uniform(1.5, 9.0)) * scale
        share = (noise(rng, across.shape, grain) > 0.4).astype(np.float32)
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), FINE * scale), np.float32)
    return np.asarray(picture + (second - picture) * share[..., None], np.float32)


def _print(
    spec: Spec, picture: Floats, rng: np.random.Generator, middle: Points, scale: float
) -> None:
    """Put lettering or a logo on the chest."""
    x = middle[0]
    y = middle[1] + (spec.armpit + rng.uniform(-2, 6)) * scale
    ink = np.zeros(picture.shape[:2], np.uint8)
    if spec.pattern == "lettering":
        word = str(rng.choice(WORDS))
        font = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        size = 1.3 * spec.half_chest * scale / (18.0 * len(word))
        thick = max(int(2.5 * size), 1)
        (wide, tall), _ = cv2.getTextSize(word, font, size, thick)
        cv2.putText(
            ink, word, (int(x - wide / 2), int(y + tall / 2)), font, size, 255, thick, cv2.LINE_AA
        )
    elif spec.pattern == "logo":
        radius = int(rng.uniform(2.0, 11.0) * scale)
        x += float(rng.choice([0.0, 0.45])) * spec.half_chest * scale
        if rng.random() < 0.5:
            cv2.circle(ink, (int(x), int(y)), radius, 255, -1, cv2.LINE_AA)
            cv2.circle(ink, (int(x), int(y)), radius // 2, 0, -1, cv2.LINE_AA)
        else:
            turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
            far = np.where(np.arange(10) % 2, 0.45, 1.0) * radius
            star = np.stack([x + far * np.sin(turns), y - far * np.cos(turns)], axis=1)
            cv2.fillPoly(ink, [star.astype(np.int32)], 255, cv2.LINE_AA)
    share = (ink.astype(np.float32) / 255)[..., None]
    picture += (np.array(spec.second, np.float32) - picture) * share


def _folds(
    spec: Spec, drawn: Shape, rng: np.random.Generator, shape: tuple[int, int], scale: float
) -> Floats:
    """Return the light on the torso, darker at the sides, with the folds of hanging fabric."""
    light = np.ones(shape, np.float32)
    light += 0.03 * spec.folds * noise(rng, shape, 9 * scale)
    tall = np.asarray(cv2.resize(noise(rng, (shape[0] // 8, shape[1]), 3 * scale), shape[::-1]))
    lower = np.clip((np.arange(shape[0]) - drawn.front[0, 1]) / (spec.length * scale), 0, 1)
    light += 0.035 * spec.folds * tall * lower[:, None].astype(np.float32)
    depth = cv2.distanceTransform(
        (cover(shape, drawn.torso) > 0.5).astype(np.uint8), cv2.DIST_L2, 5
    )
    light -= 0.2 * np.exp(-depth / (2.2 * scale)).astype(np.float32)
    for _ in range(int(rng.integers(0, 5))):
        start = drawn.torso[int(rng.integers(len(drawn.torso)))]
        stop = start + rng.normal(0, 12 * scale, 2)
        light -= (
            0.09 * spec.folds * np.clip(line(shape, np.stack([start, stop]), 1.2 * scale), 0, 1)
        )
    return np.asarray(np.clip(light, 0.4, 1.12), np.float32)


def _opened(
    spec: Spec, drawn: Shape, rng: np.random.Generator, picture: Floats, scale: float
) -> Floats:
    """Paint the gap of an open front: the inside, and the rims of the halves."""
    shape = (picture.shape[0], picture.shape[1])
    under = np.empty_like(picture)
    under[:] = np.array(spec.cloth, np.float32) * np.float32(rng.uniform(0.5, 0.85))
    if rng.random() < 0.2:
        under[:] = spec.second
    shade(under, line(shape, drawn.gap, 1.5 * scale), 0.4)
    opened = over(picture, under, cover(shape, drawn.gap))
    shade(opened, line(shape, drawn.gap, FINE * scale), 0.3)
    return opened


def _leaf(
    spec: Spec, picture: Floats, outline: Points, shape: tuple[int, int], scale: float
) -> Floats:
    """Return one leaf of a collar: the cloth's colour, lighter, with a dark rim."""
    leaf = np.empty_like(picture)
    leaf[:] = np.array(spec.cloth, np.float32) * 0.99
    closed = np.concatenate([outline, outline[:1]])
    shade(leaf, line(shape, closed, 1.2 * FINE * scale), 0.35)
    shade(picture, line(shape, closed + at(0, 0.8 * scale), 0.8 * scale), 0.25)
    return leaf


def _front(
    spec: Spec, drawn: Shape, picture: Floats, rng: np.random.Generator, scale: float
) -> None:
    """Draw a placket with buttons, or a zip, from the neckline to the hem."""
    if spec.opening in ("none", "open"):
        return
    shape = (picture.shape[0], picture.shape[1])
    top, bottom = drawn.front[20], drawn.hem[20]
    path = np.linspace(top, bottom, 8)
    if spec.opening == "zip":
        shade(picture, line(shape, path, 0.5 * scale), 0.7)
        return
    for away in (-1.6, 1.6):
        shade(picture, line(shape, path + at(away * scale, 0), FINE * scale), 0.2)
    tone = float(rng.uniform(20, 250))
    for place in np.linspace(top + at(0, 2 * scale), bottom - at(0, 4 * scale), 7):
        centre = (int(place[0]), int(place[1]))
        cv2.circle(picture, centre, max(int(0.55 * scale), 1), (tone, tone, tone), -1, cv2.LINE_AA)


def _sleeve(
    spec: Spec,
    sleeve: Sleeve,
    picture: Floats,
    rng: np.random.Generator,
    scale: float,
    repeat: _Repeat,
) -> tuple[Floats, Floats]:
    """Paint a sleeve over the picture, with a rotated pattern and a shadow."""
    shape = (picture.shape[0], picture.shape[1])
    covered = cover(shape, sleeve.outline)
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x, y = sleeve.seam[0]
    ax, ay = (float(v) for v in sleeve.along)
    along = (xs - np.float32(x)) * ax + (ys - np.float32(y)) * ay
    across = (xs - np.float32(x)) * ay - (ys - np.float32(y)) * ax
    own = _pattern(
        spec,
        across,
        along + np.float32(repeat.phase),
        repeat.period,
        seed=repeat.seed + (spec.category != "lower"),
        scale=scale,
    )
    light = np.ones(shape, np.float32) + 0.035 * spec.folds * noise(rng, shape, 5 * scale)
    depth = cv2.distanceTransform((covered > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    light -= float(rng.uniform(0.1, 0.25)) * np.exp(-depth / (1.4 * scale)).astype(np.float32)
    cuff = sleeve.cuff - 2.2 * scale * np.array([ax, ay])
    light *= 1 - 0.15 * np.clip(line(shape, cuff, 0.8 * FINE * scale), 0, 1)
    own *= np.clip(light, 0.4, 1.12)[..., None]
    soft = np.asarray(cv2.GaussianBlur(covered, (0, 0), 0.8 * scale), np.float32)
    shade(picture, soft, 0.25 * spec.folds)
    picture = over(picture, own, covered)
    shade(picture, line(shape, sleeve.seam, 0.9 * FINE * scale), 0.22)
    return picture, covered
