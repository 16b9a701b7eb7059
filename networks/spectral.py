"""Fold spectral norm into the kernels of a state, because an export needs kernels alone."""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

ORIGINAL: Final = "weight_orig"
"""Last part of the key of a kernel before spectral normalisation."""


def fold_spectral_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divide every kernel by its spectral norm, which evaluation mode would do in every run.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (ICLR 2018). The
    norm is u W v, with the vectors u and v of the state.
    """
    plain = {}
    for key, value in state.items():
        base, _, name = key.rpartition(".")
        if name == ORIGINAL:
            left, right = state[f"{base}.weight_u"], state[f"{base}.weight_v"]
            plain[f"{base}.weight"] = value / (left @ (value.flatten(1) @ right))
        elif name not in {"weight_u", "weight_v"}:
            plain[key] = value
    return plain
