"""The runtimes that a published network's answers are compared in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnxruntime
import pytest
import torch

from networks import loading
from networks.conversion_spec import ConversionSpec
from networks.session import Session
from services.kit.runtimes import sessions
from services.viton.published import common

ON_A_GPU: Final = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="PyTorch finds no NVIDIA GPU here"
)
ONNX_ON_A_GPU: Final = pytest.mark.skipif(
    sessions.CUDA not in onnxruntime.get_available_providers(),
    reason="this is not ONNX Runtime's build for NVIDIA GPUs",
)
ONNX: Final = "onnx"
EACH: Final = pytest.mark.parametrize(
    "runtime", [ONNX, "cpu", pytest.param("cuda", marks=ON_A_GPU)]
)
"""ONNX Runtime, and PyTorch by its device."""


def in_torch(described: ConversionSpec, state: Mapping[str, Any], device: str) -> Session:
    """Load a network of its own with ``state`` onto a device of PyTorch."""
    network = described.build()
    loading.load_strictly(network, state, "a seeded network")
    return Session(described, network, torch.device(device))


def runs(
    runtime: str,
    networks: Mapping[str, ConversionSpec],
    loaded: Mapping[str, Any],
    files: Mapping[str, Path],
) -> dict[str, common.RunNetwork]:
    """Give each network as an engine runs it: its file in ONNX, or what is loaded in PyTorch."""

    def session(name: str) -> Any:
        if runtime == ONNX:
            return sessions.onnx_session(files[name], arena=False)
        return in_torch(networks[name], loaded[name].state_dict(), runtime)

    return {name: common.wrap_session(session(name)) for name in networks}
