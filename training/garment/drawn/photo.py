"""Draw a garment's photo on a plain background, slightly rotated, with shadow and noise."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from training.garment.drawn.brush import noise
from training.garment.drawn.choice import choose
from training.garment.drawn.lower import lower_shape
from training.garment.drawn.paint import cloth
from training.garment.drawn.shape import Points, Shape, Sleeve, shape
from training.garment.drawn.spec import Spec

Picture: TypeAlias = NDArray[np.uint8]
HEIGHT: Final = 1024
"""Height of a photo in pixels; the width is three quarters of it."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A photo with its labels."""

    image: Picture
    """H x W x 3, RGB."""
    mask: Picture
    """H x W: 255 on the garment, 0 elsewhere."""
    parts: Picture
    """H x W: 1 torso, 2 and 3 the visible left and right sleeve."""
    landmarks: dict[str, tuple[float, float]]
    """Name to (x, y), in pixels."""
    depth: float
    """Depth of the front neckline, in neck widths."""
    spec: Spec
    """What was drawn."""

    def label(self) -> dict[str, Any]:
        """Return the garment's labels for a JSON file."""
        return {
            "category": self.spec.category,
            "sleeves": self.spec.sleeves,
            "neckline": {"kind": self.spec.neck, "depth": round(self.depth, 4)},
            "landmarks": {k: [round(x, 2), round(y, 2)] for k, (x, y) in self.landmarks.items()},
            "spec": asdict(self.spec),
        }


def draw(
    seed: int, index: int, category: str = "upper", height: int = HEIGHT, **changes: Any
) -> Drawn:
    """Draw garment number ``index`` of a seed; ``changes`` replace fields of its ``Spec``."""
    rng = np.random.default_rng([seed, index])
    spec = replace(choose(rng, category), **changes)
    outline = lower_shape(spec, rng) if category == "lower" else shape(spec, rng)
    width = 3 * height // 4
    everything = np.concatenate([outline.torso, outline.inside, *outline.collars])
    everything = np.concatenate([everything, *(s.outline for s in outline.sleeves)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = float(rng.uniform(0.84, 0.94))
    scale = room * float(min(width / (high - low)[0], height / (high - low)[1]))
    slack = (np.array([width, height]) - scale * (high - low)) / 2
    origin = slack * rng.uniform(0.7, 1.3, 2) - scale * low
    placed = _placed(outline, scale, origin)
    size = (height, width)
    colours, covers = cloth(spec, placed, rng, size, scale)
    view = _view(spec, size)
    seen = cv2.warpPerspective(colours, view, size[::-1], borderMode=cv2.BORDER_REPLICATE)
    layers = [cv2.warpPerspective(c, view, size[::-1]) for c in covers]
    whole = np.asarray(np.max(layers, axis=0), np.float32)
    ground = _ground(spec, rng, whole, scale)
    blended = ground + (seen - ground) * whole[..., None]
    blur = max(0.6 * height / HEIGHT, 0.3)
    picture = cv2.GaussianBlur(blended, (0, 0), blur) + rng.normal(
        0, height / HEIGHT, blended.shape
    )
    parts = np.zeros(size, np.uint8)
    for number, layer in enumerate(layers, start=1):
        parts[layer > 0.5] = number
    # In a smaller photo the blocks of a JPEG would be larger.
    quality = 100 - (100 - spec.quality) * height // HEIGHT
    landmarks = {name: _seen(view, np.array(at)) for name, at in placed.landmarks.items()}
    return Drawn(
        image=_jpeg(np.clip(picture, 0, 255).astype(np.uint8), quality),
        mask=np.where(whole > 0.5, 255, 0).astype(np.uint8),
        parts=parts,
        landmarks=landmarks,
        depth=_depth(outline),
        spec=spec,
    )


def _depth(outline: Shape) -> float:
    """Return the neckline's depth below the line between the ends, in neck widths."""
    left, middle, right = outline.front[[0, len(outline.front) // 2, -1]]
    return float(middle[1] - (left[1] + right[1]) / 2) / float(right[0] - left[0])


def _placed(outline: Shape, scale: float, origin: Points) -> Shape:
    """Return the shape in pixels."""

    def at(points: Points) -> Points:
        return np.asarray(points * scale + origin)

    return Shape(
        torso=at(outline.torso),
        inside=at(outline.inside),
        front=at(outline.front),
        back=at(outline.back),
        hem=at(outline.hem),
        gap=at(outline.gap),
        sleeves=tuple(
            Sleeve(at(s.outline), s.along, at(s.seam), at(s.cuff)) for s in outline.sleeves
        ),
        collars=tuple(at(c) for c in outline.collars),
        landmarks={
            name: (float(x * scale + origin[0]), float(y * scale + origin[1]))
            for name, (x, y) in outline.landmarks.items()
        },
    )


def _view(spec: Spec, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the camera's homography: a turn and a tilt about the picture's middle."""
    turn = np.array(
        [
            [np.cos(spec.turn), -np.sin(spec.turn), 0],
            [np.sin(spec.turn), np.cos(spec.turn), 0],
            [spec.tilt[0] / size[1], spec.tilt[1] / size[0], 1],
        ]
    )
    centre = np.array([[1, 0, -size[1] / 2], [0, 1, -size[0] / 2], [0, 0, 1.0]])
    return np.asarray(np.linalg.inv(centre) @ turn @ centre)


def _seen(view: NDArray[np.float64], at: Points) -> tuple[float, float]:
    x, y, w = view @ np.array([at[0], at[1], 1.0])
    return float(x / w), float(y / w)


def _ground(
    spec: Spec, rng: np.random.Generator, whole: NDArray[np.float32], scale: float
) -> NDArray[np.float32]:
    """Return the ground, a little uneven, with the garment's soft shadow."""
    size = (whole.shape[0], whole.shape[1])
    light = 1 + 0.006 * noise(rng, size, 0.3 * size[0])
    away = rng.uniform(-0.8, 0.8, 2) * scale
    shift = np.array([[1, 0, away[0]], [0, 1, abs(away[1]) + 0.3 * scale]])
    shadow = cv2.GaussianBlur(whole, (0, 0), float(rng.uniform(0.8, 2.0)) * scale)
    shadow = cv2.warpAffine(shadow, shift, size[::-1])
    light = light - 0.13 * spec.shadow * shadow
    return np.asarray(np.array(spec.ground, np.float32) * light[..., None], np.float32)


def _jpeg(picture: Picture, quality: int) -> Picture:
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)
