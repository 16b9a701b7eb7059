"""SCHP around its network: the picture as it takes it, and its classes as CIHP ids.

Li et al., "Self-Correction for Human Parsing" (TPAMI 2020),
https://github.com/GoGoDuck912/Self-Correction-Human-Parsing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.human_parse.resampling import F32, corners, resize
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, LabelMap

MEAN: Final = (0.406, 0.456, 0.485)
"""Mean of ImageNet's pictures per channel, BGR, 0 to 1."""
DEVIATION: Final = (0.225, 0.224, 0.229)
"""Standard deviation of ImageNet's pictures per channel, BGR, 0 to 1."""
FUSION: Final = 1
"""Index of the network's output that is the parsing refined by edges."""

_CHIN: Final = 0.45
"""Upper end of the neck, as a share of the way from the nose to the neck joint."""

Run = Callable[[F32], F32]
"""One inference: 1 x 3 x side x side to classes x h x w, not yet enlarged."""


@dataclass(frozen=True)
class Dataset:
    """The data set that a network was trained on."""

    side: int
    """Side of the network's square input, in pixels."""
    labels: tuple[Label, ...]
    """CIHP id of each class."""
    with_neck: bool = False
    """Whether the face reaches down to the shoulders; CIHP's ends at the chin."""


LIP: Final = Dataset(
    473,
    (
        Label.BACKGROUND,
        Label.HAT,
        Label.HAIR,
        Label.GLOVE,
        Label.SUNGLASSES,
        Label.UPPER,
        Label.DRESS,
        Label.COAT,
        Label.SOCKS,
        Label.PANTS,
        Label.DRESS,  # a jumpsuit
        Label.SCARF,
        Label.SKIRT,
        Label.FACE,
        Label.LEFT_ARM,
        Label.RIGHT_ARM,
        Label.LEFT_LEG,
        Label.RIGHT_LEG,
        Label.LEFT_SHOE,
        Label.RIGHT_SHOE,
    ),
)
"""The data set LIP."""
ATR: Final = Dataset(
    512,
    (
        Label.BACKGROUND,
        Label.HAT,
        Label.HAIR,
        Label.SUNGLASSES,
        Label.UPPER,
        Label.SKIRT,
        Label.PANTS,
        Label.DRESS,
        Label.PANTS,  # a belt
        Label.LEFT_SHOE,
        Label.RIGHT_SHOE,
        Label.FACE,
        Label.LEFT_LEG,
        Label.RIGHT_LEG,
        Label.LEFT_ARM,
        Label.RIGHT_ARM,
        Label.BACKGROUND,  # a bag
        Label.SCARF,
    ),
    with_neck=True,
)
"""The data set ATR."""


def parse(image: Image, keypoints: Keypoints, run: Run, dataset: Dataset) -> LabelMap:
    """Label every pixel of an H x W x 3 picture with its CIHP id."""
    classes = classify(image, run, dataset.side)
    labels = np.array(dataset.labels, np.uint8)[classes]
    return _neck_apart(labels, keypoints) if dataset.with_neck else labels


def classify(image: Image, run: Run, side: int) -> LabelMap:
    """Give the network's own class of every pixel: H x W.

    The picture is fitted into the square and centred, black beside it; what the network says is
    enlarged to the square and brought back to the picture before the greatest is taken.
    """
    height, width = image.shape[:2]
    matrix = _fitted(height, width, side)
    square = cv2.warpAffine(image[..., ::-1], matrix, (side, side), flags=cv2.INTER_LINEAR)
    scaled = square.astype(np.float32) / np.float32(255)
    normal = (scaled - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    planes = resize(
        run(np.asarray(normal.transpose(2, 0, 1)[None], np.float32)), side, side, corners
    )
    best = np.full((height, width), -np.inf, np.float32)
    classes = np.zeros((height, width), np.uint8)
    for index, plane in enumerate(planes):
        placed = cv2.warpAffine(
            plane, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        greater = placed > best
        classes[greater] = index
        best[greater] = placed[greater]
    return classes


def _fitted(height: int, width: int, side: int) -> F32:
    """Map the picture's pixels to the square's."""
    scale = (side - 1) / max(height - 1, width - 1, 1)
    middle = (side - 1) / 2
    return np.array(
        [
            [scale, 0, middle - scale * (width - 1) / 2],
            [0, scale, middle - scale * (height - 1) / 2],
        ],
        np.float32,
    )


def _neck_apart(labels: LabelMap, keypoints: Keypoints) -> LabelMap:
    """Call the face's part below the chin the torso's skin, if nose and neck are seen."""
    nose, neck = keypoints[Joint.NOSE], keypoints[Joint.NECK]
    if nose[2] <= 0 or neck[2] <= 0:
        return labels
    down = (neck - nose)[:2].astype(np.float64)
    length = float(down @ down)
    if length == 0:
        return labels
    rows, columns = np.nonzero(labels == Label.FACE)
    along = ((columns - nose[0]) * down[0] + (rows - nose[1]) * down[1]) / length
    below = along > _CHIN
    apart = labels.copy()
    apart[rows[below], columns[below]] = Label.TORSO_SKIN
    return apart
