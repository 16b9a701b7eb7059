"""The clothes network behind the mask."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit import sessions, weights
from services.kit.refine import Plane
from services.kit.u2net import FILE, U2NetCloth

FIRST_SIDE: Final = 512
SECOND_SIDE: Final = 576
"""Sides in pixels that the network is run at; both are multiples of 32.

At 384 it overlooks whole garments; at 768 it costs more than twice the time and memory of 512 and
sees more only on fine prints, which a second look at the garment alone sees as well.
"""


def load() -> U2NetCloth:
    """Load the network. Raises WeightsMissing."""
    return U2NetCloth(sessions.onnx_session(weights.path(FILE)))


def garment(classes: NDArray[np.float32]) -> Plane:
    """Return the probability of any kind of garment, from those of the network's four classes."""
    return np.asarray(1 - classes[..., 0], np.float32)
