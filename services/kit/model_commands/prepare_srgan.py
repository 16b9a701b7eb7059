"""Write the SRGAN x4 generator as an ONNX network, in float32 or in 8 bits for CPUs.

The architecture is the generator of Ledig et al., "Photo-Realistic Single Image Super-Resolution
Using a Generative Adversarial Network" (2017), as https://github.com/krasserm/super-resolution
trained it. The weights lie between its two files (network interpolation: Wang et al., "ESRGAN",
2018, section 3.4), because the adversarial ones alone draw lines and dots into faces.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kit.model_commands.srgan_ranges import SRGAN_RANGES, Range

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

Doubles = NDArray[np.float64]
"""An array of float64."""

SRGAN_BLOCKS: Final = 16
"""Residual blocks of the generator (Ledig et al., 2017)."""

SRGAN_GAN_WEIGHT: Final = 0.35
"""Interpolation from the pre-trained generator's weights (0) to the adversarial ones (1)."""

SRGAN_OPSET: Final = 17
"""Version of ONNX's operators in the written file."""

SRGAN_IR_VERSION: Final = 8
"""Version of ONNX's file format."""

KERAS_BATCH_NORM_EPSILON: Final = 1e-3
"""Keras's default of batch normalisation, added to the variance."""

SHUFFLE: Final = 2
"""Factor by which each of the two upsampling layers enlarges height and width."""

KERNEL_STEPS: Final = 64
"""Steps of a kernel's value each way from 0: 7 bits.

With 8 bits the sums of two products overflow on x86 CPUs without VNNI. The PSNR against float32 is
0.5 dB lower than with 8 bits.
"""

RANGE_MARGIN: Final = 1.15
"""Factor that widens the measured ranges of activations, for photos unlike the measured ones."""

LAST_CHANNELS: Final = 4
"""Output channels of a pixel in the last layer: RGB and an unused one.

ONNX Runtime's 8-bit kernels work on 16 channels at a time, which is four pixels of four channels.
"""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution, the batch normalisation after it, and the slope of the PReLU after that."""

    kernel: Doubles
    """Weights, outputs x inputs x height x width."""
    bias: Doubles
    """Bias of each output."""
    slope: Doubles | None
    """Slope of each channel below 0; after a shuffle the channels are a quarter of the outputs."""


def srgan_to_onnx(source: Path, target: Path) -> None:
    """Write the generator in float32.

    ``source`` is two Keras weight files of the same size end to end: the generator after
    adversarial training, and before it. ``input`` is 1 x 3 x height x width float32 RGB, 0 to 1;
    ``output`` is the same four times as high and wide.
    """
    with _open_layers(source) as layers:
        graph = _FloatGraph(layers)
        first = value = graph.prelu(graph.convolution("input"))
        for _ in range(SRGAN_BLOCKS):
            inner = graph.prelu(graph.batch_norm(graph.convolution(value)))
            inner = graph.batch_norm(graph.convolution(inner))
            value = graph.node("Add", value, inner)
        value = graph.node("Add", first, graph.batch_norm(graph.convolution(value)))
        for _ in range(2):
            value = graph.prelu(graph.shuffle(graph.convolution(value)))
        graph.colours(graph.convolution(value))
    graph.write(target)


def srgan_to_int8_onnx(source: Path, target: Path) -> None:
    """Write the generator with all convolutions but the first in 8 bits.

    ``source``, ``input`` and ``output`` are those of ``srgan_to_onnx``. Inputs and outputs of the
    convolutions have 256 steps over the measured ranges, kernels 129 steps over the range of each
    output. The first convolution and the sums of the residual blocks stay in float32, so that the
    photo itself is not rounded.

    The last convolution is written for the grid before the last shuffle, as 5 x 5 in the place of
    9 x 9. The sums are the same, but the shuffle and its PReLU handle far fewer values, and 12 of
    16 computed channels are needed instead of 3.
    """
    write_int8(read_convolutions(source), SRGAN_RANGES, target)


def write_int8(
    convolutions: list[Convolution], ranges: tuple[tuple[Range, Range], ...], target: Path
) -> None:
    """Write the generator's convolutions in 8 bits, with ``ranges`` of their inputs and outputs."""
    graph = IntegerGraph()
    rest = iter(zip(convolutions, ranges, strict=True))
    first, _ = next(rest)
    value = start = graph.prelu(graph.float_convolution("input", first), first)
    for _ in range(SRGAN_BLOCKS):
        opening, spans = next(rest)
        inner = graph.prelu(graph.convolution(value, opening, spans), opening)
        closing, spans = next(rest)
        value = graph.node("Add", value, graph.convolution(inner, closing, spans))
    layer, spans = next(rest)
    value = graph.node("Add", start, graph.convolution(value, layer, spans))
    layer, spans = next(rest)
    value = graph.prelu(graph.convolution(value, layer, spans), layer)
    layer, spans = next(rest)
    # Here are the most values, of which Mul and Max would need a third copy in float32.
    value = graph.prelu(
        graph.convolution(value, layer, spans, shuffled=True), layer, least_memory=True
    )
    layer, spans = next(rest)
    value = graph.shuffle(graph.convolution(value, unshuffle(layer), spans))
    ends = (np.array([end], np.int64) for end in (0, 3, 1))
    value = graph.node("Slice", value, *(graph.constant(end) for end in ends))
    graph.colours(value)
    graph.write(target)


