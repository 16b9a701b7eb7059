"""Coordinates on DensePose's charts.

Along and around a limb U and V of DensePose's charts grow nearly linearly. The table says how: it
was fitted to U and V that DensePose itself gave for photos of three people, in pictures published
with its code and with others' (see the README). Charts of one side mirror those of the other.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.densepose.parts import Part

Floats = NDArray[np.floating]
"""An array of real numbers."""


class Chart(NamedTuple):
    """U and V at the origin, and how much they grow along and aside.

    Both ways are 0..1. Along runs down the head, from the collar to the groin, and down a limb from
    its joint nearest the torso. Aside runs, on the torso, from the person's left to the right; on a
    leg or foot outwards; on an arm from its seam at the front to the one behind; on the head from
    the nose to the back; on a hand away from the body.
    """

    u: float
    """U at the origin, 0 to 1."""
    u_along: float
    """Growth of U over the whole length."""
    u_aside: float
    """Growth of U over the whole breadth."""
    v: float
    """V at the origin, 0 to 1."""
    v_along: float
    """Growth of V over the whole length."""
    v_aside: float
    """Growth of V over the whole breadth."""


_TORSO_BACK: Final = Chart(0.06, 0.98, 0.0, 0.16, 0.0, 0.68)
"""Chart of the back of the torso, fitted as the module says."""
_TORSO_FRONT: Final = Chart(0.04, 0.9, 0.0, 0.13, 0.05, 0.69)
"""Chart of the front of the torso, fitted as the module says."""
_THIGH_BACK: Final = Chart(0.03, 0.77, 0.0, 0.49, -0.13, 0.28)
"""Chart of the back of a thigh, fitted as the module says."""
_THIGH_FRONT: Final = Chart(0.64, -0.57, 0.2, 0.97, -0.33, -0.65)
"""Chart of the front of a thigh, fitted as the module says."""
_SHIN_BACK: Final = Chart(1.05, -1.0, 0.0, 0.75, -0.1, 0.06)
"""Chart of the back of a shin, fitted as the module says."""
_SHIN_FRONT: Final = Chart(0.04, 0.98, -0.04, 0.31, -0.03, 0.48)
"""Chart of the front of a shin, fitted as the module says."""
_UPPER_ARM_INSIDE: Final = Chart(-0.04, 0.88, 0.02, 0.83, -0.07, -0.43)
"""Chart of the inside of an upper arm, fitted as the module says."""
_UPPER_ARM_OUTSIDE: Final = Chart(0.17, 0.73, -0.12, 0.95, -0.31, -0.46)
"""Chart of the outside of an upper arm, fitted as the module says."""
_FOREARM_INSIDE: Final = Chart(0.98, -0.85, -0.06, 0.18, 0.03, 0.28)
"""Chart of the inside of a forearm, fitted as the module says."""
_FOREARM_OUTSIDE: Final = Chart(0.14, 0.82, -0.17, 0.88, -0.2, -0.75)
"""Chart of the outside of a forearm, fitted as the module says."""

CHARTS: Final = {
    Part.TORSO_BACK: _TORSO_BACK,
    Part.TORSO_FRONT: _TORSO_FRONT,
    Part.RIGHT_HAND: Chart(0.26, -0.14, 0.18, 0.0, 0.62, 0.25),
    Part.LEFT_HAND: Chart(0.74, 0.14, -0.18, 0.0, 0.62, 0.25),
    Part.LEFT_FOOT: Chart(0.3, 0.45, -0.06, 0.45, 0.17, 0.28),
    Part.RIGHT_FOOT: Chart(0.7, -0.45, 0.06, 0.51, 0.17, 0.24),
    Part.RIGHT_UPPER_LEG_BACK: _THIGH_BACK,
    Part.LEFT_UPPER_LEG_BACK: _THIGH_BACK,
    Part.RIGHT_UPPER_LEG_FRONT: _THIGH_FRONT,
    Part.LEFT_UPPER_LEG_FRONT: _THIGH_FRONT,
    Part.RIGHT_LOWER_LEG_BACK: _SHIN_BACK,
    Part.LEFT_LOWER_LEG_BACK: _SHIN_BACK,
    Part.RIGHT_LOWER_LEG_FRONT: _SHIN_FRONT,
    Part.LEFT_LOWER_LEG_FRONT: _SHIN_FRONT,
    Part.LEFT_UPPER_ARM_INSIDE: _UPPER_ARM_INSIDE,
    Part.RIGHT_UPPER_ARM_INSIDE: _UPPER_ARM_INSIDE,
    Part.LEFT_UPPER_ARM_OUTSIDE: _UPPER_ARM_OUTSIDE,
    Part.RIGHT_UPPER_ARM_OUTSIDE: _UPPER_ARM_OUTSIDE,
    Part.LEFT_LOWER_ARM_INSIDE: _FOREARM_INSIDE,
    Part.RIGHT_LOWER_ARM_INSIDE: _FOREARM_INSIDE,
    Part.LEFT_LOWER_ARM_OUTSIDE: _FOREARM_OUTSIDE,
    Part.RIGHT_LOWER_ARM_OUTSIDE: _FOREARM_OUTSIDE,
    Part.HEAD_RIGHT: Chart(0.93, 0.05, -0.78, 0.98, -0.92, -0.08),
    Part.HEAD_LEFT: Chart(0.07, -0.02, 0.8, 0.98, -0.92, -0.08),
}
"""Chart of each part."""


def chart_coordinates(part: Part, along: Floats, aside: Floats) -> tuple[Floats, Floats]:
    """Give U and V, about 0..1, of places on a part."""
    chart = CHARTS[part]
    u = chart.u + chart.u_along * along + chart.u_aside * aside
    v = chart.v + chart.v_along * along + chart.v_aside * aside
    return u, v
