"""The family of curves that a front neckline is fitted with: from a V over scoops to a square.

A curve hangs from the line between the neckline's ends. At the position t across it, from -1 at
the left end to 1 at the right one, it is ``1 - |t| ** exponent`` of its depth below that line.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

EXPONENTS: Final = (1.0, 1.4, 2.0, 2.6, 3.5, 5.0)
"""Exponents that are tried: 1 is a V, 2 a round scoop, larger ones are squarer."""

CURVE_POINTS: Final = 41
"""Points of a neckline's curve."""


def chord(left: Floats | float, right: Floats | float, position: Floats) -> Floats:
    """Interpolate between two ends at positions from -1 (left) to 1 (right)."""
    return np.asarray(left + (right - left) * (position + 1) / 2)


def curve_rows(
    end_rows: tuple[float, float],
    position: Floats,
    *,
    drop: Floats | float,
    exponent: Floats | float,
) -> Floats:
    """Return the rows of a neckline's curve at positions from -1 (left end) to 1 (right end).

    ``end_rows`` are the rows of both ends and ``drop`` the depth of the middle below the line
    between them, all in pixels of the photo. Arrays of drops and exponents are broadcast.
    """
    line = chord(*end_rows, position)
    return np.asarray(line + drop * (1 - np.abs(position) ** exponent))
