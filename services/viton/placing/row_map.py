"""What every map from rows of the garment's photo to rows of the canvas offers."""

from abc import ABC, abstractmethod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


class RowMap(ABC):
    """A map from rows of the garment's photo to rows of the canvas."""

    @abstractmethod
    def to_canvas_rows(self, photo_rows: Floats) -> Floats:
        """Map rows of the garment's photo to canvas rows."""
