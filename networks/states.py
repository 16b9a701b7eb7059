"""Official states as safetensors: read without unpickling anything, mapped into memory.

https://github.com/huggingface/safetensors. ``tryon models add --torch`` writes them, the PyTorch
runtime reads them.
"""

import importlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from networks.conversion_spec import ConversionSpec
from networks.loading import NotTheWeights


def keep(module: str, source: Path, target: Path) -> None:
    """Write the state in the official file ``source`` of the network of ``module`` to ``target``.

    Raises NotTheWeights if ``source`` is no such file.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    # The format knows neither views nor tensors that share their memory.
    state = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in spec.read(source).items()
    }
    target.write_bytes(save(state))


def read_state(path: Path) -> dict[str, Tensor]:
    """Read what ``keep`` wrote. Raises NotTheWeights for a file that is something else."""
    try:
        state: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise NotTheWeights(f"{path.name} is not a safetensors file.") from error
    return state
