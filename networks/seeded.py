"""Make reproducible random weights in the layout of a network, for tests and measurements."""

import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from networks.conversion_spec import ConversionSpec

ITERATIONS: Final = 3
"""Power iterations towards the vectors of the largest singular value.

Random vectors would give spectral norms near 0, and kernels that dominate all others.
"""


def seeded_weights(spec: ConversionSpec) -> dict[str, Tensor]:
    """Draw weights for a network's layout and multiply them by the ``scales`` of ``spec``."""
    with torch.device("meta"):
        layout = spec.build().state_dict()
    state = seeded_state(layout)
    for key, value in state.items():
        for part, scale in spec.scales.items():
            if part in key:
                value.mul_(scale)
    return state


def seeded_state(layout: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Draw weights for a layout, each tensor from its key and ``seed`` alone.

    NumPy draws, so that the weights do not depend on PyTorch's release. Kernels are scaled by their
    fan-in, so that activations keep their magnitude. Variances and scales are about 1, offsets and
    means about 0.1. Counters are 0. The vectors of spectral norm fit their kernel.
    """
    state = {key: _tensor(key, value, seed) for key, value in layout.items()}
    for key, value in state.items():
        base, _, name = key.rpartition(".")
        if name == "weight_orig":
            _settle(value, state[f"{base}.weight_u"], state[f"{base}.weight_v"])
    return state


def _settle(kernel: Tensor, left: Tensor, right: Tensor) -> None:
    """Set the two vectors in place by power iterations."""
    matrix = kernel.flatten(1)
    for _ in range(ITERATIONS):
        left.copy_(torch.nn.functional.normalize(matrix @ right, dim=0))
        right.copy_(torch.nn.functional.normalize(matrix.T @ left, dim=0))


def _tensor(key: str, like: Tensor, seed: int) -> Tensor:
    random = np.random.default_rng([zlib.crc32(key.encode()), seed])
    shape = tuple(like.shape)
    if not like.is_floating_point():
        return torch.zeros(shape, dtype=like.dtype)
    drawn = random.standard_normal(shape).astype(np.float32)
    name = key.rpartition(".")[2]
    if len(shape) > 1:
        values = drawn * np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
    elif "var" in name:
        values = np.abs(1 + 0.1 * drawn)
    elif name in ("weight", "gamma"):
        values = 1 + 0.1 * drawn
    else:
        values = 0.1 * drawn
    return torch.from_numpy(np.asarray(values, np.float32))
