"""References: what the originals gave for seeded weights and inputs, and how ours is held to it."""

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FOLDER: Final = Path(__file__).parent / "references"
KEPT: Final = 4096
"""Values that a reference keeps of a tensor, evenly spread, beside its mean and deviation."""
TOLERANCE: Final = 1e-4
"""Of a network's output against the original's, both float32 in PyTorch, of the output's range."""
RUNTIMES: Final = 1e-3
"""Of ONNX Runtime's output against the original's, of the output's range."""


def load(name: str) -> dict[str, NDArray[Any]]:
    """Read ``references/<name>.npz``."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def summary(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the mean, the standard deviation and evenly spread values of a tensor."""
    flat = values.ravel()
    # An odd step meets every column of a picture.
    kept = flat[:: flat.size // KEPT | 1]
    return np.concatenate(([flat.mean(), flat.std()], kept)).astype(np.float32)


def difference(values: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Give the greatest difference of a tensor from its stored summary, of the values' range."""
    ours = summary(values)
    assert ours.shape == reference.shape
    return float(np.abs(ours - reference).max() / np.ptp(reference[2:]))


def layout(state: Mapping[str, Any]) -> str:
    """Give a digest of a state's keys and shapes."""
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def seeded(name: str, *shape: int) -> NDArray[np.float32]:
    """Draw an input of a network from -1 to 1, by its name."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return random.uniform(-1, 1, shape).astype(np.float32)
