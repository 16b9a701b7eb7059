"""Takes spectral norm out of a state: what is exported needs the kernels alone."""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

ORIGINAL: Final = "weight_orig"
"""Last part of the key of a kernel before spectral normalisation."""


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divide every kernel by its spectral norm, as evaluation mode does at every run.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (ICLR 2018); the
    norm is u W v with the vectors that training left beside the kernel.
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
