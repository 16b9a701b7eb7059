"""Reads official weight files, and loads them by their own keys or says why not."""

import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

SHOWN: Final = 4
"""Keys that an error names of each kind."""
UNREADABLE: Final = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What PyTorch raises for files that it did not write."""
WRAPPERS: Final = ("state_dict", "params_ema", "params", "model")
"""Under one of these, some official files hold the state."""
PARALLEL: Final = "module."
"""What ``DataParallel`` puts before every key."""


class NotTheWeights(Exception):
    """A file is not the weight file it was given as; the message says what to do."""


def read_torch(path: Path) -> dict[str, Tensor]:
    """Read a ``.pth`` file's state, tensors only: nothing in the file is executed.

    Takes the state out of the usual wrappers and ``DataParallel``'s prefix off its keys. Raises
    NotTheWeights for a file that holds anything else.
    """
    try:
        with warnings.catch_warnings():
            # Of old pickles: what they hold is looked at below.
            warnings.simplefilter("ignore")
            held = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise NotTheWeights(
            f"{path.name} is not a PyTorch file that holds tensors alone; take the file that the "
            "network's authors publish, whole and unchanged."
        ) from error
    for name in WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not isinstance(held, Mapping) or not held or not all(map(torch.is_tensor, held.values())):
        raise NotTheWeights(f"{path.name} holds no state of a network: names with tensors.")
    return {str(key).removeprefix(PARALLEL): value for key, value in held.items()}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load ``state`` into ``network``, every key and no other, every shape as it should be.

    Raises NotTheWeights naming the first keys that are missing, not known or of another shape.
    """
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    unknown = [key for key in state if key not in wanted]
    shaped = [
        f"{key}: {tuple(state[key].shape)}, not {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in state and state[key].shape != value.shape
    ]
    told = [
        f"{len(keys)} {kind} ({', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''})"
        for kind, keys in (
            ("keys are missing", missing),
            ("are not known", unknown),
            ("have another shape", shaped),
        )
        if keys
    ]
    if told:
        raise NotTheWeights(
            f"This is not the weight file of {what}: of {len(wanted)} keys {'; '.join(told)}."
        )
    network.load_state_dict(dict(state), strict=True)
