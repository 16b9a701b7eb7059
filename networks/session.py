"""Run a published network in PyTorch, with the interface of an ONNX Runtime session.

The services' code around a network is therefore the same with either runtime.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from networks.conversion_spec import ConversionSpec
from networks.loading import WrongWeightFile
from networks.safetensors_states import read_state

__all__ = ["NoDevice", "Session", "WrongWeightFile", "load"]


class NoDevice(Exception):
    """PyTorch lacks the requested device on this machine."""


@dataclass(frozen=True)
class Named:
    """An input or an output, as ONNX Runtime lists them."""

    name: str
    """Its name in the exported network."""


class Session:
    """A network in its exported form, on a device.

    Several threads may run it at once, because a run does not change its state. ``before_layer`` is
    called before each layer, and what it raises ends the run.
    """

    def __init__(
        self,
        spec: ConversionSpec,
        network: nn.Module,
        device: torch.device,
        before_layer: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._device = device
        self._network = spec.exported(network).eval().to(device)
        for layer in self._network.modules():
            layer.register_forward_pre_hook(lambda _layer, _given: before_layer())
        # TF32 convolutions on a GPU round their factors to ten bits, an error of thousandths.
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
        """Return the outputs of these names, all if None; ``feeds`` holds every input by name.

        Raises KeyError for an unknown name.
        """
        # A copy, because a layer that works in place changes its input.
        given = [
            torch.from_numpy(np.array(feeds[name], order="C")).to(self._device)
            for name in self._spec.inputs
        ]
        made = dict(zip(self._spec.outputs, self._answer(given), strict=True))
        return [made[name].cpu().contiguous().numpy() for name in names or self._spec.outputs]

    def _answer(self, given: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        # The device context also places tensors that the network creates, such as coordinates.
        with torch.inference_mode(), self._device:
            answer = self._network(*given)
        return answer if isinstance(answer, tuple) else (answer,)


def load(
    module: str,
    title: str,
    state: Path,
    device: str | None,
    threads: int,
    before_layer: Callable[[], None],
) -> Session:
    """Load the network of ``module`` with its official state onto ``device``.

    None takes the GPU if PyTorch has one, else the CPU. ``threads`` is the number of CPU threads,
    and holds for all of PyTorch in this process. ``before_layer`` is as in ``Session``. Raises
    WrongWeightFile if ``state`` is not that network's, and NoDevice if the device is absent.
    """
    gpu = torch.cuda.is_available()
    if device == "cuda" and not gpu:
        raise NoDevice(device)
    torch.set_num_threads(threads)
    spec: ConversionSpec = importlib.import_module(module).SPEC
    network = spec.load(read_state(state), title)
    chosen = torch.device(device or ("cuda" if gpu else "cpu"))
    return Session(spec, network, chosen, before_layer)
