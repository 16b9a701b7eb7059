"""Write and read official states as safetensors, which are memory-mapped and not unpickled.

https://github.com/huggingface/safetensors. ``tryon models add --torch`` writes the files. The
PyTorch runtime reads them.
"""

import importlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from networks.conversion_spec import ConversionSpec
from networks.loading import WrongWeightFile


def write_state(module: str, source: Path, target: Path) -> None:
    """Write the state of the official file ``source`` of the network of ``module`` to ``target``.

    Raises WrongWeightFile if ``source`` is another file.
    """
    spec: ConversionSpec = importlib.import_module(module).SPEC
    # The format supports neither views nor tensors that share memory.
    state = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in spec.read(source).items()
    }
    target.write_bytes(save(state))


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a file that ``write_state`` wrote. Raises WrongWeightFile for any other file."""
    try:
        state: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WrongWeightFile(f"{path.name} is not a safetensors file.") from error
    return state
