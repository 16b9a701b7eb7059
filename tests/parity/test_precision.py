"""Kernels in fewer bits: what becomes of them, and when the answer is another."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from services.kit.weights.manifest import get_manifest

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import precision  # noqa: E402 - it needs PyTorch
from networks.conversion_spec import ConversionSpec  # noqa: E402 - as above
from networks.precision import OutputAgreement, PrecisionTooLow  # noqa: E402 - as above

pytestmark = pytest.mark.parity

MODULE = "a_network"
CHANNELS = 32
FULL: Final = os.environ.get("TRYON_PARITY_FULL") == "1"
ROOT: Final = Path(__file__).parents[2]
F32 = NDArray[np.float32]
MODULES = [str(network.module) for network in get_manifest().networks if network.module]


@pytest.fixture
def kernels() -> dict[str, F32]:
    random = np.random.default_rng(0)
    shapes = {
        "convolution": (CHANNELS, CHANNELS, 3, 3),
        "transposed": (CHANNELS, CHANNELS // 2, 2, 2),
        "linear": (5, CHANNELS * 64),
        "small": (CHANNELS, 1, 3, 3),
        "added": (1, CHANNELS, 8, 8),
    }
    made = {name: random.normal(0, 0.1, shape) for name, shape in shapes.items()}
    made["convolution"][3] = 0
    made["convolution"][4] *= 50
    return {name: values.astype(np.float32) for name, values in made.items()}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> ConversionSpec:
    """Say of the network in ``file`` what a published network's module says."""

    def example(height: int, width: int) -> tuple[Any, ...]:
        random = torch.Generator().manual_seed(0)
        return (torch.rand(1, CHANNELS, height, width, generator=random),)

    made = ConversionSpec(
        build=torch.nn.Identity,
        example=example,
        inputs=("input",),
        outputs=("output",),
        size=(4, 4),
    )
    module = type("Module", (), {"SPEC": made})
    monkeypatch.setattr(importlib, "import_module", {MODULE: module}.__getitem__)
    return made


