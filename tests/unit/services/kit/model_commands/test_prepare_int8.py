"""Networks in 8 bits: integer operations, like answers, the same bytes again."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from services.kit.model_commands import prepare_int8

pytestmark = pytest.mark.unit

Array = NDArray[np.float32]

CHANNELS = 16
"""Channels of the network's convolutions."""


def network(file: Path, *, outlier: float = 1.0) -> None:
    """Write a small U-Net of opset 11, with sizes computed from tensors as exporters write them.

    A channel that is nearly constant is read through weights ``outlier`` times as large.
    """
    random = np.random.default_rng(7)
    tensors: dict[str, Array] = {}

    def convolution(name: str, source: str, inputs: int, outputs: int) -> list[onnx.NodeProto]:
        shape = (outputs, inputs, 3, 3)
        tensors[f"{name}.w"] = random.normal(0, (2 / (9 * inputs)) ** 0.5, shape).astype(np.float32)
        tensors[f"{name}.b"] = random.normal(0, 0.1, outputs).astype(np.float32)
        names = [source, f"{name}.w", f"{name}.b"]
        return [
            helper.make_node("Conv", names, [f"{name}.c"], pads=[1] * 4),
            helper.make_node("Relu", [f"{name}.c"], [name]),
        ]

    def number(name: str, values: list[int]) -> None:
        tensors[name] = np.array(values, np.int64)

    number("hw", [2, 3])
    number("two", [2])
    number("zero", [0])
    number("row", 2)  # type: ignore[arg-type]
    tensors["none"] = np.array([], np.float32)
    nodes = [
        *convolution("first", "input", 3, CHANNELS),
        *convolution("high", "first", CHANNELS, CHANNELS),
        helper.make_node("MaxPool", ["high"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        *convolution("low", "pooled", CHANNELS, CHANNELS),
        helper.make_node("Shape", ["low"], ["low_shape"]),
        helper.make_node("Slice", ["low_shape", "zero", "two"], ["low_start"]),
        helper.make_node("Shape", ["high"], ["high_shape"]),
        helper.make_node("Gather", ["high_shape", "row"], ["height"]),
        helper.make_node("Unsqueeze", ["height"], ["heights"], axes=[0]),
        helper.make_node("Concat", ["low_start", "heights", "heights"], ["size"], axis=0),
        helper.make_node(
            "Resize",
            ["low", "none", "none", "size"],
            ["raised"],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
        helper.make_node("Concat", ["raised", "high"], ["joined"], axis=1),
        *convolution("last", "joined", 2 * CHANNELS, CHANNELS),
        helper.make_node("Add", ["last", "high"], ["sum"]),
        *convolution("output", "sum", CHANNELS, 4),
    ]
    nodes[-2].output[0] = "output"
    nodes.pop()
    tensors["low.w"][0] *= 1e-3
    tensors["low.b"][0] = 0.5
    tensors["last.w"][:, 0] *= outlier
    tensors["last.b"] -= 0.5 * tensors["last.w"][:, 0].sum(axis=(1, 2))
    size = ["height", "width"]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 4, *size])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    opset = [helper.make_opsetid("", 11)]
    onnx.save(helper.make_model(graph, ir_version=6, opset_imports=opset), file)


def picture() -> Array:
    return np.random.default_rng(3).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)


def answer(file: Path, *names: str) -> list[Array]:
    model = onnx.load(file)
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in known
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: list[Array] = session.run(list(names), {"input": picture()})
    return found


def tops(file: Path) -> dict[str, float]:
    names = ("first", "high", "low", "last", "sum")
    return {name: float(v.max()) for name, v in zip(names, answer(file, *names), strict=True)}


def in_8_bits(folder: Path, **options: float) -> tuple[Path, Path]:
    whole, small = folder / "whole.onnx", folder / "small.onnx"
    network(whole, **options)
    prepare_int8.write_int8(whole, small, tops(whole))
    return whole, small


def decibels(whole: Path, small: Path) -> float:
    (first,), (second,) = answer(whole, "output"), answer(small, "output")
    return float(10 * np.log10(first.var() / np.mean((first - second) ** 2)))


def operators(file: Path, folder: Path) -> list[str]:
    """Return the operators that ONNX Runtime makes of the file."""
    options: Any = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


def test_answers_are_those_of_the_whole_network(tmp_path: Path) -> None:
    assert decibels(*in_8_bits(tmp_path)) > 35


def test_convolutions_between_8_bit_activations_are_integer_operations(tmp_path: Path) -> None:
    _, small = in_8_bits(tmp_path)
    # "high", "low" and "last"; the first and the last of all stay whole.
    assert operators(small, tmp_path).count("QLinearConv") == 3


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    whole, small = in_8_bits(tmp_path)
    again = tmp_path / "again.onnx"
    prepare_int8.write_int8(whole, again, tops(whole))
    assert again.read_bytes() == small.read_bytes()


def test_channels_that_are_read_through_large_weights_stay_whole(tmp_path: Path) -> None:
    whole, small = in_8_bits(tmp_path, outlier=400.0)
    # "low" is read by "last": neither is an integer operation.
    assert operators(small, tmp_path).count("QLinearConv") == 1
    assert decibels(whole, small) > 30


def test_the_written_file_is_valid(tmp_path: Path) -> None:
    _, small = in_8_bits(tmp_path)
    onnx.checker.check_model(onnx.load(small), full_check=True)


def test_tops_that_come_with_the_code_are_those_of_activations() -> None:
    found = prepare_int8.read_tops(prepare_int8.TOPS)
    assert len(found) == 123
    assert min(found.values()) > 0
