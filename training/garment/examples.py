"""Draw training examples: small garments with labels, and the augmentation of every epoch."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.cloth_mask.attributes import SIDE, SquareWindow, garment_window, network_input
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import LANDMARKS, NECKLINES, OPENINGS, SLEEVES
from training.garment.drawn.photo import Drawn, draw
from training.garment.drawn.spec import ARM, SHOULDER
from training.garment.masks import spoil

Floats = NDArray[np.float32]

HEIGHT: Final = 192
"""Height of a drawn photo in pixels; the network's input is smaller."""

SHARES: Final = (0.6, 0.17, 0.23)
"""How many of the examples are of each category."""

NECKS: Final = {
    "waist": "none",
    "crew": "round",
    "scoop": "round",
    "straps": "round",
    "v": "v",
    "wide": "boat",
    "square": "square",
    "collar": "collar",
    "stand": "high_neck",
    "hood": "hood",
    "off shoulder": "off_shoulder",
    "strapless": "strapless",
    "one shoulder": "one_shoulder",
}
"""The class of each drawn neckline."""

UNKNOWN: Final = -1
"""Class index of an attribute that a garment does not have."""

_SWAP: Final = [
    LANDMARKS.index(_other)
    for _other in (
        name.replace("left_", "#").replace("right_", "left_").replace("#", "right_")
        for name in LANDMARKS
    )
]
"""Index of each landmark in the mirrored picture."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A drawn garment: coded pictures and its labels."""

    photo: bytes
    """The photo, as a coded file."""
    mask: bytes
    """The garment's mask, as a coded file."""
    points: Floats
    """24 x 3: (x, y) in pixels of each landmark, and 1 if the garment has it, else 0."""
    classes: tuple[int, int, int, int, int]
    """Category, left and right sleeve, neckline, opening; ``UNKNOWN`` where none applies."""
    reach: tuple[float, float]
    """Fraction of the arm under the left and the right sleeve."""


def example(seed: int, index: int) -> Example:
    """Draw an example; the category follows from the index."""
    rng = np.random.default_rng([seed, index, 1])
    category = str(rng.choice(GARMENT_CATEGORIES, p=SHARES))
    drawn = draw(seed, index, category=category, height=HEIGHT)
    _, photo = cv2.imencode(".jpg", drawn.image, [cv2.IMWRITE_JPEG_QUALITY, 97])
    _, mask = cv2.imencode(".png", drawn.mask)
    points = np.zeros((len(LANDMARKS), 3), np.float32)
    for row, name in enumerate(LANDMARKS):
        if name in drawn.landmarks:
            points[row] = (*drawn.landmarks[name], 1.0)
    classes, reach = truth(drawn)
    return Example(
        photo=photo.tobytes(), mask=mask.tobytes(), points=points, classes=classes, reach=reach
    )


def truth(drawn: Drawn) -> tuple[tuple[int, int, int, int, int], tuple[float, float]]:
    """Return the true classes of a drawn garment, and the reach of its sleeves."""
    spec = drawn.spec
    sides = [f"{side}_cuff_outer" in drawn.landmarks for side in ("left", "right")]
    worn = spec.category != "lower"
    sleeves = [
        SLEEVES.index(spec.sleeves if there else "none") if worn else UNKNOWN for there in sides
    ]
    neck = NECKLINES.index(NECKS[spec.neck])
    if spec.opening == "open" and spec.neck not in ("collar", "hood"):
        neck = UNKNOWN
    opening = {"none": "closed", "buttons": "fastened", "zip": "fastened", "open": "open"}
    opened = OPENINGS.index(opening[spec.opening]) if worn else UNKNOWN
    outside = spec.half_shoulder - SHOULDER
    if spec.neck == "off shoulder":
        outside = 0.5 * (spec.armpit - (spec.half_shoulder - spec.half_neck) * spec.slope)
    whole = (spec.reach + outside) / ARM
    reach = tuple(whole if there and spec.sleeves != "none" else 0.0 for there in sides)
    classes = (GARMENT_CATEGORIES.index(spec.category), sleeves[0], sleeves[1], neck, opened)
    return classes, (reach[0], reach[1])


