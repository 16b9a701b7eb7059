"""Prepare downloads for the engines: the steps that ``models/manifest.toml`` names.

A step writes the same bytes for the same input, so that the manifest has the SHA-256 of its result.
The packages ``onnx`` and ``h5py`` come with the extra ``models``.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kit.model_commands.prepare_lpips import lpips_to_onnx

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

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


def symbolic_size(source: Path, target: Path) -> None:
    """Make the height and the width of an ONNX network's input and output free.

    Only the first output is kept: the others are side outputs for training, which would stay in
    memory until the end of a run. The network must take every size from its input, as U2-Net does.
    """
    import onnx  # noqa: PLC0415 - only in the models extra

    model = onnx.load(source)
    del model.graph.output[1:]
    for value in (model.graph.input[0], model.graph.output[0]):
        for axis, name in ((2, "height"), (3, "width")):
            dimension = value.type.tensor_type.shape.dim[axis]
            dimension.ClearField("dim_value")
            dimension.dim_param = name
    _write(model, target)


def srgan_to_onnx(source: Path, target: Path) -> None:
    """Write the SRGAN x4 generator as an ONNX network.

    ``source`` is two Keras weight files of the same size end to end: the generator after
    adversarial training, and before it. ``input`` is 1 x 3 x height x width float32 RGB, 0 to 1;
    ``output`` is the same four times as high and wide.

    The architecture is the generator of Ledig et al., "Photo-Realistic Single Image
    Super-Resolution Using a Generative Adversarial Network" (2017), as
    https://github.com/krasserm/super-resolution trained it. The weights lie between the two files
    (network interpolation: Wang et al., "ESRGAN", 2018, section 3.4), because the adversarial ones
    alone draw lines and dots into faces.
    """
    import h5py  # noqa: PLC0415 - only in the models extra
    import onnx  # noqa: PLC0415 - as above
    from onnx import helper  # noqa: PLC0415 - as above

    content = source.read_bytes()
    half = len(content) // 2
    with h5py.File(BytesIO(content[:half])) as gan, h5py.File(BytesIO(content[half:])) as before:
        graph = _Graph(gan, before)
        _srgan_generator(graph)
    number = onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "srgan_x4",
            [helper.make_tensor_value_info("input", number, [1, 3, "height", "width"])],
            [helper.make_tensor_value_info("output", number, [1, 3, "out_height", "out_width"])],
            graph.initializers,
        ),
        producer_name="tryon",
        ir_version=SRGAN_IR_VERSION,
        opset_imports=[helper.make_opsetid("", SRGAN_OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    _write(model, target)


def _srgan_generator(graph: "_Graph") -> None:
    first = graph.prelu(graph.convolution("input"))
    value = first
    for _ in range(SRGAN_BLOCKS):
        inner = graph.prelu(graph.batch_norm(graph.convolution(value)))
        inner = graph.batch_norm(graph.convolution(inner))
        value = graph.node("Add", value, inner)
    value = graph.node("Add", first, graph.batch_norm(graph.convolution(value)))
    for _ in range(2):
        # DCR is the channel order of TensorFlow's depth_to_space.
        value = graph.node("DepthToSpace", graph.convolution(value), blocksize=2, mode="DCR")
        value = graph.prelu(value)
    value = graph.node("Tanh", graph.convolution(value))
    half = graph.constant("half", np.array(0.5, np.float32))
    graph.node("Add", graph.node("Mul", value, half), half, output="output")


class _Graph:
    """Collects nodes; each layer takes the next Keras layer of its type from the weight file."""

    def __init__(self, gan: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._gan = gan
        self._before = before
        self._layers: dict[str, int] = {}

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper  # noqa: PLC0415 - only in the models extra

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[np.float32]) -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - as above

        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, value: str) -> str:
        layer, weights = self._next_layer("conv2d")
        kernel = weights["kernel:0"].transpose(3, 2, 0, 1)
        names = (
            self.constant(f"{layer}_kernel", kernel),
            self.constant(f"{layer}_bias", weights["bias:0"]),
        )
        return self.node("Conv", value, *names, pads=[kernel.shape[2] // 2] * 4)

    def batch_norm(self, value: str) -> str:
        layer, weights = self._next_layer("batch_normalization_v1")
        names = [
            self.constant(f"{layer}_{name}", weights[f"{name}:0"])
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        return self.node("BatchNormalization", value, *names, epsilon=KERAS_BATCH_NORM_EPSILON)

    def prelu(self, value: str) -> str:
        layer, weights = self._next_layer("p_re_lu")
        slope = weights["alpha:0"].reshape(-1, 1, 1)
        return self.node("PRelu", value, self.constant(f"{layer}_alpha", slope))

    def _next_layer(self, kind: str) -> tuple[str, dict[str, NDArray[np.float32]]]:
        count = self._layers.get(kind, 0)
        self._layers[kind] = count + 1
        layer = f"{kind}_{count}" if count else kind
        gan, before = self._gan[layer][layer], self._before[layer][layer]
        share = np.float32(SRGAN_GAN_WEIGHT)
        return layer, {
            name: share * gan[name][...] + (1 - share) * before[name][...] for name in gan
        }


def _write(model: "ModelProto", target: Path) -> None:
    target.write_bytes(model.SerializeToString(deterministic=True))


STEPS: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "symbolic_size": symbolic_size,
    "srgan_to_onnx": srgan_to_onnx,
    "lpips_to_onnx": lpips_to_onnx,
}
"""Steps by the name that the manifest's ``prepare`` has."""
