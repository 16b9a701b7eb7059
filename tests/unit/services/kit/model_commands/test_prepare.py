"""Preparing weights: the same network as before, in the form the engines read."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from services.kit.model_commands import prepare, prepare_srgan
from services.kit.model_commands.prepare_lpips import lpips_to_onnx
from services.kit.model_commands.prepare_srgan import Convolution
from training.super_resolution.__main__ import measure_ranges

pytestmark = pytest.mark.unit

Array = NDArray[np.float32]
Layer = dict[str, Array]
Layers = dict[str, Layer]


def generator(seed: int) -> Layers:
    """Random weights of the SRGAN generator, by the names Keras gave its layers."""
    random = np.random.default_rng(seed)

    def values(*shape: int, low: float = -0.05, high: float = 0.05) -> Array:
        return random.uniform(low, high, shape).astype(np.float32)

    def named(kind: str, number: int) -> str:
        return f"{kind}_{number}" if number else kind

    kernels = [(9, 3, 64), *[(3, 64, 64)] * 33, *[(3, 64, 256)] * 2, (9, 64, 3)]
    layers: Layers = {}
    for number, (size, inputs, outputs) in enumerate(kernels):
        kernel = values(size, size, inputs, outputs)
        layers[named("conv2d", number)] = {"kernel:0": kernel, "bias:0": values(outputs)}
    for number in range(33):
        layers[named("batch_normalization_v1", number)] = {
            "gamma:0": values(64, low=0.5, high=1.5),
            "beta:0": values(64),
            "moving_mean:0": values(64),
            # So small that a wrong epsilon shows.
            "moving_variance:0": values(64, low=0.001, high=0.01),
        }
    for number in range(19):
        layers[named("p_re_lu", number)] = {"alpha:0": values(1, 1, 64, low=0, high=0.5)}
    return layers


def save(layers: Layers, file: Path) -> None:
    with h5py.File(file, "w") as h5:
        for layer, arrays in layers.items():
            for name, array in arrays.items():
                h5[f"{layer}/{layer}/{name}"] = array


class Reference:
    """The generator as the paper and Keras define it, on H x W x C arrays."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.counts: dict[str, int] = {}

    def take(self, kind: str) -> Layer:
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return self.layers[f"{kind}_{number}" if number else kind]

    def conv(self, x: Array) -> Array:
        weights = self.take("conv2d")
        kernel = weights["kernel:0"]
        pad = kernel.shape[0] // 2
        padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (0, 1))
        result: Array = np.einsum("hwcyx,yxco->hwo", windows, kernel) + weights["bias:0"]
        return result

    def norm(self, x: Array) -> Array:
        weights = self.take("batch_normalization_v1")
        scale = weights["gamma:0"] / np.sqrt(weights["moving_variance:0"] + np.float32(1e-3))
        result: Array = (x - weights["moving_mean:0"]) * scale + weights["beta:0"]
        return result

    def prelu(self, x: Array) -> Array:
        return np.maximum(x, 0) + self.take("p_re_lu")["alpha:0"] * np.minimum(x, 0)

    @staticmethod
    def shuffle(x: Array) -> Array:
        height, width, channels = x.shape
        blocks = x.reshape(height, width, 2, 2, channels // 4)
        return blocks.transpose(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, channels // 4)

    def run(self, x: Array) -> Array:
        first = x = self.prelu(self.conv(x))
        for _ in range(16):
            inner = self.prelu(self.norm(self.conv(x)))
            x = x + self.norm(self.conv(inner))
        x = first + self.norm(self.conv(x))
        for _ in range(2):
            x = self.prelu(self.shuffle(self.conv(x)))
        return (np.tanh(self.conv(x)) + np.float32(1)) / np.float32(2)


def test_srgan_is_the_network_between_the_two_files(tmp_path: Path) -> None:
    gan, before = generator(1), generator(2)
    save(gan, tmp_path / "gan.h5")
    save(before, tmp_path / "before.h5")
    source, target = tmp_path / "both.h5", tmp_path / "srgan.onnx"
    source.write_bytes((tmp_path / "gan.h5").read_bytes() + (tmp_path / "before.h5").read_bytes())
    prepare_srgan.srgan_to_onnx(source, target)
    photo = np.random.default_rng(3).random((5, 7, 3), np.float32)
    session = onnxruntime.InferenceSession(target)
    [result] = session.run(["output"], {"input": photo.transpose(2, 0, 1)[None]})
    share = np.float32(prepare_srgan.SRGAN_GAN_WEIGHT)
    between = {
        layer: {
            name: share * array + (1 - share) * before[layer][name]
            for name, array in arrays.items()
        }
        for layer, arrays in gan.items()
    }
    expected = Reference(between).run(photo)
    assert result.shape == (1, 3, 20, 28)
    assert np.allclose(result[0].transpose(1, 2, 0), expected, atol=2e-4)
    again = tmp_path / "again.onnx"
    prepare_srgan.srgan_to_onnx(source, again)
    assert again.read_bytes() == target.read_bytes()


def test_srgan_in_8_bits_is_near_the_float_network(tmp_path: Path) -> None:
    layers = generator(1)
    for layer, arrays in layers.items():
        if layer.startswith("batch"):
            # As in the trained network, a block changes its input little.
            arrays["gamma:0"] *= np.float32(0.1)
    save(layers, tmp_path / "one.h5")
    source, exact, target = (tmp_path / name for name in ("both.h5", "exact.onnx", "int8.onnx"))
    source.write_bytes(2 * (tmp_path / "one.h5").read_bytes())
    photo = np.random.default_rng(3).integers(0, 256, (24, 20, 3), np.uint8)
    prepare_srgan.srgan_to_onnx(source, exact)
    ranges = measure_ranges(onnx.load(exact), [photo])
    prepare_srgan.write_int8(prepare_srgan.read_convolutions(source), ranges, target)
    planes = np.moveaxis(photo, 2, 0)[None].astype(np.float32) / np.float32(255)
    wanted, got = (
        onnxruntime.InferenceSession(file).run(["output"], {"input": planes})[0]
        for file in (exact, target)
    )
    assert got.shape == wanted.shape == (1, 3, 96, 80)
    # Random layers enlarge errors: trained ones give a thousandth of this.
    assert np.square(got - wanted).mean() < 0.03 * wanted.var()
    again = tmp_path / "again.onnx"
    prepare_srgan.write_int8(prepare_srgan.read_convolutions(source), ranges, again)
    assert again.read_bytes() == target.read_bytes()


def test_a_convolution_before_the_shuffle_is_the_one_after_it() -> None:
    random = np.random.default_rng(6)
    layer = Convolution(
        kernel=random.normal(size=(3, 5, 9, 9)), bias=random.normal(size=3), slope=None
    )

    def run(first: str, layer: Convolution, x: Array) -> Array:
        graph = prepare_srgan.IntegerGraph()
        value = graph.shuffle("input") if first == "shuffle" else "input"
        value = graph.float_convolution(value, layer)
        if first == "convolution":
            value = graph.shuffle(value)
        graph.node("Identity", value, output="output")
        number = onnx.TensorProto.FLOAT
        model = helper.make_model(
            helper.make_graph(
                graph.nodes,
                "one",
                [helper.make_tensor_value_info("input", number, x.shape)],
                [helper.make_tensor_value_info("output", number, None)],
                graph.initializers,
            ),
            ir_version=8,
            opset_imports=[helper.make_opsetid("", 17)],
        )
        session = onnxruntime.InferenceSession(model.SerializeToString())
        result: Array = session.run(None, {"input": x})[0]
        return result

    x = random.normal(size=(1, 20, 7, 6)).astype(np.float32)
    after = run("shuffle", layer, x)
    before = run("convolution", prepare_srgan.unshuffle(layer), x)
    assert np.allclose(before[:, :3], after, atol=1e-4)
    assert not before[:, 3].any()


def test_a_fixed_size_becomes_free_and_side_outputs_go(tmp_path: Path) -> None:
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["input"], ["output"]),
            helper.make_node("Neg", ["output"], ["side"]),
        ],
        "fixed",
        [helper.make_tensor_value_info("input", number, ["batch", 3, 8, 8])],
        [
            helper.make_tensor_value_info(name, number, ["batch", 3, 8, 8])
            for name in ("output", "side")
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "fixed.onnx")
    prepare.symbolic_size(tmp_path / "fixed.onnx", tmp_path / "free.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "free.onnx")
    assert [output.name for output in session.get_outputs()] == ["output"]
    for height, width in ((8, 8), (5, 12)):
        x = np.random.default_rng(0).normal(size=(1, 3, height, width)).astype(np.float32)
        assert np.array_equal(session.run(None, {"input": x})[0], np.maximum(x, 0))


def lpips_weights(seed: int) -> dict[str, Any]:
    """Random weights by the names Flax gave them, with fewer channels than AlexNet's."""
    random = np.random.default_rng(seed)
    channels = (3, 4, 5, 6, 5, 4)
    convolutions, linear = {}, {}
    for index, size in enumerate((11, 5, 3, 3, 3)):
        shape = (size, size, channels[index], channels[index + 1])
        convolutions[f"Conv_{index}"] = {
            "kernel": random.normal(0, 0.1, shape).astype(np.float32),
            "bias": random.normal(0, 0.1, shape[3:]).astype(np.float32),
        }
        kernel = random.random((1, 1, channels[index + 1], 1), np.float32)
        linear[f"NetLinLayer_{index}"] = {"Conv_0": {"kernel": kernel}}
    return {"AlexNet_0": convolutions, **linear}


def lpips_reference(weights: dict[str, Any], first: Array, second: Array) -> float:
    """The distance as the paper defines it, on H x W x 3 arrays of -1 to 1."""
    distance = 0.0
    values = [
        (picture - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])
        for picture in (first, second)
    ]
    strides, pads = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
    for index, (stride, pad) in enumerate(zip(strides, pads, strict=True)):
        layer = weights["AlexNet_0"][f"Conv_{index}"]
        unit = []
        for side in (0, 1):
            if index in (1, 2):
                windows = np.lib.stride_tricks.sliding_window_view(values[side], (3, 3), (0, 1))
                values[side] = windows[::2, ::2].max(axis=(3, 4))
            padded = np.pad(values[side], ((pad, pad), (pad, pad), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(
                padded, layer["kernel"].shape[:2], (0, 1)
            )[::stride, ::stride]
            weighted = np.einsum("hwcyx,yxco->hwo", windows, layer["kernel"]) + layer["bias"]
            values[side] = np.maximum(weighted, 0)
            length = np.sqrt((values[side] ** 2).sum(axis=2, keepdims=True))
            unit.append(values[side] / (length + 1e-10))
        linear = weights[f"NetLinLayer_{index}"]["Conv_0"]["kernel"][0, 0, :, 0]
        distance += float((((unit[0] - unit[1]) ** 2) @ linear).mean())
    return distance


def test_lpips_is_the_papers_distance(tmp_path: Path) -> None:
    weights = lpips_weights(4)
    source, target = tmp_path / "alexnet.ckpt", tmp_path / "lpips.onnx"
    source.write_bytes(pickle.dumps(weights))
    lpips_to_onnx(source, target)
    random = np.random.default_rng(5)
    first, second = (random.uniform(-1, 1, (80, 70, 3)).astype(np.float32) for _ in range(2))
    session = onnxruntime.InferenceSession(target)
    [distance] = session.run(
        ["distance"],
        {"first": first.transpose(2, 0, 1)[None], "second": second.transpose(2, 0, 1)[None]},
    )
    assert float(distance) == pytest.approx(lpips_reference(weights, first, second), rel=1e-4)
    again = tmp_path / "again.onnx"
    lpips_to_onnx(source, again)
    assert again.read_bytes() == target.read_bytes()


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    class Surprise:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    source = tmp_path / "alexnet.ckpt"
    source.write_bytes(pickle.dumps({"AlexNet_0": Surprise()}))
    with pytest.raises(pickle.UnpicklingError, match="no part of an array"):
        lpips_to_onnx(source, tmp_path / "lpips.onnx")
    assert not (tmp_path / "ran").exists()
