"""Store a converted network's kernels in fewer bits and compare the outputs.

Only the kernels of convolutions and linear layers change. They are nearly all of a network. The
arithmetic stays in float32, so that a comparison on the CPU holds on other devices.
docs/ARCHITECTURE.md has the measurements of other methods.

=====  ==================================  ===========================================
name   storage of a kernel                 at run time
=====  ==================================  ===========================================
fp16   rounded to float16                  widened once, when the session is made
int8   127 steps each way for every        widened anew in every run: less memory for
       channel, symmetric around 0         more time
=====  ==================================  ===========================================
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from networks.conversion_spec import ConversionSpec

__all__ = ["PRECISIONS", "OutputAgreement", "PrecisionTooLow", "reduce_precision"]

F32: TypeAlias = NDArray[np.float32]
"""An array of float32."""

Parts: TypeAlias = tuple[list[onnx.TensorProto], onnx.NodeProto]
"""The stored tensors of a kernel, and the node that converts them to float32."""

LEAST_PSNR: Final = 40.0
"""Lowest permitted PSNR in decibels; the peak is the range of the full network's output."""

LEAST_EQUAL: Final = 0.99
"""Lowest permitted fraction of pixels of the same class, in outputs read as classes."""

ALIKE: Final = 200.0
"""PSNR in decibels that stands for equal outputs."""

KERNELS: Final = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0}
"""Layers whose second input is a kernel, and the kernel's axis of output channels."""

SMALL: Final = 1024
"""Kernels of fewer values stay in float32, because they save no memory."""


@dataclass(frozen=True)
class OutputAgreement:
    """Agreement of two networks' outputs: the worst output of each kind, None without one."""

    psnr: float | None
    """PSNR in decibels, of outputs read as values."""
    equal: float | None
    """Fraction of pixels of the same class, of outputs read as classes."""

    def enough(self) -> bool:
        """Return whether the agreement reaches both bounds."""
        return (self.psnr is None or self.psnr >= LEAST_PSNR) and (
            self.equal is None or self.equal >= LEAST_EQUAL
        )

    def __str__(self) -> str:
        told = [] if self.psnr is None else [f"a PSNR of {self.psnr:.1f} dB"]
        if self.equal is not None:
            told.append(f"{self.equal:.2%} of the labels equal")
        return " and ".join(told)


class PrecisionTooLow(Exception):
    """The outputs of the smaller network differ too much; ``found`` is the agreement."""

    def __init__(self, precision: str, found: OutputAgreement) -> None:
        super().__init__(
            f"With its weights in {precision}, the network's answer to a seeded input has {found}, "
            f"and may have no less than {LEAST_PSNR:.0f} dB and {LEAST_EQUAL:.0%}."
        )
        self.found = found


def reduce_precision(module: str, file: Path, precision: str) -> OutputAgreement:
    """Rewrite the converted network of ``module`` in ``file`` in one of ``PRECISIONS``.

    Returns the agreement of the outputs with those of the full network. Both run in ONNX Runtime on
    the CPU, on the seeded inputs of the conversion's check. Raises PrecisionTooLow below
    ``LEAST_PSNR`` or ``LEAST_EQUAL`` and leaves the file unchanged.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    smaller = file.with_suffix(f".{precision}")
    _write(file, smaller, PRECISIONS[precision])
    values = (each.numpy() for each in spec.example(*spec.size))
    fed = dict(zip(spec.inputs, values, strict=True))
    found = compare_outputs(spec, *(_answer(spec, each, fed) for each in (file, smaller)))
    if not found.enough():
        smaller.unlink()
        raise PrecisionTooLow(precision, found)
    smaller.replace(file)
    return found


def compare_outputs(
    spec: ConversionSpec, whole: Sequence[NDArray[Any]], smaller: Sequence[NDArray[Any]]
) -> OutputAgreement:
    """Compare the outputs of two networks, each in the order of ``spec.outputs``."""
    psnr: list[float] = []
    equal: list[float] = []
    for name, one, other in zip(spec.outputs, whole, smaller, strict=True):
        if name in spec.classes:
            equal.append(float(np.mean(one.argmax(axis=1) == other.argmax(axis=1))))
        else:
            psnr.append(_psnr(one, other))
    return OutputAgreement(min(psnr, default=None), min(equal, default=None))


def _psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the peak signal-to-noise ratio in decibels, 0 to ``ALIKE``; 0 for NaN."""
    peak = float(np.ptp(one)) or float(np.abs(one).max())
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    if error == 0:
        return ALIKE
    if not np.isfinite(error) or peak == 0:
        return 0.0
    return float(np.clip(10 * np.log10(peak**2 / error), 0, ALIKE))


def _answer(spec: ConversionSpec, file: Path, fed: Mapping[str, F32]) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    answer: list[NDArray[Any]] = session.run(list(spec.outputs), fed)
    return answer


def _write(file: Path, target: Path, keep: Callable[[str, F32, int], Parts]) -> None:
    model = onnx.load(file)
    graph = model.graph
    axes = _axes(graph)
    tensors: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        if tensor.name in axes and np.prod(tensor.dims) >= SMALL:
            kept, node = keep(tensor.name, numpy_helper.to_array(tensor), axes[tensor.name])
            tensors.extend(kept)
            nodes.append(node)
        else:
            tensors.append(tensor)
    nodes.extend(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(tensors)
    graph.node.extend(nodes)
    onnx.save(model, target)


def _axes(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the axis of output channels of every tensor that is only used as a kernel."""
    axes: dict[str, int] = {}
    others: set[str] = set()
    for node in graph.node:
        for place, name in enumerate(node.input):
            if place == 1 and node.op_type in KERNELS:
                axes[name] = KERNELS[node.op_type]
            else:
                others.add(name)
    return {name: axis for name, axis in axes.items() if name not in others}


def _halved(name: str, kernel: F32, _: int) -> Parts:
    with np.errstate(over="ignore"):
        half = kernel.astype(np.float16)
    kept = numpy_helper.from_array(half, f"{name}_fp16")
    return [kept], helper.make_node("Cast", [kept.name], [name], to=onnx.TensorProto.FLOAT)


def _in_steps(name: str, kernel: F32, axis: int) -> Parts:
    others = tuple(each for each in range(kernel.ndim) if each != axis)
    step = np.abs(kernel).max(axis=others, keepdims=True) / np.float32(127)
    step[step == 0] = 1
    kept = numpy_helper.from_array(np.rint(kernel / step).astype(np.int8), f"{name}_int8")
    steps = numpy_helper.from_array(step.ravel(), f"{name}_step")
    names = [kept.name, steps.name]
    return [kept, steps], helper.make_node("DequantizeLinear", names, [name], axis=axis)


PRECISIONS: Final = {"fp16": _halved, "int8": _in_steps}
"""Functions (name, kernel, axis of output channels) that encode a kernel, by precision."""
