"""Keeps a converted network's kernels in fewer bits, and says how far its answer is then.

Only the kernels of convolutions and linear layers change, which are nearly all of a network. The
arithmetic stays in float32, so what is measured here, on the CPU, does not depend on how another
device computes with less. docs/ARCHITECTURE.md has what was measured of other ways.

=====  ==================================  ===========================================
name   a kernel is                         at run time
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

__all__ = ["PRECISIONS", "Likeness", "TooFar", "shrink"]

F32: TypeAlias = NDArray[np.float32]
"""Numbers of 32 bits."""

Parts: TypeAlias = tuple[list[onnx.TensorProto], onnx.NodeProto]
"""What a kernel is kept as, and the node that makes float32 of it."""

LEAST_PSNR: Final = 40.0
"""Decibels; the span of the whole network's output is the peak."""
LEAST_EQUAL: Final = 0.99
"""Share of pixels whose class stays the same, of outputs that are read as classes."""
ALIKE: Final = 200.0
"""Decibels told of outputs that are equal."""
KERNELS: Final = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0}
"""Layers whose second input is a kernel, with the axis of its output channels."""
SMALL: Final = 1024
"""Kernels of fewer numbers stay as they are: there is nothing to gain."""


@dataclass(frozen=True)
class Likeness:
    """How like two networks' answers are: the worst of the outputs of each kind; None without any.

    ``psnr`` is in decibels, of outputs read as values; ``equal`` the share of pixels whose greatest
    channel is the same, of outputs read as classes.
    """

    psnr: float | None
    equal: float | None

    def enough(self) -> bool:
        """Whether the answers may stand for each other."""
        return (self.psnr is None or self.psnr >= LEAST_PSNR) and (
            self.equal is None or self.equal >= LEAST_EQUAL
        )

    def __str__(self) -> str:
        told = [] if self.psnr is None else [f"a PSNR of {self.psnr:.1f} dB"]
        if self.equal is not None:
            told.append(f"{self.equal:.2%} of the labels equal")
        return " and ".join(told)


class TooFar(Exception):
    """The smaller network does not give what the whole one gives; ``found`` is how like it is."""

    def __init__(self, precision: str, found: Likeness) -> None:
        super().__init__(
            f"With its weights in {precision}, the network's answer to a seeded input has {found}, "
            f"and may have no less than {LEAST_PSNR:.0f} dB and {LEAST_EQUAL:.0%}."
        )
        self.found = found


def shrink(module: str, file: Path, precision: str) -> Likeness:
    """Write the converted network of ``module`` in ``file`` anew, in one of ``PRECISIONS``.

    Returns how like its answer is to that of the network before, both in ONNX Runtime on the CPU,
    to the seeded inputs that conversions are checked with. Raises TooFar below ``LEAST_PSNR`` or
    ``LEAST_EQUAL``; the file is then as before.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    smaller = file.with_suffix(f".{precision}")
    _write(file, smaller, PRECISIONS[precision])
    values = (each.numpy() for each in spec.example(*spec.size))
    fed = dict(zip(spec.inputs, values, strict=True))
    found = likeness(spec, *(_answer(spec, each, fed) for each in (file, smaller)))
    if not found.enough():
        smaller.unlink()
        raise TooFar(precision, found)
    smaller.replace(file)
    return found


def likeness(
    spec: ConversionSpec, whole: Sequence[NDArray[Any]], smaller: Sequence[NDArray[Any]]
) -> Likeness:
    """Compare two answers, each the outputs of ``spec`` in their order."""
    psnr: list[float] = []
    equal: list[float] = []
    for name, one, other in zip(spec.outputs, whole, smaller, strict=True):
        if name in spec.classes:
            equal.append(float(np.mean(one.argmax(axis=1) == other.argmax(axis=1))))
        else:
            psnr.append(_psnr(one, other))
    return Likeness(min(psnr, default=None), min(equal, default=None))


def _psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Give the peak signal-to-noise ratio in decibels; 0 at the least, also of no numbers."""
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
    """Name what is a kernel and nothing else, with the axis of its output channels."""
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
"""How a kernel of a name is kept, by what it is called; the axis is that of output channels."""
