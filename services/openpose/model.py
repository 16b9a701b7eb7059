"""MediaPipe's two pose networks, loaded from one bundle and run behind one lock."""

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from services.kit.cancellation import hold_lock
from services.kit.errors import WeightsMissing
from services.kit.runtimes.sessions import tflite_interpreter
from services.openpose.core import F32, RawPose

_DETECTOR_FILE: Final = "pose_detector.tflite"
"""Name of the detector in the bundle."""
_LANDMARK_FILE: Final = "pose_landmarks_detector.tflite"
"""Name of the landmark network in the bundle."""

Run = Callable[[F32], list[F32]]
"""One inference: an input without its batch axis to the outputs without theirs."""


def open_networks(task: Path) -> tuple[Run, Run]:
    """Load the detector and the landmark network out of a MediaPipe ``.task`` bundle.

    Raises WeightsMissing when the file is not such a bundle.
    """
    try:
        with zipfile.ZipFile(task) as bundle:
            contents = bundle.read(_DETECTOR_FILE), bundle.read(_LANDMARK_FILE)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsMissing(
            f"{task.name} is damaged; delete it and run `bash run.sh models` to fetch it again."
        ) from error
    return _runner(contents[0]), _runner(contents[1])


def _runner(content: bytes) -> Run:
    interpreter = tflite_interpreter(content)
    source = interpreter.get_input_details()[0]["index"]
    sinks = [detail["index"] for detail in interpreter.get_output_details()]

    def run(tensor: F32) -> list[F32]:
        interpreter.set_tensor(source, tensor[None])
        interpreter.invoke()
        return [interpreter.get_tensor(sink)[0] for sink in sinks]

    return run


class PoseNetworks:
    """The loaded networks. An interpreter holds one call's tensors, so calls take turns."""

    def __init__(self, detector: Run, landmarker: Run) -> None:
        self._detector = detector
        self._landmarker = landmarker
        self._lock = threading.Lock()

    def detect(self, crop: F32) -> tuple[F32, F32]:
        """Run the detector on 224 x 224 x 3 in 0..1: 2254 x 12 boxes and 2254 logits."""
        with hold_lock(self._lock):
            boxes, logits = self._detector(crop * np.float32(2) - np.float32(1))
        return boxes, logits[:, 0]

    def landmarks(self, crop: F32) -> RawPose:
        """Run the landmark network on 256 x 256 x 3 in 0..1."""
        with hold_lock(self._lock):
            points, presence, mask, heatmap, _world = self._landmarker(crop)
        return RawPose(points.reshape(-1, 5), float(presence[0]), mask[..., 0], heatmap)