def unshuffle(layer: Convolution) -> Convolution:
    """Move a convolution from after a shuffle by 2 to before it; its outputs need a shuffle by 2.

    Channels are in the order of ``DepthToSpace`` with mode DCR: place in the 2 x 2 block, then
    channel. The outputs of a pixel are padded to four with zeros.
    """
    outputs, inputs, size, _ = layer.kernel.shape
    reach = size // 2
    moved_reach = -(-reach // SHUFFLE)
    side = 2 * moved_reach + 1
    blocks = SHUFFLE**2
    kernel = np.zeros((blocks, LAST_CHANNELS, blocks, inputs, side, side))
    for place in range(blocks):
        for tap in np.ndindex(size, size):
            y, from_y = divmod(place // SHUFFLE + tap[0] - reach, SHUFFLE)
            x, from_x = divmod(place % SHUFFLE + tap[1] - reach, SHUFFLE)
            block = from_y * SHUFFLE + from_x
            kernel[place, :outputs, block, :, moved_reach + y, moved_reach + x] = layer.kernel[
                :, :, tap[0], tap[1]
            ]
    bias = np.zeros((blocks, LAST_CHANNELS))
    bias[:, :outputs] = layer.bias
    return Convolution(
        kernel=kernel.reshape(blocks * LAST_CHANNELS, blocks * inputs, side, side),
        bias=bias.ravel(),
        slope=None,
    )


def read_convolutions(source: Path) -> list[Convolution]:
    """Read all 37 convolutions in order, batch normalisations folded into them."""
    block = [(True, True), (True, False)]
    ends = [(True, False), (False, True), (False, True), (False, False)]
    with _open_layers(source) as layers:
        return [
            _read_convolution(layers, normed=normed, sloped=sloped)
            for normed, sloped in [(False, True), *(block * SRGAN_BLOCKS), *ends]
        ]


def _read_convolution(layers: "_KerasLayers", *, normed: bool, sloped: bool) -> Convolution:
    """Read the next convolution; ``normed`` and ``sloped`` tell what follows it."""
    _, weights = layers.next("conv2d")
    kernel = weights["kernel:0"].astype(np.float64).transpose(3, 2, 0, 1)
    bias = weights["bias:0"].astype(np.float64)
    if normed:
        _, norm = layers.next("batch_normalization_v1")
        gamma, beta, mean, variance = (
            norm[f"{name}:0"].astype(np.float64)
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = gamma / np.sqrt(variance + KERAS_BATCH_NORM_EPSILON)
        kernel = kernel * factor[:, None, None, None]
        bias = (bias - mean) * factor + beta
    slope = None
    if sloped:
        _, alpha = layers.next("p_re_lu")
        slope = alpha["alpha:0"].astype(np.float64).ravel()
    return Convolution(kernel=kernel, bias=bias, slope=slope)


class _KerasLayers:
    """Gives each layer type's layers in order, with weights between the two files."""

    def __init__(self, gan: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        self._gan = gan
        self._before = before
        self._layers: dict[str, int] = {}

    def next(self, kind: str) -> tuple[str, dict[str, NDArray[np.float32]]]:
        count = self._layers.get(kind, 0)
        self._layers[kind] = count + 1
        layer = f"{kind}_{count}" if count else kind
        gan, before = self._gan[layer][layer], self._before[layer][layer]
        share = np.float32(SRGAN_GAN_WEIGHT)
        return layer, {
            name: share * gan[name][...] + (1 - share) * before[name][...] for name in gan
        }


@contextmanager
def _open_layers(source: Path) -> Iterator[_KerasLayers]:
    import h5py  # noqa: PLC0415 - only in the models extra

    content = source.read_bytes()
    half = len(content) // 2
    with h5py.File(BytesIO(content[:half])) as gan, h5py.File(BytesIO(content[half:])) as before:
        yield _KerasLayers(gan, before)


class _Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper  # noqa: PLC0415 - only in the models extra

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any], name: str = "") -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - as above

        name = name or f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def shuffle(self, value: str) -> str:
        # DCR is the channel order of TensorFlow's depth_to_space.
        return self.node("DepthToSpace", value, blocksize=SHUFFLE, mode="DCR")

    def colours(self, value: str) -> str:
        """Bring the last layer's values to 0 to 1."""
        value = self.node("Tanh", value)
        half = self.constant(np.array(0.5, np.float32), "half")
        return self.node("Add", self.node("Mul", value, half), half, output="output")

    def write(self, target: Path) -> None:
        import onnx  # noqa: PLC0415 - as above
        from onnx import helper  # noqa: PLC0415 - as above

        number = onnx.TensorProto.FLOAT
        given: list[str | int | None] = [1, 3, "height", "width"]
        enlarged: list[str | int | None] = [1, 3, "out_height", "out_width"]
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "srgan_x4",
                [helper.make_tensor_value_info("input", number, given)],
                [helper.make_tensor_value_info("output", number, enlarged)],
                self.initializers,
            ),
            producer_name="tryon",
            ir_version=SRGAN_IR_VERSION,
            opset_imports=[helper.make_opsetid("", SRGAN_OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        target.write_bytes(model.SerializeToString(deterministic=True))


class _FloatGraph(_Graph):
    """Adds layers in float32; each takes the next Keras layer of its type."""

    def __init__(self, layers: _KerasLayers) -> None:
        super().__init__()
        self._layers = layers

    def convolution(self, value: str) -> str:
        layer, weights = self._layers.next("conv2d")
        kernel = weights["kernel:0"].transpose(3, 2, 0, 1)
        names = (
            self.constant(kernel, f"{layer}_kernel"),
            self.constant(weights["bias:0"], f"{layer}_bias"),
        )
        return self.node("Conv", value, *names, pads=[kernel.shape[2] // 2] * 4)

    def batch_norm(self, value: str) -> str:
        layer, weights = self._layers.next("batch_normalization_v1")
        names = [
            self.constant(weights[f"{name}:0"], f"{layer}_{name}")
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        return self.node("BatchNormalization", value, *names, epsilon=KERAS_BATCH_NORM_EPSILON)

    def prelu(self, value: str) -> str:
        layer, weights = self._layers.next("p_re_lu")
        slope = weights["alpha:0"].reshape(-1, 1, 1)
        return self.node("PRelu", value, self.constant(slope, f"{layer}_alpha"))


class IntegerGraph(_Graph):
    """Adds layers whose convolutions ONNX Runtime runs in 8 bits."""

    def float_convolution(self, value: str, layer: Convolution) -> str:
        """Add a convolution in float32."""
        names = (self._floats(layer.kernel), self._floats(layer.bias))
        return self.node("Conv", value, *names, pads=[layer.kernel.shape[2] // 2] * 4)

    def convolution(
        self, value: str, layer: Convolution, spans: tuple[Range, Range], *, shuffled: bool = False
    ) -> str:
        """Add a convolution in 8 bits, of the values after a shuffle if ``shuffled``."""
        value, step, zero = self._quantize(value, spans[0])
        if shuffled:
            # Bytes are moved, not floats.
            value = self.shuffle(value)
        value = self.node("DequantizeLinear", value, self._floats(step), self._bytes(zero))
        steps: Doubles = np.abs(layer.kernel).max((1, 2, 3)) / KERNEL_STEPS
        # An output without weights, which pads the last layer, has no range.
        steps = np.where(steps == 0, 1.0, steps)
        kernel = np.rint(layer.kernel / steps[:, None, None, None]).astype(np.int8)
        bias_steps: Doubles = step.astype(np.float32).astype(np.float64) * steps.astype(np.float32)
        bias = np.rint(layer.bias / bias_steps).astype(np.int32)
        names = [
            self.node(
                "DequantizeLinear",
                self.constant(numbers),
                self._floats(size),
                self.constant(np.zeros(size.shape, numbers.dtype)),
                axis=0,
            )
            for numbers, size in ((kernel, steps), (bias, bias_steps))
        ]
        value = self.node("Conv", value, *names, pads=[kernel.shape[2] // 2] * 4)
        value, step, zero = self._quantize(value, spans[1])
        return self.node("DequantizeLinear", value, self._floats(step), self._bytes(zero))

    def prelu(self, value: str, layer: Convolution, *, least_memory: bool = False) -> str:
        """Add the PReLU of a layer, also of one whose outputs are still to be shuffled."""
        if layer.slope is None:
            raise ValueError("this layer has no PReLU")
        slope = np.tile(layer.slope, len(layer.bias) // len(layer.slope)).reshape(-1, 1, 1)
        if least_memory or slope.max() > 1:
            return self.node("PRelu", value, self._floats(slope))
        # The same, in a third of PRelu's time.
        return self.node("Max", value, self.node("Mul", value, self._floats(slope)))

    def _quantize(self, value: str, span: Range) -> tuple[str, Doubles, int]:
        """Round values to 256 steps; give them, a step's size and the number of 0."""
        least, greatest = min(span[0], 0.0) * RANGE_MARGIN, max(span[1], 0.0) * RANGE_MARGIN
        step = np.array((greatest - least) / 255)
        zero = round(-least / float(step))
        names = (self._floats(step), self._bytes(zero))
        return self.node("QuantizeLinear", value, *names), step, zero

    def _floats(self, values: Doubles) -> str:
        return self.constant(values.astype(np.float32))

    def _bytes(self, value: int) -> str:
        return self.constant(np.array(value, np.uint8))
