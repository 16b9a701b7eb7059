"""Runs a published network in PyTorch, behind what services use of an ONNX Runtime session.

So the services' own code before and after a network is the same with either runtime.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from networks.conversion_spec import ConversionSpec
from networks.loading import NotTheWeights
from networks.states import read_state

__all__ = ["NoDevice", "NotTheWeights", "Session", "load"]


class NoDevice(Exception):
    """PyTorch does not have the device here that it should run on."""


@dataclass(frozen=True)
class Named:
    """An input or an output, by its name."""

    name: str


class Session:
    """A network in the form that is exported, on a device.

    It may be run from several threads at once: a run changes nothing that it holds.
    """

    def __init__(self, spec: ConversionSpec, network: nn.Module, device: torch.device) -> None:
        self._spec = spec
        self._device = device
        self._network = spec.exported(network).eval().to(device)
        # Convolutions on a GPU would round what they multiply to ten bits (TF32), and answers would
        # be off by thousandths.
        torch.backends.cudnn.conv.fp32_precision = "ieee"

    def get_inputs(self) -> list[Named]:
        """List the inputs."""
        return [Named(name) for name in self._spec.inputs]

    def get_outputs(self) -> list[Named]:
        """List the outputs."""
        return [Named(name) for name in self._spec.outputs]

    def run(
        self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Give the outputs of these names, all where None; ``feeds`` holds every input by name.

        Raises KeyError for names that the network has not.
        """
        # Copied, whatever an array's strides are: a layer that works in place changes its input.
        given = [
            torch.from_numpy(np.array(feeds[name], order="C")).to(self._device)
            for name in self._spec.inputs
        ]
        made = dict(zip(self._spec.outputs, self._answer(given), strict=True))
        return [made[name].cpu().contiguous().numpy() for name in names or self._spec.outputs]

    def _answer(self, given: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        # On the device too: what a network makes for itself on its way, coordinates for example.
        with torch.inference_mode(), self._device:
            answer = self._network(*given)
        return answer if isinstance(answer, tuple) else (answer,)


def load(module: str, title: str, state: Path, device: str | None, threads: int) -> Session:
    """Load the network of ``module`` with its official state onto ``device``.

    Without one it takes the GPU where PyTorch has one, else the CPU; there it runs on as many
    ``threads``, as then does everything that PyTorch runs in this process. Raises NotTheWeights if
    ``state`` is not that network's, NoDevice if there is no such device.
    """
    gpu = torch.cuda.is_available()
    if device == "cuda" and not gpu:
        raise NoDevice(device)
    torch.set_num_threads(threads)
    spec: ConversionSpec = importlib.import_module(module).SPEC
    network = spec.load(read_state(state), title)
    return Session(spec, network, torch.device(device or ("cuda" if gpu else "cpu")))