def write(file: Path, kernels: dict[str, F32]) -> Path:
    """Write a network that has every kind of layer whose kernel is kept smaller, and others."""
    nodes = [
        helper.make_node("Conv", ["input", "convolution"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["a", "transposed"], ["b"], strides=[2, 2], group=2),
        helper.make_node("Conv", ["b", "small"], ["c"], pads=[1, 1, 1, 1], group=CHANNELS),
        helper.make_node("Add", ["c", "added"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "linear"], ["output"], transB=1),
    ]
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", number, [1, CHANNELS, 4, 4])],
        [helper.make_tensor_value_info("output", number, [1, 5])],
        [numpy_helper.from_array(values, name) for name, values in kernels.items()],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(made)
    onnx.save(made, file)
    return file


def stored(file: Path) -> dict[str, Any]:
    return {each.name: numpy_helper.to_array(each) for each in onnx.load(file).graph.initializer}


@pytest.mark.usefixtures("published")
def test_fp16_rounds_kernels_and_nothing_else(tmp_path: Path, kernels: dict[str, F32]) -> None:
    file = write(tmp_path / "net.onnx", kernels)
    before = file.stat().st_size
    found = precision.reduce_precision(MODULE, file, "fp16")
    assert found.psnr is not None
    assert found.psnr > 60
    assert found.equal is None
    assert file.stat().st_size < 0.6 * before
    assert list(tmp_path.iterdir()) == [file]
    onnx.checker.check_model(onnx.load(file), full_check=True)
    kept = stored(file)
    names = ("convolution", "transposed", "linear")
    assert set(kept) == {"small", "added", *(f"{name}_fp16" for name in names)}
    for name in names:
        assert np.array_equal(kept[f"{name}_fp16"], kernels[name].astype(np.float16))
    for name in ("small", "added"):
        assert np.array_equal(kept[name], kernels[name])


@pytest.mark.usefixtures("published")
def test_int8_is_within_half_a_step_of_every_channel(
    tmp_path: Path, kernels: dict[str, F32]
) -> None:
    file = write(tmp_path / "net.onnx", kernels)
    before = file.stat().st_size
    found = precision.reduce_precision(MODULE, file, "int8")
    assert found.psnr is not None
    assert 40 <= found.psnr < 60
    assert file.stat().st_size < 0.4 * before
    onnx.checker.check_model(onnx.load(file), full_check=True)
    kept = stored(file)
    for name, axis in (("convolution", 0), ("transposed", 1), ("linear", 0)):
        shape = [1] * kernels[name].ndim
        shape[axis] = -1
        step = kept[f"{name}_step"].reshape(shape)
        assert kept[f"{name}_int8"].dtype == np.int8
        off = np.abs(kept[f"{name}_int8"] * step - kernels[name])
        assert (off <= step * 0.5001).all()
    assert not kept["convolution_int8"][3].any()


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_another_answer_leaves_the_file_as_it_was(
    tmp_path: Path, kernels: dict[str, F32], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = write(tmp_path / "net.onnx", kernels)
    before = file.read_bytes()
    monkeypatch.setattr(precision, "LEAST_PSNR", 150.0)
    with pytest.raises(
        PrecisionTooLow, match=rf"weights in {kind}.* dB, and may have no less than 150 dB"
    ):
        precision.reduce_precision(MODULE, file, kind)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("published")
def test_numbers_that_float16_has_not_are_refused(tmp_path: Path, kernels: dict[str, F32]) -> None:
    kernels["linear"][2, 7] = 1e6
    file = write(tmp_path / "net.onnx", kernels)
    with pytest.raises(PrecisionTooLow, match=r"a PSNR of 0\.0 dB"):
        precision.reduce_precision(MODULE, file, "fp16")


def test_a_kernel_that_something_else_reads_stays(tmp_path: Path, kernels: dict[str, F32]) -> None:
    model = onnx.load(write(tmp_path / "net.onnx", kernels))
    model.graph.node.append(helper.make_node("Relu", ["convolution"], ["unused"]))
    assert precision._axes(model.graph) == {"transposed": 1, "small": 0, "linear": 0}


def test_outputs_that_are_classes_are_compared_as_such() -> None:
    made = ConversionSpec(
        build=torch.nn.Identity,
        example=lambda *_: (),
        inputs=(),
        outputs=("values", "labels"),
        classes=("labels",),
    )
    values = np.linspace(0, 1, 100, dtype=np.float32)
    labels = np.eye(4, dtype=np.float32)[np.arange(100) % 4].T.reshape(1, 4, 10, 10)
    others = labels.copy()
    others[:, :, 0, :2] = labels[:, ::-1, 0, :2]
    alike = precision.compare_outputs(
        made, (values, labels), (values + np.float32(0.01), others * 9)
    )
    assert alike.psnr == pytest.approx(40, abs=1e-3)
    assert alike.equal == pytest.approx(0.98)
    assert not alike.enough()
    assert str(alike) == "a PSNR of 40.0 dB and 98.00% of the labels equal"
    assert precision.compare_outputs(made, (values, labels), (values, labels)) == OutputAgreement(
        200.0, 1.0
    )
    broken = precision.compare_outputs(made, (values, labels), (values * np.nan, labels))
    assert broken == OutputAgreement(0.0, 1.0)
    one = np.ones(1, np.float32)
    assert precision.compare_outputs(made, (one, labels), (one * np.float32(0.9), labels)).psnr == (
        pytest.approx(20, abs=1e-3)
    )
    nothing = precision.compare_outputs(made, (one * 0, labels), (one, labels))
    assert nothing.psnr == 0


@pytest.mark.parametrize("module", MODULES)
def test_classes_are_outputs(module: str) -> None:
    made: ConversionSpec = importlib.import_module(module).SPEC
    assert set(made.classes) <= set(made.outputs)


@pytest.mark.usefixtures("published")
def test_sessions_keep_int8_as_it_is(tmp_path: Path, kernels: dict[str, F32]) -> None:
    file = write(tmp_path / "net.onnx", kernels)
    precision.reduce_precision(MODULE, file, "int8")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    # Were it folded into float32, nothing would be gained but on the disk.
    assert {each.dtype for each in stored(tmp_path / "optimised.onnx").values()} >= {
        np.dtype(np.int8)
    }


@pytest.mark.skipif(not FULL, reason="takes a minute: TRYON_PARITY_FULL=1 runs it")
def test_the_benchmark_has_a_row_for_every_runtime() -> None:
    asked = ["srgan_x4", "--size", "32", "24", "--rounds", "1", "--only", "PyTorch", "fp32", "fp16"]
    done = subprocess.run(  # noqa: S603 - this project's own script
        [sys.executable, str(ROOT / "bench" / "published.py"), *asked],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(" | ")[:2] for line in done.stdout.splitlines()[2:]]
    assert rows == [["| srgan_x4, 32 x 24", kind] for kind in ("PyTorch", "fp32", "fp16")]
