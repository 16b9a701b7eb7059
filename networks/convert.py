"""Convert an official weight file to ONNX, for ``tryon models add``."""

import importlib
from pathlib import Path
from typing import Final

import torch

from networks.conversion_spec import ConversionSpec
from networks.export import OutputsDiffer, to_onnx
from networks.loading import WrongWeightFile

__all__ = ["TESTED", "OutputsDiffer", "WrongWeightFile", "companion_files", "convert"]

TESTED: Final = "2.13"
"""PyTorch release with which conversions are tested."""


def companion_files(module: str, source: Path) -> tuple[Path, ...]:
    """List the other files that are read with ``source`` for the network of ``module``."""
    spec: ConversionSpec = importlib.import_module(module).SPEC
    return spec.companion_files(source)


def convert(module: str, title: str, source: Path, target: Path) -> float:
    """Read ``source`` as the network of ``module`` and write the network to ``target`` as ONNX.

    Returns the largest relative difference between the outputs of ONNX Runtime and PyTorch. Raises
    WrongWeightFile if ``source`` is not that network's file and OutputsDiffer if the difference is
    above ``export.TOLERANCE``.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    network = spec.load(spec.read(source), title)
    # After loading, because a finite double may be infinite in single precision.
    spoilt = [
        key for key, value in network.state_dict().items() if not bool(torch.isfinite(value).all())
    ]
    if spoilt:
        raise WrongWeightFile(
            f"{source.name} is damaged: {spoilt[0]} holds values that are no numbers, or too large "
            "for single precision. Take the file that the network's authors publish, unchanged."
        )
    return to_onnx(spec, network.eval(), target)
