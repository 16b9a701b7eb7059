"""Gradual transitions."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float32, np.float64)


def smoothstep(share: NDArray[Number]) -> NDArray[Number]:
    """Return Hermite's smoothstep: 0 up to 0, 1 from 1 on, level at both ends; dtype as given."""
    inside = np.clip(share, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), share.dtype)
