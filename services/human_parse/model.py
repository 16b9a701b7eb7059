"""The two networks behind the parse."""

from threading import Lock
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.looks import Stack
from services.kit.types import Image

GARMENT_SIDE: Final = 384
"""Side in pixels the clothes network is run at: on people it is no worse than at 768, and better
where the larger input calls an outfit of two pieces one."""


def _shrink(image: Image, width: int, height: int) -> NDArray[np.float32]:
    """Scale to ``height`` x ``width`` and to [-1, 1]."""
    shrinking = image.shape[0] > height and image.shape[1] > width
    small = cv2.resize(
        np.ascontiguousarray(image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
    )
    return small.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _softmax(logits: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=axis, keepdims=True), np.float32)


class U2NetCloth:
    """U2-Net trained on clothes (github.com/levindabhi/cloth-segmentation, MIT).

    ``session`` is an ONNX Runtime session: 1x3xHxW float32 RGB in [-1, 1] in, logits 1x4xHxW out,
    for background, upper, lower and full-body garments.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    def garments(self, image: Image) -> NDArray[np.float32]:
        """Return probabilities, 384 x 384 x 4 float32."""
        batch = _shrink(image, GARMENT_SIDE, GARMENT_SIDE).transpose(2, 0, 1)[None]
        logits = self._session.run([self._output], {self._input: np.ascontiguousarray(batch)})[0]
        return np.ascontiguousarray(_softmax(logits[0], axis=0).transpose(1, 2, 0))


class SelfieMulticlass:
    """MediaPipe's selfie multiclass segmenter, 256x256 (Google, Apache-2.0).

    ``interpreter`` is a TensorFlow Lite interpreter with its tensors allocated: 1xhxwx3 float32 RGB
    in [-1, 1] in, logits 1xhxwx6 out. Calls from several threads take turns.
    """

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._input = interpreter.get_input_details()[0]
        self._output = interpreter.get_output_details()[0]["index"]
        self._turn = Lock()

    def people(self, image: Image) -> Stack:
        """Return the probabilities of ``looks.Stack`` at the network's own size."""
        _, height, width, _ = (int(size) for size in self._input["shape"])
        batch = _shrink(image, width, height)[None]
        with self._turn:
            self._interpreter.set_tensor(self._input["index"], batch)
            self._interpreter.invoke()
            logits = self._interpreter.get_tensor(self._output)[0]
        return _softmax(logits, axis=2)
