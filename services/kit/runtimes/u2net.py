"""U2-Net trained on clothes: the network of the garment mask and of the human parse."""

from threading import Lock
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.cancellation import hold_lock
from services.kit.types import Image

FILE: Final = "u2net_cloth_seg.onnx"
"""Name of its weight file."""

INT8_FILE: Final = "u2net_cloth_int8.onnx"
"""Name of the same network in 8 bits, as ``model_commands/prepare_int8.py`` writes it."""

_run_lock: Final = Lock()
"""Held during a run, which takes up to 1 GB and all threads."""


class U2NetCloth:
    """U2-Net trained on clothes (github.com/levindabhi/cloth-segmentation, MIT).

    ``session`` is an ONNX Runtime session: 1x3xHxW float32 RGB in [-1, 1] in, logits 1x4xHxW out.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    def probabilities(self, image: Image, side: int) -> NDArray[np.float32]:
        """Return ``side`` x ``side`` x 4 float32: background, upper, lower, full-body garments.

        ``image`` is H x W x 3 uint8 RGB; it is scaled to ``side``, a multiple of 32, on both axes.
        """
        batch = to_network_input(image, side, side).transpose(2, 0, 1)[None]
        with hold_lock(_run_lock):
            logits = self._session.run([self._output], {self._input: np.ascontiguousarray(batch)})
        return np.ascontiguousarray(softmax(logits[0][0], axis=0).transpose(1, 2, 0))


def to_network_input(image: Image, width: int, height: int) -> NDArray[np.float32]:
    """Scale an image to ``height`` x ``width`` x 3 float32 and its values to [-1, 1]."""
    shrinking = image.shape[0] > height and image.shape[1] > width
    scaled = cv2.resize(
        np.ascontiguousarray(image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
    )
    return scaled.astype(np.float32) / np.float32(127.5) - np.float32(1)


def softmax(logits: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Convert logits to probabilities that add up to 1 along ``axis``."""
    exponents = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=axis, keepdims=True), np.float32)
