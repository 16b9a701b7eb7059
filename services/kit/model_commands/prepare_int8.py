"""Write a convolutional network with 8-bit arithmetic: QuantizeLinear and DequantizeLinear pairs.

Every activation has one step for the whole tensor, 256 levels from 0; every kernel one step for
each output channel, 63 each way around 0. ONNX Runtime joins the pairs around a convolution into
one integer operation. The largest value of each activation comes from a JSON file that
calibration wrote, so that nothing is calibrated where weights are prepared: the same
network and the same file give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

TOPS: Final = Path(__file__).with_name("u2net_cloth_int8.json")
"""``Tops`` of u2net_cloth; it comes with the code."""

ACTIVATION_LEVELS: Final = 255
"""Steps of an activation from 0 to its largest value."""

KERNEL_LEVELS: Final = 63
"""Steps of a kernel each way around 0.

Half of what 8 bits hold: processors without VNNI add two products of 8 bits in 16, which more steps
would overflow. On 31 photos the classes agreed with float32's as well as with 127 (mean IoU .976
and .959 against .982 and .953, people at 384 and garments at 512).
"""

OPSET: Final = 17
"""Version of ONNX's operators in the written file."""

IR_VERSION: Final = 8
"""Version of ONNX's file format."""

PASSED_ON: Final = ("MaxPool", "Resize")
"""Operators whose output has no other values than their input's, so it keeps their step."""

MAX_KERNEL_SPREAD: Final = 10.0
"""Largest weight of an input channel, in medians over the channels, up to which 8 bits will do.

A channel above it is nearly constant, and the rounding of its activation is multiplied by that
weight. u2net_cloth has three such kernels (13, 28 and 83; the next has 9): with them in 8 bits the
signal-to-noise ratio of its logits is 12 to 14 dB, else 19 to 26 dB (six photos at 256 x 256).
"""

F32: TypeAlias = NDArray[np.float32]
"""An array of 32-bit floats."""

Tops: TypeAlias = Mapping[str, float]
"""Largest value of each activation that is never negative, by the name of its tensor."""


def read_tops(file: Path) -> Tops:
    """Read the JSON file of a network's activations."""
    tops: Tops = json.loads(file.read_text(encoding="utf-8"))
    return tops


def u2net_to_int8(source: Path, target: Path) -> None:
    """Write u2net_cloth in 8 bits; ``source`` is the file with symbolic sizes.

    The first convolution, the side outputs and what joins them stay in float32.
    """
    write_int8(source, target, read_tops(TOPS))


