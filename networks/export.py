"""Writes a loaded network to ONNX, and checks that ONNX Runtime gives what PyTorch gives."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from networks.conversion_spec import ConversionSpec

OPSET: Final = 17
"""Version of the ONNX operators that files are written with."""

TOLERANCE: Final = 1e-3
"""Greatest difference between the two runtimes, relative to the output's greatest value."""


class NotTheSame(Exception):
    """The exported network does not give what the original gives."""


def to_onnx(spec: ConversionSpec, network: nn.Module, target: Path) -> float:
    """Export ``network`` to ``target`` and return the greatest relative difference of its outputs.

    Raises NotTheSame where it is above ``TOLERANCE``; the file is then gone.
    """
    exported = spec.exported(network).eval()
    inputs = spec.example(*spec.size)
    with torch.inference_mode(), warnings.catch_warnings():
        # That the tracing exporter is the older one, and of sizes that a trace holds: what it
        # wrote is checked below.
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
        raise NotTheSame(
            f"ONNX Runtime's answer differs from PyTorch's by {worst:.2g} of its range."
        )
    return worst
