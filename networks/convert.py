"""Converts an official weight file to ONNX: what ``tryon models add`` calls by name."""

import importlib
from pathlib import Path
from typing import Final

import torch

from networks.conversion_spec import ConversionSpec
from networks.export import NotTheSame, to_onnx
from networks.loading import NotTheWeights

__all__ = ["TESTED", "NotTheSame", "NotTheWeights", "companion_files", "convert"]

TESTED: Final = "2.13"
"""The release of PyTorch that conversions are tested with."""


def companion_files(module: str, source: Path) -> tuple[Path, ...]:
    """Name the other files that are read with ``source`` for the network of ``module``."""
    spec: ConversionSpec = importlib.import_module(module).SPEC
    return spec.companion_files(source)


def convert(module: str, title: str, source: Path, target: Path) -> float:
    """Read ``source`` as the network of ``module`` and write it to ``target`` as ONNX.

    Returns how far ONNX Runtime's answer is from PyTorch's. Raises NotTheWeights if ``source`` is
    not that network's file, NotTheSame if the two answers differ.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    network = spec.load(spec.read(source), title)
    # As loaded: what is a number in double precision may be none in single precision.
    spoilt = [
        key for key, value in network.state_dict().items() if not bool(torch.isfinite(value).all())
    ]
    if spoilt:
        raise NotTheWeights(
            f"{source.name} is damaged: {spoilt[0]} holds values that are no numbers, or too large "
            "for single precision. Take the file that the network's authors publish, unchanged."
        )
    return to_onnx(spec, network.eval(), target)
