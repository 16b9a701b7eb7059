"""The clothes segmentation network behind the mask."""

from typing import Any, Final

import cv2
import numpy as np

from services.kit.refine import Plane
from services.kit.types import Image

FIRST_SIDE: Final = 512
SECOND_SIDE: Final = 576
"""Sides in pixels that the network is run at; both are multiples of 32.

At 384 it overlooks whole garments; at 768 it costs more than twice the time and memory of 512 and
sees more only on fine prints, which a second look at the garment alone sees as well.
"""


class U2NetCloth:
    """U2-Net trained on clothes (github.com/levindabhi/cloth-segmentation, MIT).

    ``session`` is an ONNX Runtime session: 1x3xHxW float32 RGB in [-1, 1] in, logits 1x4xHxW out,
    for background, upper, lower and full-body garments.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    def garment(self, image: Image, side: int) -> Plane:
        """Return the probability, ``side`` x ``side`` float32, of any kind of garment."""
        shrinking = side < min(image.shape[:2])
        small = cv2.resize(
            np.ascontiguousarray(image),
            (side, side),
            interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
        )
        batch = small.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(127.5) - 1
        logits = self._session.run([self._output], {self._input: batch})[0][0]
        logits -= logits.max(axis=0)
        exponents = np.exp(logits, out=logits)
        return np.asarray(1 - exponents[0] / exponents.sum(axis=0), np.float32)
