"""Weights that are random but always the same, in the layout of a network: for parity tests."""

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def seeded_state(layout: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Fill a layout: each tensor from its key's name alone, whatever else the layout holds.

    NumPy draws, so that releases of PyTorch do not matter. Kernels are scaled by their fan-in, so
    that values neither die nor explode; variances and scales are about 1, offsets and means small;
    counters are 0. The vectors of spectral norm have length 1.
    """
    return {key: _tensor(key, value, seed) for key, value in layout.items()}


def _tensor(key: str, like: Tensor, seed: int) -> Tensor:
    random = np.random.default_rng([zlib.crc32(key.encode()), seed])
    shape = tuple(like.shape)
    if not like.is_floating_point():
        return torch.zeros(shape, dtype=like.dtype)
    drawn = random.standard_normal(shape).astype(np.float32)
    name = key.rpartition(".")[2]
    if name in {"weight_u", "weight_v"}:
        values = drawn / max(float(np.linalg.norm(drawn)), 1e-12)
    elif len(shape) > 1:
        values = drawn * np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
    elif "var" in name:
        values = np.abs(1 + 0.1 * drawn)
    elif name == "weight":
        values = 1 + 0.1 * drawn
    else:
        values = 0.1 * drawn
    return torch.from_numpy(np.asarray(values, np.float32))
