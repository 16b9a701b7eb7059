"""Run published networks in PyTorch instead of ONNX Runtime: ``TRYON_RUNTIME=torch``.

PyTorch and the networks are imported by name, because serving with ONNX Runtime needs neither.
"""

import importlib
from pathlib import Path
from typing import Any, Final

from services.kit.cancellation import check_cancelled
from services.kit.errors import ServiceUnavailable, WeightsMissing
from services.kit.settings import get_settings
from services.kit.weights.manifest import get_manifest
from services.kit.weights.published_networks import Network

NO_TORCH: Final = (
    "TRYON_RUNTIME=torch needs PyTorch and safetensors, not all of which are here: install this "
    "project with its extra, pip install 'tryon[convert]', or leave the variable out. The images "
    "of the services have neither."
)
"""Message if PyTorch is chosen and not installed."""

NO_DEVICE: Final = (
    "TRYON_TORCH_DEVICE=cuda needs an NVIDIA GPU, its driver and PyTorch's build for it, not all "
    "of which are here; set it to cpu, or leave it out."
)
"""Message if CUDA is chosen and not available."""


def find_network(file: Path) -> Network | None:
    """Return the network that PyTorch runs in place of a converted file.

    None means that ONNX Runtime runs the file: because of the settings, because the file is not in
    the weights folder, or because it was not converted from a PyTorch network.
    """
    settings = get_settings()
    if settings.runtime != "torch" or file.resolve().parent != settings.models_dir.resolve():
        return None
    network = get_manifest().find_converted(file.name)
    return network if network and network.module else None


def load(network: Network, state: Path) -> Any:
    """Load a network with its official state, as a session with ONNX Runtime's interface.

    A run raises Cancelled before the next layer once the current token is cancelled. Raises
    ServiceUnavailable if PyTorch or the device is missing, and WeightsMissing if the file is not
    that network's.
    """
    settings = get_settings()
    try:
        torch: Any = importlib.import_module("networks.session")
    except ModuleNotFoundError as error:
        raise ServiceUnavailable(NO_TORCH) from error
    try:
        return torch.load(
            network.module,
            network.title,
            state,
            settings.torch_device,
            settings.threads,
            check_cancelled,
        )
    except torch.NoDevice as error:
        raise ServiceUnavailable(NO_DEVICE) from error
    except torch.WrongWeightFile as error:
        raise WeightsMissing(
            f"{error} Run `bash run.sh models add FILE --as {network.name} --torch` to make "
            f"{state.name} again."
        ) from error
