"""The networks behind the parse: the clothes network of the kit, and the person segmenter."""

from threading import Lock
from typing import Any, Final

from services.human_parse.crops import PersonProbabilities
from services.kit.cancellation import hold_lock
from services.kit.runtimes.u2net import softmax, to_network_input
from services.kit.types import Image

GARMENT_SIDE_PX: Final = 384
"""Side in pixels the clothes network is run at: on people it is no worse than at 768, and better
where the larger input calls an outfit of two pieces one."""


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

    def people(self, image: Image) -> PersonProbabilities:
        """Return the probabilities of ``crops.PersonProbabilities`` at the network's own size."""
        _, height, width, _ = (int(size) for size in self._input["shape"])
        batch = to_network_input(image, width, height)[None]
        with hold_lock(self._turn):
            self._interpreter.set_tensor(self._input["index"], batch)
            self._interpreter.invoke()
            logits = self._interpreter.get_tensor(self._output)[0]
        return softmax(logits, axis=2)
