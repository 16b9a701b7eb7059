"""Count the multiplications of a network and the bytes that it moves, from a run of it.

Products are those of convolutions and matrix products; every other operation counts none. The bytes
of an operation are those of its inputs, its weights and its outputs. What one operation leaves in a
cache for the next is counted as if it came from memory.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Shape = Sequence[int]
"""Sizes of a tensor."""

ONNX_WEIGHT_INDEX: Final = {
    "Conv": 1,
    "FusedConv": 1,
    "ConvInteger": 1,
    "QLinearConv": 3,
    "ConvTranspose": 1,
    "Gemm": 1,
    "FusedGemm": 1,
    "QGemm": 3,
    "MatMul": 1,
    "FusedMatMul": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "DynamicQuantizeMatMul": 1,
    "QLinearMatMul": 3,
}
"""Index of the weights among the inputs, by operation of ONNX Runtime's optimized graph."""

INTEGER_TYPES: Final = ("int8", "uint8")
"""ONNX Runtime's names of the types whose products are 8-bit."""

TFLITE_WEIGHT_AXES: Final[Mapping[str, tuple[int, ...]]] = {
    "CONV_2D": (1, 2, 3),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1,),
    "TRANSPOSE_CONV": (0, 1, 2),
}
"""Axes of the weights whose sizes multiply to the products of one output, by operation of
TensorFlow Lite; of a transposed convolution, to those of one input."""


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What one run of a network takes."""

    float_macs: int
    """Multiplications and additions of floating-point numbers."""
    integer_macs: int
    """Multiplications and additions of 8-bit integers."""
    bytes_moved: int
    """Bytes of weights and other tensors that operations read or write."""


def count_onnx(events: Iterable[Mapping[str, Any]]) -> Operations:
    """Count a run from the events of ONNX Runtime's profile."""
    macs = {False: 0, True: 0}
    moved = 0
    for event in events:
        arguments = event.get("args", {})
        if "output_type_shape" not in arguments:
            continue
        moved += sum(
            int(arguments[name]) for name in ("parameter_size", "activation_size", "output_size")
        )
        name = arguments["op_name"]
        if name not in ONNX_WEIGHT_INDEX:
            continue
        inputs = [_type_and_shape(each) for each in arguments["input_type_shape"]]
        _, output = _type_and_shape(arguments["output_type_shape"][0])
        kind, weight = inputs[ONNX_WEIGHT_INDEX[name]]
        macs[kind in INTEGER_TYPES] += _onnx_macs(name, inputs[0][1], weight, output)
    return Operations(float_macs=macs[False], integer_macs=macs[True], bytes_moved=moved)


def count_tflite(
    operations: Iterable[Mapping[str, Any]], tensors: Iterable[Mapping[str, Any]]
) -> Operations:
    """Count a run from the details of a TensorFlow Lite interpreter without delegates."""
    details = {int(tensor["index"]): tensor for tensor in tensors}
    macs = {False: 0, True: 0}
    moved = 0
    for operation in operations:
        # An input that is left out has the index -1.
        inputs = [int(index) for index in operation["inputs"] if index >= 0]
        outputs = [int(index) for index in operation["outputs"]]
        moved += sum(_tensor_bytes(details[index]) for index in (*inputs, *outputs))
        axes = TFLITE_WEIGHT_AXES.get(operation["op_name"])
        if axes is None:
            continue
        weight = details[inputs[1]]
        sizes = _sizes(weight)
        swept = inputs[2] if operation["op_name"] == "TRANSPOSE_CONV" else outputs[0]
        is_integer = np.dtype(weight["dtype"]).kind in "iu"
        macs[is_integer] += math.prod(_sizes(details[swept])) * math.prod(
            sizes[axis] for axis in axes
        )
    return Operations(float_macs=macs[False], integer_macs=macs[True], bytes_moved=moved)


def _type_and_shape(entry: Mapping[str, Shape]) -> tuple[str, Shape]:
    """Return the type's name and the shape of a tensor; nothing of one that is left out."""
    return next(iter(entry.items()), ("", ()))


def _onnx_macs(name: str, source: Shape, weight: Shape, output: Shape) -> int:
    if name == "ConvTranspose":
        return math.prod(source) * math.prod(weight[1:])
    if "Conv" in name:
        return math.prod(output) * math.prod(weight[1:])
    if "Gemm" in name:
        # The first input may be transposed.
        return math.prod(source) * output[-1]
    return math.prod(output) * source[-1]


def _sizes(tensor: Mapping[str, Any]) -> list[int]:
    return [int(size) for size in tensor["shape"]]


def _tensor_bytes(tensor: Mapping[str, Any]) -> int:
    return math.prod(_sizes(tensor)) * int(np.dtype(tensor["dtype"]).itemsize)
