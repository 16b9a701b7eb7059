"""Measure the activations of the clothes network: ``python -m training.clothes_network``.

Runs the float32 network on pictures of this project and writes the largest value of each activation
to ``services/kit/model_commands/u2net_cloth_int8.json``. Then ``bash run.sh models fetch
u2net_cloth_int8.onnx`` tells the SHA-256 that belongs into ``models/manifest.toml``.
"""

import json
from collections.abc import Iterable

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from services.kit.model_commands.prepare_int8 import TOPS, Tops
from services.kit.runtimes.u2net import FILE, to_network_input
from services.kit.weights import store
from training.clothes_network.pictures import Picture, draw_garments, vary_people


def main() -> None:
    """Measure and write."""
    network = onnx.load(store.find_weights(FILE))
    tops = measure_tops(network, [*vary_people(), *draw_garments()])
    TOPS.write_text(json.dumps(tops, indent=1) + "\n", encoding="utf-8")


def measure_tops(network: onnx.ModelProto, pictures: Iterable[Picture]) -> Tops:
    """Return the largest value of every activation that is never negative, over some pictures.

    These are the outputs of rectifiers and of sums of them. ``network`` gains them as outputs.
    """
    names = [node.output[0] for node in network.graph.node if node.op_type in {"Relu", "Add"}]
    number = onnx.TensorProto.FLOAT
    network.graph.output.extend(helper.make_tensor_value_info(name, number, None) for name in names)
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    tops = dict.fromkeys(names, 0.0)
    for picture in pictures:
        for name, values in zip(names, session.run(names, {"input": _batch(picture)}), strict=True):
            tops[name] = max(tops[name], float(values.max()))
    return tops


def _batch(picture: Picture) -> NDArray[np.float32]:
    planes = to_network_input(picture.image, picture.side_px, picture.side_px)
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[None])


if __name__ == "__main__":
    main()