def write_int8(source: Path, target: Path, tops: Tops) -> None:
    """Write the network of ``source`` in 8 bits.

    Its convolutions have kernels and biases as initialisers. An activation stays in float32 if
    ``tops`` has no value for it or a convolution reads it through a kernel of more than
    ``MAX_KERNEL_SPREAD``; so do the convolutions that read or make one.
    """
    import onnx  # noqa: PLC0415 - only in the models extra
    from onnx import helper  # noqa: PLC0415 - as above

    network = onnx.load(source)
    writer = _Writer(network.graph, tops)
    for node in network.graph.node:
        writer.add(node)
    graph = helper.make_graph(
        writer.nodes,
        f"{network.graph.name}_int8",
        list(network.graph.input),
        list(network.graph.output),
        list(writer.tensors.values()),
    )
    written = helper.make_model(
        graph,
        producer_name="tryon",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    target.write_bytes(written.SerializeToString(deterministic=True))


def quantized_tops(graph: "GraphProto", tops: Tops) -> dict[str, float]:
    """Return the largest value of every activation that is kept in 8 bits, by its name."""
    whole = _unfit_activations(graph)
    found: dict[str, float] = {}
    for node in graph.node:
        name = node.output[0]
        if name in tops and name not in whole:
            found[name] = tops[name]
        elif node.op_type in PASSED_ON and node.input[0] in found:
            found[name] = found[node.input[0]]
        elif node.op_type == "Concat" and all(each in found for each in node.input):
            found[name] = max(found[each] for each in node.input)
    return found


def _unfit_activations(graph: "GraphProto") -> set[str]:
    """Return the activations that a kernel of more than ``MAX_KERNEL_SPREAD`` reads."""
    from onnx import numpy_helper  # noqa: PLC0415 - only in the models extra

    kernels = {tensor.name: tensor for tensor in graph.initializer}
    rectified = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Relu"}
    channels: dict[str, list[str]] = {}
    unfit: set[str] = set()
    for node in graph.node:
        name = node.output[0]
        if node.op_type == "Conv":
            kernel = numpy_helper.to_array(kernels[node.input[1]])
            largest = np.abs(kernel).max(axis=(0, 2, 3))
            read = channels.get(node.input[0], [])
            if name in rectified and len(read) == len(largest):
                spread = largest > MAX_KERNEL_SPREAD * np.median(largest)
                unfit.update(source for source, wide in zip(read, spread, strict=True) if wide)
            result = rectified.get(name, name)
            channels[result] = [result] * len(kernel)
        elif node.op_type in PASSED_ON:
            channels[name] = channels.get(node.input[0], [])
        elif node.op_type == "Concat":
            channels[name] = [each for part in node.input for each in channels.get(part, [])]
        elif node.op_type == "Add":
            channels[name] = [name] * len(channels.get(node.input[0], []))
    return unfit


class _Writer:
    """Collects the nodes and the tensors of the 8-bit network, node by node of the whole one."""

    def __init__(self, graph: "GraphProto", tops: Tops) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._tops = quantized_tops(graph, tops)
        self._after_relu = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "Relu"}
        self._made_by_conv = {n.output[0] for n in graph.node if n.op_type == "Conv"}

    def add(self, node: "NodeProto") -> None:
        """Add a node of the whole network, in 8 bits where its activations are."""
        if node.op_type == "Conv":
            self._add_convolution(node)
        elif node.op_type == "Relu" and node.input[0] in self._made_by_conv:
            pass  # came with its convolution
        elif node.op_type == "Unsqueeze" and node.attribute:
            self._add_unsqueeze(node)
        else:
            self._add_copy(node)
            if node.output[0] in self._tops:
                self._quantize(node.output[0])

    def _add_copy(self, node: "NodeProto") -> None:
        from onnx import NodeProto  # noqa: PLC0415 - only in the models extra

        copy = NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            # A second reader of the float32 tensor would keep its pair from being joined.
            copy.input[place] = (
                f"{name}_quantized"
                if node.op_type == "Shape" and name in self._tops
                else self._read(name)
            )
            self._keep(name)
        self.nodes.append(copy)

    def _add_unsqueeze(self, node: "NodeProto") -> None:
        """Add a node of opset 11, whose axes are an input since opset 13."""
        axes = np.array(node.attribute[0].ints, np.int64)
        name = "axes_" + "_".join(map(str, axes))
        self._constant(name, axes)
        self._node("Unsqueeze", [node.input[0], name], node.output[0])

    def _add_convolution(self, node: "NodeProto") -> None:
        from onnx import helper  # noqa: PLC0415 - only in the models extra

        source, kernel, bias = node.input
        relu = self._after_relu.get(node.output[0])
        result = relu or node.output[0]
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if source in self._tops and result in self._tops:
            # Levels begin at 0, so rounding to them is the rectification, too.
            names = [self._read(source), *self._quantize_weights(source, kernel, bias)]
            self._node("Conv", names, result, **attributes)
        else:
            self._keep(kernel)
            self._keep(bias)
            names = [self._read(source), kernel, bias]
            self._node("Conv", names, node.output[0], **attributes)
            if relu:
                self._node("Relu", [node.output[0]], relu)
        if result in self._tops:
            self._quantize(result)

    def _quantize_weights(self, source: str, kernel: str, bias: str) -> tuple[str, str]:
        """Add a kernel and a bias in integers; return the names of what they stand for."""
        from onnx import numpy_helper  # noqa: PLC0415 - only in the models extra

        weights = numpy_helper.to_array(self._weights[kernel])
        step = np.abs(weights).max(axis=(1, 2, 3)) / np.float32(KERNEL_LEVELS)
        step[step == 0] = 1
        steps = step[:, None, None, None]
        levels = np.clip(np.rint(weights / steps), -KERNEL_LEVELS, KERNEL_LEVELS)
        bias_step = step * self._step(source)
        offset = np.rint(numpy_helper.to_array(self._weights[bias]).astype(np.float64) / bias_step)
        limit = np.iinfo(np.int32).max
        return (
            self._dequantize_weights(kernel, levels.astype(np.int8), step),
            self._dequantize_weights(
                bias, np.clip(offset, -limit, limit).astype(np.int32), bias_step
            ),
        )

    def _dequantize_weights(self, name: str, levels: NDArray[Any], step: F32) -> str:
        names = [f"{name}_quantized", f"{name}_step", f"{name}_zero"]
        self._constant(names[0], levels)
        self._constant(names[1], step)
        self._constant(names[2], np.zeros(len(step), levels.dtype))
        self._node("DequantizeLinear", names, f"{name}_dequantized", axis=0)
        return f"{name}_dequantized"

    def _quantize(self, name: str) -> None:
        parameters = [f"{name}_step", f"{name}_zero"]
        self._constant(parameters[0], np.array(self._step(name)))
        self._constant(parameters[1], np.array(0, np.uint8))
        self._node("QuantizeLinear", [name, *parameters], f"{name}_quantized")
        names = [f"{name}_quantized", *parameters]
        self._node("DequantizeLinear", names, f"{name}_dequantized")

    def _step(self, name: str) -> np.float32:
        return np.float32(self._tops[name] / ACTIVATION_LEVELS)

    def _read(self, name: str) -> str:
        return f"{name}_dequantized" if name in self._tops else name

    def _keep(self, name: str) -> None:
        if name in self._weights:
            self.tensors[name] = self._weights[name]

    def _constant(self, name: str, values: NDArray[Any]) -> None:
        from onnx import numpy_helper  # noqa: PLC0415 - only in the models extra

        self.tensors[name] = numpy_helper.from_array(values, name)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper  # noqa: PLC0415 - only in the models extra

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