def changed(
    own: Example, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """Return the network's input and targets for one augmented view of an example.

    4 x SIDE x SIDE; landmarks x, y, there as shares of the window; classes; reach.
    """
    photo = _decoded(own.photo, cv2.IMREAD_COLOR)
    points, classes, reach = own.points.copy(), np.array(own.classes, np.int64), np.array(own.reach)
    mask = spoil(_decoded(own.mask, cv2.IMREAD_GRAYSCALE), rng)
    move = _move(mask, rng)
    size = mask.shape[::-1]
    border = cv2.BORDER_REPLICATE
    photo = np.asarray(cv2.warpAffine(photo, move, size, borderMode=border), np.uint8)
    mask = np.asarray(cv2.warpAffine(mask, move, size), np.uint8)
    points[:, :2] = points[:, :2] @ move[:, :2].T.astype(np.float32) + move[:, 2].astype(np.float32)
    if move[0, 0] < 0:
        points = points[_SWAP]
        classes[[1, 2]] = classes[[2, 1]]
        reach = reach[::-1]
    seen = _shaken(garment_window(mask), rng)
    inputs = network_input(_relit(photo, rng), mask, seen)
    if rng.random() < 0.5:
        grain = rng.normal(0, rng.uniform(0, 0.6), (SIDE, SIDE)).astype(np.float32)
        inputs[2] += cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 1.5)) * inputs[0]
    points[:, 0] = (points[:, 0] - seen.left) / seen.side
    points[:, 1] = (points[:, 1] - seen.top) / seen.side
    return inputs, points.astype(np.float32), classes, reach.astype(np.float32)


def _decoded(file: bytes, kind: int) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(file, np.uint8), kind)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _move(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a turn, a stretch and perhaps a flip about the middle, kept inside the frame."""
    turn = np.radians(rng.normal(0, 4.0))
    # Little stretch, because the proportions show the sleeve's length.
    size, stretch = rng.uniform(0.75, 0.96), np.exp(rng.normal(0, 0.025))
    wide, tall = size * stretch, size / stretch
    shear = rng.normal(0, 0.03)
    own = np.array([[np.cos(turn), -np.sin(turn) + shear], [np.sin(turn), np.cos(turn)]])
    own = own @ np.diag([wide, tall])
    if rng.random() < 0.5:
        own = own @ np.diag([-1.0, 1.0])
    middle = np.array(mask.shape[::-1]) / 2
    return np.concatenate([own, (middle - own @ middle)[:, None]], axis=1)


def _shaken(seen: SquareWindow, rng: np.random.Generator) -> SquareWindow:
    side = seen.side * rng.uniform(0.97, 1.1)
    left, top = (v + (seen.side - side) / 2 for v in (seen.left, seen.top))
    return SquareWindow(left + rng.normal(0, 0.015) * side, top + rng.normal(0, 0.015) * side, side)


def _creased(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return the light of additional creases along one direction."""
    light = np.ones(size, np.float32)
    if rng.random() < 0.3:
        return light
    for _ in range(2):
        grain = int(rng.integers(4, 28))
        coarse = rng.normal(0, 1, (int(rng.integers(2, 8)), grain)).astype(np.float32)
        sheet = cv2.resize(coarse, (2 * size[1], 2 * size[0]), interpolation=cv2.INTER_CUBIC)
        middle = (float(size[1]), float(size[0]))
        turn = cv2.getRotationMatrix2D(middle, rng.normal(0, 45), 1.0)
        turn[:, 2] -= np.array([size[1] / 2, size[0] / 2])
        light += rng.uniform(0, 0.09) * cv2.warpAffine(sheet, turn, size[::-1], borderMode=2)
    return np.asarray(np.clip(light, 0.4, 1.4), np.float32)


def _relit(photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change light, contrast, colours and sharpness."""
    tones = np.arange(256, dtype=np.float32) / 255
    if rng.random() < 0.5:
        tones = 1 - (1 - tones) * rng.uniform(0.4, 1.0)
    tones = (tones ** rng.uniform(0.6, 1.6)).astype(np.float32)
    picture = tones[photo[..., rng.permutation(3)]] * _creased(photo.shape[:2], rng)[..., None]
    slope = rng.normal(0, 0.12, 2)
    ys, xs = np.mgrid[-1 : 1 : photo.shape[0] * 1j, -1 : 1 : photo.shape[1] * 1j]
    picture = picture * (1 + slope[0] * xs + slope[1] * ys)[..., None].astype(np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.2))
    return np.asarray(np.clip(255 * picture, 0, 255), np.uint8)
