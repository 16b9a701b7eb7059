"""CIHP-PGN around its network: several sizes of the photo and its mirror image, as it was tested.

Gong et al., "Instance-level Human Parsing via Part Grouping Network" (ECCV 2018),
https://github.com/Engineering-Course/CIHP_PGN. Its classes are the CIHP ids.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from services.human_parse.resampling import F32, origin, resize
from services.kit.labels import Label
from services.kit.types import Image, LabelMap

MEAN: Final = (125.0, 114.4, 107.9)
"""What the input is freed of, per channel of BGR."""
_MIRRORED: Final = np.array(
    [
        *range(Label.LEFT_ARM),
        Label.RIGHT_ARM,
        Label.LEFT_ARM,
        Label.RIGHT_LEG,
        Label.LEFT_LEG,
        Label.RIGHT_SHOE,
        Label.LEFT_SHOE,
    ]
)
"""Which class a mirror image shows in place of each."""

Run = Callable[[F32], F32]
"""One inference: 1 x 3 x h x w to classes x rows x columns, an eighth of it."""


def parse(image: Image, run: Run, scales: Sequence[float]) -> LabelMap:
    """Label every pixel of an H x W x 3 picture with its CIHP id."""
    labels: LabelMap = scores(image, run, scales).argmax(axis=0).astype(np.uint8)
    return labels


def scores(image: Image, run: Run, scales: Sequence[float]) -> F32:
    """Give the mean of what the network says at each scale and of the mirror image: 20 x H x W.

    ``scales`` are of the photo's size.
    """
    height, width = image.shape[:2]
    planes = image[..., ::-1].transpose(2, 0, 1).astype(np.float32)
    planes -= np.array(MEAN, np.float32)[:, None, None]
    total = np.zeros((len(Label), height, width), np.float32)
    for mirrored in (False, True):
        given = planes[..., ::-1] if mirrored else planes
        for scale in scales:
            size = max(1, int(height * scale)), max(1, int(width * scale))
            answer = run(np.ascontiguousarray(resize(given, *size, origin))[None])
            whole = resize(answer, height, width, origin)
            total += whole[_MIRRORED, :, ::-1] if mirrored else whole
    return total / np.float32(2 * len(scales))
