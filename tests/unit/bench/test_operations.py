"""Products and bytes of networks, counted from real runs and from described ones."""

from collections.abc import Sequence
from typing import Any

import ai_edge_litert.interpreter
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from bench.runs.ceilings import Ceilings
from bench.runs.operations import Operations, count_onnx, count_tflite
from bench.runs.recorded_networks import record_networks
from bench.sections.roofline import NetworkFigures, compute_bound, make_networks_table

pytestmark = pytest.mark.unit

FLOAT_BYTES = 4


def weights(name: str, *shape: int) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.full(shape, 0.5, np.float32), name)


def network(
    nodes: Sequence[onnx.NodeProto],
    constants: Sequence[onnx.TensorProto],
    sizes: Sequence[int | str],
) -> bytes:
    """Return a network from ``source`` of those sizes to ``result``."""
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        list(nodes),
        "network",
        [onnx.helper.make_tensor_value_info("source", kind, list(sizes))],
        [onnx.helper.make_tensor_value_info("result", kind, None)],
        list(constants),
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def measure(content: bytes, source: NDArray[Any], monkeypatch: pytest.MonkeyPatch) -> Operations:
    """Record one run of a network and count it, as bench/roofline.py does."""
    # What records takes the place of these two for the rest of the process.
    monkeypatch.setattr(onnxruntime, "InferenceSession", onnxruntime.InferenceSession)
    interpreter = ai_edge_litert.interpreter
    monkeypatch.setattr(interpreter, "Interpreter", interpreter.Interpreter)
    recording = record_networks()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    session.run(None, {"source": source})
    recording.picture = "small"
    for _ in range(3):
        session.run(None, {"source": source})
    [recorded] = recording.networks
    assert recorded.runs == {"small": 3}
    assert recorded.shape == " x ".join(map(str, source.shape))
    assert recorded.measure_seconds(2) > 0
    return recorded.count()


def test_a_convolution_of_any_size_counts_its_outputs_times_its_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = onnx.helper.make_node("Conv", ["source", "kernel"], ["result"], pads=[1, 1, 1, 1])
    content = network([node], [weights("kernel", 7, 5, 3, 3)], [1, 5, "height", "width"])
    counted = measure(content, np.ones((1, 5, 12, 10), np.float32), monkeypatch)
    assert counted.float_macs == 7 * 12 * 10 * 5 * 3 * 3
    assert counted.integer_macs == 0
    sizes = 5 * 12 * 10 + 7 * 12 * 10 + 7 * 5 * 3 * 3
    assert counted.bytes_moved == FLOAT_BYTES * sizes


def test_a_transposed_convolution_counts_its_inputs_times_its_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = onnx.helper.make_node("ConvTranspose", ["source", "kernel"], ["result"], strides=[2, 2])
    content = network([node], [weights("kernel", 5, 6, 2, 2)], [1, 5, 12, 10])
    counted = measure(content, np.ones((1, 5, 12, 10), np.float32), monkeypatch)
    assert counted.float_macs == 5 * 12 * 10 * 6 * 2 * 2


def test_matrix_products_count_and_other_operations_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = [
        onnx.helper.make_node("MatMul", ["source", "wide"], ["hidden"]),
        onnx.helper.make_node("Softmax", ["hidden"], ["shares"]),
        onnx.helper.make_node("Gemm", ["shares", "narrow"], ["result"], transA=1),
    ]
    content = network(nodes, [weights("wide", 8, 16), weights("narrow", 4, 3)], [4, 8])
    counted = measure(content, np.ones((4, 8), np.float32), monkeypatch)
    assert counted.float_macs == 4 * 8 * 16 + 16 * 4 * 3
    assert counted.bytes_moved > 0


def test_a_convolution_in_8_bits_is_counted_apart() -> None:
    shapes = [
        {"uint8": [1, 5, 12, 10]},
        {"float": []},
        {"uint8": []},
        {"int8": [7, 5, 3, 3]},
        {"float": [7]},
        {"int8": [7]},
        {},
    ]
    sizes = {"parameter_size": "315", "activation_size": "600", "output_size": "840"}
    event = {
        "args": {
            "op_name": "QLinearConv",
            "input_type_shape": shapes,
            "output_type_shape": [{"uint8": [1, 7, 12, 10]}],
            **sizes,
        }
    }
    counted = count_onnx([{"name": "model_run"}, event])
    assert counted == Operations(
        float_macs=0, integer_macs=7 * 12 * 10 * 5 * 3 * 3, bytes_moved=315 + 600 + 840
    )


def tensor(index: int, kind: type, *shape: int) -> dict[str, object]:
    return {"index": index, "dtype": kind, "shape": np.array(shape, np.int32)}


def test_operations_of_tensorflow_lite_are_counted_by_their_weights() -> None:
    tensors = [
        tensor(0, np.float32, 1, 8, 8, 3),
        tensor(1, np.float32, 16, 3, 3, 3),
        tensor(2, np.float32, 1, 4, 4, 16),
        tensor(3, np.float32, 1, 3, 3, 16),
        tensor(4, np.float32, 1, 4, 4, 16),
        tensor(5, np.int8, 10, 256),
        tensor(6, np.float32, 1, 10),
        tensor(7, np.int32, 4),
        tensor(8, np.float32, 6, 2, 2, 16),
        tensor(9, np.float32, 1, 8, 8, 6),
    ]
    operations = [
        {"op_name": "CONV_2D", "inputs": [0, 1, -1], "outputs": [2]},
        {"op_name": "DEPTHWISE_CONV_2D", "inputs": [2, 3, -1], "outputs": [4]},
        {"op_name": "FULLY_CONNECTED", "inputs": [4, 5], "outputs": [6]},
        {"op_name": "TRANSPOSE_CONV", "inputs": [7, 8, 4], "outputs": [9]},
    ]
    counted = count_tflite(operations, tensors)
    outputs = 4 * 4 * 16
    assert counted.float_macs == (outputs * 3 * 3 * 3 + outputs * 3 * 3 + 4 * 4 * 16 * 6 * 2 * 2)
    assert counted.integer_macs == 10 * 256
    assert count_tflite(operations[2:3], tensors).bytes_moved == (outputs + 10) * 4 + 10 * 256


def figures(float_macs: int, integer_macs: int, moved: int) -> NetworkFigures:
    return NetworkFigures(
        service="cloth_mask",
        file="network.onnx",
        shape="1 x 3 x 512 x 512",
        runs={"768 x 1024": 2},
        float_macs=float_macs,
        integer_macs=integer_macs,
        bytes_moved=moved,
        seconds=4.0,
    )


def test_a_network_is_bound_by_what_takes_longer() -> None:
    ceilings = Ceilings(float_macs=1e9, integer_macs=4e9, bytes_moved=1e10)
    busy, moving = figures(10**9, 4 * 10**9, 10**9), figures(0, 0, 2 * 10**10)
    assert compute_bound(ceilings, busy).seconds == pytest.approx(2.0)
    assert compute_bound(ceilings, busy).reason == "products"
    assert compute_bound(ceilings, moving).seconds == pytest.approx(2.0)
    assert compute_bound(ceilings, moving).reason == "memory"
    rows = make_networks_table(ceilings, [busy, moving]).rows
    name, size = "cloth_mask: network.onnx", "1 x 3 x 512 x 512"
    assert rows[0] == (
        *(name, size, "2", "0", "5.00", "80%", "1000"),
        *("2.0000", "products", "4.0000", "50%"),
    )
    assert rows[1][4:6] == ("0.00", "")
