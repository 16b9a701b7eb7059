"""Write a loaded network to ONNX and compare the outputs of ONNX Runtime and PyTorch."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from networks.conversion_spec import ConversionSpec

OPSET: Final = 17
"""ONNX operator set of the files."""

TOLERANCE: Final = 1e-3
"""Largest difference between the two runtimes, as a fraction of the output's largest value."""


class OutputsDiffer(Exception):
    """The outputs of the exported network differ from those of the original."""


def to_onnx(spec: ConversionSpec, network: nn.Module, target: Path) -> float:
    """Export ``network`` to ``target`` and return the largest relative difference of its outputs.

    Raises OutputsDiffer and deletes the file if the difference is above ``TOLERANCE``.
    """
    exported = spec.exported(network).eval()
    inputs = spec.example(*spec.size)
    with torch.inference_mode(), warnings.catch_warnings():
        # PyTorch warns of the tracing exporter's age and of sizes that a trace fixes. The file is
        # compared below.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported,
            inputs,
            str(target),
            input_names=list(spec.inputs),
            output_names=list(spec.outputs),
            dynamic_axes={name: dict(axes) for name, axes in spec.axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
        expected = exported(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(str(target), options, ["CPUExecutionProvider"])
    fed = {name: value.numpy() for name, value in zip(spec.inputs, inputs, strict=True)}
    given = session.run(list(spec.outputs), fed)
    worst = max(
        float(np.abs(a.numpy() - b).max() / max(float(np.abs(a.numpy()).max()), 1e-6))
        for a, b in zip(expected, given, strict=True)
    )
    if not worst <= TOLERANCE:
        target.unlink()
        raise OutputsDiffer(
            f"ONNX Runtime's answer differs from PyTorch's by {worst:.2g} of its range."
        )
    return worst
