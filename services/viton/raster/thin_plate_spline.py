"""The thin-plate spline (Bookstein, IEEE PAMI 1989) as a dense map between two pictures."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from services.viton.geometry import Points

Floats: TypeAlias = NDArray[np.float32]

_GRID_STEP_PX: Final = 8
"""Spacing of the grid that the spline is evaluated on, in canvas pixels; linear in between."""

_SMOOTHING: Final = 6.0
"""Weight of the spline's smoothness against its distance from the points (SciPy's smoothing)."""


def thin_plate_spline_map(
    canvas_points: Points, photo_points: Points, shape: tuple[int, int]
) -> Floats:
    """Return the flow, H x W x 2, that takes points of the canvas to points of the photo."""
    fitted = RBFInterpolator(
        canvas_points, photo_points, kernel="thin_plate_spline", smoothing=_SMOOTHING
    )
    ys, xs = np.mgrid[
        0 : shape[0] + _GRID_STEP_PX : _GRID_STEP_PX, 0 : shape[1] + _GRID_STEP_PX : _GRID_STEP_PX
    ]
    nodes = np.stack([xs.ravel(), ys.ravel()], axis=1).astype(np.float64)
    coarse = fitted(nodes).reshape(*xs.shape, 2).astype(np.float32)
    grow = np.array([[_GRID_STEP_PX, 0, 0], [0, _GRID_STEP_PX, 0]], np.float32)
    dense = cv2.warpAffine(
        coarse, grow, (shape[1], shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(dense, np.float32)
